"""What a head is: facts readable without making one, and what it must do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.specs import Estimator


@dataclass(frozen=True, kw_only=True)
class HeadSpec:
    """Facts about a head.

    Parameters
    ----------
    linear
        Whether its logits are linear in the features.
    """

    name: str
    title: str
    linear: bool
    intended_use: str


class Scorer(Estimator, Protocol):
    """An estimator that also gives logits: its probabilities are their softmax."""

    @property
    def spec(self) -> HeadSpec:
        """Facts about it."""

    @property
    def width(self) -> int:
        """Features a row must have, once fitted."""

    def decision_function(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (n, classes) of rows ``X``."""
