"""Objects found by likeness, by a trained class, or because they stand out."""

from dataclasses import replace

import numpy as np
import pytest
from toys import ToySegmenter

from napari_medfm import Session
from napari_medfm.core.errors import BadInput
from napari_medfm.engine.instances import peaks
from napari_medfm.engine.proposals import box_iou
from napari_medfm.engine.regions import standing_out


@pytest.fixture
def segmenter():
    toy = ToySegmenter()
    toy.spec = replace(toy.spec, input_size=256)
    return toy


@pytest.fixture
def field():
    """Six bright discs, and one large grey one."""
    rows, cols = np.mgrid[:140, :200]
    grey = np.full((140, 200), 0.1, np.float32)
    grey[(rows - 100) ** 2 + (cols - 150) ** 2 < 30**2] = 0.4
    places = [(30, 30), (30, 80), (30, 130), (30, 175), (100, 40), (100, 90)]
    for row, col in places:
        grey[(rows - row) ** 2 + (cols - col) ** 2 < 10**2] = 0.9
    rng = np.random.default_rng(0)
    return (grey + rng.normal(0, 0.01, grey.shape)).astype(np.float32), places


def test_regions_that_stand_out_are_boxed(field):
    grey, places = field
    boxes = standing_out(np.repeat(grey[..., None], 3, -1), 20)
    for row, col in places:
        wanted = type(boxes[0])(row - 9, col - 9, row + 10, col + 10)
        assert max(box_iou(wanted, box) for box in boxes) > 0.5
    for k, box in enumerate(boxes):
        assert all(box_iou(box, other) < 0.6 for other in boxes[:k])


def test_peaks_are_apart_and_the_example_comes_first():
    likeness = np.zeros((60, 60), np.float32)
    for row, col, value in ((10, 10, 0.9), (10, 40, 0.7), (40, 20, 0.8), (41, 22, 0.8)):
        likeness[row - 2 : row + 3, col - 2 : col + 3] = value
    found = peaks(likeness, 12.0, np.array([[50.0, 50.0]]))
    assert found[0].tolist() == [50, 50]
    rest = found[1:]
    assert len(rest) == 3
    gaps = np.linalg.norm(rest[:, None] - rest[None], axis=-1)
    assert gaps[np.triu_indices(3, 1)].min() >= 6


def test_no_peak_on_a_flat_map():
    assert len(peaks(np.zeros((30, 30), np.float32), 8.0, np.empty((0, 2)))) == 0


def test_all_like_one(field, encoder, segmenter):
    grey, places = field
    session = Session(encoder=encoder, segmenter=segmenter)
    session.add_image(grey, name="x")
    example = session.segment("x", box=(19, 19, 42, 42))
    labels = session.segment_like("x", at=[places[0]], mask=example)
    assert labels.dtype == np.int32
    found = {int(labels[place]) for place in places}
    assert 0 not in found
    assert len(found) == 6
    assert labels[100, 150] == 0
    assert "segment_like" in session.script()
    alone = session.segment_like("x", mask=example)
    np.testing.assert_array_equal(alone > 0, labels > 0)
    with pytest.raises(BadInput, match="at least one position"):
        session.segment_like("x")
    with pytest.raises(BadInput, match="mask is empty"):
        session.segment_like("x", mask=np.zeros(grey.shape, bool))


def test_pieces_of_a_class(field, encoder, segmenter):
    grey, places = field
    session = Session(encoder=encoder, segmenter=segmenter)
    session.add_image(grey, name="x")
    session.add_class("cell")
    with pytest.raises(BadInput, match="no head"):
        session.segment_class("x", "cell")
    session.annotate("x", "cell", points=places[:3])
    session.annotate("x", "background", points=[(70, 10), (70, 100), (100, 150)])
    session.fit(head="ridge")
    labels = session.segment_class("x", "cell")
    found = [int(labels[place]) for place in places]
    assert 0 not in found
    assert len(set(found)) == 6
    assert labels[70, 10] == labels[70, 100] == 0
