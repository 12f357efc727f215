"""Models of a session: loaded on first use, one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from napari_medfm.core.specs import Encoder, Segmenter

M = TypeVar("M")


class Model(Generic[M]):
    """A model that loads on first use; one thread at a time may run it.

    Parameters
    ----------
    name
        Its name in the catalogue.
    load
        Reads the weights; raises `MissingWeights` where there are none.
    """

    def __init__(self, name: str, load: Callable[[], M]) -> None:
        self.name = name
        self._load = load
        self._model: M | None = None
        self._lock = threading.RLock()

    @contextmanager
    def use(self) -> Iterator[M]:
        """Hold the model; other threads wait."""
        with self._lock:
            yield self.get()

    @property
    def loaded(self) -> M | None:
        """The model, if it was loaded already."""
        return self._model

    def get(self) -> M:
        """Return the loaded model, for its facts; run it only under `use`."""
        with self._lock:
            if self._model is None:
                self._model = self._load()
            return self._model


def model_facts(model: Encoder | Segmenter) -> dict[str, Any]:
    """Return what provenance and heads keep of a model that was used."""
    return {
        "name": model.spec.name,
        "weights_sha256": model.weights_hash,
        "licence": model.spec.licence,
        "commercial": model.spec.commercial,
    }
