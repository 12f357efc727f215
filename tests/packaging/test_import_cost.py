"""Importing the package, and asking the shell for help, loads nothing heavy."""

import re
import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "timm", "napari", "qtpy", "sklearn", "zarr")


def imported(*arguments):
    """Return module -> microseconds with all it imports, in a new interpreter."""
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-X", "importtime", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = re.findall(r"import time:\s+\d+ \|\s+(\d+) \| +(\S+)", run.stderr)
    return {name: int(time) for time, name in lines}, run


def test_importing_the_package_is_cheap(record_property, capsys):
    found, run = imported("-c", "import napari_medfm")
    assert run.returncode == 0
    assert not {name for name in found if name.split(".")[0] in HEAVY}
    assert "numpy" not in found
    milliseconds = found["napari_medfm"] / 1000
    record_property("import napari_medfm, ms", milliseconds)
    with capsys.disabled():
        sys.stdout.write(f"\nimport napari_medfm: {milliseconds:.1f} ms\n")


@pytest.mark.parametrize(
    "command",
    [["--help"], ["--version"], ["models", "list"], ["models", "info", "sam-vit-b"]],
)
def test_quick_commands_load_nothing_heavy(command):
    found, run = imported("-m", "napari_medfm.cli", *command)
    assert run.returncode == 0
    assert run.stdout
    assert not {name for name in found if name.split(".")[0] in HEAVY}


def test_public_names_resolve():
    import napari_medfm

    for name in napari_medfm.__all__:
        assert getattr(napari_medfm, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = napari_medfm.nothing
