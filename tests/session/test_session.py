"""The whole chain in Python, on toys."""

import threading

import numpy as np
import pytest

from napari_medfm import Session, runs
from napari_medfm.core.errors import BadInput, Cancelled


@pytest.fixture
def session(encoder, segmenter, tmp_path):
    return Session(encoder=encoder, segmenter=segmenter, cache_dir=tmp_path / "cache")


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def labelled(session, disc):
    image, truth = disc
    session.add_image(image, name="x")
    session.add_class("lesion")
    session.annotate("x", "lesion", points=[(70, 110), (60, 100), (85, 120)])
    session.annotate("x", "background", points=[(10, 10), (150, 30), (20, 180)])
    return truth


def test_click_to_similarity(session, disc):
    image, truth = disc
    session.add_image(image, name="x")
    found = session.similarity("x", at=[(70, 110)], against=[(10, 10)])["x"]
    assert found.shape == image.shape
    assert found.dtype == np.float32
    assert -1 <= found.min() < found.max() <= 1
    assert found[truth].mean() > found[~truth].mean() + 0.5


def test_box_to_mask(session, disc):
    image, truth = disc
    session.add_image(image, name="x")
    mask = session.segment("x", box=(30, 70, 110, 150))
    assert dice(mask.data, truth) > 0.9
    assert session.mask("x") is mask
    assert mask.provenance["prompt"]["box"] == [30, 70, 110, 150]
    assert mask.provenance["model"]["weights_sha256"] == "toy"


def test_click_to_mask(session, disc):
    image, truth = disc
    session.add_image(image, name="x")
    mask = session.segment("x", points=[(70, 110)], point_labels=[1])
    assert dice(mask.data, truth) > 0.8


def test_few_labels_to_head_and_prediction(session, disc):
    truth = labelled(session, disc)
    head = session.fit(head="ridge")
    prediction = session.predict("x")
    assert head is session.head
    assert prediction.labels.shape == truth.shape
    assert prediction.labels.dtype == np.uint8
    assert prediction.probabilities.shape == (2, *truth.shape)
    np.testing.assert_allclose(prediction.probabilities.sum(0), 1, atol=1e-4)
    assert dice(prediction.labels == 1, truth) > 0.8


def test_same_labels_same_head(disc, tmp_path):
    from toys import ToyEncoder, ToySegmenter

    files = []
    for turn in range(2):
        s = Session(ToyEncoder(), ToySegmenter(), cache_dir=tmp_path / str(turn))
        labelled(s, disc)
        s.fit()
        s.export_head(tmp_path / f"{turn}.head.safetensors")
        files.append((tmp_path / f"{turn}.head.safetensors").read_bytes())
    assert files[0] == files[1]


def test_volume(session, ball):
    image, truth = ball
    session.add_image(image, name="ct", spacing=(3, 1, 1))
    mask = session.segment("ct", box=(22, 32, 79, 89), plane=6)
    volume = session.propagate("ct", mask, plane=6)
    assert volume.data.shape == image.shape
    assert dice(volume.data, truth) > 0.8
    limited = session.propagate("ct", mask, plane=6, to=(5, 7))
    assert np.flatnonzero(limited.data.any((1, 2))).tolist() == [5, 6, 7]
    session.add_class("ball")
    session.annotate("ct", "ball", points=[(6, 50, 60)])
    session.annotate("ct", "background", points=[(10, 10)], plane=6)
    session.fit("ridge")
    assert dice(session.predict("ct").labels == 1, truth) > 0.6


def test_segment_all_gives_instances(session):
    image = np.zeros((120, 160), np.float32)
    image[20:45, 20:45] = image[60:95, 90:130] = 1
    session.add_image(image, name="x")
    labels = session.segment_all("x")
    assert labels.shape == image.shape
    first, second = labels[32, 32], labels[75, 110]
    assert first != second
    assert first > 0
    assert second > 0


def test_nothing_is_embedded_twice(session, encoder, disc, tmp_path):
    session.add_image(disc[0], name="x")
    session.embed("x")
    calls = encoder.calls
    session.embed("x")
    session.similarity("x", at=[(70, 110)])
    again = Session(encoder, "lite-medsam", cache_dir=tmp_path / "cache")
    again.add_image(disc[0].copy(), name="other name")
    again.embed("other name")
    assert encoder.calls == calls


def test_undo_restores_everything_exactly(session, disc):
    labelled(session, disc)
    session.fit("ridge")
    session.segment("x", box=(30, 70, 110, 150))
    session.accept("x", class_name="lesion")
    states = [session.labelling]
    while session.undo():
        states.append(session.labelling)
    assert len(session.classes) == 1
    assert session.labels("x").sum() == 0
    for state in reversed(states[:-1]):
        assert session.redo()
        assert session.labelling is state
    assert not session.redo()
    assert session.head is not None
    assert session.labels("x").sum() > 1000


def test_a_new_step_forgets_the_redo(session):
    session.add_class("a")
    session.undo()
    session.add_class("b")
    assert not session.redo()
    assert [c.name for c in session.classes] == ["background", "b"]


def test_cancel_leaves_the_session_as_it_was(tmp_path, ball):
    from toys import ToyEncoder, ToySegmenter

    s = Session(ToyEncoder(delay=0.05), ToySegmenter(), cache_dir=tmp_path)
    s.add_image(ball[0], name="ct")
    history, state = s.history, s.labelling
    job = s.embed.start("ct")
    job.cancel()
    with pytest.raises(Cancelled):
        job.result(10)
    assert s.history == history
    assert s.labelling is state


def test_start_runs_elsewhere_and_commits_here(tmp_path, disc):
    from toys import ToyEncoder, ToySegmenter

    encoder = ToyEncoder()
    s = Session(encoder, ToySegmenter(), cache_dir=tmp_path)
    s.add_image(disc[0], name="x")
    s.embed.start("x").result(30)
    assert encoder.threads
    assert threading.current_thread().name not in encoder.threads


def test_the_script_reproduces_the_session(session, disc, tmp_path):
    truth = labelled(session, disc)
    stroke = np.zeros(truth.shape, bool)
    stroke[66:74, 100:120] = True
    session.annotate("x", "lesion", mask=stroke)
    session.remove(1)
    session.undo()
    session.fit("ridge")
    session.segment("x", box=(30, 70, 110, 150))
    session.accept("x", class_name="lesion")
    code = session.script()
    from toys import ToyEncoder, ToySegmenter

    code = code.replace("'toy-encoder'", "ToyEncoder()")
    code = code.replace("'toy-segmenter'", "ToySegmenter()")
    code = code.replace("images = {}", "").replace(
        "ToySegmenter())", f"ToySegmenter(), cache_dir={str(tmp_path / 'again')!r})"
    )
    space = {
        "images": {"x": disc[0]},
        "ToyEncoder": ToyEncoder,
        "ToySegmenter": ToySegmenter,
    }
    exec(code, space)  # noqa: S102
    again = space["s"]
    np.testing.assert_array_equal(again.labels("x"), session.labels("x"))
    first, second = session.head.tensors(), again.head.tensors()
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        np.testing.assert_array_equal(tensor, second[name])


def test_head_from_a_file_on_another_image(session, disc, tmp_path):
    truth = labelled(session, disc)
    session.fit("ridge")
    path = tmp_path / "lesion.head.safetensors"
    session.export_head(path)
    other = Session(
        session.workspace.encoder.get(),
        session.workspace.segmenter.get(),
        tmp_path / "c",
    )
    other.add_image(np.roll(disc[0], 10, 0), name="y")
    other.use_head(path)
    assert [c.name for c in other.classes] == ["background", "lesion"]
    found = other.predict("y").labels == 1
    assert dice(found, np.roll(truth, 10, 0)) > 0.8


def test_threshold_moves_the_border(session, disc):
    labelled(session, disc)
    session.fit("ridge")
    neutral = (session.predict("x").labels == 1).sum()
    session.set_threshold("x", "lesion", 0.9)
    strict = (session.predict("x").labels == 1).sum()
    session.set_threshold("x", "lesion", 0.1)
    loose = (session.predict("x").labels == 1).sum()
    assert strict < neutral < loose


def test_accepting_masks_predictions_and_edits(session, disc):
    truth = labelled(session, disc)
    session.accept("x", truth, "lesion")
    np.testing.assert_array_equal(session.labels("x"), truth)
    edited = session.labels("x").copy()
    edited[:5] = 1
    session.accept("x", edited)
    np.testing.assert_array_equal(session.labels("x"), edited)
    session.fit("ridge")
    prediction = session.predict("x")
    session.accept("x", prediction)
    np.testing.assert_array_equal(session.labels("x"), prediction.labels)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".nii.gz", ".ome.tif"])
def test_export_writes_labels_and_provenance(session, disc, tmp_path, suffix):
    import json

    truth = labelled(session, disc)
    session.accept("x", truth, "lesion")
    written = session.export_masks("x", tmp_path / f"out{suffix}")
    assert all(path.exists() for path in written)
    record = json.loads((tmp_path / f"out{suffix}.provenance.json").read_text())
    assert "lesion" in json.dumps(record)
    from napari_medfm.readers import read_image

    back = np.asarray(read_image(tmp_path / f"out{suffix}").data)
    np.testing.assert_array_equal(back.reshape(truth.shape), truth)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (lambda s: s.embed("y"), "No image 'y'"),
        (lambda s: s.similarity("x", at=[]), "Nothing to compare"),
        (lambda s: s.similarity("x", at=[(999, 0)]), "outside"),
        (lambda s: s.segment("x"), "Nothing to segment"),
        (lambda s: s.segment("x", points=[(5, 5)], point_labels=[0]), "Nothing to"),
        (lambda s: s.segment("x", box=(5, 5, 5, 9)), "no area"),
        (lambda s: s.segment("x", box=(500, 500, 600, 600)), "outside"),
        (lambda s: s.segment("x", points=[(5, 5)], point_labels=[1, 0]), "as many"),
        (lambda s: s.segment("x", mask=np.zeros((160, 192), bool)), "empty"),
        (lambda s: s.propagate("x", np.ones((160, 192), bool), 0), "only volumes"),
        (lambda s: s.annotate("x", "nothing", points=[(1, 1)]), "No class"),
        (lambda s: s.annotate("x", "background"), "either points"),
        (lambda s: s.annotate("x", "background", points=[]), "Nothing was marked"),
        (lambda s: s.annotate("x", "background", mask=np.ones((3, 3), bool)), "shape"),
        (lambda s: s.annotate("x", "background", mask=runs("3x3:0+9")), "has shape"),
        (
            lambda s: s.annotate("x", "background", mask=runs("160x192:9+99999")),
            "leaves",
        ),
        (lambda s: s.add_class("background"), "already"),
        (lambda s: s.add_class(" "), "needs a name"),
        (lambda s: s.add_class("a", colour="red"), "#rrggbb"),
        (lambda s: s.remove(1), "no annotation"),
        (lambda s: s.fit(), "two classes"),
        (lambda s: s.predict("x"), "no head yet"),
        (lambda s: s.export_head("a.head.safetensors"), "no head yet"),
        (lambda s: s.export_masks("x", "a.png"), "Nothing to export"),
        (lambda s: s.accept("x"), "no mask in hand"),
        (lambda s: s.accept("x", np.ones((160, 192), bool)), "which class"),
        (lambda s: s.accept("x", np.full((160, 192), 9)), "no class"),
        (lambda s: s.set_threshold("x", "background", 1.5), "between 0 and 1"),
        (lambda s: s.use_encoder("dino"), "dinov2-small"),
    ],
)
def test_bad_input_says_why_and_changes_nothing(session, disc, wish, reason):
    session.add_image(disc[0], name="x")
    before, history = session.labelling, session.history
    with pytest.raises(BadInput, match=reason):
        wish(session)
    assert session.labelling is before
    assert session.history == history


def test_a_head_of_another_encoder_is_refused(session, disc, tmp_path):
    from dataclasses import replace

    from toys import ToyEncoder

    labelled(session, disc)
    session.fit("ridge")
    other = ToyEncoder()
    other.weights_hash = "changed"
    session.use_encoder(other)
    with pytest.raises(BadInput, match="other weights"):
        session.predict("x")
    other = ToyEncoder()
    other.spec = replace(other.spec, name="another")
    session.use_encoder(other)
    with pytest.raises(BadInput, match="made with the encoder 'toy-encoder'"):
        session.predict("x")


def test_two_sessions_share_nothing(encoder, segmenter, disc, tmp_path):
    first = Session(encoder, segmenter, tmp_path)
    second = Session(encoder, segmenter, tmp_path)
    labelled(first, disc)
    assert second.images == {}
    assert len(second.classes) == 1


def test_removing_an_image_keeps_the_rest(session, disc):
    labelled(session, disc)
    session.add_image(disc[0], name="y")
    session.remove_image("x")
    assert list(session.images) == ["y"]
    assert session.annotations == ()


def test_accepting_one_predicted_plane_keeps_the_others(session, ball):
    image, truth = ball
    session.add_image(image, name="ct")
    session.add_class("ball")
    session.accept("ct", truth, "ball")
    session.annotate("ct", "ball", points=[(6, 50, 60)])
    session.annotate("ct", "background", points=[(6, 5, 5)])
    session.fit("ridge")
    prediction = session.predict("ct", planes=[6])
    session.accept("ct", prediction)
    labels = session.labels("ct")
    np.testing.assert_array_equal(labels[6], prediction.labels[6])
    np.testing.assert_array_equal(labels[5], truth[5])


def test_predictions_of_other_images_or_heads_are_refused(session, disc, tmp_path):
    labelled(session, disc)
    session.fit("ridge")
    prediction = session.predict("x")
    session.export_head(tmp_path / "h.head.safetensors")
    session.add_image(disc[0], name="y")
    with pytest.raises(BadInput, match="prediction of 'x'"):
        session.accept("y", prediction)
    other = Session(
        session.workspace.encoder.get(), session.workspace.segmenter.get(), tmp_path
    )
    other.add_image(disc[0], name="x")
    other.add_class("something else")
    foreign = other.predict("x", head=tmp_path / "h.head.safetensors")
    with pytest.raises(BadInput, match="use_head"):
        other.accept("x", foreign)


def test_an_answer_for_an_image_that_left_is_not_kept(session, disc):
    session.add_image(disc[0], name="x")
    job = session.segment.start("x", box=(30, 70, 110, 150))
    session.remove_image("x")
    job.result(10)
    session.add_image(disc[0], name="x")
    assert session.mask("x") is None


def test_a_patient_may_be_a_number(session, disc):
    for name in "ab":
        session.add_image(disc[0], name=name, group=0)
    assert {image.group for image in session.images.values()} == {"0"}


def test_a_script_keeps_each_prediction_that_was_accepted(session, disc):
    labelled(session, disc)
    session.add_image(disc[0][::-1].copy(), name="y")
    session.fit("ridge")
    first, second = session.predict("x"), session.predict("y")
    session.predict("y")
    session.accept("x", first)
    session.accept("y", second)
    code = session.script()
    assert f"{first.as_code} = s.predict('x')" in code
    assert f"s.accept('x', {first.as_code})" in code
    assert f"s.accept('y', {second.as_code})" in code
    assert code.count("s.predict(") == 3


def test_grey_and_colour_do_not_share_a_head_that_sees_colours(encoder, segmenter):
    session = Session(encoder=encoder, segmenter=segmenter)
    grey = np.tile(np.arange(120, dtype=np.uint8), (112, 1))
    for name, image in (("grey", grey), ("colour", np.stack([grey] * 3, -1))):
        session.add_image(image, name=name)
    session.add_class("right")
    for name in ("grey", "colour"):
        session.annotate(name, "right", points=[(30, 110), (80, 100)])
        session.annotate(name, "background", points=[(30, 10), (80, 20)])
    with pytest.raises(BadInput, match="'grey' and 'colour' have another number"):
        session.fit()
    session.fit("ridge")
    assert session.predict("colour").labels[:, 90:].mean() > 0.9
