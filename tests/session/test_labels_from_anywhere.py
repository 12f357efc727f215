"""Training labels from points, strokes, boxes, outlines, label maps and masks."""

import json

import numpy as np
import pytest
from skimage.draw import polygon2mask
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.verbs.regions import box_pixels, polygon_pixels


@pytest.fixture
def session(tmp_path, disc, ball):
    s = Session(ToyEncoder(), ToySegmenter(), cache_dir=tmp_path / "cache")
    s.add_image(disc[0], name="x")
    s.add_image(ball[0], name="ct")
    s.add_class("lesion")
    s.add_class("vessel")
    return s


def drawn(session, number=-1):
    annotation = session.annotations[number]
    found = np.zeros(session.images[annotation.image].shape, bool)
    found[tuple(annotation.pixels.T)] = True
    return found


def test_a_box_marks_the_pixels_inside(session):
    session.annotate("x", "lesion", box=(10, 20, 14, 26))
    expected = np.zeros((160, 192), bool)
    expected[10:14, 20:26] = True
    np.testing.assert_array_equal(drawn(session), expected)
    session.annotate("ct", "lesion", box=(10, 20, 14, 26), plane=3)
    assert set(session.annotations[-1].pixels[:, 0].tolist()) == {3}


def test_an_outline_marks_what_scikit_image_finds_inside(session):
    from skimage.measure import grid_points_in_poly

    corners = [(10, 20), (40, 25), (30, 60)]
    session.annotate("x", "lesion", polygon=corners)
    expected = grid_points_in_poly((160, 192), corners)
    assert (drawn(session) ^ expected).mean() < 1e-4
    with pytest.raises(BadInput, match="three corners"):
        session.annotate("x", "lesion", polygon=[(1, 1), (5, 5)])


def test_a_label_map_gives_one_annotation_a_class(session, disc):
    given = np.where(disc[1], 7, 3)
    given[:10] = 9
    ids = session.annotate_labels(
        "x", given, {7: "lesion", 3: "background", 9: "ignore"}
    )
    assert len(ids) == 3
    values = {a.id: a.value for a in session.annotations}
    assert [values[i] for i in ids] == [0, 1, -1]
    np.testing.assert_array_equal(drawn(session, 1), given == 7)
    session.fit("ridge")
    assert session.head.card["label_counts"]["lesion"] > 0
    session.remove(ids[1])
    assert len(session.annotations) == 2
    session.undo()
    session.undo()
    assert session.annotations == ()


def test_a_map_in_the_sessions_own_values(session, disc):
    session.annotate_labels("ct", np.full((96, 112), 2), plane=4)
    assert session.annotations[-1].value == 2
    with pytest.raises(BadInput, match="belong to no class"):
        session.annotate_labels("x", np.full((160, 192), 9))


def test_accepted_masks_become_labels_that_name_their_model(session, disc, tmp_path):
    session.segment("x", box=(30, 70, 110, 150))
    session.accept("x", class_name="lesion")
    session.accept("x", np.arange(192) > 180 * np.ones((160, 1)), "vessel")
    session.segment("ct", box=(22, 32, 79, 89), plane=6)
    session.accept("ct", class_name="lesion", plane=6)
    ids = session.annotate_accepted(background=True)
    assert len(ids) == 5
    for name in ("x", "ct"):
        own = [a for a in session.annotations if a.image == name]
        for label_class in session.classes:
            parts = [a for a in own if a.value == label_class.value]
            count = sum(len(a.pixels) for a in parts)
            where = session.labels(name) == label_class.value
            where &= session.labels(name).any((-1, -2), keepdims=True)
            assert count == where.sum()
    session.fit("ridge")
    session.export_head(tmp_path / "a.head.safetensors")
    from napari_medfm import load_head

    card = load_head(tmp_path / "a.head.safetensors").card
    assert card["label_sources"][0]["model"]["name"] == "toy-segmenter"
    session.export_masks("x", tmp_path / "a.tif", session.predict("x"))
    record = json.loads((tmp_path / "a.tif.provenance.json").read_text())
    assert {m["name"] for m in record["models"]} == {"toy-encoder", "toy-segmenter"}


def test_what_is_ignored_teaches_nothing(session):
    session.annotate("x", "lesion", box=(60, 100, 80, 120))
    session.annotate("x", "background", box=(0, 0, 20, 20))
    clean = session.fit("ridge").tensors()
    session.annotate("x", "background", box=(85, 100, 100, 120))
    assert not np.array_equal(session.fit("ridge").tensors()["bias"], None)
    spoiled = session.fit("ridge").tensors()
    session.annotate("x", "ignore", box=(85, 100, 100, 120))
    again = session.fit("ridge").tensors()
    differs = [not np.array_equal(clean[k], spoiled[k]) for k in clean]
    assert any(differs)
    for name, tensor in clean.items():
        np.testing.assert_array_equal(tensor, again[name])
    assert [c.name for c in session.classes] == ["background", "lesion", "vessel"]
    with pytest.raises(BadInput):
        session.accept("x", np.ones((160, 192), bool), "ignore")


def taught(session, disc):
    session.annotate("x", "lesion", points=[(70, 110), (60, 100)])
    session.annotate("x", "background", points=[(10, 10), (150, 30)])
    session.annotate("x", "vessel", points=[(20, 180)])
    session.accept("x", disc[1], "lesion")
    session.accept("x", np.arange(192) > 180 * np.ones((160, 1)), "vessel")
    session.set_threshold("x", "vessel", 0.7)
    session.fit("ridge")


def test_renaming_and_recolouring_keep_labels_and_head(session, disc):
    taught(session, disc)
    before = session.predict("x").labels
    session.rename_class("lesion", "tumour")
    session.recolour_class("tumour", "#123456")
    assert [c.name for c in session.classes] == ["background", "tumour", "vessel"]
    assert session.classes[1].colour == "#123456"
    assert session.head.classes == session.classes
    prediction = session.predict("x")
    np.testing.assert_array_equal(prediction.labels, before)
    session.accept("x", prediction)
    for _ in range(3):
        session.undo()
    assert [c.name for c in session.classes] == ["background", "lesion", "vessel"]
    assert session.head.classes == session.classes


def test_merging_moves_all_labels(session, disc):
    taught(session, disc)
    labels = session.labels("x")
    state = session.labelling
    session.merge_classes("vessel", "lesion")
    assert [c.name for c in session.classes] == ["background", "lesion"]
    np.testing.assert_array_equal(session.labels("x"), labels > 0)
    assert [a.value for a in session.annotations] == [1, 0, 1]
    assert session.labelling.thresholds == {}
    assert session.head is None
    with pytest.raises(BadInput, match="fit"):
        session.predict("x")
    session.fit("ridge")
    session.undo()
    assert session.labelling is state


def test_deleting_takes_all_labels_of_it(session, disc):
    taught(session, disc)
    session.delete_class("lesion")
    assert [(c.name, c.value) for c in session.classes] == [
        ("background", 0),
        ("vessel", 2),
    ]
    assert set(np.unique(session.labels("x"))) == {0, 2}
    assert [a.value for a in session.annotations] == [0, 2]
    assert session.head is None
    assert session.add_class("new").value == 3
    session.undo()
    session.undo()
    assert session.head is not None


def test_a_head_that_did_not_know_the_class_stays(session):
    session.annotate("x", "lesion", points=[(70, 110)])
    session.annotate("x", "background", points=[(10, 10)])
    head = session.fit("ridge")
    session.delete_class("vessel")
    assert session.head is head


def test_the_background_stays_as_it_is(session):
    for change in (
        lambda: session.rename_class("background", "rest"),
        lambda: session.delete_class("background"),
        lambda: session.merge_classes("background", "lesion"),
        lambda: session.recolour_class("background", "#123456"),
    ):
        with pytest.raises(BadInput, match="always there"):
            change()
    session.merge_classes("vessel", "background")
    assert len(session.classes) == 2


def test_the_script_says_all_of_it(session, disc, tmp_path):
    taught(session, disc)
    session.annotate("x", "lesion", polygon=[(10, 20), (40, 25), (30, 60)])
    session.annotate("x", "ignore", box=(10, 20, 40, 60))
    session.annotate_labels("x", np.where(disc[1], 7, 0), {7: "vessel"})
    session.annotate_accepted(["x"])
    session.rename_class("lesion", "tumour")
    session.merge_classes("vessel", "tumour")
    code = session.script().partition("s = Session(")[2].partition("\n")[2]
    again = Session(ToyEncoder(), ToySegmenter(), cache_dir=tmp_path)
    images = {name: image.data for name, image in session.images.items()}
    exec(  # noqa: S102
        "from napari_medfm import runs, values\n" + code, {"s": again, "images": images}
    )
    assert again.classes == session.classes
    for one, other in zip(session.annotations, again.annotations, strict=True):
        assert (one.id, one.value) == (other.id, other.value)
        assert dict(one.provenance) == dict(other.provenance)
        np.testing.assert_array_equal(one.pixels, other.pixels)


def test_outlines_and_boxes_make_no_array_of_a_slides_size():
    """A lasso on a slide; an array of its plane would not fit into any memory."""
    glass = np.broadcast_to(np.uint8(0), (10**6, 10**6))
    slide = Image("x", glass, None, (1.0, 1.0), np.eye(3), ((0.0, 1.0),), "x")
    corners = [(900_000, 900_000), (900_010, 900_000.5), (900_003, 900_012)]
    found = polygon_pixels(slide, corners, None)
    drawn = polygon2mask((20, 20), np.array(corners) - 900_000)
    np.testing.assert_array_equal(found - 900_000, np.argwhere(drawn))
    boxed = box_pixels(slide, (900_000, 5, 900_002, 8), None)
    assert boxed.tolist() == [[900_000 + r, c] for r in (0, 1) for c in (5, 6, 7)]
    assert boxed.dtype == found.dtype == np.int32
