"""Whether maps of large pictures show the windows they were made of.

    python benchmarks/windows.py SLIDE [--encoder dinov2-small] [--weights FILE]

A slide is embedded window by window, and likeness is compared in four ways: tokens of
one window each or blended where windows overlap, and whitened by their covariance or by
that of what two windows say differently of one place. Printed are the mean cosine of
neighbouring tokens in one window and on both sides of a border between windows; how
much larger the steps of a map are at borders than elsewhere; and how well likeness to a
token finds tissue of its colour (three classes by k-means, area under the ROC curve)
within one window's reach and beyond. 1 and 0.5 are no border and no use.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_medfm import encoders
from napari_medfm.core.geometry import Grid
from napari_medfm.core.results import Embedding
from napari_medfm.engine.blending import blended, disagreement
from napari_medfm.engine.resize import resized_plane
from napari_medfm.engine.similarity import SimilarityIndex
from napari_medfm.engine.tiles import Cell, Corner, TilePlan, micrometres, plan_tiles
from napari_medfm.readers import read_image

Array = NDArray[Any]
_CLICKS = 150
_TISSUE = 0.8


def read(path: Path, encoder: Any) -> tuple[Array, TilePlan]:
    """The slide as the encoder sees it, and its plan."""
    loaded = read_image(path)
    rgb = np.asarray(loaded.data[...])[..., :3].astype(np.float32) / 255
    mpp = micrometres(loaded.spacing or (1, 1), loaded.metadata.get("unit"))
    plan = plan_tiles([rgb.shape[:2]], encoder.spec, mpp)
    seen = resized_plane(rgb, plan.content)
    beyond = [
        (0, n * plan.patch - c) for n, c in zip(plan.tokens, plan.content, strict=True)
    ]
    return np.pad(seen, (*beyond, (0, 0)), mode="symmetric"), plan


def cells_of(plan: TilePlan) -> list[Cell]:
    return [(i, j) for i in range(plan.cells[0]) for j in range(plan.cells[1])]


def looks_at(pixels: Array, plan: TilePlan, encoder: Any) -> dict[Corner, Array]:
    """Every window through the encoder."""
    found: dict[Corner, Array] = {}
    for cell in cells_of(plan):
        for corner in plan.corners(cell):
            if corner not in found:
                rows, cols = (
                    slice(part.start * plan.patch, part.stop * plan.patch)
                    for part in plan.seen(corner)
                )
                window = np.ascontiguousarray(pixels[rows, cols][None])
                found[corner] = encoder.encode(window)[0].astype(np.float16)
    return found


def owners(plan: TilePlan, corners: list[Corner]) -> Array:
    """Number of the window that has each token nearest to its middle."""
    best = np.full(plan.tokens, np.inf)
    owner = np.zeros(plan.tokens, int)
    for number, corner in enumerate(corners):
        place = plan.seen(corner)
        away = np.maximum.outer(
            *(np.abs(np.arange(w) - (w - 1) / 2) / w for w in plan.window)
        )
        nearer = away < best[place]
        best[place][nearer] = away[nearer]
        owner[place][nearer] = number
    return owner


def classes_of(pixels: Array, plan: TilePlan) -> Array:
    """Colour class of each token with tissue; -1 on glass."""
    from sklearn.cluster import KMeans

    rows, cols = plan.tokens
    colour = pixels.reshape(rows, plan.patch, cols, plan.patch, 3).mean((1, 3))
    smooth = gaussian_filter(colour, (1, 1, 0))
    tissue = smooth.min(-1) < _TISSUE
    found = np.full(plan.tokens, -1)
    found[tissue] = KMeans(3, n_init=8, random_state=0).fit_predict(smooth[tissue])
    return found


def measure(name: str, unit: Array, owner: Array, classes: Array, reach: int) -> None:
    """Print the figures of unit tokens (rows, cols, dim)."""
    from sklearn.metrics import roc_auc_score

    tissue = classes >= 0
    inside, across, steps = [], [], []
    pairs = [(np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])]
    places = np.argwhere(tissue)
    clicks = np.random.default_rng(0).choice(len(places), _CLICKS, replace=False)
    for one, other in pairs:
        cosine = (unit[one] * unit[other]).sum(-1)
        both = tissue[one] & tissue[other]
        same = owner[one] == owner[other]
        inside.append(cosine[both & same])
        across.append(cosine[both & ~same])
    scores: dict[str, list[float]] = {"near": [], "far": []}
    for click in places[clicks]:
        found = unit @ unit[tuple(click)]
        at_borders, elsewhere = [], []
        for one, other in pairs:
            step = np.abs(found[one] - found[other])
            both = tissue[one] & tissue[other]
            same = owner[one] == owner[other]
            elsewhere.append(step[both & same])
            at_borders.append(step[both & ~same])
        steps.append(
            np.concatenate(at_borders).mean() / np.concatenate(elsewhere).mean()
        )
        near = np.abs(places - click).max(1) <= reach
        for which, part in (("near", places[near]), ("far", places[~near])):
            truth = classes[tuple(part.T)] == classes[tuple(click)]
            if 0 < truth.sum() < len(truth):
                scores[which].append(roc_auc_score(truth, found[tuple(part.T)]))
    print(
        f"{name:<44} cosine {np.concatenate(inside).mean():.2f} inside, "
        f"{np.concatenate(across).mean():.2f} across; steps x {np.mean(steps):.2f}; "
        f"AUC {np.mean(scores['near']):.2f} near, {np.mean(scores['far']):.2f} far"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("slide", type=Path)
    parser.add_argument("--encoder", default="dinov2-small")
    parser.add_argument("--weights", type=Path)
    args = parser.parse_args()
    encoder: Any = encoders.load(args.encoder, weights=args.weights)
    pixels, plan = read(args.slide, encoder)
    looks = looks_at(pixels, plan, encoder)
    corners = list(looks)
    owner, classes = owners(plan, corners), classes_of(pixels, plan)
    crop = np.zeros((*plan.tokens, encoder.spec.dim), np.float16)
    blend, apart = crop.copy(), []
    for cell in cells_of(plan):
        blend[plan.kept(cell)] = blended(plan, cell, looks)[:, :, -1]
        apart.append(disagreement(plan, cell, looks))
    for number, corner in enumerate(corners):
        place = plan.seen(corner)
        mine = owner[place] == number
        crop[place][mine] = looks[corner][:, :, -1][mine]
    print(
        f"{plan.tokens[0]} x {plan.tokens[1]} tokens, {len(corners)} windows of "
        f"{plan.window[0]}, {plan.window[0] - plan.cell[0]} shared with the next"
    )
    ways = [("covariance", ()), ("what windows disagree about", apart)]
    for title, tokens in (("one window a token", crop), ("blended", blend)):
        for how, differences in ways:
            chosen = tokens[classes >= 0][:, None, None]
            grid = Grid(len(chosen), 1, (1.0, 1.0), (0.0, 0.0))
            held = {"x": Embedding(chosen, grid, "x", encoder.spec.name)}
            index = SimilarityIndex.of(held, apart=differences)
            flat = tokens.reshape(-1, tokens.shape[-1])
            unit = index.ready("x", flat).reshape(*plan.tokens, -1)
            measure(f"{title}, by {how}", unit, owner, classes, plan.window[0])


if __name__ == "__main__":
    main()
