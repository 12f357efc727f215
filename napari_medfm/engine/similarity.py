"""Similarity maps: the cosine of whitened tokens to the tokens clicked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadInput
from napari_medfm.core.geometry import Grid
from napari_medfm.core.results import Embedding
from napari_medfm.engine.threads import one_blas_thread

Floats = NDArray[np.float32]
Reference = tuple[str, tuple[float, float]]
_SHRINKAGE = 0.1
_ANYWAY = 0.3


@dataclass(frozen=True, eq=False)
class SimilarityIndex:
    """Tokens of some planes, made ready so that a click costs one matrix product.

    Parameters
    ----------
    tokens
        Per plane float32 (rows * cols, dim), whitened, each of length one.
    grids
        Where the tokens of each plane lie.
    means, inverse
        What whitened them: the mean of each plane (dim,), and a matrix (dim, dim).
    """

    tokens: Mapping[str, Floats]
    grids: Mapping[str, Grid]
    means: Mapping[str, Floats]
    inverse: Floats | None

    @classmethod
    def of(
        cls,
        embeddings: Mapping[str, Embedding],
        *,
        whiten: bool = True,
        apart: Sequence[NDArray[np.floating]] = (),
    ) -> SimilarityIndex:
        """Prepare planes that are to be compared with one another.

        Parameters
        ----------
        embeddings
            Planes by a name of the caller's; all of one encoder.
        whiten
            Centre the tokens of each plane and divide by the covariance within planes,
            shrunk by a tenth towards a multiple of the identity. Without it the map is
            the plain cosine of the encoder's tokens.
        apart
            Of planes seen window by window: differences (n, dim) between what two
            windows said of one place. Tokens are then divided by the covariance of
            these instead, so that likeness across windows counts as it does within
            one; how much that matters is measured in ``docs/scale.md``.

        Raises
        ------
        BadInput
            If the embeddings are of different encoders.
        """
        _same_encoder(embeddings)
        rows = {name: _rows(e) for name, e in embeddings.items()}
        means = {name: values.mean(0) for name, values in rows.items()}
        grids = {name: e.grid for name, e in embeddings.items()}
        with one_blas_thread():
            if not whiten:
                ready = {name: _unit(values) for name, values in rows.items()}
                return cls(ready, grids, {n: m * 0 for n, m in means.items()}, None)
            centred = {name: values - means[name] for name, values in rows.items()}
            inverse = _whitening(list(centred.values()), apart)
            ready = {name: _unit(values @ inverse) for name, values in centred.items()}
        return cls(ready, grids, means, inverse)

    def ready(self, name: str, tokens: NDArray[np.floating]) -> Floats:
        """Whiten more tokens (n, dim) of a plane of which ``tokens`` are a sample."""
        rows: Floats = tokens.astype(np.float32) - self.means[name]
        with one_blas_thread():
            return _unit(rows if self.inverse is None else rows @ self.inverse)

    def maps(
        self, at: Sequence[Reference], against: Sequence[Reference] = ()
    ) -> dict[str, Floats]:
        """Score every token by its likeness to places clicked.

        Parameters
        ----------
        at, against
            (plane name, (row, col)): places that are meant, and places that are not.

        Returns
        -------
        dict
            Plane name -> float32 (rows, cols) in [-1, 1]: the cosine to the most
            similar of ``at``, less the cosine to the most similar of ``against`` where
            that is positive. So a negative takes away only from what resembles it, and
            scores at most 0 itself.

        Raises
        ------
        BadInput
            If ``at`` is empty, or a plane is not one of those prepared.
        """
        if not at:
            raise BadInput(
                "Nothing to compare with: give at least one position in `at`"
            )
        positive, negative = self.tokens_at(at), self.tokens_at(against)
        scores = {}
        for name, tokens in self.tokens.items():
            grid = self.grids[name]
            found = likeness(tokens, positive, negative)
            scores[name] = found.reshape(grid.rows, grid.cols)
        return scores

    def tokens_at(self, places: Sequence[Reference]) -> Floats:
        """Return the whitened tokens (n, dim) nearest to places."""
        found = []
        for name, position in places:
            if name not in self.tokens:
                raise BadInput(f"{name!r} was clicked but has no embedding here")
            grid = self.grids[name]
            row, col = grid.nearest([position])[0]
            found.append(self.tokens[name][row * grid.cols + col])
        return np.array(found, np.float32)


def likeness(tokens: Floats, positive: Floats, negative: Floats) -> Floats:
    """Score whitened tokens (n, dim) against those meant and those not; in [-1, 1]."""
    with one_blas_thread():
        score = (tokens @ positive.T).max(1)
        if len(negative):
            score -= np.maximum((tokens @ negative.T).max(1), 0)
    clipped: Floats = np.clip(score, -1, 1)
    return clipped


def similarity(
    embeddings: Mapping[str, Embedding],
    at: Sequence[Reference],
    against: Sequence[Reference] = (),
    *,
    whiten: bool = True,
) -> dict[str, Floats]:
    """Prepare planes and score them once; see `SimilarityIndex` for many clicks."""
    return SimilarityIndex.of(embeddings, whiten=whiten).maps(at, against)


def _same_encoder(embeddings: Mapping[str, Embedding]) -> None:
    made_by = {e.encoder for e in embeddings.values()}
    if len(made_by) > 1:
        raise BadInput(
            f"Embeddings of {' and '.join(sorted(made_by))} cannot be compared: embed "
            "all images with one encoder"
        )


def _rows(embedding: Embedding) -> Floats:
    tokens = embedding.tokens
    return tokens.reshape(-1, tokens.shape[-1]).astype(np.float32)


def _whitening(
    centred: Sequence[Floats], apart: Sequence[NDArray[np.floating]] = ()
) -> Floats:
    """Return the matrix that whitens rows; the identity where they do not vary."""
    from scipy.linalg import solve_triangular

    matrix = _covariance(centred)
    level = float(np.trace(matrix)) / len(matrix)
    if level <= 1e-12:
        return np.eye(len(matrix), dtype=np.float32)
    differ, shrinkage = 0.0 * matrix, _SHRINKAGE
    if sum(map(len, apart)):
        differ = _covariance([rows.astype(np.float32) for rows in apart])
        # The more windows disagree, the less the tokens' own covariance is trusted.
        shrinkage = max(
            _SHRINKAGE, min(1.0, float(np.trace(differ / level) / len(differ)))
        )
    matrix *= 1 - shrinkage
    matrix[np.diag_indices_from(matrix)] += shrinkage * level
    matrix = _ANYWAY * matrix + differ
    root = np.linalg.cholesky(matrix)
    inverse = solve_triangular(root, np.eye(len(root)), lower=True).T
    return np.ascontiguousarray(inverse, np.float32)


def _covariance(rows: Sequence[Floats]) -> NDArray[np.float64]:
    total = sum(values.T @ values for values in rows)
    return np.asarray(total, np.float64) / sum(map(len, rows))


def _unit(values: Floats) -> Floats:
    length = np.linalg.norm(values, axis=1, keepdims=True)
    unit: Floats = np.divide(
        values, length, out=np.zeros_like(values), where=length > 1e-12
    )
    return unit
