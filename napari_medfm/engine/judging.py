"""Which of several heads to keep, judged by labels that they were not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
_SURE = 2.0


@dataclass(frozen=True)
class Verdict:
    """The head to keep, the log-loss of each, and why."""

    chosen: str
    losses: dict[str, float]
    reason: str


def judged(shares: Mapping[str, Doubles]) -> Verdict:
    """Pick by log-loss; the first named is the one to beat.

    Another must be better than it by more than twice the standard error of the
    difference: the loss of a few labels is a coarse judge.

    Parameters
    ----------
    shares
        Name -> each label's share of the mean log-loss (n,); they add up to it. One
        label, however many pixels it has, is one share.
    """
    usual = next(iter(shares))
    losses = {name: float(share.sum()) for name, share in shares.items()}
    best = min(losses, key=lambda name: losses[name])
    gain, doubt = losses[usual] - losses[best], _doubt(shares[usual] - shares[best])
    chosen = best if gain > _SURE * doubt else usual
    reason = f"{chosen} has the least log-loss on labels it was not trained on"
    if chosen != best:
        reason = (
            f"{best} has {gain:.2f} less log-loss than {usual} on labels it was not "
            f"trained on, but these are too few to be sure (standard error {doubt:.2f})"
        )
    return Verdict(chosen, losses, reason)


def _doubt(shares: Doubles) -> float:
    """Standard error of a sum of shares, as of independent labels."""
    count = len(shares)
    return float(np.sqrt(count) * shares.std(ddof=1)) if count > 1 else float("inf")
