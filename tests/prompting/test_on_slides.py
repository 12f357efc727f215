"""Prompts on planes too large to be read: a part at the level that fits."""

import numpy as np
import pytest
from toys import ToyEncoder, ToySegmenter

from napari_medfm import Session
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.image import Image
from napari_medfm.core.lazy import LazyArray
from napari_medfm.engine.intake import image_of
from napari_medfm.verbs.looking import Look, asked_on

SIDE = 20_000
CENTRE, RADIUS = (12_300, 4_700), 260


class Slide:
    """A disc on a slide that is made where it is looked at; counts what is read."""

    def __init__(self, side=SIDE, levels=(1, 4, 16)):
        self.most = 0
        self.arrays = [self._level(side, step) for step in levels]

    def _level(self, side, step):
        def read(index):
            rows, cols = (np.arange(i.start, i.stop) * step + step / 2 for i in index)
            self.most = max(self.most, rows.size * cols.size)
            away = np.add.outer((rows - CENTRE[0]) ** 2, (cols - CENTRE[1]) ** 2)
            return np.where(away < RADIUS**2, 200, 60).astype(np.uint8)

        return LazyArray((side // step, side // step), np.dtype(np.uint8), read)


@pytest.fixture
def slide():
    return Slide()


@pytest.fixture
def session(slide, tmp_path):
    s = Session(ToyEncoder(), ToySegmenter(), cache_dir=tmp_path)
    s.add_image(slide.arrays[0], name="slide", levels=slide.arrays[1:])
    s.add_class("disc")
    return s


def on_plane(region):
    rows, cols = np.ogrid[region.slices]
    return (rows - CENTRE[0]) ** 2 + (cols - CENTRE[1]) ** 2 < RADIUS**2


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


BOX = (CENTRE[0] - 270, CENTRE[1] - 270, CENTRE[0] + 270, CENTRE[1] + 270)


def test_an_object_is_outlined_from_a_part_of_the_slide(session, slide):
    mask = session.segment("slide", box=BOX)
    assert mask.data.shape == (mask.region.height, mask.region.width)
    assert dice(mask.data, on_plane(mask.region)) > 0.93
    assert slide.most < 2100**2


def test_a_click_is_answered_from_a_part_of_the_slide(session, slide):
    mask = session.segment("slide", points=[CENTRE])
    assert mask.data.any()
    assert on_plane(mask.region)[mask.data].all()
    assert slide.most < 2100**2


def test_what_is_on_screen_is_seen_at_the_level_that_fits(session, slide):
    mask = session.segment("slide", box=BOX, region=(0, 0, SIDE, SIDE))
    assert dice(mask.data, on_plane(mask.region)) > 0.85
    assert slide.most < 2100**2


def test_a_mask_is_accepted_where_it_lies_and_corrected_by_a_click(session):
    mask = session.segment("slide", box=BOX)
    better = session.segment("slide", points=[CENTRE], mask=mask)
    assert dice(better.data, on_plane(better.region)) > 0.93
    session.accept("slide", better, "disc")
    labels = session.labels("slide")
    assert labels.shape == (SIDE, SIDE)
    assert np.array_equal(labels[better.region.slices] == 1, better.data)
    assert np.count_nonzero(labels) == better.data.sum()
    item = session.labelling.accepted[-1]
    assert item.labels.shape == better.data.shape


def test_what_is_written_down_gives_the_same_again(session, slide, tmp_path):
    mask = session.segment("slide", box=BOX)
    session.segment("slide", points=[CENTRE], mask=mask)
    session.accept("slide")
    other = Session(ToyEncoder(), ToySegmenter(), cache_dir=tmp_path)
    other.add_image(slide.arrays[0], name="slide", levels=slide.arrays[1:])
    other.add_class("disc")
    for call in session.history[2:]:
        getattr(other, call.verb)(*call.args, **call.kwargs)
    mine, its = (s.labelling.accepted[0] for s in (session, other))
    assert mine.region == its.region
    assert np.array_equal(mine.labels, its.labels)


def test_masks_and_labels_of_a_slide_are_kept_in_a_project(session, slide, tmp_path):
    from napari_medfm import load_project

    session.segment("slide", box=BOX)
    session.accept("slide")
    session.segment("slide", points=[CENTRE])
    session.save(tmp_path / "case.medfm")
    session.close()
    other = load_project(tmp_path / "case.medfm")
    for one, two in zip(session.labelling.accepted, other.labelling.accepted):
        assert one.region == two.region
        assert np.array_equal(one.labels, two.labels)
    mine, its = session.mask("slide"), other.mask("slide")
    assert mine.region == its.region
    assert np.array_equal(mine.data, its.data)
    other.close()


def test_without_coarser_levels_too_much_is_refused(tmp_path):
    s = Session(ToyEncoder(), ToySegmenter(), cache_dir=tmp_path)
    s.add_image(Slide(levels=(1,)).arrays[0], name="slide")
    with pytest.raises(BadInput, match="zoom in"):
        s.segment("slide", box=BOX, region=(0, 0, SIDE, SIDE))
    assert s.segment("slide", box=BOX).data.any()


def test_all_objects_of_a_slide_are_refused_with_a_way_out(session):
    with pytest.raises(BadInput, match="too large"):
        session.segment_all("slide")


def test_positions_on_a_slide_go_there_and_back():
    slide = Slide(levels=(1, 3, 7))
    image: Image = image_of(slide.arrays[0], "x", levels=slide.arrays[1:])
    asked = asked_on(image, (5000, 7000, 9000, 15_000), None, None, None, None)
    look = Look.at(image, asked.extent, None)
    assert look.level == 2
    prompt = look.prompt(asked)
    assert 0 <= prompt.box.row0 < prompt.box.row1 <= look.shape[0]
    back = look.resize.to_pixels([prompt.box[:2]]) + 0.5 - 0.5
    assert np.allclose(back, [5000, 7000], atol=7)
    assert Box(*look.box).clipped((SIDE, SIDE)) == look.box
