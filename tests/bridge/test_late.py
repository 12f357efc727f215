"""Answers that come late: none is shown, accepted or exported for something else."""

from pathlib import Path

import numpy as np
import pytest
from desks import desk_on, shown
from held import HeldRunner
from toys import ToyEncoder, ToySegmenter


@pytest.fixture
def desk(disc):
    return desk_on(disc[0], runner=HeldRunner())


@pytest.fixture
def deep(ball):
    made = desk_on(ball[0], runner=HeldRunner())
    made.viewer.dims.set_point(0, 6)
    return made


def teach(desk, truth, plane=None):
    desk.add_class("lesion")
    lift = () if plane is None else (plane,)
    flat = truth if plane is None else truth[plane]
    for value, places in ((1, np.argwhere(flat)), (0, np.argwhere(~flat))):
        desk.choose_class(value)
        for place in places[:: len(places) // 4][:4]:
            desk.hand.click("examples", (*lift, *place), negative=False)
    desk.runner.finish_all()


def test_a_second_click_takes_the_first_map_away(desk):
    desk.hand.click("similar", (70, 110), negative=False)
    desk.runner.finish("similarity")
    assert shown(desk, "preview") is not None
    desk.hand.click("similar", (10, 10), negative=True)
    assert desk.similar.map is None
    assert shown(desk, "similarity") is None
    assert shown(desk, "preview") is None
    assert not desk.similar.accept()
    assert "in a moment" in desk.message
    assert not desk.session.labelling.accepted
    desk.runner.finish("similarity")
    assert desk.similar.accept()


def test_another_encoder_takes_the_map_away_and_asks_it_again(desk):
    desk.hand.click("similar", (70, 110), negative=False)
    desk.runner.finish("similarity")
    desk.session.use_encoder(ToyEncoder())
    assert desk.similar.map is None
    desk.runner.rest()
    assert shown(desk, "similarity") is None
    desk.runner.finish("similarity")
    assert shown(desk, "similarity") is not None


def test_an_encoder_chosen_while_a_map_is_made(desk):
    desk.hand.click("similar", (70, 110), negative=False)
    late = desk.runner.drained("similarity")
    desk.session.use_encoder(ToyEncoder())
    late()
    assert desk.similar.map is None
    desk.runner.finish_all()
    assert desk.similar.map is not None


def test_a_map_of_another_plane_is_not_shown(deep):
    deep.hand.click("similar", (6, 50, 60), negative=False)
    late = deep.runner.drained("similarity")
    deep.viewer.dims.set_point(0, 3)
    late()
    assert deep.similar.map is None
    assert shown(deep, "similarity") is None
    deep.runner.finish_all()
    assert shown(deep, "similarity").translate[0] == 3


def test_a_map_of_another_image_is_not_shown(desk, disc):
    desk.hand.click("similar", (70, 110), negative=False)
    late = desk.runner.drained("similarity")
    other = desk.viewer.add_image(disc[0][::-1].copy(), name="other")
    desk.choose_layer(other)
    late()
    assert desk.image == "other"
    assert desk.similar.map is None
    assert shown(desk, "similarity") is None


def test_an_image_of_the_same_name_inherits_no_map(desk, disc):
    desk.hand.click("similar", (70, 110), negative=False)
    late = desk.runner.drained("similarity")
    desk.session.remove_image("ct")
    desk.session.add_image(disc[0][::-1].copy(), name="ct")
    desk.runner.rest()
    late()
    assert desk.similar.map is None
    assert desk.similar.wish.at == ()


@pytest.mark.parametrize("how", ["click", "undo", "threshold", "encoder"])
def test_predict_all_does_not_outlive_what_it_was_asked_for(deep, ball, how):
    teach(deep, ball[1], 6)
    deep.live.predict_all()
    late = deep.runner.drained("predict all")
    if how == "click":
        deep.choose_class(1)
        deep.hand.click("examples", (6, 5, 5), negative=False)
        deep.runner.finish("live")
    elif how == "undo":
        deep.undo()
    elif how == "threshold":
        deep.live.set_threshold("lesion", 0.9)
    else:
        deep.session.use_encoder(ToyEncoder())
    late()
    assert not deep.live.whole
    found = deep.live.prediction
    assert found is None or found.planes == (6,)
    deep.runner.finish_all()
    if deep.session.head is not None and deep.live.accept():
        assert not deep.session.labels("ct")[7].any()


def test_a_prediction_is_not_accepted_while_the_head_learns(desk, disc):
    teach(desk, disc[1])
    desk.choose_class(1)
    desk.hand.click("examples", (5, 5), negative=False)
    assert not desk.live.accept()
    assert "in a moment" in desk.message
    desk.exporting.masks(Path("never.tif"))
    assert "in a moment" in desk.message
    desk.exporting.head(Path("never"))
    assert "in a moment" in desk.message
    assert "export" not in desk.runner.held
    desk.runner.finish_all()
    assert desk.live.accept()


def test_a_head_brought_along_is_not_replaced_by_one_still_learning(desk, disc):
    teach(desk, disc[1])
    mine = desk.session.head
    desk.hand.click("examples", (6, 6), negative=False)
    desk.runner.finish_all()
    desk.hand.click("examples", (5, 5), negative=False)
    late = desk.runner.drained("live")
    desk.session.use_head(mine)
    late()
    assert desk.session.head is mine


def test_through_the_volume_then_a_new_box(deep):
    deep.prompt.box((24, 34, 76, 86))
    deep.runner.finish("segment")
    deep.prompt.through_volume()
    late = deep.runner.drained("propagate")
    deep.prompt.box((30, 40, 70, 80))
    late()
    assert deep.prompt.mask is None
    assert shown(deep, "mask") is None
    assert not deep.prompt.accept()
    assert "in a moment" in deep.message
    deep.runner.finish("segment")
    assert deep.prompt.mask.data.ndim == 2


@pytest.mark.parametrize("how", ["accept", "next", "undo"])
def test_through_the_volume_then_the_mask_is_gone(deep, how):
    deep.prompt.box((24, 34, 76, 86))
    deep.runner.finish("segment")
    deep.prompt.through_volume()
    late = deep.runner.drained("propagate")
    if how == "accept":
        assert deep.prompt.accept()
    elif how == "next":
        deep.prompt.next_object()
    else:
        deep.undo()
    late()
    assert deep.prompt.mask is None
    assert shown(deep, "mask") is None


def test_through_the_volume_may_be_waited_for_on_another_plane(deep):
    deep.prompt.box((24, 34, 76, 86))
    deep.runner.finish("segment")
    deep.prompt.through_volume()
    deep.viewer.dims.set_point(0, 5)
    deep.runner.finish("propagate")
    assert deep.prompt.mask.data.ndim == 3
    assert shown(deep, "mask").data[0].any()


def test_a_new_box_hides_the_old_outline_and_keeps_it_from_being_accepted(desk):
    desk.prompt.box((34, 74, 107, 147))
    desk.runner.finish("segment")
    desk.prompt.box((5, 5, 25, 25))
    assert shown(desk, "mask") is None
    desk.accept()
    assert not desk.session.labelling.accepted
    desk.runner.finish("segment")
    assert desk.prompt.mask is not None


def test_undo_while_an_outline_is_made(desk):
    desk.add_class("lesion")
    desk.prompt.box((34, 74, 107, 147))
    late = desk.runner.drained("segment")
    desk.undo()
    late()
    assert desk.session.mask("ct") is None
    assert [c.name for c in desk.classes] == ["background"]


def test_an_outline_belongs_to_the_plane_it_was_asked_on(deep, ball):
    deep.prompt.box((24, 34, 76, 86))
    late = deep.runner.drained("segment")
    deep.viewer.dims.set_point(0, 3)
    late()
    assert deep.prompt.mask is None
    assert shown(deep, "mask") is None
    deep.viewer.dims.set_point(0, 6)
    assert deep.prompt.mask.plane == 6


def test_another_segmenter_answers_anew(desk):
    desk.prompt.box((34, 74, 107, 147))
    late = desk.runner.drained("segment")
    other = ToySegmenter()
    other.weights_hash = "other"
    desk.session.use_segmenter(other)
    late()
    assert desk.prompt.mask is None
    desk.runner.finish("segment")
    assert desk.prompt.mask.provenance["model"]["weights_sha256"] == "other"


def test_cancel_keeps_what_was_there(desk):
    desk.prompt.box((34, 74, 107, 147))
    desk.runner.finish("segment")
    mask = desk.prompt.mask
    desk.prompt.box((5, 5, 25, 25))
    desk.runner.cancel_by_user()
    assert desk.prompt.mask is mask
    assert "cancelled" in desk.message


@pytest.mark.parametrize("how", ["rename", "remove"])
def test_the_layer_changes_while_an_outline_is_made(desk, how):
    layer = desk.viewer.layers["ct"]
    desk.prompt.box((34, 74, 107, 147))
    late = desk.runner.drained("segment")
    if how == "rename":
        layer.name = "today"
    else:
        desk.viewer.layers.remove(layer)
    late()
    assert not desk.is_problem
    assert desk.session.mask("ct") is not None
    if how == "remove":
        assert list(desk.viewer.layers) == []
        desk.viewer.layers.append(layer)
    assert shown(desk, "mask") is not None


def test_export_takes_the_last_stroke_with_it(desk, tmp_path):
    import tifffile

    desk.prompt.box((34, 74, 107, 147))
    desk.runner.finish("segment")
    desk.prompt.accept()
    shown(desk, "labels").paint((5, 5), 1)
    desk.exporting.masks(tmp_path / "x.tif")
    desk.runner.finish("export")
    assert tifffile.imread(tmp_path / "x.tif")[5, 5] == 1


def test_a_quick_head_done_again_is_improved_and_one_taken_back_keeps_the_way(
    desk, disc
):
    teach(desk, disc[1])
    desk.choose_class(1)
    desk.hand.click("examples", (66, 112), negative=False)
    desk.runner.finish("live")
    quick = desk.session.head
    assert "auto" in desk.runner.waiting
    desk.undo()
    assert "auto" not in desk.runner.waiting
    assert desk.timeline.can_redo
    desk.redo()
    assert desk.session.head is quick
    desk.runner.finish_all()
    assert desk.session.head is not quick


def test_undo_and_redo_show_the_prediction_they_had_at_once(desk, disc):
    teach(desk, disc[1])
    before = desk.live.prediction
    desk.choose_class(1)
    desk.hand.click("examples", (66, 112), negative=False)
    desk.runner.finish("live", "predict")
    after = desk.live.prediction
    assert after is not before
    desk.undo()
    assert desk.live.prediction is before
    assert not desk.runner.busy("predict")
    assert np.array_equal(shown(desk, "prediction").data, before.labels)
    desk.redo()
    assert desk.live.prediction is after
    assert np.array_equal(shown(desk, "prediction").data, after.labels)
