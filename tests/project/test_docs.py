"""The page about projects is true: its programs run."""

import re
import shlex
import shutil
import warnings
from pathlib import Path

import pytest
from toys import ENCODER, SEGMENTER, ToyEncoder, ToySegmenter

from napari_medfm import Session, app, drafts, encoders, segmenters
from napari_medfm.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "projects.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text("utf-8"), re.S)


@pytest.fixture
def page(disc_file, tmp_path, monkeypatch, capsys):
    """Run the page's Python with the toy models; return what it printed."""
    for folder, spec, toy in (
        (encoders, ENCODER, ToyEncoder),
        (segmenters, SEGMENTER, ToySegmenter),
    ):
        monkeypatch.setattr(folder, "spec_of", lambda name, *_, spec=spec: spec)
        monkeypatch.setattr(folder, "load", lambda name, toy=toy, **_: toy())
    monkeypatch.chdir(tmp_path)
    shutil.copy(disc_file, "ct.tif")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for code in blocks("python"):
            exec(compile(code, "projects.md", "exec"), {})  # noqa: S102  our own page
    return capsys.readouterr().out


def test_the_program_prints_what_the_page_says(page):
    assert "2 images, 3 actions; kept inside, having no file: array (0.0 MB)" in page
    assert "1 action after the last save came from the journal" in page
    assert Path("copy.medfm").is_dir()


def test_the_commands_run(page):
    lines = [line for line in commands() if " drafts" not in line]
    assert len(lines) == 3
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "napari-medfm"
        assert main(words) == 0
    assert Path("effort.csv").is_file()
    assert Path("effort.png").is_file()


def commands():
    return [line for block in blocks("sh") for line in block.splitlines()]


def test_the_commands_about_drafts_run(page, tmp_path, monkeypatch, capsys):
    assert Path("rescued.medfm").is_dir()
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setattr(app, "open_paths", lambda _: None)
    monkeypatch.setattr(app, "run", lambda: None)
    lines = [line for line in commands() if " drafts" in line]
    assert len(lines) == 4
    for number, line in enumerate(lines):
        session = Session()
        session.keep_draft()
        session.add_class(f"{number}")
        session.close()
        monkeypatch.chdir(tmp_path / "data")
        more = ["--yes"] if "discard" in line else []
        assert main([*shlex.split(line)[1:], *more]) == 0
    assert Path("case.medfm").is_dir()
    assert len(drafts()) == 2


def test_the_folder_holds_what_the_table_says(page):
    named = set(re.findall(r"^\| `([a-z]+)[./]", PAGE.read_text("utf-8"), re.M))
    there = {p.name.split(".")[0] for p in Path("case.medfm").iterdir()}
    assert there <= named | {"project"}
