"""The window from the shell, on images and on projects."""

import numpy as np
import pytest
import tifffile

from napari_medfm import Session, app
from napari_medfm.bridge.finding import desk_of
from napari_medfm.cli import main
from napari_medfm.core.errors import BadFile, BadInput


@pytest.fixture
def window(make_napari_viewer, monkeypatch, qtbot, tmp_path):
    """Let ``napari-medfm open`` make a window that the test has; nothing blocks."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("napari.Viewer", make_napari_viewer)
    made = []
    opened = app.open_paths
    monkeypatch.setattr(app, "open_paths", lambda paths: made.append(opened(paths)))
    monkeypatch.setattr(app, "run", lambda: None)
    yield made
    for viewer in made:
        desk_of(viewer).runner.close(wait=10)
        desk_of(viewer).session.close()
    made.clear()


@pytest.fixture
def picture(disc, tmp_path):
    tifffile.imwrite(tmp_path / "disc.tif", disc[0])
    return tmp_path / "disc.tif"


def test_images(window, picture, disc):
    assert main(["open", str(picture)]) == 0
    (viewer,) = window
    assert np.array_equal(viewer.layers["disc"].data, disc[0])
    assert desk_of(viewer).session.images["disc"].source == picture


def test_a_project(window, picture, tmp_path, qtbot):
    session = Session()
    session.add_image(picture)
    session.add_class("lesion")
    session.save(tmp_path / "case.medfm")
    session.close()
    assert main(["open", str(tmp_path / "case.medfm")]) == 0
    qtbot.waitUntil(lambda: desk_of(window[0]).session.project is not None)
    assert [c.name for c in desk_of(window[0]).classes] == ["background", "lesion"]


def test_what_cannot_be_opened_is_said_in_one_line(window, tmp_path, capsys, picture):
    assert main(["open", str(tmp_path / "none.tif")]) == 2
    assert main(["open", str(picture), str(tmp_path / "case.medfm")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
    (tmp_path / "bad.tif").write_bytes(b"II*\0 no")
    with pytest.raises(BadFile):
        app.open_paths([tmp_path / "bad.tif"])
    assert not window


def test_no_screen(monkeypatch, picture, capsys):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main(["open", str(picture)]) == 1
    assert "no screen" in capsys.readouterr().err


@pytest.fixture
def case(picture, tmp_path):
    session = Session()
    session.add_image(picture, name="ct")
    session.add_class("lesion")
    session.annotate("ct", "lesion", points=[(70, 110)])
    session.save(tmp_path / "case.medfm")
    session.close()
    return tmp_path / "case.medfm"


def test_a_project_dropped_on_the_window(
    make_napari_viewer, case, qtbot, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    viewer = make_napari_viewer(show=True)
    viewer.add_labels(np.zeros((20, 20), int), name="mine")
    assert not viewer.open(case, plugin="napari-medfm")
    qtbot.waitUntil(
        lambda: bool(desk_of(viewer) and desk_of(viewer).session.project),
        timeout=20_000,
    )
    desk = desk_of(viewer)
    assert desk.session.project.folder == case
    assert len(desk.session.annotations) == 1
    assert "ct" in viewer.layers
    assert "mine" in viewer.layers
    desk.runner.close(wait=10)
    desk.session.close()


def test_only_a_project_is_opened_as_one(case, tmp_path):
    from napari_medfm.readers.napari_reader import napari_get_reader
    from napari_medfm.widgets.opening import open_project, project_reader

    (tmp_path / "empty.medfm").mkdir()
    for path in (tmp_path, tmp_path / "empty.medfm", tmp_path / "a.tif", [case, case]):
        paths = [str(p) for p in path] if isinstance(path, list) else str(path)
        assert project_reader(paths) is None
    assert project_reader(str(case)) is open_project
    assert project_reader([str(case)]) is open_project
    assert napari_get_reader(str(case)) is None


def test_without_a_window_the_way_is_said(case, monkeypatch):
    from napari_medfm.widgets.opening import open_project

    monkeypatch.setattr("napari.current_viewer", lambda: None)
    with pytest.raises(BadInput, match=r"no window .* load_project"):
        open_project(str(case))
