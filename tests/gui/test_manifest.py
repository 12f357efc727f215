"""The manifest: valid, every name importable, the widget and each sample open."""

from importlib import import_module
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_medfm

PATH = Path(napari_medfm.__file__).parent / "napari.yaml"


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_file(PATH)


def test_commands_are_ours_and_importable(manifest):
    assert manifest.name == "napari-medfm"
    for command in manifest.contributions.commands:
        assert command.id.startswith("napari-medfm.")
        module, _, name = command.python_name.partition(":")
        assert callable(getattr(import_module(module), name))


def test_every_contribution_names_a_command(manifest):
    found = manifest.contributions
    ids = {command.id for command in found.commands}
    menus = [item.command for items in found.menus.values() for item in items]
    used = [
        *(item.command for item in found.widgets),
        *(item.command for item in found.readers),
        *(item.command for item in found.writers),
        *(item.command for item in found.sample_data),
        *menus,
    ]
    assert set(used) <= ids
    assert {"napari/layers/segment", "napari/layers/annotate"} <= set(found.menus)


def test_readers_and_writers_name_what_the_program_knows(manifest):
    from napari_medfm.exporters import formats
    from napari_medfm.readers import suffixes

    patterns = manifest.contributions.readers[0].filename_patterns
    assert {p.removeprefix("*") for p in patterns} >= set(suffixes())
    extensions = manifest.contributions.writers[0].filename_extensions
    assert set(extensions) == {s for f in formats() for s in f.suffixes}


def test_root_links_show_the_parts():
    root = PATH.parent.parent
    for name in ("widgets", "sample_data", "napari.yaml"):
        assert (root / name).resolve() == (PATH.parent / name).resolve()


@pytest.mark.parametrize("sample", ["pathology", "radiology", "ophthalmology"])
def test_samples_open_in_the_dock_that_npe2_opens(make_napari_viewer, sample, qtbot):
    viewer = make_napari_viewer()
    viewer.open_sample("napari-medfm", sample)
    _, widget = viewer.window.add_plugin_dock_widget("napari-medfm", "MedFM")
    assert widget.desk.image is not None
    assert not widget.desk.is_problem
    image = widget.desk.source
    assert image.ndim == (3 if sample == "radiology" else 2)
    qtbot.wait(50)
    widget.runner.close(wait=5)


def test_the_preferences_open_from_the_palette(make_napari_viewer, qtbot):
    from napari_medfm.widgets.opening import open_preferences

    viewer = make_napari_viewer()
    open_preferences(viewer)
    _, widget = viewer.window.add_plugin_dock_widget("napari-medfm", "MedFM")
    page = widget.header.show_preferences()
    assert page.isVisible()
    page.close()
    widget.runner.close(wait=5)
