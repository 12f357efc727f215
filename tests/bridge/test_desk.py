"""The desk without a window: gestures in, layers out, undo and redo exact."""

import numpy as np
import pytest
from desks import desk_on, shown
from napari.components import ViewerModel
from toys import ToyEncoder, ToySegmenter

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.guide import next_step
from napari_medfm.bridge.running import InlineRunner
from napari_medfm.session import Session


@pytest.fixture
def desk(disc):
    return desk_on(disc[0], scale=(2, 3), translate=(7, -4), rotate=20)


@pytest.fixture
def deep(ball):
    made = desk_on(ball[0], scale=(5, 1, 1))
    made.viewer.dims.set_point(0, 30)
    return made


def world(desk, *index):
    return desk.binding.layer(desk.image).data_to_world(index)


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def teach(desk, truth):
    desk.add_class("lesion")
    inside, outside = np.argwhere(truth), np.argwhere(~truth)
    for value, places in ((1, inside), (0, outside)):
        desk.choose_class(value)
        for place in places[:: len(places) // 4][:4]:
            desk.hand.click("examples", world(desk, *place), negative=False)
    desk.runner.rest()


def test_similarity_threshold_and_labels(desk, disc):
    truth = disc[1]
    desk.hand.click("similar", world(desk, 70, 110), negative=False)
    found = shown(desk, "similarity")
    assert found.data.shape == truth.shape
    assert found.data[truth].mean() > found.data[~truth].mean() + 0.3
    assert np.allclose(found.data_to_world((3, 4)), world(desk, 3, 4))
    low, high = desk.similar.limits
    desk.similar.set_threshold(high)
    few = desk.similar.chosen.sum()
    desk.similar.set_threshold((low + high) / 2)
    assert desk.similar.chosen.sum() > few
    assert np.array_equal(shown(desk, "preview").data, desk.similar.chosen)
    assert desk.similar.accept()
    assert dice(shown(desk, "labels").data == 1, truth) > 0.8
    assert [c.name for c in desk.classes] == ["background", "object"]


def test_negative_clicks_lower_what_they_hit(desk):
    desk.hand.click("similar", world(desk, 70, 110), negative=False)
    before = desk.similar.map[10, 10]
    desk.hand.click("similar", world(desk, 10, 10), negative=True)
    assert desk.similar.map[10, 10] < before
    assert len(shown(desk, "queries").data) == 2


def test_only_a_negative_click_says_what_is_missing(desk):
    desk.hand.click("similar", world(desk, 10, 10), negative=True)
    assert "do mean" in desk.message
    assert shown(desk, "similarity") is None


def test_box_to_mask_to_labels(desk, disc):
    desk.hand.box_done(world(desk, 33, 73), world(desk, 106, 146))
    mask = desk.prompt.mask
    assert dice(mask.data, disc[1]) > 0.9
    assert np.array_equal(shown(desk, "mask").data, mask.data)
    assert shown(desk, "box") is not None
    desk.add_class("lesion")
    assert desk.prompt.accept()
    assert np.array_equal(shown(desk, "labels").data == 1, mask.data)
    assert shown(desk, "mask") is None
    assert desk.prompt.mask is None


def test_box_edges_are_half_open_pixels(desk):
    desk.hand.box_done(world(desk, 33.4, 73.2), world(desk, 105.6, 145.7))
    prompt = next(iter(desk.session.labelling.prompts.values()))
    assert tuple(prompt.box) == (34, 74, 106, 146)


def test_a_tiny_box_is_a_click_and_empty_box_no_error(desk):
    desk.hand.click("box", world(desk, 70, 110), negative=False)
    assert not desk.is_problem
    assert desk.prompt.mask is not None
    desk.hand.box_done(world(desk, 70, 110), world(desk, 70, 110))
    assert desk.is_problem
    assert "box" in desk.message


def test_clicks_refine_and_next_object_puts_aside(desk):
    desk.hand.click("points", world(desk, 70, 110), negative=False)
    desk.hand.click("points", world(desk, 60, 120), negative=False)
    assert len(desk.prompt.draft.at) == 2
    assert len(shown(desk, "clicks").data) == 2
    desk.prompt.next_object()
    assert desk.prompt.mask is None
    desk.hand.click("points", world(desk, 70, 110), negative=False)
    assert len(desk.prompt.draft.at) == 1


def test_alternatives_turn_and_are_accepted(desk):
    desk.hand.click("points", world(desk, 70, 110), negative=False)
    mask = desk.prompt.mask
    if not mask.alternatives:
        desk.prompt.next_alternative()
        assert "no other" in desk.message
        return
    desk.prompt.next_alternative()
    turned = desk.prompt.mask
    assert np.array_equal(turned.data, mask.alternatives[0])
    assert desk.prompt.accept()
    labels = desk.session.labels(desk.image)
    assert np.array_equal(labels == 1, mask.alternatives[0])


def test_teaching_predicts_and_improves(desk, disc):
    teach(desk, disc[1])
    found = shown(desk, "prediction").data
    assert dice(found == 1, disc[1]) > 0.8
    assert (
        desk.session.head.recipe in desk.live.verdict or "Recipe" in desk.live.verdict
    )
    area = (found == 1).sum()
    desk.live.set_threshold("lesion", 0.9)
    assert (shown(desk, "prediction").data == 1).sum() < area
    assert desk.live.threshold("lesion") == pytest.approx(0.9)
    assert desk.live.accept()
    predicted = desk.live.prediction.labels
    assert np.array_equal(desk.session.labels(desk.image), predicted)


def test_the_guide_walks_the_whole_way(desk, disc):
    assert next_step(desk)[0] == "Similar"
    desk.hand.click("similar", world(desk, 70, 110), negative=False)
    assert next_step(desk)[0] == "Prompt"
    desk.hand.box_done(world(desk, 33, 73), world(desk, 106, 146))
    assert next_step(desk)[0] == "Label"
    teach(desk, disc[1])
    desk.live.accept()
    assert next_step(desk)[0] == "Export"


def test_strokes_are_shown_and_erased(desk):
    desk.add_class("lesion")
    desk.marking.radius = 3
    path = [world(desk, 70, 100), world(desk, 70, 120)]
    desk.hand.stroke_moves(path)
    assert shown(desk, "strokes").data[70, 110] == 2
    desk.hand.stroke_done(path)
    pixels = desk.session.annotations[0].pixels
    assert {tuple(p) for p in pixels} >= {(70, 100), (72, 110), (70, 122)}
    assert (70, 124) not in {tuple(p) for p in pixels}
    desk.hand.click("erase", world(desk, 71, 110), negative=False)
    assert not desk.session.annotations
    assert shown(desk, "strokes") is None


def test_undo_and_redo_of_everything(desk, disc):
    states = [desk.session.labelling]

    def note():
        states.append(desk.session.labelling)

    desk.hand.click("similar", world(desk, 70, 110), negative=False)
    note()
    desk.similar.accept()
    note()
    desk.hand.box_done(world(desk, 33, 73), world(desk, 106, 146))
    note()
    desk.prompt.accept()
    note()
    desk.hand.click("similar", world(desk, 10, 10), negative=True)
    note()
    teach(desk, disc[1])
    wish, last = desk.similar.wish, desk.session.labels("ct")
    while desk.timeline.can_undo:
        desk.undo()
    assert desk.similar.wish.at == ()
    assert desk.session.labelling.classes == states[0].classes
    assert not desk.session.labelling.accepted
    assert [layer.name for layer in desk.viewer.layers if layer.visible] == ["ct"]
    while desk.timeline.can_redo:
        desk.redo()
    assert desk.similar.wish == wish
    assert np.array_equal(desk.session.labels("ct"), last)
    assert np.array_equal(shown(desk, "labels").data, last)


def test_undo_restores_the_head_of_that_time(desk, disc):
    teach(desk, disc[1])
    head = desk.session.head
    before = shown(desk, "prediction").data.copy()
    desk.choose_class(1)
    desk.hand.click("examples", world(desk, 5, 5), negative=False)
    assert desk.session.head is not head
    desk.undo()
    assert desk.session.head is head
    assert np.array_equal(shown(desk, "prediction").data, before)


def test_painting_in_the_labels_is_one_step_each(desk, disc):
    desk.hand.box_done(world(desk, 33, 73), world(desk, 106, 146))
    desk.prompt.accept()
    layer = shown(desk, "labels")
    first = layer.data.copy()
    layer.paint((10, 10), 1)
    desk.runner.rest()
    layer.fill((150, 150), 1)
    assert desk.session.labels("ct")[10, 10] == 1
    desk.undo()
    assert shown(desk, "labels").data[10, 10] == 1
    assert shown(desk, "labels").data[150, 150] == 0
    desk.undo()
    assert np.array_equal(shown(desk, "labels").data, first)
    desk.redo()
    desk.redo()
    assert shown(desk, "labels").data[150, 150] == 1
    assert desk.session.labelling.accepted[-1].origin == "edited"


def test_painting_a_new_value_makes_a_class(desk):
    desk.hand.box_done(world(desk, 33, 73), world(desk, 106, 146))
    desk.prompt.accept()
    shown(desk, "labels").paint((10, 10), 3)
    desk.runner.rest()
    assert [c.value for c in desk.classes] == [0, 1, 2, 3]
    assert desk.session.labels("ct")[10, 10] == 3


def test_answers_follow_rename_removal_and_transform(desk):
    desk.hand.click("similar", world(desk, 70, 110), negative=False)
    layer = desk.binding.layer("ct")
    layer.name = "scan of today"
    layer.scale = (4, 1)
    found = shown(desk, "similarity")
    assert np.allclose(found.data_to_world((9, 8)), layer.data_to_world((9, 8)))
    found.name = "my map"
    desk.hand.click("similar", world(desk, 70, 112), negative=False)
    assert desk.mirror.layer("ct", "similarity") is found
    desk.viewer.layers.remove(found)
    desk.hand.click("similar", world(desk, 70, 114), negative=False)
    assert shown(desk, "similarity") is not found
    desk.viewer.layers.remove(layer)
    assert desk.image is None
    assert "kept" in desk.message
    assert [x.name for x in desk.viewer.layers] == []
    desk.viewer.layers.append(layer)
    assert desk.image == "ct"


def test_the_selected_layer_stays_selected(desk):
    active = desk.viewer.layers.selection.active
    desk.hand.click("similar", world(desk, 70, 110), negative=False)
    desk.hand.box_done(world(desk, 33, 73), world(desk, 106, 146))
    assert desk.viewer.layers.selection.active == active


def test_a_click_beside_the_image_does_nothing(desk):
    desk.hand.click("similar", world(desk, 70, 1110), negative=False)
    assert "beside" in desk.message
    assert not desk.session.history[1:]


def test_volume_answers_lie_on_their_plane(deep, ball):
    deep.hand.click("similar", world(deep, 6, 50, 60), negative=False)
    found = shown(deep, "similarity")
    assert found.data.shape == (1, 96, 112)
    assert np.allclose(found.data_to_world((0, 3, 4)), world(deep, 6, 3, 4))
    deep.hand.box_done(world(deep, 6, 24, 34), world(deep, 6, 76, 86))
    assert deep.prompt.mask.plane == 6
    assert dice(deep.prompt.mask.data, ball[1][6]) > 0.85
    deep.prompt.accept()
    assert shown(deep, "labels").data.shape == ball[1].shape
    assert not shown(deep, "labels").data[5].any()


def test_scrolling_shows_each_plane_its_own(deep, ball):
    teach_on(deep, ball[1], 6)
    found = shown(deep, "prediction")
    assert found.data.shape == (1, 96, 112)
    assert dice(found.data[0] == 1, ball[1][6]) > 0.8
    deep.viewer.dims.set_point(0, 40)
    deep.runner.rest()
    found = shown(deep, "prediction")
    assert np.allclose(found.data_to_world((0, 3, 4)), world(deep, 8, 3, 4))
    assert dice(found.data[0] == 1, ball[1][8]) > 0.7


def teach_on(desk, truth, plane):
    desk.add_class("lesion")
    for value, places in (
        (1, np.argwhere(truth[plane])),
        (0, np.argwhere(~truth[plane])),
    ):
        desk.choose_class(value)
        for place in places[:: len(places) // 4][:4]:
            desk.hand.click("examples", world(desk, plane, *place), negative=False)
    desk.runner.rest()


def test_all_planes_predicted_and_accepted(deep, ball):
    teach_on(deep, ball[1], 6)
    assert not deep.live.whole
    deep.live.accept()
    assert not deep.session.labels("ct")[7].any()
    deep.live.predict_all()
    assert deep.live.whole
    deep.live.accept()
    labels = deep.session.labels("ct")
    assert labels[7].any()
    assert np.array_equal(labels, deep.live.prediction.labels)


def test_through_the_volume(deep, ball):
    deep.hand.box_done(world(deep, 6, 24, 34), world(deep, 6, 76, 86))
    deep.prompt.through_volume()
    assert deep.prompt.mask.data.shape == ball[1].shape
    assert deep.prompt.mask.data[5].any()
    deep.viewer.dims.set_point(0, 25)
    assert np.array_equal(shown(deep, "mask").data[0], deep.prompt.mask.data[5])
    deep.prompt.accept()
    assert deep.session.labels("ct")[5].any()


def test_painting_one_plane_of_a_volume(deep):
    deep.hand.box_done(world(deep, 6, 24, 34), world(deep, 6, 76, 86))
    deep.prompt.accept()
    layer = shown(deep, "labels")
    layer.n_edit_dimensions = 2
    layer.paint((6, 5, 5), 1)
    deep.runner.rest()
    assert deep.session.labelling.accepted[-1].plane == 6
    assert deep.session.labels("ct")[6, 5, 5] == 1


def test_failures_are_one_line(desk):
    class Broken(ToyEncoder):
        def encode(self, batch):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied\nmore")

    desk.session.use_encoder(Broken())
    desk.hand.click("similar", world(desk, 70, 110), negative=False)
    assert desk.is_problem
    assert "\n" not in desk.message
    assert "RuntimeError" in desk.message


def test_a_head_of_another_encoder_says_so(desk, disc):
    teach(desk, disc[1])
    head = desk.session.head
    other = ToyEncoder()
    other.weights_hash = "other"
    fresh = desk_on(disc[0])
    fresh.session.use_encoder(other)
    fresh.live.use_head(head)
    assert fresh.is_problem
    assert "other weights" in fresh.message


def test_outside_changes_show_and_can_be_undone(desk):
    desk.session.add_class("from the console")
    desk.render()
    desk.undo()
    assert [c.name for c in desk.classes] == ["background"]


def test_two_viewers_two_sessions(disc):
    one, other = desk_on(disc[0]), desk_on(disc[0])
    one.add_class("lesion")
    one.hand.click("similar", world(one, 70, 110), negative=False)
    assert len(other.classes) == 1
    assert [x.name for x in other.viewer.layers] == ["ct"]


def test_a_user_layer_of_the_same_name_is_left_alone(desk):
    mine = desk.viewer.add_labels(np.zeros((160, 192), int), name="ct: labels")
    desk.hand.box_done(world(desk, 33, 73), world(desk, 106, 146))
    desk.prompt.accept()
    assert not mine.data.any()
    assert mine in desk.viewer.layers


def test_clearing_the_viewer_leaves_the_session_whole(desk):
    desk.hand.click("similar", world(desk, 70, 110), negative=False)
    desk.hand.box_done(world(desk, 33, 73), world(desk, 106, 146))
    desk.viewer.layers.clear()
    assert desk.image is None
    assert next_step(desk)[0] == "Models"
    assert desk.session.mask("ct") is not None


def test_hidden_similarity_is_not_made_anew_for_each_plane(deep):
    deep.tools.arm("similar")
    deep.hand.click("similar", world(deep, 6, 50, 60), negative=False)
    deep.tools.arm("box")
    calls = len(deep.session.history)
    deep.viewer.dims.set_point(0, 40)
    deep.runner.rest()
    assert len(deep.session.history) == calls
    deep.tools.arm("similar")
    assert deep.similar.map is not None
    assert shown(deep, "similarity").visible


def test_an_answer_never_becomes_an_image(desk):
    desk.hand.click("similar", world(desk, 70, 110), negative=False)
    desk.hand.box_done(world(desk, 33, 73), world(desk, 106, 146))
    desk.viewer.layers.remove(desk.binding.layer("ct"))
    assert desk.image is None
    assert list(desk.session.images) == ["ct"]


def test_a_session_brought_along_is_shown_once(disc):
    session = Session(encoder=ToyEncoder(), segmenter=ToySegmenter())
    session.add_image(disc[0], name="ct")
    desk = Desk(ViewerModel(), session, InlineRunner())
    assert list(session.images) == ["ct"]
    assert desk.image == "ct"
    assert len(desk.viewer.layers) == 1
    desk.viewer.layers.clear()
    assert desk.image is None


def test_the_console_and_the_window_stay_in_step(desk, disc):
    session = desk.session
    session.add_class("lesion")
    session.annotate("ct", "lesion", points=[(70, 110)])
    session.accept("ct", disc[1], "lesion")
    session.add_image(disc[0], name="other")
    desk.runner.rest()
    assert shown(desk, "examples") is not None
    assert np.array_equal(shown(desk, "labels").data == 1, disc[1])
    assert "other" in [layer.name for layer in desk.viewer.layers]
    before = len(desk.viewer.layers)
    desk.runner.rest()
    assert len(desk.viewer.layers) == before
