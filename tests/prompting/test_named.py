"""Objects found by words and by examples."""

from dataclasses import replace

import numpy as np
import pytest
from toys import ToyNamer, ToySegmenter

from napari_medfm import Session
from napari_medfm.core.errors import BadInput
from napari_medfm.core.specs import ConceptSegmenter

PLACES = [(30, 30), (30, 80), (30, 130), (30, 175), (100, 40), (100, 90)]
LARGE = (100, 150)


@pytest.fixture
def namer():
    toy = ToyNamer()
    toy.spec = replace(toy.spec, input_size=256)
    return toy


@pytest.fixture
def session(encoder, namer):
    """A session with six bright discs and one large grey one."""
    rows, cols = np.mgrid[:140, :200]
    grey = np.full((140, 200), 0.1, np.float32)
    grey[(rows - LARGE[0]) ** 2 + (cols - LARGE[1]) ** 2 < 30**2] = 0.4
    for row, col in PLACES:
        grey[(rows - row) ** 2 + (cols - col) ** 2 < 10**2] = 0.9
    made = Session(encoder=encoder, segmenter=namer)
    made.add_image(grey, name="x")
    return made


def around(place, radius=9):
    row, col = place
    return row - radius, col - radius, row + radius + 1, col + radius + 1


def test_the_toy_is_one(namer):
    assert isinstance(namer, ConceptSegmenter)


def test_all_that_a_word_names(session):
    labels = session.segment_named("x", "bright")
    assert labels.dtype == np.int32
    assert labels.shape == (140, 200)
    assert {int(labels[place]) for place in PLACES} == set(range(1, 7))
    assert labels[LARGE] == 0
    assert session.segment_named("x", "grey")[LARGE] == 1
    assert session.segment_named("x", "unicorn").max() == 0
    assert "segment_named" in session.script()


def test_all_like_examples_and_not_like_others(session):
    assert session.segment_named("x", like=[around(PLACES[2])]).max() == 6
    both = session.segment_named("x", "bright", like=[around(LARGE)])
    assert both.max() == 7
    less = session.segment_named("x", "bright", unlike=[around(PLACES[0])])
    assert less.max() == 0


def test_what_the_model_is_less_sure_of_is_left_out(session):
    assert session.segment_named("x", "bright", least=0.9).max() == 0


def test_parts_see_what_is_small_and_nothing_is_told_twice(session, namer):
    namer.spec = replace(namer.spec, input_size=96)
    labels = session.segment_named("x", "bright")
    assert labels.max() == 6
    assert len(namer.told) > 4
    sizes = np.bincount(labels.ravel())[1:]
    assert sizes.min() > 250, "none is one half of a disc"


def test_only_parts_with_an_example_are_asked_without_words(session, namer):
    namer.spec = replace(namer.spec, input_size=96)
    session.segment_named("x", like=[around(PLACES[0])])
    everywhere = 1 + len(session.workspace.crops._crops)
    assert all(labels == [True] for _, labels in namer.told)
    session.segment_named("x", "bright")
    assert len(session.workspace.crops._crops) >= everywhere


def test_a_plane_of_a_volume(encoder, namer):
    volume = np.full((3, 60, 60), 0.1, np.float32)
    volume[1, 20:40, 20:40] = 0.9
    session = Session(encoder=encoder, segmenter=namer)
    session.add_image(volume, name="ct")
    assert session.segment_named("ct", "bright", plane=1)[30, 30] == 1
    assert session.segment_named("ct", "bright", plane=0).max() == 0


def test_a_segmenter_without_words_says_which_has_them(encoder):
    session = Session(encoder=encoder, segmenter=ToySegmenter())
    session.add_image(np.zeros((40, 40), np.float32), name="x")
    with pytest.raises(BadInput, match=r"neither words nor examples: use SAM 3"):
        session.segment_named("x", "bright")
    with pytest.raises(BadInput, match="give `text`, or boxes in `like`"):
        session.segment_named("x")
