"""What pip and napari read."""

from importlib.metadata import entry_points, metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def test_the_shell_command_is_installed():
    (script,) = entry_points(group="console_scripts", name="napari-medfm")
    from napari_medfm.cli import main

    assert script.load() is main


def test_no_qt_binding_unless_asked_for():
    facts = metadata("napari-medfm")
    needed = [Requirement(line) for line in facts.get_all("Requires-Dist")]
    always = {r.name.lower() for r in needed if not r.marker}
    assert not always & {"pyqt5", "pyqt6", "pyside2", "pyside6"}
    assert {"pyqt6", "pyside6"} <= set(facts.get_all("Provides-Extra"))


def test_every_contribution_can_be_imported():
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(ROOT / "napari_medfm" / "napari.yaml")
    assert manifest.name == "napari-medfm"
    commands = manifest.contributions.commands or []
    assert commands
    for command in commands:
        assert callable(command.python_name and _load(command.python_name)), command.id


def _load(python_name):
    from importlib import import_module

    module, _, name = python_name.partition(":")
    return getattr(import_module(module), name)


def test_ci_runs_the_readme_test_command():
    readme = (ROOT / "README.md").read_text("utf-8")
    _, _, after = readme.partition("<!-- test -->")
    command = after.split("```")[1].split("\n", 1)[1].strip()
    assert "\n" not in command
    assert " -m pytest" in command
    assert "<!-- test -->" in (ROOT / ".ci" / "run").read_text("utf-8")
