import subprocess
import sys

import numpy as np
import pytest

from napari_medfm.core.errors import BadInput
from napari_medfm.engine.intake import image_of
from napari_medfm.sample_data import (
    _sample,
    load,
    names,
    ophthalmology,
    pathology,
    radiology,
)


@pytest.mark.parametrize("name", names())
def test_a_sample_can_be_used(name):
    sample = load(name)
    image = image_of(
        sample.data,
        name,
        channel_axis=sample.channel_axis,
        spacing=sample.spacing,
        affine=sample.affine,
    )
    assert image.ndim == (3 if name == "radiology" else 2)
    assert sample.name == sample.domain == name
    assert sample.licence
    assert sample.source
    hints = sample.hints
    assert set(hints.points) == {"background", *sample.class_names}
    spots = [*hints.positive, *hints.negative]
    spots += [p for points in hints.points.values() for p in points]
    assert len(set(spots)) >= 15
    for spot in spots:
        assert len(spot) == image.ndim
        assert all(0 <= i < n for i, n in zip(spot, image.shape))
        assert image.ndim == 2 or spot[0] == hints.plane
    row0, col0, row1, col1 = hints.box
    assert 0 <= row0 < row1 <= image.plane_shape[0]
    assert 0 <= col0 < col1 <= image.plane_shape[1]
    assert all(row0 <= p[-2] < row1 and col0 <= p[-1] < col1 for p in hints.positive)


def test_the_brain_lies_where_the_atlas_says():
    sample = load("radiology")
    assert sample.spacing == (3, 1, 1)
    tissue = sample.labels
    assert tissue.shape == sample.data.shape
    assert set(np.unique(tissue)) == {0, 1, 2}
    means = [sample.data[tissue == value].mean() for value in (0, 1, 2)]
    assert means[0] < means[1] < means[2]
    for value, name in enumerate(("background", *sample.class_names)):
        assert {int(tissue[p]) for p in sample.hints.points[name]} == {value}
    brain = np.argwhere(tissue > 0)
    z, y, x, _ = sample.affine @ [*brain.mean(0), 1]
    assert abs(x) < 1
    assert -30 < y < -10
    assert 0 < z < 25
    first = sample.affine @ [26, 0, 78, 1]
    last = sample.affine @ [26, 192, 78, 1]
    assert first[1] > last[1], "the first row is anterior"


def test_hints_of_pictures_fit_their_colours():
    tissue = load("pathology")
    red_minus_blue = tissue.data[..., 0].astype(float) - tissue.data[..., 2]
    local = {
        name: np.median(
            [red_minus_blue[r - 5 : r + 6, c - 5 : c + 6].mean() for r, c in points]
        )
        for name, points in tissue.hints.points.items()
    }
    assert local["epithelium"] > 40 > local["stroma"]
    fundus = load("ophthalmology")
    green = fundus.data[..., 1].astype(float)
    for row, col in fundus.hints.points["vessel"]:
        around = green[row - 15 : row + 16, col - 15 : col + 16]
        assert (
            green[row - 1 : row + 2, col - 1 : col + 2].mean() < np.median(around) - 8
        )
    disc = [green[p] for p in fundus.hints.points["optic disc"]]
    rest = [green[p] for p in fundus.hints.points["background"]]
    assert min(disc) > max(rest)


@pytest.mark.parametrize("function", [pathology, radiology, ophthalmology])
def test_layers_for_napari(function):
    from napari.layers import Layer

    for data, meta, kind in function():
        layer = Layer.create(data, meta, kind)
        assert layer.metadata["napari_medfm"]["sample"] == function.__name__
        if function is radiology:
            np.testing.assert_allclose(layer.scale, (3, 1, 1))


def test_unknown_samples_name_the_known():
    with pytest.raises(BadInput, match="pathology, radiology, ophthalmology"):
        load("cardiology")


def test_small_and_described():
    files = [p for p in _sample.FOLDER.iterdir() if p.suffix in (".gz", ".png", ".jpg")]
    assert sum(p.stat().st_size for p in files) < 4e6
    licences = (_sample.FOLDER.parent.parent / "DATA_LICENSES.md").read_text("utf-8")
    for path in files:
        assert f"`{path.name}`" in licences


def test_importing_is_light():
    code = (
        "import sys, napari_medfm.sample_data, napari_medfm.exporters, "
        "napari_medfm.readers.napari_reader, napari_medfm.exporters.napari_writer\n"
        "heavy = {'torch', 'napari', 'nibabel', 'tifffile', 'PIL', 'zarr', 'pydicom', "
        "'skimage', 'scipy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603
