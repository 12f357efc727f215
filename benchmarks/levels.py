"""Objects and whole images: how many labels a head needs to tell them apart.

    python benchmarks/levels.py DATA --cache DIR [--labels 1 5 20] [--seeds 5]

DATA holds folders NAME/images and NAME/masks. What is right comes from those masks:

- nuclei: what a threshold on haematoxylin cuts out of stained tissue, nucleus or not;
- exudates: what is brighter than its surroundings in a fundus, hard exudate or not;
- fundus tiles: with exudates or without;
- sarcoma planes: of an MR volume, with tumour or without.

An object is right if half of its pixels are. Labels are drawn at random, so many a
class over the images to train on; the test is on other images (of the volume: on the
other half, two planes apart). Figures are balanced accuracies, means over seeds.

"ours" is ``fit(level=...)``; "same features" are scikit-learn's classifiers on what our
heads see; "plain" are they on colours alone (mean, spread, quantiles a channel) and,
for objects, shape.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kinds import drain
from numpy.typing import NDArray

from napari_medfm import Session
from napari_medfm.core.labels import LabelClass, Level
from napari_medfm.engine.refine import instances
from napari_medfm.engine.validate import balanced_accuracy
from napari_medfm.verbs.imagelevel import bag_of
from napari_medfm.verbs.objects import rows_of
from napari_medfm.verbs.samples import RECIPES, Sample, logits_of, train_samples

CLASSES = [LabelClass("not", 0, "#000000"), LabelClass("is", 1, "#ffffff")]
TILE = 178
SMALLEST = 30
EXUDATE = 20
GAP = 2


@dataclass(frozen=True, eq=False)
class Item:
    """An object or image: what our heads see of it, what is plain, what is right."""

    group: str
    place: tuple[float, float, float]
    rows: NDArray[np.float32]
    plain: NDArray[np.float32]
    value: int


def pictures(folder: Path) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    from skimage.io import imread

    for path in sorted((folder / "images").iterdir()):
        mask = next((folder / "masks").glob(f"{path.stem}.*"))
        yield path.stem, imread(path)[..., :3], imread(mask)


def dark_blue(image: NDArray[Any]) -> NDArray[np.bool_]:
    from skimage.color import rgb2hed
    from skimage.filters import gaussian, threshold_otsu

    stain = gaussian(rgb2hed(image)[..., 0], 1)
    return stain > threshold_otsu(stain)


def bright(image: NDArray[Any]) -> NDArray[np.bool_]:
    from scipy.ndimage import gaussian_filter

    green = image[..., 1].astype(np.float32)
    return green - gaussian_filter(green, 20) > 12


def objects(
    session: Session,
    folder: Path,
    cut: Callable[[NDArray[Any]], NDArray[np.bool_]],
    value: int | None,
) -> list[Item]:
    """Candidates of every picture; right where half of their pixels are in the mask."""
    found = []
    for name, image, mask in pictures(folder):
        labels = instances(cut(image))
        sizes = np.bincount(labels.ravel())
        labels[sizes[labels] < SMALLEST] = 0
        truth = mask > 0 if value is None else mask == value
        session.add_image(image, name=name)
        rows = drain(rows_of(session.workspace.planes, session.images[name], labels))
        tokens = session.workspace.planes.encoder.get().spec.dim
        for number, row, centre in zip(rows.ids, rows.rows, rows.centres, strict=True):
            right = int(truth[labels == number].mean() >= 0.5)
            place = (0.0, *centre.tolist())
            found.append(Item(name, place, row[None], row[tokens:], right))
    return found


def whole(session: Session, image: NDArray[Any], name: str) -> NDArray[np.float32]:
    session.add_image(image, name=name)
    reader = session.workspace.planes
    rows: NDArray[np.float32] = drain(bag_of(reader, session.images[name], None))
    return rows


def colours(image: NDArray[Any]) -> NDArray[np.float32]:
    flat = image.reshape(-1, image.shape[-1] if image.ndim == 3 else 1).astype(float)
    parts = [flat.mean(0), flat.std(0), *np.quantile(flat, (0.1, 0.5, 0.9), axis=0)]
    return np.concatenate(parts).astype(np.float32)


def nuclei(session: Session, data: Path) -> list[Item]:
    return objects(session, data / "dsb2018_stained", dark_blue, None)


def exudates(session: Session, data: Path) -> list[Item]:
    return objects(session, data / "idrid", bright, 2)


def tiles(session: Session, data: Path) -> list[Item]:
    found = []
    for name, image, mask in pictures(data / "idrid"):
        for row in range(0, image.shape[0] - TILE + 1, TILE):
            for col in range(0, image.shape[1] - TILE + 1, TILE):
                place = slice(row, row + TILE), slice(col, col + TILE)
                tile = image[place]
                if tile.mean() < 20:
                    continue
                rows = whole(session, tile, f"{name} {row} {col}")
                right = int((mask[place] == 2).sum() >= EXUDATE)
                middle = (0.0, float(row), float(col))
                found.append(Item(name, middle, rows, colours(tile), right))
    return found


def planes(session: Session, data: Path) -> list[Item]:
    import nibabel

    folder = data / "sts_sarcoma_mr"
    volume, truth = (
        np.moveaxis(np.asarray(nibabel.load(next(part.iterdir())).dataobj), 2, 0)
        for part in (folder / "images", folder / "masks")
    )
    half, found = len(volume) // 2, []
    for z, plane in enumerate(volume.astype(np.float32)):
        if abs(z - half) < GAP:
            continue
        rows = whole(session, plane, f"plane {z}")
        side = "first" if z < half else "second"
        right, place = int((truth[z] > 0).any()), (float(z), 0.0, 0.0)
        found.append(Item(side, place, rows, colours(plane), right))
    return found


TASKS: dict[str, tuple[Level, Callable[[Session, Path], list[Item]]]] = {
    "nuclei": ("object", nuclei),
    "exudates": ("object", exudates),
    "fundus tiles": ("image", tiles),
    "sarcoma planes": ("image", planes),
}


def drawn(
    items: Sequence[Item], count: int, seed: int
) -> tuple[list[Item], list[Item]] | None:
    """Draw labels from half of the groups; the others are for testing."""
    rng = np.random.default_rng([seed, count])
    groups = rng.permutation(sorted({item.group for item in items})).tolist()
    inside = set(groups[: len(groups) // 2])
    train: list[Item] = []
    for value in (0, 1):
        able = [i for i in items if i.group in inside and i.value == value]
        chosen = rng.permutation(len(able))[:count]
        train += [able[k] for k in chosen]
    test = [item for item in items if item.group not in inside]
    whole = {i.value for i in train} == {i.value for i in test} == {0, 1}
    return (train, test) if whole else None


def ours(recipe: str, level: Level, train: list[Item], test: list[Item]) -> Any:
    samples = [
        Sample(n, i.group, i.group, i.value, i.place, i.rows)
        for n, i in enumerate(train)
    ]
    model = drain(train_samples(samples, CLASSES, level, recipe, {}))
    return logits_of(model.experts[0].head, [i.rows for i in test]).argmax(1)


def theirs(name: str, plain: bool, train: list[Item], test: list[Item]) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    made: Any = (
        make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced")
        )
        if name == "logistic"
        else RandomForestClassifier(200, class_weight="balanced", random_state=0)
    )
    seen, asked = (
        np.stack([i.plain if plain else i.rows.mean(0) for i in part])
        for part in (train, test)
    )
    return made.fit(seen, [i.value for i in train]).predict(asked)


def methods(level: Level) -> dict[str, Callable[[list[Item], list[Item]], Any]]:
    found: dict[str, Any] = {
        f"ours, {recipe}": lambda a, b, r=recipe: ours(r, level, a, b)
        for recipe in ("auto", *RECIPES[level])
    }
    for plain, words in ((False, "same features"), (True, "plain")):
        for name in ("logistic", "forest"):
            found[f"{words}, {name}"] = lambda a, b, n=name, p=plain: theirs(n, p, a, b)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--labels", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--out", type=Path, default=Path("levels.jsonl"))
    args = parser.parse_args()
    for task in args.tasks:
        level, read = TASKS[task]
        items = read(Session(cache_dir=args.cache), args.data)
        right = sum(item.value for item in items)
        groups = len({item.group for item in items})
        print(f"\n{task}: {len(items)} in {groups} groups, {right} are", flush=True)
        print(f"{'':26}" + "".join(f"{f'k = {k}':>10}" for k in args.labels))
        for name, method in methods(level).items():
            cells = []
            for count in args.labels:
                scores = []
                for seed in range(args.seeds):
                    parts = drawn(items, count, seed)
                    if parts is None:
                        continue
                    truth = np.array([i.value for i in parts[1]])
                    scores.append(balanced_accuracy(truth, method(*parts)))
                line = {"task": task, "method": name, "labels": count, "scores": scores}
                with args.out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                cells.append(f"{np.mean(scores):10.3f}")
            print(f"{name:26}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
