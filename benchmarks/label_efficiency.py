"""Quality of masks per label: train on a few clicks, test on other images.

    python benchmarks/label_efficiency.py DATA --cache DIR [--clicks 20] [--seeds 2]

DATA holds folders NAME/images and NAME/masks. Clicks are drawn at random from the
truth: so many per class over the training images together. Dice is the mean over
foreground classes and test images, at the model's own threshold; "best" moves the
threshold of each test image to where its Dice is best, as a bound. Filters with a
forest (as ilastik does) are beside ours as ``forest``.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medfm import encoders
from napari_medfm.core.geometry import Grid
from napari_medfm.core.labels import Annotation, LabelClass
from napari_medfm.core.results import Embedding
from napari_medfm.engine.embed import embed_rgb
from napari_medfm.engine.features import PlaneFeatures, plane_features
from napari_medfm.engine.intake import image_of
from napari_medfm.engine.rgb import normalised, to_rgb
from napari_medfm.engine.validate import dice
from napari_medfm.verbs.predicting import plane_logits
from napari_medfm.verbs.training import TrainedModel, examples_of, train

RECIPES = ("ridge", "logistic", "prototype", "knn", "mlp", "forest", "pool", "auto")
SETS = {
    "stained nuclei": ("dsb2018_stained", (1,), 3),
    "vessels": ("chase_db1", (1,), 3),
    "optic disc": ("idrid", (1,), 3),
    "sarcoma MR": ("sts_sarcoma_mr", (1,), 3),
    "spinal cord MR": ("sct_cord_mr", (1,), 3),
    "MS lesions": ("ms_flair", (1,), 3),
}


@dataclass(frozen=True, eq=False)
class Case:
    """One plane with its truth."""

    name: str
    features: PlaneFeatures
    truth: np.ndarray


def drain(steps: Generator[Any, None, Any]) -> Any:
    """Run steps to their end."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def planes_of(folder: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Read pictures, or the labelled planes of a volume with a gap between them."""
    from skimage.io import imread

    found = []
    for path in sorted((folder / "images").iterdir()):
        mask = next((folder / "masks").glob(path.name.split(".")[0] + ".*"))
        if path.name.endswith(".nii.gz"):
            found += volume_planes(path, mask)
        else:
            truth = imread(mask)
            if folder.name == "dsb2018_stained":
                truth = truth > 0
            found.append((path.stem, imread(path), truth))
    return found


def volume_planes(path: Path, mask: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    import nibabel

    volume = np.asarray(nibabel.load(path).dataobj)
    truth = np.asarray(nibabel.load(mask).dataobj).round().astype(np.uint8)
    axis = int(np.argmax(nibabel.load(path).header.get_zooms()[:3]))
    axis = axis if path.name.startswith("STS") else 2
    volume, truth = np.moveaxis(volume, axis, 0), np.moveaxis(truth, axis, 0)
    area = (truth > 0).sum((1, 2))
    good = np.flatnonzero(area >= 0.3 * area.max())
    chosen = good[np.linspace(0, len(good) - 1, 6).round().astype(int)]
    low, high = np.percentile(volume, (0.5, 99.5))
    scaled = ((volume - low) / (high - low)).clip(0, 1).astype(np.float32)
    return [(f"{path.stem}:{z}", scaled[z], truth[z]) for z in chosen]


def load_set(folder: Path, encoder: Any, cache: Path) -> list[Case]:
    cases = []
    for name, pixels, truth in planes_of(folder):
        image = image_of(pixels, name)
        channels = normalised(image)
        digest = hashlib.sha256(channels.tobytes()).hexdigest()[:16]
        stored = cache / f"{encoder.spec.name}-{digest}.npz"
        if not stored.exists():
            layers, grid = drain(embed_rgb(to_rgb(channels), encoder))
            np.savez(
                stored,
                layers=layers,
                grid=[*layers.shape[:2], *grid.stride, *grid.offset],
            )
        held = np.load(stored)
        rows, cols, *steps = held["grid"].tolist()
        grid = Grid(int(rows), int(cols), tuple(steps[:2]), tuple(steps[2:]))
        embedding = Embedding(held["layers"], grid, digest, encoder.spec.name)
        cases.append(Case(name, plane_features(embedding, channels), truth))
    return cases


def clicks(cases: list[Case], values: tuple[int, ...], count: int, seed: int) -> list:
    """Draw clicks of every class over the images, one annotation each."""
    rng = np.random.default_rng(seed)
    examples = []
    for value in (0, *values):
        for number in range(count):
            case = cases[number % len(cases)]
            inside = case.truth == value if value else ~np.isin(case.truth, values)
            pixels = np.argwhere(inside)
            if not len(pixels):
                continue
            pixel = pixels[rng.integers(len(pixels))][None].astype(np.int32)
            given = Annotation(
                len(examples), case.name, value, "pixel", "points", pixel
            )
            examples += examples_of(given, case.name, {0: case.features})
    return examples


def score(model: TrainedModel, cases: list[Case]) -> tuple[float, float]:
    """Mean Dice at the model's threshold, and at each image's best."""
    own, best = [], []
    for case in cases:
        logits = plane_logits(model, case.features)
        found = np.asarray(model.values)[logits.argmax(0)]
        for row, value in enumerate(model.values):
            if not value or not (case.truth == value).any():
                continue
            own.append(dice(case.truth, found, value))
            rivals = np.delete(logits, row, axis=0).max(0)
            best.append(best_dice(logits[row] - rivals, case.truth == value))
    return float(np.mean(own)), float(np.mean(best))


def best_dice(margin: np.ndarray, truth: np.ndarray) -> float:
    order = np.argsort(-margin, axis=None)
    hits = np.cumsum(truth.ravel()[order])
    return float((2 * hits / (np.arange(1, len(order) + 1) + truth.sum())).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--encoder", default="dinov2-small")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES))
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    encoder = encoders.load(args.encoder, weights=args.weights)
    print("| kind | " + " | ".join(f"{r} (best)" for r in args.recipes) + " | chosen |")
    print("|" + "---|" * (len(args.recipes) + 2))
    totals = []
    for title in args.sets:
        folder, values, n_train = SETS[title]
        cases = load_set(args.data / folder, encoder, args.cache)
        results, chosen = [], []
        for seed in range(args.seeds):
            order = np.random.default_rng(seed).permutation(len(cases))
            training = [cases[i] for i in order[:n_train]]
            testing = [cases[i] for i in order[n_train:]]
            examples = clicks(training, values, args.clicks, seed)
            context = [case.features for case in training]
            named = [LabelClass(str(v), v, "#ffffff") for v in (0, *values)]
            row = []
            for recipe in args.recipes:
                model = drain(train(examples, named, recipe, context))
                row.append(score(model, testing))
            chosen.append(model.recipe)
            results.append(row)
        mean = np.mean(results, axis=0)
        totals.append(mean)
        cells = " | ".join(f"{own:.2f} ({best:.2f})" for own, best in mean)
        print(f"| {title} | {cells} | {', '.join(chosen)} |", flush=True)
    cells = " | ".join(
        f"{own:.3f} ({best:.3f})" for own, best in np.mean(totals, axis=0)
    )
    print(f"| mean | {cells} | |")


if __name__ == "__main__":
    start = time.process_time()
    main()
    print(f"{time.process_time() - start:.0f} CPU s")
