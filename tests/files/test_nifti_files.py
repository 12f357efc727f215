import gzip

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.engine.intake import image_of
from napari_medfm.exporters import export_labels
from napari_medfm.readers import read_image

angle = st.floats(-3, 3)
size = st.floats(0.05, 9)


@st.composite
def affines(draw):
    """Oblique, anisotropic, perhaps flipped, anywhere within two metres."""
    a, b = draw(angle), draw(angle)
    turn_z = [[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]
    turn_x = [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    sizes = [draw(size) * draw(st.sampled_from([-1, 1])) for _ in range(3)]
    affine = np.eye(4)
    affine[:3, :3] = np.array(turn_z) @ turn_x @ np.diag(sizes)
    affine[:3, 3] = [draw(st.floats(-1000, 1000)) for _ in range(3)]
    return affine


def opened(path):
    loaded = read_image(path)
    return loaded, image_of(
        loaded.data,
        "image",
        axes=loaded.axes,
        spacing=loaded.spacing,
        affine=loaded.affine,
        metadata=loaded.metadata,
    )


def close(one, other):
    return np.abs(one - other).max() <= 1e-6 * max(1, np.abs(other).max())


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@settings(max_examples=15)
@given(affine=affines(), by=st.sampled_from(["sform", "qform"]))
def test_from_nifti_to_nifti_keeps_layout_and_affine(
    tmp_path_factory, suffix, affine, by
):
    folder = tmp_path_factory.mktemp("nifti")
    pixels = np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7) - 40
    source = nib.Nifti1Image(pixels, None)
    source.header.set_xyzt_units("mm")
    if by == "sform":
        source.set_sform(affine, 2)
    else:
        source.set_qform(affine, 1)
    nib.save(source, folder / f"a{suffix}")
    source = nib.load(folder / f"a{suffix}")

    loaded, image = opened(folder / f"a{suffix}")
    np.testing.assert_array_equal(loaded.data, pixels.T)
    assert loaded.data.dtype == np.int16
    i, j, k = 2, 3, 4
    np.testing.assert_allclose(
        (image.affine @ [k, j, i, 1])[2::-1], (source.affine @ [i, j, k, 1])[:3]
    )

    labels = (pixels.T % 3).astype(np.int64)
    export_labels(folder / f"b{suffix}", labels, image, (), {})
    back = nib.load(folder / f"b{suffix}")
    np.testing.assert_array_equal(np.asarray(back.dataobj), labels.T)
    assert back.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(back.affine, source.affine)
    for name in ("qform_code", "sform_code", "pixdim", "srow_x", "quatern_b"):
        np.testing.assert_array_equal(back.header[name], source.header[name])


@settings(max_examples=15)
@given(affine=affines(), top=st.sampled_from([1, 300, 70_000]))
def test_any_affine_is_kept(tmp_path_factory, affine, top):
    path = tmp_path_factory.mktemp("nifti") / "out.nii.gz"
    labels = np.zeros((3, 4, 5), np.int64)
    labels[1, 2, 3] = top
    image = image_of(np.zeros((3, 4, 5)), "image", axes="zyx", affine=affine)
    export_labels(path, labels, image, (), {})
    back = nib.load(path)
    assert back.shape == (5, 4, 3)
    assert np.asarray(back.dataobj)[3, 2, 1] == top
    order = [2, 1, 0, 3]
    assert close(back.affine, affine[np.ix_(order, order)])
    back.header.set_sform(None, 0)
    assert close(back.header.get_best_affine(), affine[np.ix_(order, order)]) or (
        int(back.header["qform_code"]) == 0
    )


def test_a_turn_that_single_precision_does_not_keep_has_no_quaternion(tmp_path):
    affine = np.eye(4)
    affine[:3, :3] = [
        [-1, 0, 0],
        [0, -0.99804751, 0.06245932],
        [0, -0.06245932, -0.99804751],
    ]
    image = image_of(np.zeros((3, 4, 5)), "image", axes="zyx", affine=affine)
    export_labels(tmp_path / "out.nii", np.zeros((3, 4, 5), int), image, (), {})
    back = nib.load(tmp_path / "out.nii")
    assert int(back.header["qform_code"]) == 0
    assert close(back.affine, affine[np.ix_([2, 1, 0, 3], [2, 1, 0, 3])])


def test_a_sheared_affine_has_no_quaternion(tmp_path):
    affine = np.diag([3.0, 1, 1, 1])
    affine[1, 0] = 0.4
    image = image_of(np.zeros((3, 4, 5)), "image", axes="zyx", affine=affine)
    export_labels(tmp_path / "out.nii", np.zeros((3, 4, 5), int), image, (), {})
    back = nib.load(tmp_path / "out.nii")
    assert int(back.header["qform_code"]) == 0
    assert close(back.affine[::-1, ::-1][1:, 1:], affine[:3, :3])


def test_without_orientation_codes_none_are_invented(tmp_path):
    source = nib.Nifti1Image(np.zeros((4, 5, 6), np.uint8), None)
    source.header.set_zooms((0.5, 0.6, 0.7))
    nib.save(source, tmp_path / "a.nii")
    source = nib.load(tmp_path / "a.nii")
    assert int(source.header["sform_code"]) == int(source.header["qform_code"]) == 0
    _, image = opened(tmp_path / "a.nii")
    np.testing.assert_allclose(image.spacing, (0.7, 0.6, 0.5), rtol=1e-6)
    export_labels(tmp_path / "b.nii", np.zeros((6, 5, 4), int), image, (), {})
    back = nib.load(tmp_path / "b.nii")
    np.testing.assert_array_equal(back.affine, source.affine)
    assert int(back.header["sform_code"]) == int(back.header["qform_code"]) == 0


def test_a_picture_keeps_its_place_in_space(tmp_path):
    affine = np.array([[0, 2.0, 0, 5], [1, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(np.ones((4, 5), np.uint8), affine), tmp_path / "a.nii")
    loaded, image = opened(tmp_path / "a.nii")
    assert loaded.data.shape == (5, 4)
    assert loaded.spacing == (2, 1)
    export_labels(tmp_path / "b.nii", np.ones((5, 4), bool), image, (), {})
    back = nib.load(tmp_path / "b.nii")
    assert back.shape == (4, 5)
    np.testing.assert_array_equal(back.affine, affine)


def test_a_plain_picture_has_square_pixels_of_its_size(tmp_path):
    image = image_of(np.zeros((4, 5)), "image", spacing=(0.5, 0.25))
    export_labels(tmp_path / "b.nii", np.ones((4, 5), bool), image, (), {})
    back = nib.load(tmp_path / "b.nii")
    assert back.shape == (5, 4)
    assert back.header.get_zooms() == (0.25, 0.5)


def test_nifti2_stays_nifti2(tmp_path):
    affine = np.diag([1 / 3, 1 / 7, 1 / 9, 1])
    nib.save(nib.Nifti2Image(np.ones((2, 3, 4), np.uint8), affine), tmp_path / "a.nii")
    _, image = opened(tmp_path / "a.nii")
    export_labels(tmp_path / "b.nii", np.ones((4, 3, 2), int), image, (), {})
    back = nib.load(tmp_path / "b.nii")
    assert isinstance(back, nib.Nifti2Image)
    np.testing.assert_array_equal(back.affine, affine)


def test_scaled_pixels_and_size_one_axes(tmp_path):
    source = nib.Nifti1Image(
        np.arange(24, dtype=np.int16).reshape(2, 3, 4, 1), np.eye(4)
    )
    source.header.set_slope_inter(2, -1000)
    nib.save(source, tmp_path / "a.nii.gz")
    expected = np.asarray(nib.load(tmp_path / "a.nii.gz").dataobj)
    loaded = read_image(tmp_path / "a.nii.gz")
    assert loaded.data.shape == (4, 3, 2)
    np.testing.assert_array_equal(loaded.data, expected[..., 0].T)


def test_colour(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (2, 3, 4, 3), np.uint8)
    rgb = pixels.view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    nib.save(nib.Nifti1Image(rgb, np.eye(4)), tmp_path / "a.nii")
    loaded = read_image(tmp_path / "a.nii")
    assert loaded.axes == "zyxc"
    np.testing.assert_array_equal(loaded.data, pixels.transpose(2, 1, 0, 3))


def test_several_time_points_are_asked_for(tmp_path):
    nib.save(
        nib.Nifti1Image(np.zeros((2, 3, 4, 5), np.uint8), np.eye(4)), tmp_path / "a.nii"
    )
    with pytest.raises(BadInput, match="5 volumes"):
        read_image(tmp_path / "a.nii")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_bomb_is_refused_before_memory_is_asked_for(tmp_path, suffix):
    header = nib.Nifti1Header()
    header.set_data_shape((32000, 32000, 32000))
    header.set_data_dtype(np.float64)
    content = header.binaryblock + bytes(2000)
    path = tmp_path / f"bomb{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    with pytest.raises(BadFile, match="truncated"):
        read_image(path)


def test_named_uncompressed_but_compressed(tmp_path):
    nib.save(
        nib.Nifti1Image(np.zeros((2, 3, 4), np.uint8), np.eye(4)), tmp_path / "a.nii.gz"
    )
    (tmp_path / "a.nii.gz").rename(tmp_path / "a.nii")
    with pytest.raises(BadFile, match=r"rename it to a\.nii\.gz"):
        read_image(tmp_path / "a.nii")


def test_too_long_for_nifti(tmp_path):
    image = image_of(np.zeros((2, 40_000), np.uint8), "slide")
    with pytest.raises(BadInput, match=r"\.ome\.tif"):
        export_labels(tmp_path / "a.nii", np.zeros((2, 40_000), int), image, (), {})
    assert not list(tmp_path.iterdir())
