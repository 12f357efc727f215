"""Mouse-up to new prediction: one more click, a new head, every pixel of the plane.

    python benchmarks/latency.py [--size 1024] [--classes 4]

Random tokens stand for an encoder's: no time below depends on their values. Beside it
the bare work in the same run: one Cholesky solve and one matrix product. If
napari-convpaint can be imported, its training and prediction from the same labels are
timed in the same run, with its own Gaussian features and with our encoder's network
passed in (random weights, the same size of input). If featureforest can be imported,
its training from the same labels and its prediction are timed too, from features of the
width and in the patches that its DINOv2 adapter makes; extracting them, hundreds of
passes of the network, is left out. Each time is given as wall and CPU milliseconds, the
least of several runs.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from napari_medfm.core.geometry import Grid
from napari_medfm.core.labels import Annotation, LabelClass
from napari_medfm.core.results import Embedding
from napari_medfm.engine.features import PlaneFeatures, plane_features
from napari_medfm.engine.similarity import SimilarityIndex
from napari_medfm.engine.threads import one_blas_thread
from napari_medfm.verbs.examples import known_tokens
from napari_medfm.verbs.predicting import predict_plane
from napari_medfm.verbs.trained import TrainedModel
from napari_medfm.verbs.training import examples_of, train


def drain(steps: Generator[Any, None, Any]) -> Any:
    """Run steps to their end."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


@dataclass(frozen=True)
class Time:
    """The least wall and CPU milliseconds of some runs, after one to warm up."""

    wall: float
    cpu: float

    @classmethod
    def of(cls, job: Callable[[], object], repeats: int = 15) -> Time:
        """Time a job; each of the two is the least seen, maybe in different runs."""
        job()
        walls, cpus = [], []
        for _ in range(repeats):
            wall, cpu = time.perf_counter(), time.process_time()
            job()
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        return cls(1000 * min(walls), 1000 * min(cpus))

    def __str__(self) -> str:
        return f"{self.wall:8.1f} ms wall {self.cpu:8.1f} ms CPU"


def peak() -> float:
    """Peak resident memory of this process in MiB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def plane(size: int) -> tuple[PlaneFeatures, Embedding]:
    rng = np.random.default_rng(0)
    count = size // 7
    layers = rng.normal(size=(count, count, 4, 384)).astype(np.float16)
    grid = Grid(count, count, (7.0, 7.0), (3.0, 3.0))
    made = Embedding(layers, grid, "random", "random")
    return plane_features(made, rng.random((size, size, 1)).astype(np.float32)), made


def labels(size: int, classes: int, count: int) -> list[Annotation]:
    rng = np.random.default_rng(1)
    return [
        Annotation(
            number,
            "plane",
            number % classes,
            "pixel",
            "points",
            rng.integers(0, size, (1, 2)).astype(np.int32),
        )
        for number in range(count)
    ]


def bare(features: PlaneFeatures, classes: int) -> Callable[[], object]:
    """The arithmetic that nobody can avoid."""
    from scipy.linalg import cho_factor, cho_solve

    rng = np.random.default_rng(2)
    rows = rng.normal(size=(80, 384))
    matrix = rows.T @ rows + 100 * np.eye(384)
    right = rng.normal(size=(384, classes))

    def work() -> object:
        with one_blas_thread():
            solution = cho_solve(cho_factor(matrix), right).astype(np.float32)
            return features.tokens @ solution

    return work


def convpaint(
    size: int, given: list[Annotation], encoder: bool
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return napari-convpaint's training with one more click, and its prediction."""
    from napari_convpaint import ConvpaintModel

    rng = np.random.default_rng(0)
    image = rng.random((3, size, size) if encoder else (size, size), np.float32)
    scribbles = np.zeros((size, size), np.uint8)
    for annotation in given:
        row, col = annotation.pixels[0]
        scribbles[row : row + 3, col : col + 3] = annotation.value + 1
    if encoder:
        ConvpaintModel._init_fe_models_dict()  # noqa: SLF001  its only way in
        ConvpaintModel.FE_MODELS_TYPES_DICT["ours"] = _our_network()
        model = ConvpaintModel(fe_name="ours")
        model.set_params(channel_mode="rgb")
    else:
        model = ConvpaintModel(alias="gaussian")
    device = {"clf_use_device": "cpu", "fe_use_device": "cpu"}
    return (
        lambda: model.train(image, scribbles, **device),
        lambda: model.segment(image),
    )


def _our_network() -> type:
    import timm
    import torch
    from napari_convpaint.feature_extractors.dino import Dinov2Features

    class Ours(Dinov2Features):  # type: ignore[misc]
        """Our default encoder's network, one pass over the whole plane."""

        def __init__(self, model_name: str = "dinov2_small-reg", **_: object) -> None:
            super().__init__("dinov2_small-reg")

        @staticmethod
        def create_model(model_name: str) -> Any:
            network = timm.create_model(
                "vit_small_patch14_dinov2", dynamic_img_size=True, num_classes=0
            ).eval()

            class Wrapped(torch.nn.Module):
                def __init__(self) -> None:
                    super().__init__()
                    self.network = network

                def forward_features(self, batch: Any) -> dict[str, Any]:
                    tokens = network.forward_features(batch)
                    return {"x_norm_patchtokens": tokens[:, 1:]}

            return Wrapped()

    return Ours


def featureforest(
    size: int, given: list[Annotation]
) -> tuple[Callable[[], object], Callable[[], object], float, float]:
    """Return featureforest's training and its prediction of a row of patches.

    Beside them: how many such rows the plane has, and what its features take in MiB.
    """
    import torch
    from featureforest.models.DinoV2.adapter import DinoV2Adapter
    from featureforest.utils.data import get_num_patches, get_stride_margin
    from featureforest.utils.pipeline_prediction import predict_patches
    from sklearn.ensemble import RandomForestClassifier

    adapter = DinoV2Adapter(torch.nn.Identity(), size, size, torch.device("cpu"))
    stride, _ = get_stride_margin(adapter.patch_size, adapter.overlap)
    rows, cols = get_num_patches(size, size, adapter.patch_size, adapter.overlap)
    width = adapter.get_total_output_channels()
    rng = np.random.default_rng(0)
    patches = rng.normal(size=(cols, stride, stride, width)).astype(np.float16)
    known = rng.normal(size=(len(given), width))
    values = [annotation.value for annotation in given]
    # As its widget makes it, one core and silent.
    forest = RandomForestClassifier(
        n_estimators=450,
        max_depth=9,
        class_weight="balanced",
        min_samples_split=15,
        min_samples_leaf=3,
        max_features=25,
        n_jobs=1,
    )
    return (
        lambda: forest.fit(known, values),
        lambda: predict_patches([patches], forest, adapter),
        rows,
        patches.nbytes * rows / 2**20,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--classes", type=int, default=4)
    parser.add_argument("--clicks", type=int, default=80)
    args = parser.parse_args()
    features, embedding = plane(args.size)
    given = labels(args.size, args.classes, args.clicks)
    named = [LabelClass(str(v), v, "#ffffff") for v in range(args.classes)]

    def examples() -> list[Any]:
        return [e for a in given for e in examples_of(a, "g", {0: features})]

    def mouse_up() -> object:
        return predict_plane(taught(examples()), features)

    def taught(rows: list[Any]) -> TrainedModel:
        model = drain(train(rows, named, "ridge"))
        return replace(model, known=known_tokens(rows))

    ready = examples()
    model = taught(ready)
    floor = Time.of(bare(features, args.classes))
    whole = Time.of(mouse_up)
    index = SimilarityIndex.of({"plane": embedding})
    places = [("plane", (50.0, 60.0))], [("plane", (400.0, 300.0))]
    fit = Time.of(lambda: taught(ready))
    predict = Time.of(lambda: predict_plane(model, features))
    print(f"{args.size} x {args.size}, {args.classes} classes, {args.clicks} clicks")
    print(f"bare solve and matrix product  {floor}")
    print(f"mouse-up to prediction         {whole} = {whole.cpu / floor.cpu:.1f} x")
    print(f"  labels to rows               {Time.of(examples)}")
    print(f"  rows to head                 {fit}")
    print(f"  head to every pixel          {predict}")
    print(f"similarity after a click       {Time.of(lambda: index.maps(*places))}")
    print(f"peak memory so far {peak():5.0f} MiB, the encoder not in it")
    if find_spec("featureforest") is None:
        print("featureforest is not installed here: not compared")
    else:
        learn, paint, rows, size = featureforest(args.size, given)
        training, painting = Time.of(learn, 1), Time.of(paint, 1)
        total = training.cpu + rows * painting.cpu
        print(f"featureforest, features given: {total / whole.cpu:.0f} x our CPU time")
        print(f"  train                        {training}")
        print(f"  segment, one of {rows} rows       {painting}")
        print(f"  features on disk or in memory {size:6.0f} MiB")
    if find_spec("napari_convpaint") is None:
        print("napari-convpaint is not installed here: not compared")
        return
    for title, encoder in (("its Gaussian features", False), ("our encoder", True)):
        learn, paint = convpaint(args.size, given, encoder)
        training, painting = Time.of(learn, 1), Time.of(paint, 1)
        total = training.cpu + painting.cpu
        print(f"napari-convpaint, {title}: {total / whole.cpu:.0f} x our CPU time")
        print(f"  train                        {training}")
        print(f"  segment                      {painting}")
        print(f"  peak memory of all so far {peak():5.0f} MiB")


if __name__ == "__main__":
    main()
