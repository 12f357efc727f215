"""Objects without a window: where they come from, labels, head, table, layer."""

import csv

import numpy as np
import pytest
from desks import in_view
from napari.components import ViewerModel
from toys import ToyEncoder, ToySegmenter

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.running import InlineRunner
from napari_medfm.session import Session


def cells():
    """Eight squares, dark and bright in turn, and their numbers."""
    image = np.full((90, 160), 128, np.uint8)
    objects = np.zeros(image.shape, np.int32)
    for k in range(8):
        row, col = 10 + 42 * (k // 4), 8 + 38 * (k % 4)
        side = 24
        where = (slice(row, row + side), slice(col, col + 26))
        image[where] = 225 if k % 2 else 30
        objects[where] = k + 1
    return image, objects


@pytest.fixture
def desk():
    image, objects = cells()
    viewer = ViewerModel()
    viewer.add_image(image, name="ct", rgb=False, scale=(0.5, 0.5))
    viewer.add_labels(objects, name="nuclei", scale=(0.5, 0.5))
    session = Session(encoder=ToyEncoder(), segmenter=ToySegmenter())
    made = Desk(viewer, session, InlineRunner())
    made.add_class("dark")
    made.add_class("bright")
    return made


def shown(desk, role):
    return desk.mirror.layer(desk.image, role)


def take(desk, words):
    (source,) = (act for title, act in desk.objects.sources if words in title)
    source()


def click(desk, row, col, negative=False):
    world = desk.binding.layer("ct").data_to_world((row, col))
    desk.hand.click("objects", world, negative)


def teach(desk):
    take(desk, "nuclei")
    for value, places in ((1, [(20, 20), (20, 96)]), (2, [(20, 60), (20, 134)])):
        desk.choose_class(value)
        for place in places:
            click(desk, *place)
    desk.runner.rest()


def test_objects_come_from_a_layer(desk):
    assert desk.objects.rows == ()
    take(desk, "nuclei")
    assert np.array_equal(desk.objects.map, cells()[1])
    assert [row.number for row in desk.objects.rows] == list(range(1, 9))
    first = desk.objects.rows[0]
    assert first.size == pytest.approx(24 * 26 * 0.25)
    assert first.centre == pytest.approx((21.5, 20.5))
    assert np.array_equal(shown(desk, "objects").data, cells()[1])
    desk.undo()
    assert desk.objects.map is None
    assert shown(desk, "objects") is None


def test_objects_are_seen_over_labels(desk):
    desk.act(lambda: desk.session.accept("ct", cells()[1] == 3, "dark"))
    assert not shown(desk, "labels").contour
    take(desk, "nuclei")
    assert shown(desk, "labels").contour
    desk.tools.arm("objects")
    assert shown(desk, "labels").contour
    desk.undo()
    desk.tools.arm("box")
    assert not shown(desk, "labels").contour


def test_the_pieces_of_a_mask_are_objects(desk):
    desk.viewer.add_labels((cells()[1] > 0).astype(np.uint8), name="mask", scale=(1, 1))
    take(desk, "mask")
    assert len(desk.objects.rows) == 8


def test_objects_come_from_what_was_accepted(desk):
    assert not any("accepted" in title for title, _ in desk.objects.sources)
    desk.act(lambda: desk.session.accept("ct", cells()[1] == 3, "dark"))
    take(desk, "accepted")
    assert len(desk.objects.rows) == 1


def test_objects_come_from_the_segmenter(desk):
    take(desk, "found in the image")
    assert desk.objects.rows


def test_layers_of_another_shape_and_our_own_are_not_offered(desk):
    desk.viewer.add_labels(np.ones((5, 5), int), name="small")
    desk.act(lambda: desk.session.accept("ct", cells()[1] == 3, "dark"))
    titles = " ".join(title for title, _ in desk.objects.sources)
    assert "small" not in titles
    assert "ct: labels" not in titles


def test_clicks_label_and_a_head_follows(desk):
    teach(desk)
    rows = {row.number: row for row in desk.objects.rows}
    assert {n: row.label for n, row in rows.items() if row.label} == {
        1: "dark",
        2: "bright",
        3: "dark",
        4: "bright",
    }
    assert [rows[n].found for n in range(1, 9)] == ["dark", "bright"] * 4
    assert all(row.probability > 0.5 for row in rows.values())
    colours = shown(desk, "objects").colormap.color_dict
    orange = np.array([0xE6, 0x9F, 0]) / 255
    assert np.allclose(colours[1][:3], orange, atol=0.01)
    assert np.allclose(colours[7][:3], orange, atol=0.01)
    assert colours[1][3] > colours[7][3]
    assert desk.objects.accept()
    labels = desk.session.labels("ct")
    assert set(labels[cells()[1] == 7]) == {1}
    assert set(labels[cells()[1] == 8]) == {2}


def test_a_corrected_object_teaches_and_undo_takes_it_back(desk):
    teach(desk)
    desk.choose_class(2)
    click(desk, 20, 20)
    desk.runner.rest()
    assert desk.objects.rows[0].label == "bright"
    desk.undo()
    desk.runner.rest()
    assert desk.objects.rows[0].label == "dark"
    assert [row.found for row in desk.objects.rows] == ["dark", "bright"] * 4


def test_alt_click_takes_the_label_away(desk):
    teach(desk)
    click(desk, 20, 20, negative=True)
    assert desk.objects.rows[0].label == ""
    click(desk, 20, 20, negative=True)
    assert "no label" in desk.message


def test_beside_an_object_and_without_objects_it_is_said(desk):
    click(desk, 20, 20)
    assert "what the objects are" in desk.message
    take(desk, "nuclei")
    click(desk, 2, 2)
    assert "no object" in desk.message
    assert desk.session.annotations == ()


def test_too_few_classes_are_said(desk):
    take(desk, "nuclei")
    desk.choose_class(1)
    click(desk, 20, 20)
    desk.objects.learn()
    assert "another class" in desk.message
    assert "object" not in desk.session.labelling.heads


def test_selecting_moves_the_view_and_goes_both_ways(desk):
    take(desk, "nuclei")
    desk.objects.select(8)
    centre = desk.objects.rows[7].centre
    assert np.allclose(shown(desk, "pointer").data, [centre])
    layer = shown(desk, "objects")
    assert layer.selected_label == 8
    assert in_view(desk, centre)
    layer.selected_label = 3
    assert desk.objects.selected == 3
    desk.objects.only_select = True
    click(desk, 20, 60)
    assert desk.objects.selected == 2
    assert desk.session.annotations == ()


def test_the_layer_removed_by_hand_stays_away_until_the_tool_is_taken(desk):
    teach(desk)
    desk.viewer.layers.remove(shown(desk, "objects"))
    desk.changed.emit()
    assert shown(desk, "objects") is None
    desk.objects.take_up()
    assert shown(desk, "objects") is not None
    desk.viewer.layers.clear()
    assert not desk.viewer.layers


def test_the_table_is_written(desk, tmp_path):
    teach(desk)
    desk.objects.export(tmp_path / "cells")
    with (tmp_path / "cells.csv").open() as file:
        rows = {int(row["object"]): row for row in csv.DictReader(file)}
    assert {n: row["class"] for n, row in rows.items()} == {
        n: ["bright", "dark"][n % 2] for n in range(1, 9)
    }
    assert [rows[n]["labelled"] for n in (1, 2, 5)] == ["dark", "bright", ""]
    assert float(rows[1]["size"]) == pytest.approx(24 * 26 * 0.25)


def test_the_head_is_tested(desk):
    teach(desk)
    desk.objects.testing.begin()
    assert desk.objects.testing.report is not None
    assert desk.objects.testing.words


def test_a_head_is_asked_about_another_image(desk):
    teach(desk)
    image, objects = cells()
    desk.viewer.add_image(image[::-1].copy(), name="other", rgb=False)
    desk.choose_layer(desk.viewer.layers["other"])
    desk.viewer.add_labels(objects[::-1].copy(), name="others")
    take(desk, "others")
    desk.runner.rest()
    assert [row.found for row in desk.objects.rows] == ["dark", "bright"] * 4


def test_an_unused_step_asks_for_nothing(desk):
    desk.session.use_objects("ct", cells()[1])
    for number in (1, 2, 3, 4):
        name = ["bright", "dark"][number % 2]
        desk.session.annotate_object("ct", name, region=number)
    desk.runner.rest()
    assert "object" not in desk.session.labelling.heads
    assert len(desk.objects.rows) == 8
