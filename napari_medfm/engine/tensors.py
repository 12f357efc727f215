"""Taking arrays out of a file that nobody has checked yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile

Tensors = Mapping[str, NDArray[Any]]


def take(
    tensors: Tensors, name: str, dtype: str, shape: tuple[int | None, ...]
) -> NDArray[Any]:
    """Return one array after checking it.

    Parameters
    ----------
    dtype
        As NumPy names it, such as "float32".
    shape
        Expected sizes; None for any.

    Raises
    ------
    BadFile
        If it is missing, of another type or shape, or holds NaN or infinity.
    """
    if name not in tensors:
        raise BadFile(f"The head lacks the tensor {name!r}: the file is incomplete")
    array = tensors[name]
    fits = array.ndim == len(shape) and all(
        want is None or want == have
        for want, have in zip(shape, array.shape, strict=True)
    )
    if array.dtype != np.dtype(dtype) or not fits:
        wanted = " x ".join("any" if n is None else str(n) for n in shape)
        raise BadFile(
            f"The tensor {name!r} is {array.dtype} {array.shape}; a head needs "
            f"{dtype} {wanted}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise BadFile(f"The tensor {name!r} holds NaN or infinity: the head is damaged")
    return array


def only(tensors: Tensors, names: set[str]) -> None:
    """Refuse tensors that a head of this kind does not have.

    Raises
    ------
    BadFile
        If there is one.
    """
    extra = sorted(set(tensors) - names)
    if extra:
        raise BadFile(
            f"The head holds a tensor that does not belong to it: {extra[0]!r}"
        )


def classes_of(tensors: Tensors) -> NDArray[np.int64]:
    """Return the class values, at least two, ascending, not negative.

    Raises
    ------
    BadFile
        If they are not.
    """
    classes = take(tensors, "classes", "int64", (None,))
    ordered = (
        len(classes) >= 2 and classes[0] >= 0 and bool((np.diff(classes) > 0).all())
    )
    if not ordered or classes[-1] > 65535:
        raise BadFile("The head's classes must be two or more, ascending, 0 to 65535")
    return classes
