"""Mouse-up to new prediction: one more click, a new head, every pixel of the plane.

    python benchmarks/latency.py [--size 1024] [--classes 4]

Random tokens stand for an encoder's: no time below depends on their values. Beside it
the bare work in the same run: one Cholesky solve and one matrix product. If
napari-convpaint is installed in this environment, its training and prediction from the
same number of labels are timed as well. Times are CPU milliseconds, the least of
many.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Generator
from importlib.util import find_spec
from typing import Any

import numpy as np

from napari_medfm.core.geometry import Grid
from napari_medfm.core.labels import Annotation, LabelClass
from napari_medfm.core.results import Embedding
from napari_medfm.engine.features import PlaneFeatures, plane_features
from napari_medfm.engine.similarity import SimilarityIndex
from napari_medfm.engine.threads import one_blas_thread
from napari_medfm.verbs.predicting import predict_plane
from napari_medfm.verbs.training import examples_of, train


def drain(steps: Generator[Any, None, Any]) -> Any:
    """Run steps to their end."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def least(job: Callable[[], object], repeats: int = 15) -> float:
    """CPU milliseconds of the cheapest run, after one to warm up.

    CPU time, because wall time lies on a shared machine; it is the wall time of an idle
    one, since all this runs on one thread.
    """
    job()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return 1000 * min(times)


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


def convpaint(size: int, given: list[Annotation]) -> str:
    """Train and predict with napari-convpaint's own default features."""
    if find_spec("napari_convpaint") is None:
        return "napari-convpaint is not installed here: not compared"
    from napari_convpaint.conv_paint_model import ConvpaintModel

    rng = np.random.default_rng(0)
    image = rng.random((size, size)).astype(np.float32)
    scribbles = np.zeros((size, size), np.uint8)
    for annotation in given:
        scribbles[tuple(annotation.pixels[0])] = annotation.value + 1
    model = ConvpaintModel("gaussian")
    start = time.perf_counter()
    model.train(image, scribbles)
    middle = time.perf_counter()
    model.segment(image)
    end = time.perf_counter()
    return (
        f"napari-convpaint: train {middle - start:.2f} s, predict {end - middle:.2f} s"
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
        model = drain(train(examples(), named, "ridge"))
        return predict_plane(model, features)

    ready = examples()
    model = drain(train(ready, named, "ridge"))
    floor = least(bare(features, args.classes))
    whole = least(mouse_up)
    index = SimilarityIndex.of({"plane": embedding})
    places = [("plane", (50.0, 60.0))], [("plane", (400.0, 300.0))]
    print(f"{args.size} x {args.size}, {args.classes} classes, {args.clicks} clicks")
    print(f"bare solve and matrix product   {floor:7.1f} ms")
    print(f"mouse-up to prediction          {whole:7.1f} ms = {whole / floor:.1f} x")
    print(f"  labels to rows                {least(examples):7.1f} ms")
    fit = least(lambda: drain(train(ready, named, "ridge")))
    print(f"  rows to head                  {fit:7.1f} ms")
    predict = least(lambda: predict_plane(model, features))
    print(f"  head to every pixel           {predict:7.1f} ms")
    print(
        f"similarity after a click        {least(lambda: index.maps(*places)):7.1f} ms"
    )
    print(convpaint(args.size, given))


if __name__ == "__main__":
    main()
