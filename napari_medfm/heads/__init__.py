"""Heads: small classifiers of feature rows. One file is one head, with its SPEC.

Every head follows scikit-learn's rules (`fit`, `predict_proba`, `classes_`), gives
logits (`decision_function`), and is nothing but arrays (`tensors`, `from_tensors`).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.engine.scoring import HeadSpec, Scorer


def names() -> tuple[str, ...]:
    """Names of all heads."""
    return tuple(sorted(_classes()))


def spec_of(name: str) -> HeadSpec:
    """Return the facts about a head.

    Raises
    ------
    BadInput
        If there is none of that name.
    """
    spec: HeadSpec = _class_of(name).spec
    return spec


def make(name: str, **parameters: Any) -> Scorer:
    """Return a head that has learned nothing yet.

    Raises
    ------
    BadInput
        If there is none of that name.
    """
    head: Scorer = _class_of(name)(**parameters)
    return head


def from_tensors(name: str, tensors: Mapping[str, NDArray[Any]]) -> Scorer:
    """Return a fitted head from its arrays.

    Raises
    ------
    BadFile
        If the name is unknown or the arrays are not of such a head.
    """
    if name not in _classes():
        raise BadFile(
            f"The head is of an unknown kind {name[:40]!r}: update the program"
        )
    head: Scorer = _classes()[name].from_tensors(tensors)
    return head


def _class_of(name: str) -> Any:
    if name not in _classes():
        raise BadInput(f"No head {name!r}: there are {', '.join(names())}")
    return _classes()[name]


@lru_cache(maxsize=1)
def _classes() -> dict[str, Any]:
    """Return the class of each file of this folder: the one that carries its SPEC."""
    found = {}
    for entry in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{entry.name}")
        found[module.SPEC.name] = next(
            item
            for item in vars(module).values()
            if getattr(item, "spec", None) is module.SPEC
        )
    return found
