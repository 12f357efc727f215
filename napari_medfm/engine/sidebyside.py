"""Encoders compared on the same held-out labels, with what can be said for sure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
_SURE = 2.0
_ENOUGH = 5
_DRAWS = 400
_FEW = 20


@dataclass(frozen=True)
class Contender:
    """How one encoder did.

    Parameters
    ----------
    dice
        Class name -> Dice on held-out labels.
    balanced_accuracy, log_loss
        Over all classes, balanced; of labels that were not trained on.
    likely
        What the balanced accuracy may as well be: 90 of 100 sets of labels drawn from
        these lie within.
    behind
        Log-loss above that of the best, and the standard error of the difference; 0
        and 0 for the best.
    read_seconds, train_seconds
        Running the encoder, and training and testing heads. What was read before is
        kept on disk, and takes no time again.
    """

    encoder: str
    title: str
    licence: str
    commercial: bool
    dice: dict[str, float]
    balanced_accuracy: float
    likely: tuple[float, float]
    log_loss: float
    behind: tuple[float, float]
    read_seconds: float
    train_seconds: float

    @property
    def clearly_behind(self) -> bool:
        """Whether the best is better by more than twice the standard error."""
        gap, doubt = self.behind
        return gap > _SURE * doubt


@dataclass(frozen=True)
class Comparison:
    """Encoders side by side, the best by log-loss first.

    Parameters
    ----------
    recipe, how, folds
        What was trained on each, and how labels were held out.
    labels
        How many labels were tested: clicks, strokes, objects or images.
    voices
        How many independent ones they count as: groups, where there are five or more.
    groups
        How many images or patients they lie on.
    """

    recipe: str
    how: str
    folds: int
    labels: int
    voices: int
    groups: int
    contenders: tuple[Contender, ...]

    @property
    def verdict(self) -> str:
        """What follows, in a sentence."""
        best, *others = self.contenders
        rivals = [one.title for one in others if not one.clearly_behind]
        if not rivals:
            return f"{best.title} is the best of these on your labels"
        return (
            f"{best.title} did best, but {' and '.join(rivals)} may be as good: "
            f"{self.labels} labels are too few to tell"
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to be careful about."""
        found = []
        if self.labels < _FEW:
            found.append(f"only {self.labels} labels were tested: label more")
        if self.groups < _ENOUGH:
            found.append(
                "labels of one image are alike: the doubt is larger than it says; "
                f"label {_ENOUGH} images or patients"
            )
        return tuple(found)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each encoder, for a table."""
        return [
            {
                "encoder": one.encoder,
                **{f"Dice {name}": round(v, 3) for name, v in one.dice.items()},
                "balanced accuracy": round(one.balanced_accuracy, 3),
                "90 %": f"{one.likely[0]:.2f} to {one.likely[1]:.2f}",
                "log-loss": round(one.log_loss, 3),
                "behind": f"{one.behind[0]:.2f} +- {one.behind[1]:.2f}",
                "reading s": round(one.read_seconds, 1),
                "training s": round(one.train_seconds, 1),
                "licence": one.licence,
                "commercial": "yes" if one.commercial else "no",
            }
            for one in self.contenders
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; what cannot be told is None."""
        plain = asdict(self)
        for one in plain["contenders"]:
            one["dice"] = {name: _told(value) for name, value in one["dice"].items()}
            one["behind"] = tuple(map(_told, one["behind"]))
        return {**plain, "verdict": self.verdict, "warnings": self.warnings}

    def lines(self) -> str:
        """Return a few readable lines."""
        lines = [f"{self.recipe}: {self.how}, {self.folds} folds, {self.labels} labels"]
        for one in self.contenders:
            low, high = one.likely
            gap, doubt = one.behind
            overlap = ", ".join(f"{name} {v:.2f}" for name, v in one.dice.items())
            lines.append(
                f"  {one.title}: {one.balanced_accuracy:.2f} right ({low:.2f} to "
                f"{high:.2f}); Dice {overlap}; log-loss {one.log_loss:.2f}"
                + (f", {gap:.2f} +- {doubt:.2f} behind" if gap else "")
                + f"; {one.licence}"
            )
        lines.append(f"  {self.verdict}")
        lines += [f"  careful: {warning}" for warning in self.warnings]
        return "\n".join(lines)


def _told(value: float) -> float | None:
    return value if math.isfinite(value) else None


def voices_of(groups: Sequence[str]) -> NDArray[np.intp]:
    """Return which labels speak with one voice: those of a group, where many are."""
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    every: NDArray[np.intp] = np.arange(len(groups))
    return index.astype(np.intp) if len(names) >= _ENOUGH else every


def behind(
    losses: Doubles, best: Doubles, voices: NDArray[np.intp]
) -> tuple[float, float]:
    """Return by how much shares of a loss add up to more, and the standard error.

    Parameters
    ----------
    losses, best
        Each label's share of the mean log-loss (n,).
    voices
        Number of the voice that each label belongs to.
    """
    difference = np.bincount(voices, losses - best)
    count = len(difference)
    if count < 2:
        return float(difference.sum()), float("inf")
    return float(difference.sum()), float(np.sqrt(count) * difference.std(ddof=1))


def likely(
    right: Doubles, columns: NDArray[np.intp], voices: NDArray[np.intp]
) -> tuple[float, float]:
    """Return between what the balanced accuracy lies for 90 of 100 draws of voices.

    Parameters
    ----------
    right, columns
        Share of each label's pixels that is right (n,), and the column of its class.
    """
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(voices == voice) for voice in np.unique(voices)]
    classes, found = np.unique(columns), []
    for _ in range(_DRAWS):
        drawn = rng.integers(0, len(members), len(members))
        chosen = np.concatenate([members[k] for k in drawn])
        shares = [
            right[chosen][columns[chosen] == c].mean()
            for c in classes
            if (columns[chosen] == c).any()
        ]
        found.append(float(np.mean(shares)))
    low, high = np.percentile(found, [5, 95])
    return float(low), float(high)
