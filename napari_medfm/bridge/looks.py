"""How answers look: colours that colour-blind people can tell apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from napari.utils.colormaps import Colormap, DirectLabelColormap
from numpy.typing import NDArray

from napari_medfm.core.labels import LabelClass

POSITIVE, NEGATIVE = "#35d07f", "#ff5d73"
MASK = "#00d5ff"
PREVIEW = "#ffd23f"
_BACKGROUND = "#c9ced6"


def colour_of(label_class: LabelClass) -> str:
    """Return the colour a class is shown in; background is a pale grey, not black."""
    return _BACKGROUND if label_class.value == 0 else label_class.colour


def class_colours(
    classes: Sequence[LabelClass], *, background: bool = False, shift: int = 0
) -> DirectLabelColormap:
    """Return the colours of a label map.

    Parameters
    ----------
    background
        Show background in its colour instead of leaving it clear.
    shift
        Added to each class value, where 0 means "nothing here".
    """
    colours: dict[int | None, str] = {None: "white", 0: "transparent"}
    for label_class in classes:
        if label_class.value or background:
            colours[label_class.value + shift] = colour_of(label_class)
    return DirectLabelColormap(color_dict=colours)


def single(colour: str) -> DirectLabelColormap:
    """Return the colours of a mask: 1 in a colour, all else clear."""
    clear = "transparent"
    return DirectLabelColormap(color_dict={None: clear, 0: clear, 1: colour})


def outlines(colour: str) -> DirectLabelColormap:
    """Return the colours of a label map that is seen as outlines: all alike."""
    return DirectLabelColormap(color_dict={None: colour, 0: "transparent", 1: colour})


def heat() -> Colormap:
    """Return the colours of a similarity map: clear where unlike, bright where alike.

    The lightness grows evenly from violet over orange to yellow, and so does the
    opacity, so that the image stays readable below.
    """
    stops = np.array(
        [
            [0.05, 0.03, 0.20, 0.0],
            [0.32, 0.07, 0.43, 0.35],
            [0.72, 0.22, 0.33, 0.65],
            [0.96, 0.55, 0.10, 0.85],
            [0.99, 0.95, 0.55, 0.95],
        ]
    )
    return Colormap(stops, name="medfm similarity", nan_color=np.zeros(4))


def stretched(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return contrast limits between percentiles of the finite values of a map."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite[:: max(1, finite.size // 200_000)], (50, 99.8))
    return (float(low), float(high)) if high > low else (float(low) - 1, float(low))
