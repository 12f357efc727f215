"""The tutorials are true: what they open, press and run is there."""

import ast
import re
import shlex
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile
from pages import DOCS, lines, run_python

from napari_medfm import app, widgets
from napari_medfm.bridge.finding import desk_of
from napari_medfm.cli import main
from napari_medfm.sample_data import load

OPENED = {
    "tutorial.md": "pathology",
    "tutorials/radiologist.md": "radiology",
    "tutorials/pathologist.md": "pathology",
    "tutorials/ophthalmologist.md": "ophthalmology",
}
TYPED = {"background", "epithelium", "stroma", "ventricle", "optic disc", "vessel"}


@pytest.fixture
def opened(make_napari_viewer, monkeypatch):
    """Windows that commands open, which do not wait for the user."""
    made = []

    def viewer(**facts):
        made.append(make_napari_viewer(show=facts["show"]))
        return made[-1]

    monkeypatch.setattr("napari.Viewer", viewer)
    monkeypatch.setattr(app, "run", lambda: None)
    yield made
    for one in made:
        desk_of(one).runner.close(wait=10)
        desk_of(one).session.close()
    made.clear()


@pytest.mark.parametrize("page", OPENED)
def test_the_command_opens_the_sample(page, opened):
    (line,) = lines(page)
    assert main(shlex.split(line)[1:]) == 0
    (viewer,) = opened
    sample = load(OPENED[page])
    assert viewer.layers[sample.name].data.shape == sample.data.shape
    if sample.hints.plane is not None:
        assert viewer.dims.current_step[0] == sample.hints.plane


@pytest.fixture(scope="module")
def written():
    """All that is written on the dock, without keys and dots."""
    found = set()
    for path in Path(widgets.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value.partition("  (")[0].rstrip("…"))
    return found


@pytest.mark.parametrize("page", OPENED)
def test_what_is_to_be_pressed_is_written_on_the_dock(page, written):
    text = (DOCS / page).read_text("utf-8").partition("## The same")[0]
    steps = re.findall(r"\*\*([A-Z]\w+)\.?\*\*", text)
    buttons = re.findall(r"(?<!\*)\*([^*\n]+?)…?\*(?!\*)", text)
    assert len(steps) >= 3
    assert len(buttons) >= 5
    assert {*steps, *buttons} - TYPED - {"MedFM"} <= written


@pytest.mark.weights
def test_the_radiologists_program(real_weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_python("tutorials/radiologist.md")
    made, sample = nib.load("ventricle.nii.gz"), load("radiology")
    inside = np.asarray(made.dataobj).T > 0
    assert (inside[27:29].sum((1, 2)) > 200).all()
    assert (sample.data[inside] < 140).mean() > 0.9, "dark: not the septum"
    assert (sample.labels[inside] == 0).mean() > 0.7, "no grey or white matter"
    assert Path("ventricle.csv").read_text().count("\n") >= 2


@pytest.mark.weights
def test_the_pathologists_program(real_weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made = run_python("tutorials/pathologist.md")
    labels = made["s"].labels("tissue")
    for value, name in enumerate(["background", "epithelium", "stroma"]):
        places = tuple(np.transpose(made["sample"].hints.points[name]))
        assert (labels[places] == value).mean() > 0.7, name
    assert Path("tissue.geojson").stat().st_size > 1000
    assert "label" in capsys.readouterr().out


@pytest.mark.weights
def test_the_ophthalmologists_program(real_weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_python("tutorials/ophthalmologist.md")
    disc, vessel = ((tifffile.imread("eye.tif") == k).mean() for k in (1, 2))
    assert 0.005 < disc < 0.1
    assert 0.02 < vessel < 0.3
    assert "vessel" in Path("eye.csv").read_text()


@pytest.mark.weights
def test_the_developers_program(real_weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made = run_python("tutorials/method-developer.md")
    assert len(made["numbers"]["contenders"]) == 2
    assert "use_encoder" in capsys.readouterr().out
    (line,) = lines("tutorials/method-developer.md")
    assert main(shlex.split(line)[1:]) == 0
    assert Path("demo-out", "contact-sheet.png").is_file()
