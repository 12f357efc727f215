"""The README's Python and shell, run as they stand, on the real default models."""

import re
import shlex
from pathlib import Path

import pytest

from napari_medfm.cli import main

README = Path(__file__).parents[2] / "README.md"
pytestmark = [pytest.mark.weights, pytest.mark.timeout(900)]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text("utf-8"), re.S)


def test_python(real_weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), made)  # noqa: S102
    assert (tmp_path / "disc.png").stat().st_size > 100
    assert (tmp_path / "disc.head.safetensors").stat().st_size > 1000
    share = made["prediction"].labels.mean()
    assert 0.002 < share < 0.1, "an optic disc covers a few percent of a fundus"


def test_shell(real_weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = "".join(blocks("sh")).splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith("napari-medfm ")]
    assert len(commands) >= 4
    for words in commands:
        if "--headless" in words or words[1] != "demo":
            assert main(words[1:]) == 0, (words, capsys.readouterr().err)
    assert (tmp_path / "demo-out" / "contact-sheet.png").is_file()
    assert list((tmp_path / "masks").glob("*.png"))
