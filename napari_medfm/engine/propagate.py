"""An object of some planes carried through a volume, until it ends.

A `Follower` looks for it on one plane after another: by handing prompts over
(`handover`), or by the memory of a model that has one (`remembering`). It ends where
nothing is found any more. Between two known planes there is no end to find: where
nothing is found, the way is interpolated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise, zip_longest
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.engine.stability import iou

Bools = NDArray[np.bool_]
_THICK = 3.0
_SETTLED = 0.95


@dataclass(frozen=True, eq=False)
class Stack:
    """A volume as propagation reads it.

    Parameters
    ----------
    read_rgb, plane_key
        A plane's pixels, float32 (rows, cols, 3) in [0, 1], and their name.
    shape, spacing
        Planes first. Planes far apart may change more.
    """

    read_rgb: Callable[[int], NDArray[np.float32]]
    plane_key: Callable[[int], str]
    shape: tuple[int, int, int]
    spacing: Sequence[float] = (1.0, 1.0, 1.0)

    @property
    def ease(self) -> float:
        """1 for planes close together, up to 2: more change is then expected."""
        apart = self.spacing[0] / min(self.spacing[1:])
        return float(np.clip(apart / _THICK, 1, 2))


class Follower(Protocol):
    """Finds an object on one plane after another."""

    @property
    def in_turn(self) -> bool:
        """Whether planes between two known ones come from both ends in turn."""

    def learn(self, plane: int, mask: Bools) -> None:
        """Look at a plane where the object is known; empty if it is not there."""

    def find(
        self, plane: int, expected: Callable[[], Bools], backward: bool
    ) -> Bools | None:
        """Return the object on a plane, or None where it has ended.

        Parameters
        ----------
        expected
            Gives the object on the plane before, or between two known planes what their
            shapes lead to.
        backward
            Whether the way goes to lower planes.
        """


def propagate(
    stack: Stack,
    known: Mapping[int, Bools],
    to: tuple[int, int],
    follower: Follower,
    before: Bools | None = None,
) -> Steps[Bools]:
    """Carry an object through a volume.

    Parameters
    ----------
    known
        Plane -> bool (rows, cols). An empty mask says that the object is not there.
    to
        First and last plane that may be reached, both included.
    before
        An earlier answer (bool, of the volume's shape). Planes are then asked anew only
        from a known plane that differs from it, as far as the answer changes.

    Returns
    -------
    array
        bool of the volume's shape; on known planes what was given.
    """
    volume = np.zeros(stack.shape, bool)
    for plane, mask in known.items():
        volume[plane] = mask
    ways = []
    for way in _ways(known, to):
        if before is not None and way.unchanged(known, before):
            volume[way.planes] = before[way.planes]
        else:
            ways.append(way)
    if not ways:
        return volume
    total = len(known) + sum(len(way.planes) for way in ways)
    for done, (plane, mask) in enumerate(known.items()):
        yield Progress(done, total, f"plane {plane}, where it is known")
        follower.learn(plane, mask)
    done = len(known)
    for way in ways:
        for count, plane in enumerate(way.order(follower.in_turn), done):
            yield Progress(count, total, f"plane {plane}")
            expected = partial(_expected, volume, plane, way)
            found = follower.find(plane, expected, way.backward(plane))
            if found is None and way.open:
                break
            volume[plane] = expected() if found is None else found
            if before is not None and way.open and _settled(found, before[plane]):
                rest = way.planes[way.planes.index(plane) + 1 :]
                volume[rest] = before[rest]
                break
        done += len(way.planes)
    return volume


@dataclass(frozen=True)
class _Way:
    """Planes to fill, from one known plane on, or between two."""

    planes: list[int]
    ends: tuple[int, ...]

    @property
    def open(self) -> bool:
        """Whether nothing is known at the other end."""
        return len(self.ends) == 1

    def backward(self, plane: int) -> bool:
        """Whether a plane is reached from a higher one: from the nearer known plane."""
        if self.open:
            return plane < self.ends[0]
        return plane - self.ends[0] > self.ends[-1] - plane

    def order(self, in_turn: bool) -> list[int]:
        """Return the planes in the order of walking, of two ends first from the low."""
        if self.open:
            return self.planes
        up = [plane for plane in self.planes if not self.backward(plane)]
        down = [plane for plane in self.planes[::-1] if self.backward(plane)]
        if not in_turn:
            return up + down
        both = chain.from_iterable(zip_longest(up, down))
        return [plane for plane in both if plane is not None]

    def unchanged(self, known: Mapping[int, Bools], before: Bools) -> bool:
        """Whether the planes it starts from are as the earlier answer had them."""
        return all(np.array_equal(known[end], before[end]) for end in self.ends)


def _ways(known: Mapping[int, Bools], to: tuple[int, int]) -> list[_Way]:
    """Split a range at the known planes."""
    ordered = sorted(known)
    ways = []
    for low, high in pairwise(ordered):
        between = list(range(low + 1, high))
        if known[low].any() and known[high].any():
            ways.append(_Way(between, (low, high)))
        elif known[low].any():
            ways.append(_Way(between, (low,)))
        elif known[high].any():
            ways.append(_Way(between[::-1], (high,)))
    first, last = ordered[0], ordered[-1]
    if known[last].any():
        ways.append(_Way(list(range(last + 1, to[1] + 1)), (last,)))
    if known[first].any():
        ways.append(_Way(list(range(first - 1, to[0] - 1, -1)), (first,)))
    return [way for way in ways if way.planes]


def _expected(volume: Bools, plane: int, way: _Way) -> Bools:
    """What the filled planes lead to: the one before, or what lies between two."""
    if way.open:
        neighbour: Bools = volume[plane + 1 if way.backward(plane) else plane - 1]
        return neighbour
    return _between(volume, plane, way.ends)


def _between(volume: Bools, plane: int, ends: tuple[int, ...]) -> Bools:
    """Interpolate the nearest filled planes on both sides by their signed distance."""
    low = next(p for p in range(plane - 1, ends[0] - 1, -1) if volume[p].any())
    high = next(p for p in range(plane + 1, ends[1] + 1) if volume[p].any())
    share = (plane - low) / (high - low)
    mixed = (1 - share) * _depth(volume[low]) + share * _depth(volume[high])
    guess: Bools = mixed > 0
    return guess if guess.any() else volume[low if share < 0.5 else high]


def _depth(mask: Bools) -> NDArray[np.float64]:
    from scipy import ndimage

    depth: NDArray[np.float64] = ndimage.distance_transform_edt(
        mask
    ) - ndimage.distance_transform_edt(~mask)
    return depth


def _settled(found: Bools | None, before: Bools) -> bool:
    return found is not None and bool(before.any()) and iou(found, before) >= _SETTLED
