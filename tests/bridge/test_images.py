"""The contact sheet without a window: scope, labels, head, orders, table."""

import csv

import numpy as np
import pytest
from napari.components import ViewerModel
from toys import ToyEncoder, ToySegmenter

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.running import InlineRunner
from napari_medfm.session import Session


def picture(seed, spread):
    noise = np.random.default_rng(seed).normal(0.5, spread, (56, 70))
    return (255 * noise.clip(0, 1)).astype(np.uint8)


def spread_of(n):
    return 0.3 if n % 2 else 0.02


def desk_on(*layers):
    viewer = ViewerModel()
    for name, data in layers:
        viewer.add_image(data, name=name, rgb=False)
    session = Session(encoder=ToyEncoder(), segmenter=ToySegmenter())
    made = Desk(viewer, session, InlineRunner())
    made.add_class("smooth")
    made.add_class("rough")
    return made


@pytest.fixture
def desk():
    made = desk_on(*((f"i{n}", picture(n, spread_of(n))) for n in range(8)))
    made.images.add_layers()
    return made


@pytest.fixture
def deep():
    stack = np.stack([picture(n, spread_of(n)) for n in range(8)])
    return desk_on(("stack", stack))


def teach(desk, count=4):
    items = desk.images.items
    for n in range(count):
        desk.images.label([items[n]], 1 + n % 2)


def test_all_layers_are_taken_at_once():
    made = desk_on(*((f"i{n}", picture(n, 0.1)) for n in range(5)))
    assert made.images.unread == 4
    made.images.add_layers()
    assert made.images.unread == 0
    assert [item.title for item in made.images.items] == ["i0", "i1", "i2", "i3", "i4"]


def test_numbers_in_names_are_ordered_as_numbers():
    made = desk_on(*((f"i{n}", picture(n, 0.1)) for n in (10, 2, 1)))
    made.images.add_layers()
    assert [item.title for item in made.images.items] == ["i1", "i2", "i10"]


def test_a_layer_that_cannot_be_used_is_said_and_stops_no_other():
    made = desk_on(("a", picture(0, 0.1)), ("film", np.zeros((2, 3, 8, 9))))
    made.viewer.add_image(picture(1, 0.1), name="b", rgb=False)
    made.images.add_layers()
    assert made.is_problem
    assert "film" in made.message
    assert {item.title for item in made.images.items} == {"a", "b"}


def test_pictures_are_made_for_all(desk):
    while any(item not in desk.images.thumbs for item in desk.images.items):
        desk.images.fill()
    assert all(
        desk.images.thumbs[item].shape == (56, 70, 3) for item in desk.images.items
    )


def test_a_picture_that_cannot_be_read_is_grey_and_said(desk, monkeypatch):
    def fails(*_):
        raise OSError("gone")

    monkeypatch.setattr("napari_medfm.bridge.images.thumbnail", fails)
    desk.images.fill()
    assert desk.is_problem
    thumbs = desk.images.thumbs
    assert all((thumbs[item] == 128).all() for item in desk.images.items)
    desk.images.fill()


def test_planes_of_the_only_volume_are_shown(deep):
    assert deep.images.scopes == ("images", "planes")
    assert deep.images.scope == "planes"
    assert [item.title for item in deep.images.items][:2] == ["plane 1", "plane 2"]
    deep.images.choose("images")
    assert [item.title for item in deep.images.items] == ["stack"]


def test_labels_are_given_taken_and_undone(desk):
    items = desk.images.items
    desk.images.label(items[:2], 1)
    assert {i.title: c.name for i, c in desk.images.said.items()} == {
        "i0": "smooth",
        "i1": "smooth",
    }
    desk.images.label([items[1]], 2)
    assert desk.images.said[items[1]].name == "rough"
    desk.images.unlabel([items[0]])
    assert list(desk.images.said) == [items[1]]
    desk.undo()
    assert set(desk.images.said) == set(items[:2])


def test_a_class_that_is_not_there_is_said(desk):
    desk.images.label(desk.images.items[:1], 7)
    assert "no class 7" in desk.message
    assert desk.images.said == {}


def test_what_is_missing_is_said(desk):
    desk.images.learn()
    assert "Select one" in desk.message
    desk.images.label(desk.images.items[:1], 1)
    desk.images.learn()
    assert "another class" in desk.message


@pytest.mark.parametrize("recipe", ["auto", "logistic", "knn", "abmil"])
def test_a_head_sorts_the_least_sure_first(desk, recipe):
    teach(desk, 6)
    desk.images.recipe = recipe
    desk.images.learn()
    facts = desk.images.facts
    names = [facts[item].class_name for item in desk.images.items]
    truth = ["smooth", "rough"] * 4
    assert sum(a == b for a, b in zip(names, truth)) >= 7
    assert desk.images.order == "unsure"
    unsure = [facts[item].uncertainty for item in desk.images.sheet]
    assert unsure == sorted(unsure, reverse=True)
    desk.images.sort("class rough")
    rough = [facts[item].probabilities["rough"] for item in desk.images.sheet]
    assert rough == sorted(rough, reverse=True)
    desk.images.sort("given")
    assert desk.images.sheet == desk.images.items


def test_planes_have_a_head_of_their_own(deep):
    teach(deep)
    deep.images.learn()
    facts = deep.images.facts
    names = [facts[item].class_name for item in deep.images.items]
    assert names == ["smooth", "rough"] * 4


@pytest.mark.parametrize("which", ["desk", "deep"])
def test_likeness_needs_no_head(which, request):
    desk = request.getfixturevalue(which)
    desk.images.sort_like(desk.images.items[1])
    assert desk.images.sheet[0] == desk.images.items[1]
    assert {desk.images.items.index(i) for i in desk.images.sheet[:4]} == {1, 3, 5, 7}


def test_a_new_image_has_no_answer_yet(desk):
    teach(desk)
    desk.images.learn()
    desk.viewer.add_image(picture(20, 0.1), name="new", rgb=False)
    desk.images.add_layers()
    assert desk.images.facts == {}
    desk.images.sort("unsure")
    assert len(desk.images.facts) == 9


def test_the_table_is_written(desk, deep, tmp_path):
    for one, name in ((desk, "a"), (deep, "b")):
        teach(one)
        one.images.learn()
        one.images.export(tmp_path / name)
        with (tmp_path / f"{name}.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 8
        assert {row["class"] for row in rows} == {"smooth", "rough"}
        assert sorted(row["labelled"] for row in rows if row["labelled"]) == [
            "rough",
            "rough",
            "smooth",
            "smooth",
        ]


def test_one_is_opened(desk, deep):
    desk.images.show(desk.images.items[5])
    assert desk.image == "i5"
    seen = [layer.name for layer in desk.choices() if layer.visible]
    assert seen == ["i5"]
    deep.images.show(deep.images.items[6])
    assert deep.here == ("stack", 6)
    desk.viewer.layers.remove(desk.viewer.layers["i3"])
    desk.images.show(desk.images.items[3])
    assert "not in the viewer" in desk.message


def test_the_head_is_tested(desk):
    teach(desk, 8)
    desk.images.testing.begin()
    assert "images or patients" in desk.images.testing.words[0]
