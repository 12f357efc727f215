"""Looking back without a window: reports, suggestions, doubts, refinement."""

import numpy as np
import pytest
from desks import desk_on, in_view, shown

from napari_medfm import load_head
from napari_medfm.bridge.looking import look_at


@pytest.fixture
def desk(disc):
    return desk_on(disc[0], scale=(2, 3), translate=(7, -4), rotate=20)


@pytest.fixture
def deep(ball):
    return desk_on(ball[0], scale=(5, 1, 1))


def teach(desk, truth, plane=None, count=4):
    if len(desk.classes) < 2:
        desk.add_class("lesion")
    lift = () if plane is None else (plane,)
    for value, places in ((1, np.argwhere(truth)), (0, np.argwhere(~truth))):
        desk.choose_class(value)
        for place in places[:: len(places) // count][:count]:
            desk.marking.click((*lift, *place.tolist()))
    desk.runner.rest()


def test_a_report_is_told_and_drawn_and_goes_with_the_head(desk, disc, tmp_path):
    teach(desk, disc[1])
    testing = desk.review.testing
    assert testing.report is None
    assert testing.words == ()
    testing.begin()
    assert testing.report.recipe == desk.session.head.recipe
    assert "one part of the image" in testing.words[0]
    assert all(svg.startswith("<svg") for _, svg in testing.figures("#ffffff"))
    path = tmp_path / "a.head.safetensors"
    desk.session.export_head(path)
    card = load_head(path).card
    assert card["report"]["dice"] == pytest.approx(testing.report.dice)
    assert "report" not in desk.session.head.card


def test_a_report_of_other_labels_is_neither_shown_nor_exported(desk, disc, tmp_path):
    teach(desk, disc[1])
    desk.review.testing.begin()
    desk.choose_class(0)
    desk.marking.click((5.0, 5.0))
    desk.runner.rest()
    assert desk.review.testing.report is None
    path = tmp_path / "a.head.safetensors"
    desk.session.export_head(path)
    assert "report" not in load_head(path).card
    desk.undo()
    assert desk.review.testing.report is not None


def test_too_few_labels_to_test_are_said(desk):
    desk.review.testing.begin()
    assert desk.is_problem
    assert "two classes" in desk.message


def test_uncertainty_follows_the_prediction_and_the_plane(deep, ball):
    deep.viewer.dims.set_current_step(0, 6)
    teach(deep, ball[1][6], plane=6)
    deep.review.show_uncertainty(True)
    layer = shown(deep, "uncertainty")
    found = deep.live.prediction
    np.testing.assert_allclose(layer.data[0], found.uncertainty[6], atol=1e-3)
    deep.viewer.dims.set_current_step(0, 8)
    deep.runner.rest()
    layer = shown(deep, "uncertainty")
    assert layer.data_to_world((0, 0, 0))[0] == 40
    np.testing.assert_allclose(
        layer.data[0], deep.live.prediction.uncertainty[8], atol=1e-3
    )
    deep.review.show_uncertainty(False)
    assert shown(deep, "uncertainty") is None


def test_uncertainty_without_a_head_says_what_is_missing(desk):
    desk.review.show_uncertainty(True)
    assert "class" in desk.message
    assert shown(desk, "uncertainty") is None


@pytest.mark.parametrize("role", ["uncertainty", "refined"])
def test_a_layer_removed_by_hand_does_not_come_back(desk, disc, role):
    teach(desk, disc[1])
    desk.review.show_uncertainty(True)
    desk.review.refinement.preview()
    desk.viewer.layers.remove(shown(desk, role))
    assert shown(desk, role) is None
    desk.changed.emit()
    assert shown(desk, role) is None
    assert desk.review.shows_uncertainty is (role == "refined")
    assert (desk.review.refinement.found is None) is (role == "refined")
    desk.viewer.layers.clear()
    assert not desk.viewer.layers


def test_suggestions_move_the_view_and_take_the_answer(desk, disc):
    teach(desk, disc[1])
    suggesting = desk.review.suggesting
    suggesting.next()
    place = suggesting.place
    assert in_view(desk, place.position)
    assert np.allclose(shown(desk, "pointer").data, [place.position])
    assert desk.message == place.reason
    before = len(desk.session.annotations)
    suggesting.label_as(1)
    assert len(desk.session.annotations) == before + 1
    made = desk.session.annotations[-1]
    assert made.value == 1
    assert made.pixels.tolist() == [list(place.position)]
    assert suggesting.place is not None
    assert suggesting.place != place


def test_only_a_place_out_of_view_moves_the_view(desk):
    camera = desk.viewer.scene.camera
    world = desk.binding.layer("ct").data_to_world
    camera.zoom = 40
    camera.center = (0, *world((60, 60)))
    look_at(desk, "ct", None, (61, 59))
    assert np.allclose(camera.center[-2:], world((60, 60)))
    look_at(desk, "ct", None, (120, 59))
    assert np.allclose(camera.center[-2:], world((120, 59)))
    assert np.allclose(shown(desk, "pointer").data, [(120, 59)])


def test_suggestions_run_out_and_are_asked_anew(desk, disc):
    teach(desk, disc[1])
    suggesting = desk.review.suggesting
    seen = []
    for _ in range(7):
        suggesting.next()
        seen.append(suggesting.place.position)
    assert len(set(seen[:5])) == 5
    assert seen[5] in seen[:5]
    suggesting.stop()
    assert suggesting.place is None
    assert shown(desk, "pointer") is None


def test_a_suggestion_on_another_plane_brings_it_on_screen(deep, ball):
    deep.viewer.dims.set_current_step(0, 6)
    teach(deep, ball[1][6], plane=6)
    deep.viewer.dims.set_current_step(0, 2)
    deep.runner.rest()
    deep.review.suggesting.next()
    place = deep.review.suggesting.place
    assert deep.here[1] == place.plane
    assert np.allclose(shown(deep, "pointer").data, [(place.plane, *place.position)])


def test_a_suggestion_is_of_its_image(desk, disc):
    teach(desk, disc[1])
    desk.review.suggesting.next()
    desk.viewer.add_image(disc[0][::-1].copy(), name="other", rgb=False)
    desk.choose_layer(desk.viewer.layers["other"])
    assert desk.review.suggesting.place is None
    desk.review.suggesting.label_as(1)
    assert "Ask for a place first" in desk.message


def test_suggestions_without_a_head_say_what_is_missing(desk):
    desk.review.suggesting.next()
    assert "class" in desk.message


def test_a_wrong_label_is_found_shown_and_removed(desk, disc):
    teach(desk, disc[1], count=12)
    desk.choose_class(1)
    desk.marking.click((12.0, 12.0))
    wrong = desk.session.annotations[-1]
    doubting = desk.review.doubting
    assert doubting.doubts is None
    doubting.begin()
    assert doubting.doubts[0].annotation == wrong.id
    doubting.show(doubting.doubts[0])
    assert np.allclose(shown(desk, "pointer").data, [(12, 12)])
    doubting.remove(doubting.doubts[0])
    assert wrong.id not in {a.id for a in desk.session.annotations}
    assert wrong.id not in {d.annotation for d in doubting.doubts}
    desk.undo()
    assert wrong.id in {d.annotation for d in doubting.doubts}


def test_a_label_said_to_be_right_is_not_listed_again(desk, disc):
    teach(desk, disc[1], count=12)
    desk.choose_class(1)
    desk.marking.click((12.0, 12.0))
    doubting = desk.review.doubting
    doubting.begin()
    doubt = doubting.doubts[0]
    doubting.keep(doubt)
    assert doubt not in doubting.doubts
    doubting.begin()
    assert doubt not in doubting.doubts
    assert doubt.annotation in {a.id for a in desk.session.annotations}


def test_a_doubt_on_an_image_that_left_the_viewer_is_said(desk, disc):
    teach(desk, disc[1], count=12)
    desk.choose_class(1)
    desk.marking.click((12.0, 12.0))
    desk.review.doubting.begin()
    (doubt, *_) = desk.review.doubting.doubts
    desk.viewer.layers.remove(desk.viewer.layers["ct"])
    desk.review.doubting.show(doubt)
    assert "not in the viewer" in desk.message


def speckled(desk, truth):
    """Accept the disc with a crumb beside it and a hole in it."""
    dirty = truth.copy()
    dirty[10:12, 10:12] = True
    dirty[70:72, 110:112] = False
    if len(desk.classes) < 2:
        desk.add_class("lesion")
    desk.act(lambda: desk.session.accept("ct", dirty, "lesion"))
    desk.choose_class(1)
    return dirty


def test_accepted_labels_are_tidied_in_two_steps(desk, disc):
    dirty = speckled(desk, disc[1])
    refinement = desk.review.refinement
    assert refinement.subject == "labels"
    refinement.how = "clean"
    refinement.preview()
    assert np.array_equal(desk.session.labels("ct") == 1, dirty)
    assert np.array_equal(shown(desk, "refined").data == 1, disc[1])
    assert "added" in refinement.moved
    assert refinement.accept()
    assert np.array_equal(desk.session.labels("ct") == 1, disc[1])
    assert shown(desk, "refined") is None
    desk.undo()
    assert np.array_equal(desk.session.labels("ct") == 1, dirty)


def test_discarding_changes_nothing(desk, disc):
    dirty = speckled(desk, disc[1])
    depth = desk.session.workspace.depth
    desk.review.refinement.preview()
    desk.review.refinement.discard()
    assert shown(desk, "refined") is None
    assert desk.session.workspace.depth == depth
    assert np.array_equal(desk.session.labels("ct") == 1, dirty)
    assert not desk.review.refinement.accept()


@pytest.mark.parametrize("how", ["guided", "crf", "walker", "snap"])
def test_a_prediction_is_refined_and_accepted(desk, disc, how):
    teach(desk, disc[1])
    refinement = desk.review.refinement
    assert refinement.subject == "prediction"
    refinement.how = how
    refinement.preview()
    assert not desk.is_problem
    found = refinement.found
    assert np.array_equal(shown(desk, "refined").data, found.labels)
    assert shown(desk, "refined").contour
    assert refinement.accept()
    assert np.array_equal(desk.session.labels("ct"), found.labels)
    assert found.provenance["refined"] == how


def test_an_outline_in_hand_is_refined(desk, disc):
    desk.prompt.box((33, 73, 107, 147))
    refinement = desk.review.refinement
    assert refinement.subject == "outline"
    refinement.preview()
    assert refinement.accept()
    assert desk.prompt.mask is None
    assert (desk.session.labels("ct") == 1).any()
    desk.undo()
    assert desk.prompt.mask is not None


def test_touching_objects_become_the_objects(desk):
    rows, cols = np.mgrid[:160, :192]
    two = ((rows - 70) ** 2 + (cols - 70) ** 2 < 30**2) | (
        (rows - 70) ** 2 + (cols - 120) ** 2 < 30**2
    )
    desk.add_class("cell")
    desk.act(lambda: desk.session.accept("ct", two, "cell"))
    refinement = desk.review.refinement
    refinement.how = "split"
    refinement.preview()
    assert refinement.moved == "2 objects."
    assert refinement.accept()
    objects = desk.session.labelling.objects["ct"]
    assert len(np.unique(objects[objects > 0])) == 2
    assert np.array_equal(objects > 0, two)


def test_on_a_volume_only_the_plane_on_screen_is_refined(deep, ball):
    deep.add_class("lesion")
    dirty = ball[1].copy()
    dirty[6, 2, 2:4] = dirty[7, 2, 2:4] = True
    deep.act(lambda: deep.session.accept("ct", dirty, "lesion"))
    deep.viewer.dims.set_current_step(0, 6)
    deep.review.refinement.preview()
    assert deep.review.refinement.accept()
    labels = deep.session.labels("ct") == 1
    assert np.array_equal(labels[6], ball[1][6])
    assert np.array_equal(labels[7], dirty[7])


def test_a_preview_of_something_else_is_not_accepted(desk, disc):
    speckled(desk, disc[1])
    desk.review.refinement.preview()
    desk.act(lambda: desk.session.accept("ct", disc[1][::-1].copy(), "lesion"))
    assert desk.review.refinement.found is None
    assert not desk.review.refinement.accept()
    assert shown(desk, "refined") is None


def test_nothing_to_refine_is_said(desk):
    desk.review.refinement.preview()
    assert "Nothing to refine" in desk.message
