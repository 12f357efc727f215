"""What nobody labelled: faint examples of background on the planes with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.labels import Annotation
from napari_medfm.engine.features import PlaneFeatures
from napari_medfm.heads.ridge import Ridge
from napari_medfm.verbs.examples import Example, examples_of, token_sums

BACKGROUND = 0
_NOBODY = -1
_MOST = 600
_PLACES = 100
_FEWEST = 4
_LEAST = 0.2


def places_per_plane(planes: int) -> int:
    """How many places to draw on each of so many planes."""
    return int(np.clip(_MOST // max(planes, 1), _FEWEST, _PLACES))


def unlabelled(
    image: str,
    group: str,
    plane: int,
    features: PlaneFeatures,
    taken: NDArray[np.integer],
    places: int = _PLACES,
) -> Example:
    """Draw places of a plane by a fixed seed, none of them labelled or to be ignored.

    Parameters
    ----------
    taken
        Pixels (n, 2) of ``features`` that may not be drawn.

    Returns
    -------
    Example
        Of background; without pixels if everything is taken.
    """
    rng = np.random.default_rng([77, plane, *features.origin])
    pixels = rng.integers(0, features.shape, (places, 2)).astype(np.int32)
    width = features.shape[1]
    free = ~np.isin(pixels @ (width, 1), np.asarray(taken) @ (width, 1))
    pixels = np.unique(pixels[free], axis=0)
    if not len(pixels):
        return _none(image, group, plane, features)
    local = np.insert(pixels, 0, plane, axis=1)
    made = Annotation(_NOBODY, image, BACKGROUND, "pixel", "mask", local)
    (example,) = examples_of(made, group, {plane: features})
    return example


def _none(image: str, group: str, plane: int, features: PlaneFeatures) -> Example:
    """Return no places at all of a plane that is known."""
    return Example(
        annotation=_NOBODY,
        image=image,
        group=group,
        plane=plane,
        value=BACKGROUND,
        gesture="mask",
        pixels=np.empty((0, 2), np.int32),
        token_index=np.empty(0, np.intp),
        token_weight=np.empty(0),
        features=features,
    )


def faint(rest: Sequence[Example], examples: Sequence[Example]) -> list[Example]:
    """Weigh unlabelled places so that all count as much as the labels of background.

    Few clicks on background cannot show what all of it looks like; unlabelled places
    do, though some of them are not background. If those are as likely to be drawn
    whatever they look like, the order of the pixels by their probability stays right
    and only the threshold is off (Elkan & Noto 2008), which held-out labels mend.

    Returns
    -------
    list of Example
        Empty if nothing is labelled as background, or if the live head takes four
        places of five for something else: then tissues tile the picture, and to call
        the rest of it background would be wrong.
    """
    known = sum(_mass(e) for e in examples if e.value == BACKGROUND)
    drawn = sum(_mass(e) for e in rest)
    if not known or not drawn or _background(rest, examples) < _LEAST:
        return []
    share = known / drawn
    return [replace(e, weight=e.weight * share) for e in rest if len(e.pixels)]


def _background(rest: Sequence[Example], examples: Sequence[Example]) -> float:
    """Return the share of unlabelled tokens that the live head takes for background."""
    head = Ridge().fit_sums(token_sums(examples))
    rows = np.concatenate([example.rows("tokens") for example in rest])
    found = head.classes_[head.decision_function(rows).argmax(1)]
    return float((found == BACKGROUND).mean())


def _mass(example: Example) -> float:
    return float(example.token_weight.sum() * example.weight)
