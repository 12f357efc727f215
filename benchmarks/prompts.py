"""How good one box and one click are, and what they cost, on expert labels.

Run ``python benchmarks/prompts.py [--quick]``. The data are looked for in the folder
that ``NAPARI_MEDFM_DATA`` names, or ``../shared/data``; without them it says so.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_medfm import segmenters
from napari_medfm.core.geometry import Box
from napari_medfm.core.labels import Prompt
from napari_medfm.engine.crops import CropCache, plan_crop, shrunk
from napari_medfm.engine.prompting import Answer, answer
from napari_medfm.engine.stability import iou

SETS = ("dsb2018_stained", "idrid", "cxr_pcp")
TITLES = {
    "dsb2018_stained": "stained nuclei",
    "idrid": "optic disc",
    "cxr_pcp": "lungs",
}


@dataclass(frozen=True, eq=False)
class Case:
    """One object on one plane."""

    kind: str
    key: str
    rgb: np.ndarray
    truth: np.ndarray

    @property
    def box(self) -> Box:
        """The tight box of the object."""
        box = Box.around(self.truth)
        assert box is not None  # noqa: S101
        return box

    @property
    def click(self) -> tuple[int, int]:
        """The object's deepest pixel."""
        from scipy import ndimage

        depth = ndimage.distance_transform_edt(np.pad(self.truth, 1))[1:-1, 1:-1]
        row, col = np.unravel_index(depth.argmax(), depth.shape)
        return int(row), int(col)


def cases(root: Path, per_image: int) -> Iterator[Case]:
    """Objects with labels, spread evenly over the ids of each image."""
    from PIL import Image

    for kind in SETS:
        for file in sorted((root / kind / "images").iterdir()):
            rgb = np.asarray(Image.open(file).convert("RGB"), np.float32) / 255
            labels = np.asarray(Image.open(root / kind / "masks" / f"{file.stem}.png"))
            for value in _values(kind, labels, per_image):
                truth = labels == value
                if kind == "idrid":
                    truth = _largest(truth)
                yield Case(kind, file.stem, rgb, truth)


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


def naive(case: Case, model: object, cache: CropCache, *, box: bool) -> np.ndarray:
    """The whole plane, the prompt as it is, the largest threshold: no zoom."""
    rows, cols = case.truth.shape
    crop = cache.get(case.rgb, case.key, Box(0, 0, rows, cols), model)
    if box:
        decoded = model.decode(crop.embedding, boxes=crop.to_crop([case.box]))
    else:
        clicks = crop.resize.to_model([case.click])[None]
        decoded = model.decode(
            crop.embedding, points=clicks, point_labels=np.ones((1, 1), bool)
        )
    return crop.to_pixels(decoded.logits[0, 0]) > 0


def quality(root: Path, per_image: int) -> None:
    model = segmenters.load("lite-medsam")
    rows: dict[tuple[str, str], list[float]] = {}
    seconds: dict[tuple[str, str], list[float]] = {}

    def note(case: Case, what: str, run: Callable[[], np.ndarray]) -> None:
        start = time.process_time()
        mask = run()
        seconds.setdefault((case.kind, what), []).append(time.process_time() - start)
        rows.setdefault((case.kind, what), []).append(iou(mask, case.truth))

    cache, whole = CropCache(), CropCache()
    for case in cases(root, per_image):
        click = Prompt(
            points=np.array([case.click], float), point_labels=np.array([True])
        )
        box = Prompt(box=case.box)
        for what, prompt in (("box", box), ("click", click)):
            note(
                case,
                what,
                lambda p=prompt, c=case: (
                    drained(answer(c.rgb, c.key, p, model, cache)).mask
                ),
            )
            note(
                case,
                f"{what}, naive",
                lambda w=what, c=case: naive(c, model, whole, box=w == "box"),
            )
    print("set                what           objects  mean IoU  median  CPU s each")
    for (kind, what), values in rows.items():
        spent = np.mean(seconds[kind, what])
        print(
            f"{TITLES[kind]:18} {what:14} {len(values):7}  {np.mean(values):8.3f}"
            f"  {np.median(values):6.3f}  {spent:10.2f}"
        )
    print(f"encoder passes: {cache.encodes} with zoom, {whole.encodes} naive")


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
    bare, ours, first, second = [], [], [], []
    click = Prompt(points=np.array([case.click], float), point_labels=np.array([True]))
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
    print(f"bare encoder, first call: {encoding:.2f} CPU s")
    for what, spent in (("first in a region", first), ("next beside it", second)):
        wall, busy = np.median(spent, axis=0)
        print(f"click, {what}: {wall:.2f} s wall clock, {busy:.2f} CPU s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two nuclei per image")
    parser.add_argument("--per-image", type=int, default=10, help="nuclei per image")
    wanted = parser.parse_args()
    here = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("NAPARI_MEDFM_DATA", here))
    missing = [kind for kind in SETS if not (root / kind / "images").is_dir()]
    if missing:
        print(f"{root} lacks {', '.join(missing)}: set NAPARI_MEDFM_DATA. Skipped.")
        return 0
    quality(root, 2 if wanted.quick else wanted.per_image)
    cost(root, 3 if wanted.quick else 9)
    return 0


if __name__ == "__main__":
    sys.exit(main())
