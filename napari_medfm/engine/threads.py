"""One BLAS thread for small matrices: a second one makes them slower, not faster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run the block with one thread in NumPy's and SciPy's linear algebra.

    On a busy machine the same 384 x 384 solve took 271 ms on two threads, 2.4 ms on
    one. One thread also makes sums come out in the same order, hence the same bits.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _controller() -> Any:
    import scipy.linalg  # noqa: F401  its BLAS must be loaded to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
