"""The contact sheet of a tour: what was clicked and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.commands.say import counted
from napari_medfm.commands.sheet import Entry, Panel, sheet
from napari_medfm.core.labels import rgb
from napari_medfm.engine.rgb import normalised, to_rgb

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

    from napari_medfm.commands.tour import Tour
    from napari_medfm.core.results import Mask, Prediction

_YES, _NO, _BOX = (0, 190, 120), (220, 60, 60), (86, 190, 245)
_WIDTH = 440


def page_of(
    tour: Tour, similarity: NDArray[np.float32], mask: Mask, prediction: Prediction
) -> Picture:
    """Return the page: prompts, similarity, mask, labels, prediction, uncertainty."""
    hints, session, seconds = tour.sample.hints, tour.session, tour.seconds
    image = session.images[tour.sample.name]
    plane = to_rgb(normalised(image, tour.plane or 0))
    where: Any = ... if tour.plane is None else tour.plane
    colours = {c.name: rgb(c.colour) for c in session.classes}
    colours["background"] = (150, 156, 164)

    prompts = Panel("1  Image and clicks", f"target: {hints.target}", plane, _WIDTH)
    prompts.box(hints.box, _BOX)
    prompts.points(_on_plane(hints.positive), _YES)
    prompts.points(_on_plane(hints.negative), _NO)

    caption = f"to {counted(hints.positive, 'click')}, {seconds['similarity']:.2f} s"
    alike = Panel("2  Similarity", caption, plane, _WIDTH)
    alike.heat(similarity[where])

    caption = f"box and {counted(tour.clicks, 'click')}, {seconds['mask']:.2f} s"
    caption += f", score {mask.score:.2f}"
    masked = Panel("3  Mask", caption, plane, _WIDTH)
    masked.region(mask.data, _BOX)

    count = sum(map(len, hints.points.values()))
    caption = f"{count} points, head trained in {seconds['head']:.2f} s"
    labelled = Panel("4  Labels", caption, plane, _WIDTH)
    for name, places in hints.points.items():
        labelled.points(_on_plane(places), colours[name])

    caption = f"every pixel, {seconds['prediction']:.2f} s" + _dice(tour.scores)
    predicted = Panel("5  Prediction", caption, plane, _WIDTH)
    for known in session.classes[1:]:
        found = prediction.labels[where] == known.value
        predicted.region(found, rgb(known.colour))

    unsure = Panel("6  Uncertainty", "where to label next", plane, _WIDTH)
    unsure.heat(prediction.uncertainty[where].astype(np.float32))

    legend = [Entry(name, colour) for name, colour in colours.items()]
    total = sum(seconds.values())
    subtitle = f"{session.encoder} and {session.segmenter}, {total:.0f} s in all"
    panels = [prompts, alike, masked, labelled, predicted, unsure]
    notes = [f"Mask: {mask.note}"] if mask.note else []
    return sheet(tour.sample.title, subtitle, panels, legend, notes)


def _on_plane(places: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    return [(place[-2], place[-1]) for place in places]


def _dice(scores: dict[str, float]) -> str:
    if not scores:
        return ""
    return ", Dice " + ", ".join(f"{score:.2f}" for score in scores.values())
