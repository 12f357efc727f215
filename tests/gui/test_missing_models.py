"""The offer to get missing models, as at the start of the demo."""

import threading

import pytest

from napari_medfm import encoders
from napari_medfm.core.errors import MissingWeights
from napari_medfm.core.jobs import Progress


class Hub:
    """Stands in for fetching: steps that wait for leave, then the weights are here."""

    def __init__(self, monkeypatch):
        self.here, self.asked, self.trouble = False, [], None
        self.leave = threading.Event()
        installed = encoders.is_installed

        def is_installed(name, cache=None):
            return self.here if name == "dinov2-small" else installed(name, cache)

        monkeypatch.setattr(encoders, "is_installed", is_installed)
        monkeypatch.setattr(encoders, "fetch", self._fetch)

    def _fetch(self, name, **_):
        self.asked.append(name)
        for done in range(1000):
            yield Progress(done, 1000, "downloading")
            if self.leave.wait(0.01):
                break
        if self.trouble:
            raise self.trouble
        self.here = True
        return "weights"


@pytest.fixture
def hub(monkeypatch):
    return Hub(monkeypatch)


def opened(window, disc):
    one = window(disc[0], encoder="dinov2-small")
    one.until(one.widget.missing.isVisible)
    return one


def test_the_offer_names_size_host_and_licence_and_gets_it_when_asked(
    window, disc, hub
):
    one = opened(window, disc)
    text = one.widget.missing._text.text()
    for said in ("DINOv2", "MB", "licence"):
        assert said in text
    assert hub.asked == []
    one.press("Get the model")
    one.until(lambda: hub.asked == ["dinov2-small"])
    one.until(one.widget.status._cancel.isVisible)
    hub.leave.set()
    one.until(lambda: not one.widget.missing.isVisible())
    one.rest()
    assert "ready" in one.desk.message
    assert hub.asked == ["dinov2-small"]


def test_cancel_leaves_the_offer_standing(window, disc, hub):
    one = opened(window, disc)
    one.press("Get the model")
    one.until(one.widget.status._cancel.isVisible)
    one.press("Cancel")
    one.rest()
    one.until(one.widget.missing._get.isEnabled)
    assert one.widget.missing.isVisible()
    assert not hub.here
    hub.leave.set()
    one.press("Get the model")
    one.until(lambda: not one.widget.missing.isVisible())


def test_what_went_wrong_is_said_and_can_be_tried_again(window, disc, hub):
    hub.trouble = MissingWeights("The hub could not be reached: check the network")
    hub.leave.set()
    one = opened(window, disc)
    one.press("Get the model")
    one.until(lambda: one.desk.is_problem)
    assert "check the network" in one.desk.message
    one.rest()
    one.until(one.widget.missing._get.isEnabled)
    hub.trouble = None
    one.press("Get the model")
    one.until(lambda: not one.widget.missing.isVisible())


def test_nothing_is_offered_where_nothing_is_missing(window, disc):
    one = window(disc[0])
    one.qtbot.wait(50)
    assert not one.widget.missing.isVisible()
