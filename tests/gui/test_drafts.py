"""A window that is killed before anything was saved, and the next one's offer."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from qtpy.QtWidgets import QFileDialog

from napari_medfm import drafts, load_project

WORKER = Path(__file__).with_name("labelling_window.py")


def killed_after(strokes):
    """Kill a window in which somebody labels; return its last stroke told of."""
    program = subprocess.Popen(  # noqa: S603  this program
        [sys.executable, str(WORKER)], stdout=subprocess.PIPE, text=True
    )
    try:
        told = 0
        while told < strokes:
            line = program.stdout.readline()
            assert line, "the window ended by itself"
            told = int(line)
        os.kill(program.pid, signal.SIGKILL)
        return max([told, *map(int, program.stdout.read().split())])
    finally:
        program.kill()
        program.wait()
        program.stdout.close()


def test_killed_and_offered_and_saved(window, disc, tmp_path, monkeypatch):
    strokes = killed_after(7)
    one = window()
    one.until(one.widget.offer.isVisible)
    assert "on ct (" in one.widget.offer._text.text()
    place = str(tmp_path / "case.medfm")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (place, ""))
    one.press("Save as a project")
    one.until(lambda: one.widget.desk.session.project is not None)
    one.desk = one.widget.desk
    one.rest()
    assert not one.widget.offer.isVisible()
    assert not drafts()
    assert strokes <= len(one.desk.session.annotations) <= strokes + 1
    one.desk.session.close()
    again = load_project(place, read_only=True)
    assert again.images["ct"].data.any()


def test_a_window_that_nobody_sees_keeps_none(make_napari_viewer):
    from toys import ToyEncoder, ToySegmenter

    from napari_medfm.session import Session
    from napari_medfm.widgets.dock import MedfmWidget

    viewer = make_napari_viewer(show=False)
    widget = MedfmWidget(viewer, Session(ToyEncoder(), ToySegmenter()))
    viewer.window.add_dock_widget(widget)
    widget.desk.session.add_class("a")
    widget.desk.session.close()
    assert not drafts()
