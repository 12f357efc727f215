"""The kinds of images that label efficiency is measured on, and how they are split."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_medfm.core.geometry import Grid
from napari_medfm.core.labels import Annotation
from napari_medfm.core.results import Embedding
from napari_medfm.engine.embed import embed_rgb
from napari_medfm.engine.features import PlaneFeatures, plane_features
from napari_medfm.engine.intake import image_of
from napari_medfm.engine.rgb import normalised, to_rgb
from napari_medfm.verbs.examples import Example, examples_of
from napari_medfm.verbs.unlabelled import unlabelled

_PLANES = 9
_PART = 0.4


@dataclass(frozen=True)
class Kind:
    """A kind of images with its labels.

    Parameters
    ----------
    folder
        NAME of ``DATA/NAME/images`` and ``DATA/NAME/masks``.
    classes
        Class name -> values of the mask that belong to it.
    train
        Images to train on; the others are for testing.
    chosen_on
        Whether constants of the program were chosen on this kind.
    """

    folder: str
    classes: dict[str, tuple[int, ...]]
    train: int = 3
    chosen_on: bool = False


ANY = tuple(range(1, 65536))
KINDS = {
    "stained nuclei": Kind("dsb2018_stained", {"nucleus": ANY}, chosen_on=True),
    "vessels": Kind("chase_db1", {"vessel": (1,)}, chosen_on=True),
    "optic disc": Kind("idrid", {"disc": (1,)}, chosen_on=True),
    "sarcoma MR": Kind("sts_sarcoma_mr", {"sarcoma": (1,)}, chosen_on=True),
    "hard exudates": Kind("idrid", {"exudate": (2,)}),
    "disc and exudates": Kind("idrid", {"disc": (1,), "exudate": (2,)}),
    "spinal cord MR": Kind("sct_cord_mr", {"cord": (1,)}),
    "MS lesions": Kind("ms_flair", {"lesion": (1,)}),
    "chest X-ray halves": Kind("cxr_pcp", {"lung": (1, 2), "middle": (3,)}, train=1),
}


@dataclass(frozen=True, eq=False)
class Case:
    """One plane with its truth: class values 0 (background), 1, 2, ..."""

    name: str
    channels: np.ndarray
    features: PlaneFeatures
    truth: np.ndarray


def drain(steps: Generator[Any, None, Any]) -> Any:
    """Run steps to their end."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def load_kind(kind: Kind, data: Path, encoder: Any, cache: Path) -> list[Case]:
    """Read the images of a kind with their embeddings, computed once into ``cache``."""
    cases = []
    for name, pixels, mask in _planes(data / kind.folder):
        image = image_of(pixels, name)
        channels = normalised(image)
        truth = np.zeros(mask.shape, np.uint8)
        for value, members in enumerate(kind.classes.values(), start=1):
            truth[np.isin(mask, members)] = value
        embedding = _embedding(channels, encoder, cache)
        features = plane_features(embedding, channels)
        cases.append(Case(name, channels, features, truth))
    return cases


def split(kind: Kind, cases: list[Case], seed: int) -> tuple[list[Case], list[Case]]:
    """Choose images to train on by the seed, and return them and the others.

    Planes of a volume: those to train on come from one end, those to test on from the
    other, with a gap of a fifth of the range between; the seed chooses end and planes.
    """
    rng = np.random.default_rng([11, seed])
    if ":" not in cases[0].name:
        order = rng.permutation(len(cases))
        chosen = [cases[i] for i in order]
        return chosen[: kind.train], chosen[kind.train :]
    ordered = cases if seed % 2 == 0 else cases[::-1]
    part = round(_PART * len(ordered))
    first = rng.permutation(part)[: kind.train]
    return [ordered[i] for i in sorted(first)], ordered[-part:]


def clicks(
    kind: Kind, cases: list[Case], count: int, seed: int, first: int = 0
) -> list[Example]:
    """Draw clicks of every class at random over the images, one annotation each."""
    rng = np.random.default_rng([seed, count])
    examples: list[Example] = []
    for value in range(len(kind.classes) + 1):
        able = [case for case in cases if (case.truth == value).any()]
        for number in range(count if able else 0):
            case = able[number % len(able)]
            pixels = np.argwhere(case.truth == value)
            pixel = pixels[rng.integers(len(pixels))][None].astype(np.int32)
            given = Annotation(
                first + len(examples), case.name, value, "pixel", "points", pixel
            )
            examples += examples_of(given, case.name, {0: case.features})
    return examples


def unlabelled_of(cases: list[Case]) -> list[Example]:
    """Draw places that nobody labelled on each image."""
    nothing = np.empty((0, 2), np.intp)
    drawn = [
        unlabelled(case.name, case.name, 0, case.features, nothing) for case in cases
    ]
    return [example for example in drawn if example is not None]


def _planes(folder: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    from skimage.io import imread

    found = []
    for path in sorted((folder / "images").iterdir()):
        mask = next((folder / "masks").glob(path.name.split(".")[0] + ".*"))
        if path.name.endswith(".nii.gz"):
            found += _volume_planes(path, mask)
        else:
            found.append((path.stem, imread(path), imread(mask)))
    if len(found) > 1:
        return found
    name, pixels, mask = found[0]
    middle = pixels.shape[1] // 2
    halves = (slice(None, middle), slice(middle, None))
    return [
        (f"{name}-{side}", pixels[:, half], mask[:, half])
        for side, half in zip(("left", "right"), halves, strict=True)
    ]


def _volume_planes(path: Path, mask: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return axial planes, evenly spaced over those where the object is not tiny."""
    import nibabel

    held = nibabel.load(path)
    axis = next(i for i, c in enumerate(nibabel.aff2axcodes(held.affine)) if c in "SI")
    volume = np.moveaxis(np.asarray(held.dataobj, np.float32), axis, 0)
    truth = np.asarray(nibabel.load(mask).dataobj).round().astype(np.uint8)
    truth = np.moveaxis(truth, axis, 0)
    area = (truth > 0).sum((1, 2))
    good = np.flatnonzero(area >= 0.3 * area.max())
    spread = np.linspace(0, len(good) - 1, min(_PLANES, len(good))).round()
    low, high = np.percentile(volume, (0.5, 99.5))
    scaled = ((volume - low) / (high - low)).clip(0, 1)
    return [(f"{path.stem}:{z}", scaled[z], truth[z]) for z in good[spread.astype(int)]]


def _embedding(channels: np.ndarray, encoder: Any, cache: Path) -> Embedding:
    digest = hashlib.sha256(channels.tobytes()).hexdigest()[:16]
    stored = cache / f"{encoder.spec.name}-{digest}.npz"
    if not stored.exists():
        layers, grid = drain(embed_rgb(to_rgb(channels), encoder))
        place = [*layers.shape[:2], *grid.stride, *grid.offset]
        np.savez(stored, layers=layers, grid=place)
    held = np.load(stored)
    rows, cols, *steps = held["grid"].tolist()
    grid = Grid(int(rows), int(cols), tuple(steps[:2]), tuple(steps[2:]))
    return Embedding(held["layers"], grid, digest, encoder.spec.name)
