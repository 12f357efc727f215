"""What counts: argument, environment, preferences, default; and the file."""

import json
import subprocess
import sys

import pytest
from platformdirs import user_config_dir

from napari_medfm.core.errors import BadInput, WriteFailed
from napari_medfm.engine.device import device_of
from napari_medfm.engine.preferences import (
    KEYS,
    hub_host,
    keep,
    preferences_file,
    preferred_cache_bytes,
    read_preferences,
    settled,
)
from napari_medfm.engine.weights import cache_folder, is_offline
from napari_medfm.verbs.preferring import prefer, usable_model

CHOICES = {
    "device": ("cpu", "mps"),
    "offline": ("yes", "no"),
    "hub": ("https://a.example.org", "http://b.example.org:8080/hf"),
    "cache": ("/data/one", "/data/other"),
    "cache-size": ("2.5", "70"),
    "encoder": ("uni", "phikon"),
    "segmenter": ("medsam", "sam-b"),
    "undo-memory": ("64", "1024"),
}


@pytest.mark.parametrize("name", KEYS)
def test_the_environment_goes_before_the_preferences_before_the_default(
    name, monkeypatch
):
    key, (first, second) = KEYS[name], CHOICES[name]
    assert settled(name) == (key.default(), "default")
    keep(name, first)
    assert settled(name) == (first, "preferences")
    for variable in key.variables[:1]:
        monkeypatch.setenv(variable, second)
        assert settled(name) == (second, variable)
        monkeypatch.delenv(variable)
    keep(name, None)
    assert settled(name) == (key.default(), "default")


def test_an_argument_goes_before_all(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_MEDFM_CACHE", str(tmp_path / "around"))
    keep("cache", str(tmp_path / "preferred"))
    keep("offline", "yes")
    keep("device", "cuda")
    assert cache_folder(tmp_path) == tmp_path
    assert cache_folder() == tmp_path / "around"
    monkeypatch.delenv("NAPARI_MEDFM_CACHE")
    assert cache_folder() == tmp_path / "preferred"
    assert is_offline()
    assert not is_offline(False)
    assert device_of("cpu") == "cpu"


def test_who_asks_to_be_offline_is_heard(monkeypatch):
    keep("offline", "yes")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert is_offline()
    monkeypatch.setenv("NAPARI_MEDFM_OFFLINE", "0")
    assert not is_offline()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert is_offline()


def test_a_program_of_its_own_takes_them_up(file):
    keep("undo-memory", "77")
    ask = "from napari_medfm.engine.preferences import settled as s; "
    code = f"{ask}print(*s('undo-memory'))"
    found = subprocess.check_output([sys.executable, "-c", code], text=True)  # noqa: S603
    assert found.split() == ["77", "preferences"]


def test_a_program_keeps_to_what_it_read(file):
    assert settled("undo-memory").value == "256"
    file.write_text('{"undo-memory": "77"}')
    assert settled("undo-memory").value == "256"
    keep("device", "cpu")
    assert settled("undo-memory").value == "77"


def test_what_the_file_says_besides_stays(file):
    file.write_text('{"of a later version": [1], "undo-memory": "77"}')
    keep("device", "cpu")
    told = {"of a later version": [1], "undo-memory": "77", "device": "cpu"}
    assert json.loads(file.read_text()) == told


DAMAGED = {
    "cut off": '{"device": "cp',
    "deep": "[" * 99_999,
    "a list": '["device"]',
    "large": '{"device": "cpu", "x": "' + "y" * 70_000 + '"}',
    "no text": b"\xff\xfe\x00\x00",
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_is_left_out_told_and_put_aside(file, kind):
    content = DAMAGED[kind]
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = file.read_bytes()
    found = read_preferences(file)
    assert not found.values
    assert str(file) in found.problem
    assert settled("device").source == "default"
    keep("device", "cpu")
    assert read_preferences(file).values == {"device": "cpu"}
    assert read_preferences(file).problem is None
    assert file.with_name("preferences.damaged.json").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("device", v) for v in ("", "gpu", "cuda:x", None, 3, ["cpu"])],
        *[("offline", v) for v in (True, "YES", "maybe")],
        *[("hub", v) for v in ("ftp://x", "https://", "http://[", "https://u@x", "x")],
        *[
            ("cache", v)
            for v in ("", "here", "../x", "/a\0b", "/" + "x" * 300, "/\ud800")
        ],
        *[("cache-size", v) for v in ("nan", "-1", "0", "1e99", "8.0", 8)],
        *[("encoder", v) for v in ("", "../x", "a b", "x" * 200)],
        *[("undo-memory", v) for v in ("0", "1.5", "inf", "9" * 400)],
    ],
)
def test_a_value_of_no_use_is_left_out_alone(file, name, value):
    other = "undo-memory" if name != "undo-memory" else "device"
    good = CHOICES[other][0]
    file.write_text(json.dumps({name: value, other: good}))
    found = read_preferences(file)
    assert found.values == {other: good}
    assert name in found.problem
    assert settled(name).source == "default"


def test_a_pipe_is_no_file_to_wait_for(file):
    import os

    os.mkfifo(file)
    assert "cannot be read" in read_preferences(file).problem


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("device", "gpu", "Device"),
        ("hub", "hub.example.org", "like https://"),
        ("undo-memory", "some", "whole number from 1 to 1048576"),
        ("colour", "red", "no preference 'colour'"),
    ],
)
def test_a_value_of_no_use_is_refused(file, name, value, words):
    with pytest.raises(BadInput, match=words):
        prefer(name, value)
    assert not file.exists()


def test_a_place_that_cannot_be_written_says_so(file, tmp_path, monkeypatch):
    (tmp_path / "plain").write_text("")
    monkeypatch.setenv("NAPARI_MEDFM_PREFERENCES", str(tmp_path / "plain" / "p.json"))
    with pytest.raises(WriteFailed, match="Could not write"):
        keep("device", "cpu")
    with pytest.raises(WriteFailed, match="Nothing can be written in"):
        prefer("cache", str(tmp_path / "plain" / "cache"))


def test_what_is_not_on_this_machine_is_refused(file):
    with pytest.raises(BadInput, match="no encoder 'nosuch'"):
        prefer("encoder", "nosuch")
    with pytest.raises(BadInput, match="There is no device 'mps'"):
        prefer("device", "mps")
    assert not file.exists()


def test_a_device_that_went_is_named_with_who_named_it():
    keep("device", "mps")
    with pytest.raises(BadInput, match="named by the preferences"):
        device_of(None)


def test_a_model_that_went_from_the_catalogue_does_not_keep_a_window_closed():
    keep("encoder", "of-last-year")
    assert usable_model("encoder") == "dinov2-small"
    keep("encoder", "uni")
    assert usable_model("encoder") == "uni"


def test_a_wrong_word_of_the_environment_names_its_variable(monkeypatch):
    monkeypatch.setenv("NAPARI_MEDFM_CACHE_SIZE", "much")
    with pytest.raises(BadInput, match="NAPARI_MEDFM_CACHE_SIZE"):
        preferred_cache_bytes()


def test_downloads_name_the_mirror():
    from napari_medfm import encoders
    from napari_medfm.engine.fetching import hosts_of

    keep("hub", "https://mirror.example.org:8443/hf/")
    assert hub_host() == "mirror.example.org:8443"
    assert "mirror.example.org" in hosts_of(encoders.spec_of("uni"))
    assert "huggingface.co" not in hosts_of(encoders.spec_of("uni"))


def test_where_the_file_is(monkeypatch):
    monkeypatch.delenv("NAPARI_MEDFM_PREFERENCES")
    folder = user_config_dir("napari-medfm", False)
    assert str(preferences_file()) == f"{folder}/preferences.json"
