"""Classes changed, single marks removed, marks from labels, places to ignore."""

import numpy as np
import pytest
from desks import desk_on, shown

from napari_medfm.bridge.classes import ClassEditing


@pytest.fixture
def desk(disc):
    return desk_on(disc[0])


@pytest.fixture
def editing(desk):
    return ClassEditing(desk)


def teach(desk, truth, count=4):
    desk.add_class("lesion")
    for value, places in ((1, np.argwhere(truth)), (0, np.argwhere(~truth))):
        desk.choose_class(value)
        for place in places[:: len(places) // count][:count]:
            desk.marking.click(tuple(map(float, place)))
    desk.runner.rest()


def test_a_class_is_renamed_and_recoloured_everywhere(desk, editing, disc):
    teach(desk, disc[1])
    assert editing.rename(1, " tumour ")
    assert [c.name for c in desk.classes] == ["background", "tumour"]
    assert [c.name for c in desk.session.head.classes] == ["background", "tumour"]
    assert editing.recolour(1, "#ff0000")
    face = shown(desk, "examples").face_color
    assert (face == [1, 0, 0, 1]).all(1).sum() == 4
    assert np.allclose(shown(desk, "prediction").colormap.color_dict[1], [1, 0, 0, 1])
    desk.undo()
    desk.undo()
    assert desk.classes[1].name == "lesion"


def test_a_name_that_is_taken_or_empty_is_refused(desk, editing):
    desk.add_class("a")
    desk.add_class("b")
    assert not editing.rename(1, "b")
    assert desk.is_problem
    assert not editing.rename(1, "a")
    assert [c.name for c in desk.classes[1:]] == ["a", "b"]


def test_merging_teaches_anew(desk, editing, disc):
    teach(desk, disc[1])
    desk.add_class("other")
    desk.marking.click((70.0, 120.0))
    desk.runner.rest()
    assert desk.session.head.values == (0, 1, 2)
    assert editing.merge(2, 1)
    desk.runner.rest()
    assert desk.session.head.values == (0, 1)
    assert desk.chosen == 1
    assert desk.marking.counts[1] == 5
    desk.undo()
    assert desk.marking.counts[2] == 1


def test_deleting_takes_the_labels_and_undo_brings_them_back(desk, editing, disc):
    teach(desk, disc[1])
    assert editing.delete(1)
    desk.runner.rest()
    assert len(desk.classes) == 1
    assert shown(desk, "prediction") is None
    assert desk.session.head is None
    desk.undo()
    assert desk.marking.counts == {0: 4, 1: 4}


def test_background_stays(desk, editing):
    assert not editing.delete(0)
    assert desk.is_problem


def test_each_mark_is_found_and_removed_alone(desk, editing, disc):
    teach(desk, disc[1])
    desk.choose_class(1)
    desk.marking.stroke_done([(60.0, 100.0), (60.0, 120.0)])
    marks = editing.marks(1)
    assert len(marks) == 5
    assert "pixels" in marks[0].words
    assert marks[1].words.startswith("click at")
    editing.show(marks[0])
    at = shown(desk, "pointer").data[0]
    assert abs(at[0] - 60) <= 4
    before = {a.id for a in desk.session.annotations}
    assert editing.remove(marks[2])
    assert before - {a.id for a in desk.session.annotations} == {marks[2].annotation}
    desk.undo()
    assert {a.id for a in desk.session.annotations} == before


def test_a_mark_on_another_plane_is_shown_there(ball):
    deep = desk_on(ball[0])
    deep.add_class("lesion")
    deep.marking.click((3.0, 50.0, 60.0))
    deep.viewer.dims.set_current_step(0, 9)
    editing = ClassEditing(deep)
    (mark,) = editing.marks(1)
    assert "plane 4" in mark.words
    editing.show(mark)
    assert deep.here[1] == 3


def test_marks_come_from_a_layer_with_one_value(desk, editing, disc):
    desk.add_class("lesion")
    desk.viewer.add_labels(disc[1].astype(np.uint8) * 7, name="mine")
    (source,) = editing.sources
    assert "mine" in source[0]
    source[1]()
    (made,) = desk.session.annotations
    assert made.value == 1
    assert len(made.pixels) == disc[1].sum()


def test_marks_come_from_a_layer_with_several_values(desk, editing, disc):
    desk.add_class("lesion")
    labels = np.where(disc[1], 1, 0)
    labels[:20] = 5
    desk.viewer.add_labels(labels, name="mine")
    editing.sources[0][1]()
    assert [c.name for c in desk.classes] == ["background", "lesion", "class 5"]
    counts = {a.value: len(a.pixels) for a in desk.session.annotations}
    assert counts == {1: disc[1].sum(), 2: 20 * 192}
    desk.runner.rest()
    assert desk.session.head is not None


def test_a_layer_that_numbers_objects_or_is_empty_is_said(desk, editing):
    desk.viewer.add_labels(np.arange(160 * 192).reshape(160, 192), name="many")
    editing.sources[0][1]()
    assert "step 6" in desk.message
    desk.viewer.layers.remove(desk.viewer.layers["many"])
    desk.viewer.add_labels(np.zeros((160, 192), int), name="none")
    editing.sources[0][1]()
    assert "empty" in desk.message
    assert desk.session.annotations == ()


def test_accepted_labels_become_marks(desk, editing, disc):
    desk.add_class("lesion")
    assert editing.sources == []
    desk.act(lambda: desk.session.accept("ct", disc[1], "lesion"))
    editing.sources[0][1]()
    (made,) = desk.session.annotations
    assert len(made.pixels) == disc[1].sum()


def test_accepted_labels_of_all_images_become_marks(desk, editing, disc):
    desk.add_class("lesion")
    desk.viewer.add_image(disc[0] + 1, name="other", rgb=False)
    desk.runner.rest()
    for name in ("ct", "other"):
        assert name in desk.session.images
        desk.session.accept(name, disc[1], "lesion")
    (words, take) = editing.sources[1]
    assert words == "the accepted labels of all 2 images that have some"
    take()
    assert {a.image for a in desk.session.annotations} == {"ct", "other"}


def test_what_is_ignored_teaches_nothing_and_is_seen(desk, editing, disc):
    teach(desk, disc[1])
    desk.marking.ignore(True)
    desk.choose_class(1)
    desk.marking.click((30.0, 30.0))
    desk.marking.stroke_done([(20.0, 150.0), (20.0, 170.0)])
    desk.runner.rest()
    assert desk.marking.counts == {0: 4, 1: 4}
    assert [a.value for a in desk.session.annotations[-2:]] == [-1, -1]
    assert len(shown(desk, "examples").data) == 9
    strokes = shown(desk, "strokes")
    number = strokes.data[20, 160]
    assert number > 0
    assert np.allclose(strokes.colormap.color_dict[number], [0, 0, 0, 1])
    assert len(editing.marks(-1)) == 2
    assert desk.session.head.card["label_counts"] == {"background": 4, "lesion": 4}
    desk.marking.ignore(False)
    desk.marking.click((70.0, 110.0))
    assert desk.marking.counts[1] == 5


def test_what_is_probable_is_hatched_and_counts_less(desk, editing, disc):
    teach(desk, disc[1])
    desk.marking.ignore(True)
    desk.marking.doubt(True)
    assert not desk.marking.ignores
    desk.choose_class(1)
    desk.marking.click((80.0, 110.0))
    desk.marking.stroke_done([(70.0, 100.0), (70.0, 120.0)])
    desk.runner.rest()
    assert [a.weight for a in desk.session.annotations[-2:]] == [0.25, 0.25]
    symbols = [str(s) for s in shown(desk, "examples").symbol]
    assert symbols == ["disc"] * 8 + ["ring"]
    strokes = np.asarray(shown(desk, "strokes").data)
    drawn = len(desk.session.annotations[-1].pixels)
    assert 0.4 * drawn < (strokes == 2).sum() < 0.6 * drawn
    assert editing.marks(1)[0].words.startswith("probably: ")
    desk.marking.ignore(True)
    assert not desk.marking.doubts


def test_the_rest_becomes_faint_background(desk, disc):
    assert not desk.marking.any
    desk.marking.rest()
    assert "Nothing is labelled" in desk.message
    teach(desk, disc[1])
    assert desk.marking.any
    desk.marking.rest()
    assert "faint examples of background" in desk.message
    made = desk.session.annotations[-1]
    assert (made.value, made.weight) == (0, 0.1)
    desk.runner.rest()
    trained = [a.get("weight") for a in desk.session.head.card["annotations"]]
    assert trained.count(0.1) == 1
    desk.undo()
    assert all(a.weight == 1 for a in desk.session.annotations)
