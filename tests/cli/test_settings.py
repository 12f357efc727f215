"""Preferences from the shell."""

import json
import os
import shlex
from pathlib import Path

import pytest
from pages import ROOT, is_run, lines

from napari_medfm.engine.preferences import KEYS


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The preferred cache, with weights in it; the environment says nothing."""
    for key in KEYS.values():
        for variable in key.variables:
            monkeypatch.delenv(variable, raising=False)
    folder = tmp_path / "old"
    (folder / "weights" / "toy").mkdir(parents=True)
    (folder / "weights" / "toy" / "model.safetensors").write_bytes(bytes(5_000_000))
    entry = folder / "embeddings" / ("a" * 64)
    entry.mkdir(parents=True)
    (entry / "header.json").write_bytes(bytes(2000))
    chosen = {"cache": str(folder)}
    Path(os.environ["NAPARI_MEDFM_PREFERENCES"]).write_text(json.dumps(chosen))
    return folder


def test_list(shell, cache, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDFM_DEVICE", "cpu")
    for words in (["settings"], ["settings", "list"]):
        code, output, errors = shell(*words)
        assert (code, errors) == (0, "")
        rows = {line.split()[0]: line for line in output.splitlines() if line}
        assert set(KEYS) < set(rows)
        assert "cpu" in rows["device"]
        assert "environment, NAPARI_MEDFM_DEVICE" in rows["device"]
        assert f"{cache}" in rows["cache"]
        assert "preferences" in rows["cache"]
        assert "default" in rows["offline"]
        assert os.environ["NAPARI_MEDFM_PREFERENCES"] in output


def test_set_and_reset(shell, cache):
    code, output, _ = shell("settings", "set", "cache-size", "2.50")
    assert code == 0
    assert "cache-size is 2.5 (preferences)" in output
    code, output, _ = shell("settings", "reset", "cache-size")
    assert code == 0
    assert "cache-size is 8 (default)" in output


def test_what_the_environment_says_is_told(shell, cache, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDFM_OFFLINE", "1")
    code, output, errors = shell("settings", "set", "offline", "no")
    assert code == 0
    assert "offline is yes (environment, NAPARI_MEDFM_OFFLINE)" in output
    assert "goes before the preferences" in errors


@pytest.mark.parametrize(
    ("words", "expected", "said"),
    [
        (["set", "colour", "red"], 2, "no preference 'colour'"),
        (["reset", "colour"], 2, "no preference 'colour'"),
        (["set", "offline", "no", "--move"], 2, "--move goes with cache"),
        (["set", "hub", "x"], 1, "like https://huggingface.co"),
        (["set", "encoder", "nosuch"], 1, "no encoder 'nosuch'"),
        (["clear"], 2, "--yes"),
    ],
)
def test_refused(shell, cache, words, expected, said):
    code, _, errors = shell("settings", *words)
    assert code == expected
    assert said in errors
    assert len(errors.splitlines()) == 1
    assert (cache / "embeddings" / ("a" * 64)).is_dir()


def test_another_cache_says_what_the_old_one_keeps(shell, cache, tmp_path):
    code, output, _ = shell("settings", "set", "cache", tmp_path / "new")
    assert code == 0
    assert f"{cache} keeps weights of 1 models (5.0 MB)" in output
    assert (cache / "weights" / "toy" / "model.safetensors").is_file()
    assert not (tmp_path / "new" / "weights").exists()


def test_another_cache_with_all_that_is_there(shell, cache, tmp_path):
    code, output, errors = shell("settings", "set", "cache", tmp_path / "new", "--move")
    assert (code, errors) == (0, "")
    assert "moved 5.0 MB" in output
    assert "keeps" not in output
    assert (tmp_path / "new" / "weights" / "toy" / "model.safetensors").is_file()
    assert not (cache / "weights" / "toy").exists()


def test_a_cache_that_cannot_be_written_changes_nothing(shell, cache, tmp_path):
    (tmp_path / "plain").write_text("")
    for more in ([], ["--move"]):
        code, _, errors = shell("settings", "set", "cache", tmp_path / "plain/x", *more)
        assert code == 1
        assert "Nothing can be written in" in errors
        _, output, _ = shell("settings")
        assert str(cache) in output


def test_clear(shell, cache):
    code, output, _ = shell("settings", "clear", "--yes")
    assert code == 0
    assert "removed 2 kB" in output
    assert not (cache / "embeddings" / ("a" * 64)).exists()
    assert (cache / "weights" / "toy" / "model.safetensors").is_file()


def test_doctor_shows_each_and_where_it_comes_from(shell, cache, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDFM_DEVICE", "cpu")
    _, output, _ = shell("doctor")
    assert "setting device: cpu (environment, NAPARI_MEDFM_DEVICE)" in output
    assert f"setting cache: {cache} (preferences)" in output
    assert "setting hub: https://huggingface.co (default)" in output


def test_doctor_tells_what_is_of_no_use(shell, cache, monkeypatch):
    file = Path(os.environ["NAPARI_MEDFM_PREFERENCES"])
    file.write_text('{"device": "gpu"}')
    monkeypatch.setenv("NAPARI_MEDFM_CACHE_SIZE", "much")
    code, output, _ = shell("doctor")
    assert code == 1
    assert "FAIL  setting cache-size: NAPARI_MEDFM_CACHE_SIZE" in output
    assert f"{file} is of no use about device" in output


def test_the_page_about_settings(shell, cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = [line for line in lines("how-to/settings.md") if is_run(line)]
    assert len(shown) > 5
    for line in shown:
        code, _, errors = shell(*shlex.split(line)[1:])
        assert code == 0, (line, errors)
    assert (tmp_path / "medfm-cache/weights/toy/model.safetensors").is_file()
    page = (ROOT / "docs/how-to/settings.md").read_text("utf-8")
    for name, key in KEYS.items():
        row = next(line for line in page.splitlines() if f"`{name}`" in line)
        assert row.rstrip(" |").endswith(key.counts)
        assert all(f"`{variable}`" in row for variable in key.variables)
