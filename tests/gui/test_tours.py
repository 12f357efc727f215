"""What the tours do in the window is what the tutorials tell."""

import re
import sys
from importlib import import_module

import pytest
from pages import DOCS, ROOT

from napari_medfm.sample_data import layers_of, load

sys.path.insert(0, str(ROOT / "scripts"))

PAGES = {
    "tutorial": "tutorial.md",
    "radiologist": "tutorials/radiologist.md",
    "pathologist": "tutorials/pathologist.md",
    "ophthalmologist": "tutorials/ophthalmologist.md",
}


def told(page):
    """The steps and the buttons that a page names, from its first numbered line on."""
    text = (DOCS / page).read_text("utf-8")
    numbered = text.partition("## The same")[0].partition("\n1. ")[2]
    steps = re.findall(r"\*\*([A-Z]\w+)\.?\*\*", numbered)
    buttons = re.findall(r"(?<!\*)\*([A-Z][^*\n]+?)…?\*(?!\*)", numbered)
    return set(steps), set(buttons)


def test_each_picture_that_is_taken_is_on_a_page():
    tours = (ROOT / "scripts/tours").glob("*.py")
    taken = {n for p in tours for n in re.findall(r'picture\("(\S+)"', p.read_text())}
    pages = "".join(p.read_text("utf-8") for p in DOCS.rglob("*.md"))
    shown = set(re.findall(r"images/([\w-]+)\.png", pages))
    assert taken <= shown
    assert {p.stem for p in (DOCS / "images").glob("*.png")} <= shown


@pytest.fixture
def toured(window, qtbot):
    """Go on a tour with toys; returns what was done there."""

    def go(name):
        from tours.hand import Hand

        tour = import_module(f"tours.{name}")
        sample = load(tour.SAMPLE)
        data, facts, _ = layers_of(sample)[0]
        one = window(data, **facts)
        if sample.hints.plane is not None:
            one.viewer.dims.set_current_step(0, sample.hints.plane)
        one.desk.live.automatic = False  # recipes are weighed in other tests
        hand = Hand(one.viewer, one.widget)
        try:
            tour.steps(hand)
            hand.rest()
        finally:
            hand.end()
        assert not one.desk.is_problem, one.desk.message
        return tour, set(hand.did)

    return go


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", PAGES)
def test_a_tour_does_what_its_page_tells(name, toured):
    steps, buttons = told(PAGES[name])
    tour, did = toured(name)
    assert did <= steps | buttons
    assert steps | buttons <= did | tour.ONLY_TOLD
    assert not did & tour.ONLY_TOLD
