"""Objects found by words, or by examples of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm.core.arguments import list_of, number_of, text_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Box
from napari_medfm.core.jobs import Steps, Work
from napari_medfm.core.specs import ConceptSegmenter
from napari_medfm.engine.named import Description, described
from napari_medfm.engine.rgb import normalised, to_rgb
from napari_medfm.verbs.planes import is_large
from napari_medfm.verbs.prompting import plane_key
from napari_medfm.verbs.workspace import Workspace


def segment_named(  # noqa: PLR0913  one keyword per kind of prompt
    ws: Workspace,
    image: str,
    text: str = "",
    like: Sequence[ArrayLike] = (),
    unlike: Sequence[ArrayLike] = (),
    plane: int | None = None,
    least: float = 0.5,
) -> Work[NDArray[np.int32]]:
    """Outline every object of a plane that words or examples describe.

    Needs a segmenter that was trained for that, which is SAM 3.

    Parameters
    ----------
    text
        What is meant, a few words in the singular, such as "cell nucleus".
    like, unlike
        Boxes (row0, col0, row1, col1) around examples, and around what is not meant.
    plane
        Plane of a volume.
    least
        Objects that the model is less sure of (0 to 1) are left out.

    Returns
    -------
    array
        int32 of the plane's shape: 0 is nothing, 1 ... n the objects, the surest first.

    Raises
    ------
    BadInput
        If there are neither words nor examples, or the segmenter knows neither.
    """
    source = ws.image(image)
    index = source.plane_index(plane)
    if is_large(source):
        raise BadInput(
            f"{image!r} is too large to search at once: add the part that matters as "
            "an image of its own, or train a head and predict"
        )
    shape = source.plane_shape
    wanted = Description(
        "" if text == "" else text_of(text, "text").strip(),
        _boxes(like, "like", shape),
        _boxes(unlike, "unlike", shape),
        number_of(least, "least"),
    )
    if not wanted.text and not wanted.like:
        raise BadInput("Nothing to look for: give `text`, or boxes in `like`")
    if not 0 <= wanted.least <= 1:
        raise BadInput(f"`least` lies between 0 and 1, got {wanted.least}")
    model, crops = ws.segmenter, ws.crops

    def steps() -> Steps[NDArray[np.int32]]:
        rgb = to_rgb(normalised(source, index))
        with model.use() as segmenter:
            if not isinstance(segmenter, ConceptSegmenter):
                raise BadInput(
                    f"{segmenter.spec.title} knows neither words nor examples: use "
                    "SAM 3 (segmenter='sam3'). With any segmenter, segment_like finds "
                    "what looks like a clicked object, and an encoder with a text "
                    "tower shows where words fit"
                )
            labels = yield from described(
                rgb, plane_key(source, index), segmenter, crops, wanted
            )
        return labels

    return Work(f"Finding objects in {image}", steps, lambda labels: labels)


def _boxes(given: Any, what: str, shape: tuple[int, int]) -> tuple[Box, ...]:
    return tuple(Box.of(box).clipped(shape) for box in list_of(given, what))
