"""``napari-medfm similar``: places and words, as a map or as shares."""

import numpy as np
import pytest
import tifffile

from napari_medfm import encoders
from tests.texts.test_texts import ToyTowers


@pytest.fixture
def half(tmp_path):
    picture = np.zeros((56, 112, 3), np.uint8)
    picture[:, 56:] = 255
    tifffile.imwrite(tmp_path / "half.tif", picture, photometric="rgb")
    return tmp_path / "half.tif"


@pytest.fixture
def towers(toy_models, monkeypatch):
    made = ToyTowers()
    monkeypatch.setattr(encoders, "load", lambda name, **_: made)
    return made


def test_places_give_a_map(toy_models, shell, disc_file, tmp_path):
    path, truth = disc_file
    out = tmp_path / "map.tif"
    code, said, _ = shell(
        "similar", path, "--at", "70,110", "--not-at", "5,5", "--out", out
    )
    assert code == 0
    assert "wrote" in said
    found = tifffile.imread(out)
    assert found.dtype == np.float32
    assert found.shape == truth.shape
    assert found[truth].mean() > found[~truth].mean() + 0.5
    code, _, said = shell("similar", path, "--at", "70,110", "--out", out)
    assert code == 2
    assert "--overwrite" in said


def test_a_region_of_the_map(toy_models, shell, ball_file, tmp_path):
    path, _ = ball_file
    out = tmp_path / "map.tif"
    where = ("--plane", 6, "--at", "50,60", "--region", "40,50,60,80")
    assert shell("similar", path, *where, "--out", out)[0] == 0
    assert tifffile.imread(out).shape == (20, 30)


def test_words_give_a_map(towers, shell, half, tmp_path):
    out = tmp_path / "map.tif"
    words = ("--text", "bright", "--not-text", "dark", "--sentence", "stained {}")
    code, _, said = shell("similar", half, *words, "--out", out)
    assert code == 0, said
    found = tifffile.imread(out)
    assert found[:, 80:].min() > 0.9
    assert found[:, :30].max() < -0.9
    assert towers.asked == ["stained bright", "stained dark"]


def test_which_words_fit(towers, shell, half):
    code, said, _ = shell("similar", half, "--which", "bright", "--which", "dark")
    assert code == 0
    lines = said.splitlines()
    assert len(lines) == 2
    shares = [float(line.split("%")[0]) for line in lines]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=0.2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--at R,C or --text"),
        (("--at", "1,1", "--text", "bright"), "not both"),
        (("--at", "1,1"), "--out"),
        (("--at", "1,1", "--out", "map.png"), "ends in .tif"),
        (("--which", "a", "--text", "b"), "goes without"),
    ],
)
def test_used_wrongly(toy_models, shell, half, words, said):
    code, _, errors = shell("similar", half, *words)
    assert code == 2
    assert said in errors


def test_an_encoder_without_texts_says_which_have_them(
    toy_models, shell, half, tmp_path
):
    code, _, said = shell(
        "similar", half, "--text", "bright", "--out", tmp_path / "m.tif"
    )
    assert code == 1
    assert "biomedclip" in said
    assert not (tmp_path / "m.tif").exists()
