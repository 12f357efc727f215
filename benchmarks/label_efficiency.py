"""Quality of masks per label: train on a few clicks, test on other images.

    python benchmarks/label_efficiency.py DATA --cache DIR [--clicks 1 5 20 100]

DATA holds folders NAME/images and NAME/masks (`kinds.py`). Clicks are drawn at random
from the truth: so many per class over the training images together. Dice is the mean
over foreground classes and test images, at the method's own threshold; "best" moves the
threshold of each test image to where its Dice is best, as a bound; "4 more" adds four
corrective clicks on each test image, where the mask is wrong, and trains again.
Every figure goes to ``--out`` as one line of JSON, so that a run can be
interrupted and continued; ``--table`` prints what is there and draws the plot.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import peers
from kinds import KINDS, Case, clicks, drain, load_kind, split, unlabelled_of

from napari_medfm import encoders
from napari_medfm.core.labels import Annotation, LabelClass
from napari_medfm.engine.validate import dice
from napari_medfm.verbs.predicting import plane_logits
from napari_medfm.verbs.training import TrainedModel, examples_of, train

OURS = ("auto", "pool", "blend", "logistic", "ridge", "forest")


def score(
    logits: np.ndarray, case: Case, values: tuple[int, ...]
) -> list[tuple[float, float]]:
    """Dice at the method's threshold and at the best one, of each class there is."""
    found = np.asarray(values)[logits.argmax(0)]
    pairs = []
    for row, value in enumerate(values):
        truth = case.truth == value
        if value and truth.any():
            margin = logits[row] - np.delete(logits, row, axis=0).max(0)
            pairs.append((dice(case.truth, found, value), best_dice(margin, truth)))
    return pairs


def best_dice(margin: np.ndarray, truth: np.ndarray) -> float:
    """Dice at the threshold where it is best, over 2,000 thresholds."""
    places = np.quantile(margin, np.linspace(0, 1, 2001))
    inside = np.searchsorted(places, margin[truth], side="left")
    hits = np.cumsum(np.bincount(inside, minlength=2002)[::-1])[::-1]
    above = len(margin.ravel()) * (1 - np.arange(2002) / 2001)
    return float((2 * hits / (above + truth.sum())).max())


def more_clicks(
    logits: np.ndarray, case: Case, values: tuple[int, ...], seed: int
) -> list:
    """Four clicks where the mask is wrong: on missed objects and on false ones."""
    rng = np.random.default_rng([5, seed])
    found = np.asarray(values)[logits.argmax(0)]
    wrong = found != case.truth
    kinds = [wrong & (case.truth > 0), wrong & (case.truth == 0)]
    given: list = []
    for number in range(4):
        pixels = np.argwhere(kinds[number % 2])
        if not len(pixels):
            pixels = np.argwhere(wrong)
        if not len(pixels):
            break
        pixel = pixels[rng.integers(len(pixels))][None].astype(np.int32)
        value = int(case.truth[tuple(pixel[0])])
        note = Annotation(10**6 + number, case.name, value, "pixel", "points", pixel)
        given += examples_of(note, case.name, {0: case.features})
    return given


def ours(
    recipe: str, training: list[Case], testing: list[Case], examples: list, seed: int
) -> dict[str, Any]:
    """Train a recipe and score it; "auto" also with four corrective clicks."""
    named = [
        LabelClass(str(v), v, "#ffffff") for v in sorted({e.value for e in examples})
    ]
    rest = unlabelled_of(training)
    model: TrainedModel = drain(train(examples, named, recipe, rest))
    pairs, corrected = [], []
    for case in testing:
        logits = plane_logits(model, case.features)
        pairs += score(logits, case, model.values)
        if recipe == "auto":
            added = more_clicks(logits, case, model.values, seed)
            corrected += score(
                correct(model, [*training, case], [*examples, *added]),
                case,
                model.values,
            )
    own, best = np.mean(pairs, axis=0)
    found = {"own": own, "best": best, "chosen": model.recipe}
    if corrected:
        found["clicks"] = float(np.mean([own for own, _ in corrected]))
    return found


def correct(model: TrainedModel, cases: list[Case], examples: list) -> np.ndarray:
    """Return the logits of the last case after training again with clicks on it."""
    recipe = model.recipe if model.recipe in ("pool", "blend") else "auto"
    again = drain(train(examples, model.classes, recipe, unlabelled_of(cases)))
    return plane_logits(again, cases[-1].features, again.biases_on(cases[-1].name))


def theirs(
    method: peers.Method, training: list[Case], testing: list[Case], examples: list
) -> dict[str, Any]:
    """Train another's method and score it."""
    apply = method(examples, training)
    values = tuple(sorted({e.value for e in examples}))
    pairs = [pair for case in testing for pair in score(apply(case), case, values)]
    own, best = np.mean(pairs, axis=0)
    return {"own": own, "best": best}


def measure(args: argparse.Namespace) -> None:
    """Measure everything that is not in the output file yet."""
    encoder = encoders.load(args.encoder, weights=args.weights)
    methods = dict(peers.METHODS)
    if find_spec("napari_convpaint") is not None:
        methods["convpaint"] = peers.convpaint()
        methods["convpaint, our encoder"] = peers.convpaint(encoder)
    done = {tuple(line["key"]) for line in lines_of(args.out)}
    for title in args.kinds:
        kind = KINDS[title]
        cases = load_kind(kind, args.data, encoder, args.cache)
        for count in args.clicks:
            for seed in range(args.seeds):
                training, testing = split(kind, cases, seed)
                testing = testing[: args.test]
                examples = clicks(kind, training, count, seed)
                chosen: dict[str, dict[str, Any]] = {}
                for name in args.methods or [*OURS, *methods]:
                    key = (title, count, seed, name)
                    if key in done:
                        continue
                    start = time.process_time()
                    if name in chosen:
                        found = chosen[name]
                    elif name in methods:
                        found = theirs(methods[name], training, testing, examples)
                    else:
                        found = ours(name, training, testing, examples, seed)
                        if name == "auto":
                            chosen[found["chosen"]] = {
                                what: found[what] for what in ("own", "best")
                            }
                    line = {"key": key, **found, "cpu": time.process_time() - start}
                    with args.out.open("a") as file:
                        file.write(json.dumps(line) + "\n")


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Read the figures measured so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def table(lines: list[dict[str, Any]], plot: Path | None) -> None:
    """Print a table for each number of clicks, and draw Dice against clicks."""
    cells: dict[tuple, list] = defaultdict(list)
    for line in lines:
        title, count, _, name = line["key"]
        for what in ("own", "best", "clicks"):
            if what in line:
                cells[count, title, name, what].append(line[what])
    names = list(dict.fromkeys(line["key"][3] for line in lines))
    counts = sorted({line["key"][1] for line in lines})
    curves: dict[str, list[float]] = defaultdict(list)
    for count in counts:
        titles = [t for t in KINDS if any(k[:2] == (count, t) for k in cells)]
        print(f"\nk = {count}: own threshold (best threshold)\n")
        print("| method | " + " | ".join(titles) + " | mean |")
        print("|" + "---|" * (len(titles) + 2))
        for name in names:
            own = [
                np.mean(cells.get((count, t, name, "own"), [np.nan])) for t in titles
            ]
            best = [
                np.mean(cells.get((count, t, name, "best"), [np.nan])) for t in titles
            ]
            row = [f"{a:.2f} ({b:.2f})" for a, b in zip(own, best, strict=True)]
            print(f"| {name} | " + " | ".join(row), end=" ")
            print(f"| {np.mean(own):.3f} ({np.mean(best):.3f}) |")
            curves[name].append(float(np.mean(own)))
        more = [
            np.mean(cells.get((count, t, "auto", "clicks"), [np.nan])) for t in titles
        ]
        row = [f"{value:.2f}" for value in more]
        print(
            "| auto, 4 clicks more | " + " | ".join(row) + f" | {np.mean(more):.3f} |"
        )
    if plot is not None:
        draw(counts, curves, plot)


def draw(counts: list[int], curves: dict[str, list[float]], plot: Path) -> None:
    """Draw the mean Dice against the clicks per class."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, values in curves.items():
        style = "-" if name in OURS else "--"
        axes.plot(counts, values, style, marker="o", label=name)
    axes.set(xscale="log", xlabel="clicks per class", ylabel="mean Dice, own threshold")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.legend(fontsize=8)
    figure.savefig(plot)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("label_efficiency.jsonl"))
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--encoder", default="dinov2-small")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--clicks", type=int, nargs="*", default=[1, 5, 20, 100])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--test", type=int, help="at most so many test images a seed")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--methods", nargs="*")
    parser.add_argument("--table", action="store_true", help="print, measure nothing")
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    if not args.table:
        measure(args)
    table(lines_of(args.out), args.plot)


if __name__ == "__main__":
    main()
