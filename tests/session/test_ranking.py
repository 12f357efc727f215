"""Images sorted, predictions as tables, labels that disagree with their like."""

import csv

import numpy as np
import pytest
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session
from napari_medfm.core.errors import BadInput


def rows_of(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def picture(seed, spread):
    noise = np.random.default_rng(seed).normal(0.5, spread, (56, 70))
    return (255 * noise.clip(0, 1)).astype(np.uint8)


@pytest.fixture
def session(tmp_path):
    s = Session(ToyEncoder(), ToySegmenter(), cache_dir=tmp_path / "cache")
    s.add_class("benign")
    s.add_class("malignant")
    for n in range(6):
        s.add_image(picture(n, 0.3 if n % 2 else 0.02), name=f"i{n}", group=n)
    s.add_image(picture(9, 0.12), name="between")
    return s


def labelled(session):
    for n in range(6):
        session.annotate_image(f"i{n}", "malignant" if n % 2 else "benign")
    session.fit("logistic", level="image")


def test_the_least_sure_image_comes_first(session):
    labelled(session)
    rows = session.rank_images()
    assert rows[0].image == "between"
    unsure = [row.uncertainty for row in rows]
    assert unsure == sorted(unsure, reverse=True)
    assert rows[0].label == ""
    assert {row.label for row in rows[1:]} == {"benign", "malignant"}
    assert all(row.class_name == row.label for row in rows[1:])


def test_like_looks_for_like_without_a_head(session):
    rows = session.rank_images(by="similarity", like="i1")
    assert rows[0].image == "i1"
    assert rows[0].similarity == pytest.approx(1)
    assert {row.image for row in rows[:3]} == {"i1", "i3", "i5"}
    assert rows[0].class_name == ""


def test_what_cannot_be_sorted(session):
    with pytest.raises(BadInput, match="no head"):
        session.rank_images()
    with pytest.raises(BadInput, match="like=name"):
        session.rank_images(by="similarity")


def test_predictions_of_images_are_a_table(session, tmp_path):
    labelled(session)
    session.export_predictions(tmp_path / "a.csv")
    rows = rows_of(tmp_path / "a.csv")
    assert rows[0]["image"] == "between"
    assert len(rows) == 7
    for row in rows:
        chances = {n: float(row[f"p_{n}"]) for n in ("benign", "malignant")}
        assert sum(chances.values()) == pytest.approx(1, abs=1e-5)
        assert row["class"] == max(chances, key=chances.get)


@pytest.fixture
def deep(session):
    stack = np.stack([picture(n, 0.3 if n % 2 else 0.02) for n in range(6)])
    session.add_image(stack, name="deep")
    for plane in range(4):
        name = "malignant" if plane % 2 else "benign"
        session.annotate_image("deep", name, plane=plane)
    session.fit("logistic", level="image")
    return session


def test_planes_of_a_volume_are_sorted(deep):
    rows = deep.rank_images(volume="deep")
    assert sorted(row.plane for row in rows) == list(range(6))
    unsure = [row.uncertainty for row in rows]
    assert unsure == sorted(unsure, reverse=True)
    by_plane = {row.plane: row for row in rows}
    assert by_plane[4].class_name == "benign"
    assert by_plane[5].class_name == "malignant"
    assert [by_plane[n].label for n in (0, 1, 4)] == ["benign", "malignant", ""]


def test_planes_like_a_plane(deep):
    rows = deep.rank_images(by="similarity", like=1, volume="deep")
    assert rows[0].plane == 1
    assert {row.plane for row in rows[:3]} == {1, 3, 5}
    with pytest.raises(BadInput, match="not both"):
        deep.rank_images(volume="deep", images=["i0"])


def test_predictions_of_planes_are_a_table(deep, tmp_path):
    deep.export_predictions(tmp_path / "a.csv", volume="deep")
    rows = {int(row["plane"]): row for row in rows_of(tmp_path / "a.csv")}
    assert len(rows) == 6
    assert rows[5]["class"] == "malignant"
    assert [rows[n]["labelled"] for n in (0, 1, 5)] == ["benign", "malignant", ""]
    with pytest.raises(BadInput, match="level 'image'"):
        deep.export_predictions(tmp_path / "a.csv", "object", volume="deep")


def test_predictions_of_objects_are_a_table(session, tmp_path):
    image = np.full((60, 80), 128, np.uint8)
    objects = np.zeros((60, 80), np.int32)
    for k in range(6):
        where = (
            slice(5 + 30 * (k // 3), 25 + 30 * (k // 3)),
            slice(5 + 25 * (k % 3), 25 + 25 * (k % 3)),
        )
        image[where] = 220 if k % 2 else 40
        objects[where] = k + 1
    session.add_image(image, name="=cells")
    session.use_objects("=cells", objects)
    for k in range(1, 5):
        session.annotate_object("=cells", ["malignant", "benign"][k % 2], region=k)
    session.fit("logistic", level="object")
    session.export_predictions(tmp_path / "a.csv", level="object")
    rows = rows_of(tmp_path / "a.csv")
    assert {int(row["object"]): row["class"] for row in rows} == {
        k: ["malignant", "benign"][k % 2] for k in range(1, 7)
    }
    assert {row["image"] for row in rows} == {"'=cells"}
    assert {int(row["pixels"]) for row in rows} == {400}


def planted(session, disc):
    """Twelve right clicks on each side, and two wrong ones."""
    session.add_image(disc[0], name="x")
    rng = np.random.default_rng(0)
    inside, outside = np.argwhere(disc[1]), np.argwhere(~disc[1])
    near = (np.abs(outside - [70, 110]) < 60).all(1)
    for _ in range(12):
        session.annotate("x", "malignant", points=[inside[rng.integers(len(inside))]])
        places = outside[~near]
        session.annotate("x", "benign", points=[places[rng.integers(len(places))]])
    return {
        session.annotate("x", "benign", points=[(70, 110)]),
        session.annotate("x", "malignant", points=[(150, 30)]),
    }


def test_planted_errors_are_found_and_nothing_else(session, disc):
    wrong = planted(session, disc)
    found = session.doubtful()
    assert {doubt.annotation for doubt in found} == wrong
    first = next(doubt for doubt in found if doubt.position == (70, 110))
    assert (first.class_name, first.looks_like) == ("benign", "malignant")
    assert "looks like what is labelled malignant" in first.reason
    assert first.share > 0.6
    for doubt in found:
        session.remove(doubt.annotation)
    assert session.doubtful() == []


def test_a_wrong_stroke_among_strokes_is_found(session, disc):
    session.add_image(disc[0], name="x")
    session.annotate("x", "malignant", box=(55, 95, 85, 125))
    session.annotate("x", "malignant", box=(45, 100, 52, 120))
    session.annotate("x", "benign", box=(0, 0, 20, 20))
    session.annotate("x", "benign", box=(140, 0, 159, 20))
    wrong = session.annotate("x", "benign", box=(88, 100, 98, 120))
    assert [doubt.annotation for doubt in session.doubtful()] == [wrong]


def test_suggestions_go_where_the_planted_stranger_is(session, disc):
    image = disc[0].copy()
    image[100:150, 20:70] = 1200
    session.add_image(image, name="x")
    session.annotate("x", "malignant", points=[(70, 110), (60, 100), (85, 120)])
    session.annotate("x", "benign", points=[(10, 10), (20, 180), (150, 150)])
    session.fit("ridge")
    found = session.suggest("x", n=3)
    inside = [
        one
        for one in found
        if 95 <= one.position[0] < 155 and 15 <= one.position[1] < 75
    ]
    assert inside
    assert "benign" in inside[0].reason
    assert "malignant" in inside[0].reason
