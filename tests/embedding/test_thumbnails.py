"""Small pictures of planes: right size, right place, right brightness."""

import numpy as np
import pytest

from napari_medfm.engine.intake import image_of as made_of
from napari_medfm.engine.thumbnails import thumbnail


def image_of(data, **facts):
    return made_of(data, name="a", **facts)


@pytest.mark.parametrize("shape", [(400, 300), (90, 1000), (7, 5), (1, 1)])
def test_it_fits_and_keeps_proportions(shape):
    image = image_of(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    found = thumbnail(image, 0, 64)
    assert found.dtype == np.uint8
    assert found.shape[2] == 3
    assert max(found.shape[:2]) == min(64, max(shape))
    ratio = shape[0] / shape[1]
    assert found.shape[0] / found.shape[1] == pytest.approx(ratio, rel=0.2)


def test_what_is_bright_is_bright_there():
    data = np.zeros((5, 300, 200), np.uint16)
    data[2, :150, :100] = 4000
    found = thumbnail(image_of(data), 2, 60)
    assert found[:28, :18].min() > 200
    assert found[32:].max() < 50
    assert thumbnail(image_of(data), 1, 60).max() < 50


def test_colours_stay():
    data = np.zeros((120, 120, 3), np.uint8)
    data[..., 1] = 255
    found = thumbnail(image_of(data, channel_axis=2), 0, 30)
    assert found[..., 1].min() > 250
    assert found[..., 0].max() < 5
