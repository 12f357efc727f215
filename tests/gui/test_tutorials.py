"""The tutorials are true: their commands open what they say."""

import shlex

import pytest
from pages import lines

from napari_medfm import app
from napari_medfm.bridge.finding import desk_of
from napari_medfm.cli import main
from napari_medfm.sample_data import load

PAGES = {"tutorial.md": "pathology"}


@pytest.fixture
def opened(make_napari_viewer, monkeypatch):
    """Windows that commands open, which do not wait for the user."""
    import napari

    made = []

    def viewer(**facts):
        made.append(make_napari_viewer(show=facts.pop("show", True)))
        return made[-1]

    monkeypatch.setattr(napari, "Viewer", viewer)
    monkeypatch.setattr(app, "run", lambda: None)
    yield made
    for one in made:
        desk_of(one).session.close()
    made.clear()


@pytest.mark.parametrize("page", PAGES)
def test_the_command_opens_the_sample(page, opened):
    (line,) = lines(page)
    assert main(shlex.split(line)[1:]) == 0
    (viewer,) = opened
    sample = load(PAGES[page])
    assert viewer.layers[sample.name].data.shape == sample.data.shape
