"""Many objects at once without a window: found, dropped, taken, classified."""

from dataclasses import replace

import numpy as np
import pytest
from desks import desk_on, shown
from toys import ToyNamer

PLACES = [(30, 30), (30, 80), (30, 130), (30, 175), (100, 40), (100, 90)]
LARGE = (100, 150)


def field():
    rows, cols = np.mgrid[:140, :200]
    grey = np.full((140, 200), 25, np.uint8)
    grey[(rows - LARGE[0]) ** 2 + (cols - LARGE[1]) ** 2 < 900] = 110
    for row, col in PLACES:
        grey[(rows - row) ** 2 + (cols - col) ** 2 < 100] = 255
    return grey


@pytest.fixture
def desk():
    made = desk_on(field())
    namer = ToyNamer()
    namer.spec = replace(namer.spec, input_size=256)
    made.session.use_segmenter(namer)
    made.add_class("cell")
    return made


def way(desk, words):
    (found,) = (one for one in desk.many.ways if words in one.title)
    return found


def look(desk, words, text=""):
    desk.many.find(way(desk, words), text)
    desk.runner.rest()


def click(desk, place):
    world = desk.binding.layer("ct").data_to_world(place)
    desk.hand.click("found", world, False)


def outlined(desk):
    desk.prompt.box((19.0, 19.0, 42.0, 42.0))
    desk.runner.rest()


def test_what_is_found_is_seen_before_anything_is_labelled(desk):
    look(desk, "words", "bright")
    assert desk.many.count == 6
    assert desk.tools.armed == "found"
    assert "6 objects found" in desk.message
    layer = shown(desk, "found")
    assert {int(layer.data[place]) for place in PLACES} == set(range(1, 7))
    assert not desk.session.labels("ct").any()
    assert not desk.session.labelling.accepted


def test_a_click_drops_and_a_second_brings_back(desk):
    look(desk, "words", "bright")
    click(desk, PLACES[0])
    assert desk.many.count == 5
    assert shown(desk, "found").data[PLACES[0]] == 0
    click(desk, PLACES[0])
    assert desk.many.count == 6
    click(desk, PLACES[1])
    desk.undo()
    assert desk.many.count == 6
    desk.redo()
    assert desk.many.count == 5
    click(desk, (70, 5))
    assert "no object at this place" in desk.message


def test_enter_takes_what_is_kept_in_one_step(desk):
    look(desk, "words", "bright")
    click(desk, PLACES[0])
    desk.accept()
    labels = desk.session.labels("ct")
    assert [int(labels[place]) for place in PLACES] == [0, 1, 1, 1, 1, 1]
    assert desk.many.found is None
    assert shown(desk, "found") is None
    assert desk.tools.armed is None
    (item,) = desk.session.labelling.accepted
    assert item.provenance["model"]["name"] == "toy-namer"
    assert item.provenance["words"] == "bright"
    assert item.provenance["dropped"] == 1
    desk.undo()
    assert not desk.session.labels("ct").any()


def test_all_that_look_like_the_outline_in_hand(desk):
    assert not any("outline" in one.title for one in desk.many.ways)
    outlined(desk)
    look(desk, "outline in hand")
    assert desk.many.count == 6
    assert desk.many.found[LARGE] == 0


def test_an_outline_in_hand_is_an_example_of_the_words(desk):
    outlined(desk)
    look(desk, "words", "")
    assert desk.many.count == 6
    namer = desk.session.workspace.segmenter.get()
    assert ("", [True]) in namer.told
    look(desk, "words", "grey")
    assert desk.many.count == 7


def test_all_of_a_class_become_that_class(desk):
    session = desk.session
    session.add_class("large")
    session.annotate("ct", "cell", points=[PLACES[0], PLACES[1]])
    session.annotate("ct", "large", points=[LARGE, (95, 145)])
    session.annotate("ct", "background", points=[(5, 5), (70, 70), (135, 195)])
    session.fit("ridge")
    look(desk, "all large")
    assert desk.many.count >= 1
    desk.choose_class(1)
    desk.accept()
    assert session.labels("ct")[LARGE] == 2


def test_all_that_stand_out(desk):
    look(desk, "stand out")
    assert desk.many.count >= 6


def test_they_can_be_classified_one_by_one(desk):
    look(desk, "words", "bright")
    click(desk, PLACES[0])
    desk.many.classify()
    objects = desk.objects.map
    assert objects[PLACES[0]] == 0
    assert {int(objects[place]) for place in PLACES[1:]} == {1, 2, 3, 4, 5}
    assert desk.many.found is None


def test_another_plane_and_another_model_put_it_away():
    volume = np.stack([field(), field() // 2])
    desk = desk_on(volume)
    desk.session.use_segmenter(ToyNamer())
    desk.viewer.dims.set_point(0, 0)
    look(desk, "words", "bright")
    assert desk.many.count == 6
    desk.viewer.dims.set_point(0, 1)
    assert desk.many.found is None
    assert shown(desk, "found") is None
    desk.viewer.dims.set_point(0, 0)
    assert desk.many.count == 6
    assert shown(desk, "found") is not None
    desk.accept()
    assert desk.session.labels("ct")[0][PLACES[0]] == 1
    assert not desk.session.labels("ct")[1].any()


def test_nothing_and_no_words_are_said(desk):
    desk.many.find(way(desk, "words"), "  ")
    assert "Write what to find" in desk.message
    look(desk, "words", "unicorn")
    assert "Nothing was found" in desk.message
    assert desk.many.found is None
    assert not desk.many.accept()
    assert "look for some first" in desk.message
    desk.many.put_aside()


def test_a_segmenter_without_words_does_not_offer_them():
    desk = desk_on(field())
    assert [one.title for one in desk.many.ways] == ["all that stand out"]
