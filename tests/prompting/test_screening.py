"""Many boxes coarsely, the best closely; what the picture says for an outline."""

import numpy as np
from scipy import ndimage
from toys import ToySegmenter

from napari_medfm.core.geometry import Box
from napari_medfm.engine.crops import Crop
from napari_medfm.engine.evidence import Evidence
from napari_medfm.engine.proposals import Hint, squares_around
from napari_medfm.engine.screening import screened


def disc_at(row, col, radius, shape=(96, 96)):
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


def picture_of(mask, inside=0.8, outside=0.2):
    noise = np.random.default_rng(0).normal(0, 0.02, (*mask.shape, 3))
    return (np.where(mask, inside, outside)[..., None] + noise).astype(np.float32)


class Coarse(ToySegmenter):
    """Counts what is decoded with fewer tokens, and what exactly."""

    def __init__(self):
        super().__init__()
        self.coarse = self.close = 0

    def encode(self, crop):
        return Tokens(crop.mean(-1), coarse=False)

    def decode(self, embedding, *, boxes, **prompts):
        if embedding.coarse:
            self.coarse += len(boxes)
        else:
            self.close += len(boxes)
        return super().decode(embedding, boxes=boxes, **prompts)


class Tokens:
    def __init__(self, grey, *, coarse):
        self.grey, self.coarse, self.nbytes = grey, coarse, grey.nbytes

    @property
    def coarser(self):
        return Tokens(self.grey, coarse=True)


def test_all_boxes_are_seen_coarsely_and_three_at_most_closely():
    truth = disc_at(40, 50, 14)
    picture, model = picture_of(truth), Coarse()
    crop = Crop(Box(0, 0, 96, 96), (96, 96), model.encode(picture))
    click = np.array([[41.0, 49.0]])
    hint = Hint(click, np.empty((0, 2)))
    starts = squares_around(click, (96, 96), (0.1, 0.25, 0.35, 0.6, 0.9))
    found = screened(crop, picture, starts, hint, model)
    assert model.coarse == len(starts)
    assert 0 < model.close <= 3
    assert len(found) <= 3
    merits = [made.merit for made in found]
    assert merits == sorted(merits, reverse=True)
    best = found[0].mask
    assert (best & truth).sum() / (best | truth).sum() > 0.9
    assert screened(crop, picture, [], hint, ToySegmenter()) == []


def test_the_picture_prefers_the_outline_along_its_edge():
    truth = disc_at(40, 50, 14)
    evidence = Evidence.of(picture_of(truth))
    smaller = ndimage.binary_erosion(truth, iterations=5)
    larger = ndimage.binary_dilation(truth, iterations=5)
    for other in (smaller, larger):
        assert evidence.edge(truth) > evidence.edge(other) + 1
        assert evidence.contrast(truth) > evidence.contrast(other)


def test_evidence_of_odd_outlines_is_finite():
    evidence = Evidence.of(picture_of(disc_at(40, 50, 14)))
    one = np.zeros((96, 96), bool)
    one[0, 95] = True
    for mask in (one, np.ones((96, 96), bool), disc_at(0, 0, 3)):
        assert np.isfinite(evidence.edge(mask))
        assert np.isfinite(evidence.contrast(mask))
