"""Measurements agree with scikit-image's."""

import csv

import numpy as np
import pytest
from skimage.measure import label, regionprops

from napari_medfm import Session
from napari_medfm.core.errors import BadInput, WriteFailed
from napari_medfm.engine.intake import image_of
from napari_medfm.engine.measure import measure


@pytest.mark.parametrize("shape", [(40, 50), (8, 30, 20)])
def test_equals_regionprops(shape):
    rng = np.random.default_rng(3)
    labels = (rng.random(shape) > 0.7).astype(np.uint8)
    pixels = rng.normal(100, 20, shape).astype(np.float32)
    spacing = (2.0, 0.5, 0.25)[-len(shape) :]
    found = measure(labels, image_of(pixels, "x", spacing=spacing), 1)
    truth = regionprops(label(labels), pixels, spacing=spacing)
    assert len(found) == len(truth)
    for ours, theirs in zip(found, truth, strict=True):
        assert ours.size == pytest.approx(theirs.area)
        assert ours.intensity_mean == pytest.approx(theirs.intensity_mean, rel=1e-5)
        np.testing.assert_allclose(np.multiply(ours.centre, spacing), theirs.centroid)
        assert ours.box == theirs.bbox


def test_table_of_a_session(encoder, segmenter, disc, tmp_path):
    image, truth = disc
    s = Session(encoder, segmenter, tmp_path)
    s.add_image(image, name="x", spacing=(0.5, 0.5))
    s.add_class("lesion")
    with pytest.raises(BadInput, match="Nothing"):
        s.export_table(tmp_path / "t.csv")
    s.accept("x", truth, "lesion")
    path = s.export_table(tmp_path / "t.csv")
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["image"] == "x"
    assert row["class"] == "lesion"
    assert float(row["size"]) == pytest.approx(truth.sum() * 0.25)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(WriteFailed):
        s.export_table(blocked / "t.csv")
