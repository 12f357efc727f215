"""What does not fit ends in one clear line, exit code 1, and nothing half-written."""

import errno
import os

import numpy as np
import pytest
import tifffile

pytestmark = pytest.mark.usefixtures("toy_models")
RNG = np.random.default_rng(0)
IMAGES = {
    "all NaN": (np.full((40, 50), np.nan, np.float32), "finite"),
    "complex": (np.ones((40, 50), np.complex64), "complex|complex64"),
    "five axes": (np.ones((2, 2, 3, 40, 50), np.float32), "axes|shape|series"),
}
STRANGE = {
    "constant": np.full((40, 50), 7, np.uint16),
    "one pixel high": RNG.integers(0, 255, (1, 50), np.uint8),
    "one pixel": np.ones((1, 1), np.float32),
    "boolean": RNG.random((40, 50)) > 0.5,
    "some NaN": np.where(RNG.random((40, 50)) > 0.5, np.nan, 1).astype(np.float32),
}


def one_line(errors):
    assert errors.startswith("napari-medfm: ")
    assert errors.count("\n") == 1
    assert "Traceback" not in errors
    return errors


@pytest.mark.parametrize("kind", IMAGES)
def test_unusable_images(shell, tmp_path, kind):
    pixels, reason = IMAGES[kind]
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack")
    code, _, errors = shell("embed", path)
    assert code == 1
    assert any(word in one_line(errors) for word in reason.split("|")), errors


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_images_work(shell, tmp_path, kind):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, STRANGE[kind])
    assert shell("embed", path)[::2] == (0, "")
    out = tmp_path / "mask.tif"
    assert shell("segment", path, "--box", "0,0,1,1", "--out", out)[::2] == (0, "")
    assert tifffile.imread(out).shape == STRANGE[kind].shape


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--point", "999,5"], "outside"),
        (["--point", "nan,5"], "outside"),
        (["--box", "10,10,10,40"], "no area"),
        (["--box", "500,500,600,600"], "outside"),
        (["--point", "5,5", "--plane", "3"], "Plane 3"),
        (["--point", "5,5", "--propagate"], "picture"),
        (["--point", "5,5", "--propagate", "--to", "4,9"], "picture"),
        (["--box", "inf,0,5,5"], "finite"),
        (["--point", "5,5", "--spacing", "1,2,3"], "Spacing"),
        (["--point", "5,5", "--axes", ""], "axes"),
        (["--point", "5,5", "--axes", "zyx"], "axes"),
        (["--point", "5,5", "--spacing", "0,1"], "Spacing"),
        (["--not-point", "5,5", "--point", "5,5", "--class-name", ""], "name"),
    ],
)
def test_prompts_that_do_not_fit(shell, disc_file, tmp_path, words, reason):
    out = tmp_path / "mask.tif"
    code, _, errors = shell("segment", disc_file[0], *words, "--out", out)
    assert code == 1
    assert reason in one_line(errors)
    assert not out.exists()


@pytest.mark.parametrize("name", ["mask.exe", "mask", "mask.png.zip"])
def test_a_format_that_is_not_known(shell, disc_file, tmp_path, name):
    words = ["segment", disc_file[0], "--point", "70,110", "--out", tmp_path / name]
    code, output, errors = shell(*words)
    assert code == 1
    assert ".nii.gz" in one_line(errors)
    assert output == "", "it is said before the image is read"


def test_a_file_that_is_no_tiff(shell, tmp_path):
    (tmp_path / "image.tif").write_text("hello")
    code, _, errors = shell("embed", tmp_path / "image.tif")
    assert code == 1
    assert "image.tif is not a TIFF file" in one_line(errors)


@pytest.mark.parametrize(
    ("name", "says"),
    [("unl", "did you mean uni"), ("qqqq", "'qqqq': `napari-medfm models list`")],
)
def test_a_model_that_there_is_not(shell, name, says):
    code, _, errors = shell("models", "info", name)
    assert code == 1
    assert says in one_line(errors)


def test_a_folder_that_cannot_be_written(shell, disc_file, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    out = tmp_path / "file" / "mask.tif"
    code, _, errors = shell("segment", disc_file[0], "--point", "70,110", "--out", out)
    assert code == 1
    assert "Could not write" in one_line(errors)


def test_a_full_disk(shell, disc_file, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = tmp_path / "out" / "mask.tif"
    monkeypatch.setattr(os, "fsync", full)
    code, _, errors = shell("segment", disc_file[0], "--point", "70,110", "--out", out)
    assert code == 1
    assert "No space left" in one_line(errors)
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut", "noise", "pickle", "empty", "missing"])
def test_heads_that_are_none(shell, head_file, disc_file, tmp_path, damage):
    whole = head_file.read_bytes()
    head = tmp_path / "bad.head.safetensors"
    content = {
        "cut": whole[: len(whole) // 2],
        "noise": RNG.bytes(2000),
        "pickle": b"\x80\x04cos\nsystem\n(S'touch /tmp/owned'\ntR.",
        "empty": b"",
    }
    if damage in content:
        head.write_bytes(content[damage])
    for words in (["inspect", head], ["apply", head, disc_file[0], "--out", tmp_path]):
        code, _, errors = shell(*words)
        assert code == 1
        assert str(head) in one_line(errors)


def test_a_head_of_another_encoder(shell, head_file, disc_file, tmp_path, monkeypatch):
    from toys import ToyEncoder

    from napari_medfm import encoders

    other = ToyEncoder()
    other.weights_hash = "other"
    monkeypatch.setattr(encoders, "load", lambda name, **_: other)
    out = tmp_path / "masks"
    code, _, errors = shell("apply", head_file, disc_file[0], "--out", out)
    assert code == 1
    assert "other weights" in one_line(errors)


def test_debug_shows_the_traceback(disc_file, tmp_path):
    from napari_medfm.cli import main
    from napari_medfm.core.errors import BadInput

    words = ["segment", disc_file[0], "--point", "999,5", "--out", tmp_path / "m.tif"]
    with pytest.raises(BadInput):
        main([*map(str, words), "--debug"])
