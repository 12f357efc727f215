"""How good boxes, clicks and corrections are, and what they cost, on expert labels.

Run ``python benchmarks/prompts.py [--quick] [--parts planes,volumes,cost,undo]``. The
data are looked for in the folder that ``NAPARI_MEDFM_DATA`` names, or in
``../shared/data``; without them it says so. ``--crops FOLDER`` keeps crop embeddings
between runs; times are then those of a run with warm crops.

Protocol. Planes: for each object one box (true; each edge moved by up to 10 % of the
side), one click (deepest pixel; a random pixel), then up to five corrective clicks,
each at the deepest place of the largest error; beside the model as its own script
uses it (whole plane, box or click as it is). Volumes: one true box on the object's
largest plane, then corrective clicks one by one on the plane with most wrong pixels.
Images 1, 3, 5 ... of a set chose the constants (``docs/prompts.md``), the others not.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_medfm import Session, segmenters
from napari_medfm.core.geometry import Box
from napari_medfm.core.labels import Prompt
from napari_medfm.core.results import Mask
from napari_medfm.engine.crops import CropCache, plan_crop, shrunk
from napari_medfm.engine.prompting import Answer, answer
from napari_medfm.engine.samlike import SamEmbedding
from napari_medfm.engine.stability import iou

TITLES = {
    "dsb2018_stained": "stained nuclei",
    "idrid": "optic disc",
    "cxr_pcp": "lungs",
    "sts_sarcoma_mr": "sarcoma MR",
    "sct_cord_mr": "spinal cord MR",
}
PLANES = ("dsb2018_stained", "idrid", "cxr_pcp")
VOLUMES = (("sts_sarcoma_mr", 0), ("sct_cord_mr", 1))
CORRECTIONS = 5


class Counted:
    """A segmenter that counts what it is asked, and may keep embeddings on disk."""

    def __init__(self, folder: Path | None) -> None:
        self._model = segmenters.load("lite-medsam")
        self._folder = folder
        self.spec, self.weights_hash = self._model.spec, self._model.weights_hash
        self.encodes = self.decodes = self.calls = 0

    def encode(self, crop: np.ndarray) -> SamEmbedding:
        """Embed a crop, or take its embedding from the folder."""
        self.encodes += 1
        if self._folder is None:
            return self._model.encode(crop)
        import torch

        pixels = np.ascontiguousarray(crop)
        name = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()
        file = self._folder / f"{name}.npz"
        if file.exists():
            with np.load(file) as kept:
                shapes = tuple(
                    tuple(int(v) for v in kept[k]) for k in ("input", "crop")
                )
                return SamEmbedding(torch.from_numpy(kept["features"]), *shapes)
        made = self._model.encode(crop)
        parts = {"features": made.features.numpy(), "input": made.input_shape}
        np.savez(file, crop=made.crop_shape, **parts)
        return made

    def decode(self, embedding: SamEmbedding, **prompts: object) -> object:
        """Answer prompts."""
        self.calls += 1
        boxes = prompts.get("boxes")
        self.decodes += 1 if boxes is None else len(boxes)
        return self._model.decode(embedding, **prompts)


@dataclass(frozen=True, eq=False)
class Case:
    """One object on one plane."""

    kind: str
    key: str
    rgb: np.ndarray
    truth: np.ndarray
    chose: bool

    @property
    def box(self) -> Box:
        """The tight box of the object."""
        box = Box.around(self.truth)
        assert box is not None  # noqa: S101
        return box


def deepest(mask: np.ndarray) -> tuple[int, int]:
    """Return the pixel farthest from the border of a mask."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, col = np.unravel_index(depth.argmax(), depth.shape)
    return int(row), int(col)


def cases(root: Path, per_image: int) -> Iterator[Case]:
    """Objects with labels, spread evenly over the ids of each image."""
    from PIL import Image

    for kind in PLANES:
        files = sorted((root / kind / "images").iterdir())
        for number, file in enumerate(files):
            rgb = np.asarray(Image.open(file).convert("RGB"), np.float32) / 255
            labels = np.asarray(Image.open(root / kind / "masks" / f"{file.stem}.png"))
            for value in _values(kind, labels, per_image):
                truth = labels == value
                if kind == "idrid":
                    truth = _largest(truth)
                yield Case(kind, file.stem, rgb, truth, number % 2 == 0)


def _values(kind: str, labels: np.ndarray, per_image: int) -> list[int]:
    if kind == "idrid":
        return [1]
    if kind == "cxr_pcp":
        return [1, 2]
    sizes = np.bincount(labels.ravel())
    found = [value for value in range(1, len(sizes)) if sizes[value] >= 40]
    chosen = np.linspace(0, len(found) - 1, min(per_image, len(found))).astype(int)
    return [found[k] for k in chosen]


def _largest(mask: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    pieces, _ = ndimage.label(mask)
    return pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])


def drained(steps: Iterator[object]) -> Answer:
    """Run steps to their end."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def clicks_of(
    points: list[tuple[int, int]], signs: list[bool]
) -> dict[str, np.ndarray]:
    return {"points": np.array(points, float), "point_labels": np.array(signs)}


def jittered(box: Box, shape: tuple[int, int], rng: np.random.Generator) -> Box:
    """Each edge moved by up to a tenth of the side."""
    move = rng.uniform(-0.1, 0.1, 4) * [box.height, box.width, box.height, box.width]
    return Box(*(np.array(box) + move).tolist()).clipped(shape)


def naive(case: Case, model: Counted, cache: CropCache, *, box: bool) -> np.ndarray:
    """The whole plane, the prompt as it is: no zoom."""
    crop = cache.get(case.rgb, case.key, Box(0, 0, *case.truth.shape), model)
    if box:
        decoded = model.decode(crop.embedding, boxes=crop.to_crop([case.box]))
    else:
        places = crop.resize.to_model([deepest(case.truth)])[None]
        decoded = model.decode(
            crop.embedding, points=places, point_labels=np.ones((1, 1), bool)
        )
    return crop.to_pixels(decoded.logits[0, 0]) > 0


def worst(mask: np.ndarray, truth: np.ndarray) -> tuple[tuple[int, int], bool] | None:
    """Where the next corrective click goes, and whether it lies on the object."""
    wrong = _largest(mask ^ truth) if (mask ^ truth).any() else mask ^ truth
    if not wrong.any():
        return None
    place = deepest(wrong)
    return place, bool(truth[place])


@dataclass
class Tally:
    """IoU, CPU seconds and calls by set and kind of prompt."""

    rows: dict[tuple[str, str], list[tuple[float, float, int, int, bool]]]

    def note(self, case: Case, what: str, model: Counted, run: object) -> np.ndarray:
        """Run a prompt and write down what came of it."""
        encodes, decodes, start = model.encodes, model.decodes, time.process_time()
        mask = run()
        self.rows[case.kind, what].append(
            (
                iou(mask, case.truth),
                time.process_time() - start,
                model.encodes - encodes,
                model.decodes - decodes,
                case.chose,
            )
        )
        return mask

    def show(self) -> None:
        """Print the table."""
        print(
            "set             prompt                 n   IoU  median  IoU held out"
            "  CPU s  encodes  decodes"
        )
        for (kind, what), rows in self.rows.items():
            columns = [np.array(column) for column in zip(*rows, strict=True)]
            values, seconds, encodes, decodes, chose = columns
            held = values[~chose.astype(bool)]
            out = f"{held.mean():.3f}" if len(held) else "    -"
            print(
                f"{TITLES[kind]:15} {what:20} {len(rows):3} {values.mean():.3f}"
                f"  {np.median(values):.3f}         {out}  {seconds.mean():6.2f}"
                f"  {encodes.mean():7.2f}  {decodes.mean():7.1f}"
            )


def planes(root: Path, per_image: int, model: Counted) -> None:
    tally = Tally(defaultdict(list))
    cache, whole = CropCache(), CropCache()
    rng = np.random.default_rng(0)

    def ask(case: Case, prompt: Prompt) -> np.ndarray:
        return drained(answer(case.rgb, case.key, prompt, model, cache)).mask

    for case in cases(root, per_image):
        inside = np.argwhere(case.truth)
        anywhere = tuple(int(v) for v in inside[rng.integers(len(inside))])
        loose = jittered(case.box, case.truth.shape, rng)
        for what, prompt in (
            ("box", Prompt(box=case.box)),
            ("box, jittered", Prompt(box=loose)),
            ("click, anywhere", Prompt(**clicks_of([anywhere], [True]))),
            ("click", Prompt(**clicks_of([deepest(case.truth)], [True]))),
        ):
            mask = tally.note(case, what, model, lambda p=prompt, c=case: ask(c, p))
        for kind in ("box", "click"):
            tally.note(
                case,
                f"{kind}, naive",
                model,
                lambda k=kind, c=case: naive(c, model, whole, box=k == "box"),
            )
        _corrections(case, mask, tally, model, ask)
        print(f"  {case.kind} {case.key}", file=sys.stderr)
    tally.show()


def _corrections(
    case: Case, mask: np.ndarray, tally: Tally, model: Counted, ask: object
) -> None:
    """Up to five clicks at the largest error, each on the mask of the one before."""
    points, signs = [deepest(case.truth)], [True]
    for number in range(1, CORRECTIONS + 1):
        further = worst(mask, case.truth)
        if further is not None:
            points.append(further[0])
            signs.append(further[1])
        prompt = Prompt(mask=mask if mask.any() else None, **clicks_of(points, signs))
        run = (lambda m=mask: m) if further is None else (lambda p=prompt: ask(case, p))
        mask = tally.note(case, f"click + {number} more", model, run)


def volumes(root: Path, model: Counted) -> None:
    from napari_medfm.readers import read_image

    print("volume           axis  prompts               Dice  planes found (truth)")
    for kind, axis in VOLUMES:
        image = next((root / kind / "images").glob("*.nii.gz"))
        labels = next((root / kind / "masks").glob("*.nii.gz"))
        truth = np.moveaxis(np.asarray(read_image(labels).data) > 0, axis, 0)
        read = read_image(image)
        session = Session(segmenter=model)
        spacing = [read.spacing[axis], *np.delete(read.spacing, axis)]
        pixels = np.ascontiguousarray(np.moveaxis(np.asarray(read.data), axis, 0))
        session.add_image(pixels, name=kind, axes="zyx", spacing=spacing)
        _volume(session, kind, axis, truth, model)


def _volume(
    session: Session, kind: str, axis: int, truth: np.ndarray, model: Counted
) -> None:
    first = int(truth.sum((1, 2)).argmax())
    box = Box.around(truth[first])
    known = {first: session.segment(kind, box=box, plane=first).data}
    points: dict[int, tuple[list, list]] = {}
    found = None
    for clicks in range(CORRECTIONS + 1):
        encodes, decodes, start = model.encodes, model.decodes, time.process_time()
        rest = {plane: mask for plane, mask in known.items() if plane != first}
        found = session.propagate(
            kind, known[first], plane=first, also=rest, previous=found
        )
        reached = np.flatnonzero(found.data.any((1, 2)))
        real = np.flatnonzero(truth.any((1, 2)))
        print(
            f"{TITLES[kind]:15}  {axis:4}  box + {clicks} clicks       "
            f"{dice(found.data, truth):.3f}  {reached[0]}-{reached[-1]} "
            f"({real[0]}-{real[-1]})  {time.process_time() - start:.1f} CPU s, "
            f"{model.encodes - encodes} encodes, {model.decodes - decodes} decodes",
            flush=True,
        )
        wrong = (found.data ^ truth).sum((1, 2))
        plane = int(wrong.argmax())
        further = worst(found.data[plane], truth[plane])
        if further is None:
            break
        places, signs = points.setdefault(plane, ([], []))
        places.append(further[0])
        signs.append(further[1])
        known[plane] = _corrected(
            session, kind, plane, found.data[plane], places, signs
        )


def _corrected(
    session: Session,
    kind: str,
    plane: int,
    mask: np.ndarray,
    places: list,
    signs: list,
) -> np.ndarray:
    """One plane as the user's clicks leave it."""
    if not mask.any() and not any(signs):
        return mask
    made = session.segment(
        kind,
        points=places,
        point_labels=signs,
        mask=mask if mask.any() else None,
        plane=plane,
    )
    return made.data


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * np.count_nonzero(first & second) / max(first.sum() + second.sum(), 1)


def cost(root: Path, repeats: int) -> None:
    """Prompt to mask with the embedding ready, over the bare decoder call."""
    import torch

    from napari_medfm.segmenters.lite_medsam import build

    model = segmenters.load("lite-medsam")
    network = build().eval()
    case = next(iter(cases(root, 1)))
    prompt, cache = Prompt(box=case.box), CropCache()
    box = plan_crop(prompt, case.truth.shape, model.spec.input_size)
    cache.get(case.rgb, case.key, box, model)
    image = torch.from_numpy(shrunk(case.rgb[box.slices], 256).transpose(2, 0, 1)[None])
    corners = torch.tensor([[10.0, 10.0, 60.0, 60.0]])
    with torch.inference_mode():
        canvas = torch.zeros(1, 3, 256, 256)
        canvas[..., : image.shape[2], : image.shape[3]] = image
        start = time.process_time()
        features = network.image_encoder(canvas)
        encoding = time.process_time() - start
    start = time.process_time()
    model.encode(case.rgb[box.slices])
    encoding_here = time.process_time() - start
    bare, ours, first, second = [], [], [], []
    click = Prompt(**clicks_of([deepest(case.truth)], [True]))
    nearby = Prompt(points=click.points + 1, point_labels=click.point_labels)
    for _ in range(repeats):
        start = time.process_time()
        with torch.inference_mode():
            sparse, dense = network.prompt_encoder(
                points=None, boxes=corners, masks=None
            )
            network.mask_decoder(
                image_embeddings=features,
                image_pe=network.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=False,
            )
        bare.append(time.process_time() - start)
        start = time.process_time()
        drained(answer(case.rgb, case.key, prompt, model, cache))
        ours.append(time.process_time() - start)
        fresh = CropCache()
        for clicks, spent in ((click, first), (nearby, second)):
            wall, start = time.perf_counter(), time.process_time()
            drained(answer(case.rgb, case.key, clicks, model, fresh))
            now = time.perf_counter() - wall, time.process_time() - start
            spent.append(now)
    ratio = np.median(ours) / np.median(bare)
    print(
        f"box to mask, embedding ready: {np.median(ours):.3f} CPU s; bare decoder "
        f"{np.median(bare):.3f}; ratio {ratio:.2f} (wanted: at most 1.15)"
    )
    print(f"encoder: bare {encoding:.2f} CPU s, ours {encoding_here:.2f}")
    for what, spent in (("first in a region", first), ("next beside it", second)):
        wall, busy = np.median(spent, axis=0)
        print(f"click, {what}: {wall:.2f} s wall clock, {busy:.2f} CPU s")


def undo(prompts: int) -> None:
    """What prompts, accepted and learned from, hold in memory until they are undone."""
    import tracemalloc

    session = Session()
    planes, size = 100, 512
    session.add_image(np.broadcast_to(np.float32(0), (planes, size, size)), name="v")
    session.add_class("lesion")
    rows, cols = np.ogrid[:size, :size]
    rng = np.random.default_rng(0)

    def prompted(number: int) -> None:
        centre, radius = rng.uniform(80, size - 80, 2), rng.uniform(10, 60)
        away = np.hypot(rows - centre[0], cols - centre[1])
        discs = [away < radius * share for share in (1, 0.7, 0.85, 1.15)]
        made = Mask(discs[0], 0.9, "v", number % planes, {}, tuple(discs[1:]))
        held = session.labelling
        masks = {**held.masks, ("v", number % planes): made}
        session.workspace.change(held.but(masks=masks))
        session.accept("v", made, "lesion")
        session.annotate("v", "lesion", mask=discs[0], plane=number % planes)

    tracemalloc.start()
    for number in range(prompts):
        prompted(number)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    kept = session.workspace.memory.nbytes
    before = session.labels("v").tobytes()
    steps = 0
    while session.undo():
        steps += 1
    empty = not session.labels("v").any() and not session.annotations
    while session.redo():
        pass
    same = session.labels("v").tobytes() == before
    print(
        f"{prompts} prompts with 3 other answers each, accepted and learned from, on "
        f"{size} x {size} x {planes}: {held / 2**20:.0f} MB in all, of it arrays "
        f"{kept / 2**20:.1f} MB; unpacked they were "
        f"{prompts * size**2 * 5 / 2**20:.0f} MB and more; undo of {steps} steps "
        f"{'exact' if empty and same else 'WRONG'}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two nuclei per image")
    parser.add_argument("--per-image", type=int, default=10, help="nuclei per image")
    parser.add_argument("--parts", default="planes,volumes,cost,undo")
    parser.add_argument("--crops", type=Path, help="folder to keep embeddings in")
    wanted = parser.parse_args()
    here = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("NAPARI_MEDFM_DATA", here))
    missing = [kind for kind in TITLES if not (root / kind / "images").is_dir()]
    if missing:
        print(f"{root} lacks {', '.join(missing)}: set NAPARI_MEDFM_DATA. Skipped.")
        return 0
    if wanted.crops is not None:
        wanted.crops.mkdir(parents=True, exist_ok=True)
    parts = wanted.parts.split(",")
    if "volumes" in parts:
        volumes(root, Counted(wanted.crops))
    if "planes" in parts:
        planes(root, 2 if wanted.quick else wanted.per_image, Counted(wanted.crops))
    if "undo" in parts:
        undo(200 if wanted.quick else 2000)
    if "cost" in parts:
        cost(root, 3 if wanted.quick else 9)
    return 0


if __name__ == "__main__":
    sys.exit(main())
