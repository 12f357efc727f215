"""Honest numbers: what is tested was never trained on, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Counts = tuple[tuple[int, ...], ...]
LEAVE_OUT = "leave one group out"
ALIKE = 2.0
_BLOCKS = 4


@dataclass(frozen=True)
class Folds:
    """Which fold tests each example.

    Parameters
    ----------
    number
        Fold of each example.
    how
        "leave one group out" or "spatial blocks of one image".
    """

    number: tuple[int, ...]
    how: str

    @property
    def count(self) -> int:
        """How many folds there are."""
        return max(self.number) + 1

    def split(self, fold: int) -> tuple[list[int], list[int]]:
        """Return the examples to train on and the examples to test on."""
        inside = [i for i, number in enumerate(self.number) if number == fold]
        return [i for i, number in enumerate(self.number) if number != fold], inside


def folds_of(groups: Sequence[str], places: NDArray[np.floating]) -> Folds:
    """Cut examples into folds that share no group; never by chance.

    Parameters
    ----------
    groups
        Patient, slide or centre of each example. With two or more, each is left out
        once. With one, its examples are cut into four blocks of neighbours.
    places
        Position (n, 3) of each example: plane, row, column.
    """
    names = sorted(set(groups))
    if len(names) > 1:
        number = tuple(names.index(group) for group in groups)
        return Folds(number, LEAVE_OUT)
    number_of = np.zeros(len(places), int)
    _cut(np.asarray(places, float), np.arange(len(places)), _BLOCKS, number_of)
    _, compact = np.unique(number_of, return_inverse=True)
    return Folds(tuple(compact.tolist()), "spatial blocks of one image")


def _cut(
    places: Doubles, inside: NDArray[np.intp], parts: int, number: NDArray[np.intp]
) -> None:
    """Halve along the longest axis until there are enough parts."""
    if parts == 1 or len(inside) < 2:
        return
    axis = int(np.ptp(places[inside], axis=0).argmax())
    order = inside[np.argsort(places[inside, axis], kind="stable")]
    half = len(order) // 2
    number[order[half:]] += parts // 2
    _cut(places, order[:half], parts // 2, number)
    _cut(places, order[half:], parts // 2, number)


def dice(truth: NDArray[Any], found: NDArray[Any], value: int) -> float:
    """Return the Dice overlap of one class; NaN if neither has it."""
    a, b = truth == value, found == value
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else float("nan")


def balanced_accuracy(truth: NDArray[Any], found: NDArray[Any]) -> float:
    """Return the mean over classes of the share found."""
    shares = [(found[truth == value] == value).mean() for value in np.unique(truth)]
    return float(np.mean(shares))


def same_group_neighbours(
    rows: NDArray[np.float32], groups: Sequence[str], neighbours: int = 5
) -> float:
    """Return how much more often nearest neighbours share a group than chance would.

    A ratio well above 1 warns that features tell images apart rather than tissues. 1 if
    there is only one group.

    Parameters
    ----------
    rows
        Feature rows (n, dim).
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2 or len(rows) <= neighbours:
        return 1.0
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -np.inf)
    near = np.argpartition(-cosine, neighbours - 1, axis=1)[:, :neighbours]
    same = (index[near] == index[:, None]).mean()
    sizes = np.bincount(index)
    chance = (sizes * (sizes - 1)).sum() / (len(rows) * (len(rows) - 1))
    return float(same / chance) if chance else 1.0


def alike_warnings(ratio: float) -> list[str]:
    """Warn where neighbours share a group much more often than by chance."""
    if ratio <= ALIKE:
        return []
    return [
        f"neighbours come from the same image {ratio:.1f} times as often as by "
        "chance: features tell images apart; label more images"
    ]


def confusion(truth: NDArray[Any], found: NDArray[Any], count: int) -> Counts:
    """Count pairs of columns: rows are what the user said, columns what was found."""
    pairs = np.bincount(truth * count + found, minlength=count * count)
    return tuple(tuple(row) for row in pairs.reshape(count, count).tolist())


def calibration_curve(
    probabilities: NDArray[np.floating[Any]],
    truth: NDArray[Any],
    weights: Doubles,
    bins: int = 5,
) -> tuple[tuple[float, float], ...]:
    """Compare how sure a head is with how often it is right.

    Parameters
    ----------
    probabilities, truth, weights
        (n, classes), column of the true class (n,), weight of each row (n,).
    bins
        Equally wide intervals of the greatest probability; empty ones are left out.

    Returns
    -------
    tuple of (mean probability, share that is right)
    """
    sure, right = probabilities.max(1), probabilities.argmax(1) == truth
    inside = np.minimum((sure * bins).astype(int), bins - 1)
    points = []
    for number in np.unique(inside):
        chosen = inside == number
        share = weights[chosen]
        points.append(
            (
                float(np.average(sure[chosen], weights=share)),
                float(np.average(right[chosen], weights=share)),
            )
        )
    return tuple(points)


@dataclass(frozen=True)
class Report:
    """How good a recipe is on labels it was not trained on.

    Parameters
    ----------
    recipe, how, folds
        What was tested, and how it was cut.
    dice
        Class name -> Dice on held-out labelled pixels.
    balanced_accuracy, log_loss
        Over all classes, balanced.
    label_counts
        Class name -> labelled pixels that were used, without what is only probable.
    learning_curve
        (groups trained on, balanced accuracy on the others).
    click_curve
        (marks trained on, balanced accuracy on what was held out): the first quarter,
        half and all marks of the folds that train, on average; experts weigh the same.
    same_group_ratio
        See `same_group_neighbours`.
    confusion
        Held-out labelled pixels: a row for each class that was labelled, a column for
        each that was found, in the order of ``dice``.
    calibration
        (mean probability, share that is right) of held-out labels, classes balanced.
    warnings
        What to be careful about, in words.
    """

    recipe: str
    how: str
    folds: int
    dice: dict[str, float]
    balanced_accuracy: float
    log_loss: float
    label_counts: dict[str, int]
    learning_curve: tuple[tuple[int, float], ...] = ()
    same_group_ratio: float = 1.0
    confusion: Counts = ()
    calibration: tuple[tuple[float, float], ...] = ()
    click_curve: tuple[tuple[int, float], ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; what cannot be told (NaN) is None."""
        plain = asdict(self)
        plain["dice"] = {k: v if v == v else None for k, v in self.dice.items()}
        return plain

    def lines(self) -> str:
        """Return a few readable lines."""
        lines = [f"{self.recipe}: {self.how}, {self.folds} folds"]
        lines += [f"  Dice {name}: {value:.2f}" for name, value in self.dice.items()]
        lines.append(f"  balanced accuracy: {self.balanced_accuracy:.2f}")
        lines += [f"  trained on {n}: {v:.2f}" for n, v in self.learning_curve]
        lines += [f"  with {n} marks: {v:.2f}" for n, v in self.click_curve]
        names = list(self.dice)
        for name, row in zip(names, self.confusion, strict=False):
            taken = [f"{n} {c}" for n, c in zip(names, row, strict=True) if c]
            lines.append(f"  {name} was taken for: {', '.join(taken)}")
        lines += [f"  {p:.0%} sure: right {r:.0%}" for p, r in self.calibration]
        if self.how == LEAVE_OUT:
            ratio = self.same_group_ratio
            lines.append(f"  neighbours from the same image: {ratio:.1f} x chance")
        lines += [f"  careful: {warning}" for warning in self.warnings]
        return "\n".join(lines)
