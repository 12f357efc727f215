"""A report in plain sentences, and as named plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from napari_medfm.engine import plots
from napari_medfm.engine.validate import ALIKE, LEAVE_OUT, Report

_WORDS = ((0.9, "very good"), (0.75, "good"), (0.5, "fair"), (0.0, "poor"))
_GAIN = 0.03
_OFF = 0.1
_PLAIN = "#2f8fd0"


def sentences(report: Report) -> tuple[str, ...]:
    """Say how good a recipe was on labels that it had not seen, for a clinician."""
    found = [_tested(report), *_mistakes(report), *_certainty(report), *_gain(report)]
    found += _alike(report)
    found += [_sentence(warning) for warning in report.warnings]
    return tuple(found)


def word_for(dice: float) -> str:
    """Say in a word how good a Dice overlap is."""
    if dice != dice:
        return "not tested"
    return next(word for least, word in _WORDS if dice >= least)


def figures(
    report: Report, colours: Mapping[str, str], ink: plots.Ink
) -> tuple[tuple[str, str], ...]:
    """Draw a report.

    Parameters
    ----------
    colours
        Class name -> #rrggbb; others are blue.

    Returns
    -------
    tuple of (what it shows, SVG)
        Without those that the report has nothing for.
    """
    overlap = [(n, v, colours.get(n, _PLAIN)) for n, v in report.dice.items()]
    found = [("Overlap with your marks (Dice, 1 is perfect)", plots.bars(overlap, ink))]
    right = "share right"
    if len(report.click_curve) > 1:
        svg = plots.curve(report.click_curve, "marks learned from", right, ink)
        found.append(("What more marks bring", svg))
    if len(report.learning_curve) > 1:
        svg = plots.curve(report.learning_curve, "images learned from", right, ink)
        found.append(("What more images bring", svg))
    if report.confusion:
        svg = plots.matrix(list(report.dice), report.confusion, ink)
        found.append(("What your marks (rows) were taken for (columns)", svg))
    if report.calibration:
        svg = plots.curve(
            report.calibration, "how sure it was", right, ink, shares=True
        )
        found.append(("Can its certainty be believed? On the line, yes", svg))
    return tuple(found)


def _tested(report: Report) -> str:
    how = (
        f"Tested on {report.folds} images or patients in turn, each time learning from "
        "the others only"
        if report.how == LEAVE_OUT
        else "Tested on one part of the image after another, learning from the rest "
        "only"
    )
    return (
        f"{how}. Right for {report.balanced_accuracy:.0%} of the marks, each class "
        "counting the same."
    )


def _mistakes(report: Report) -> list[str]:
    worst, words = 0.0, ""
    names = list(report.dice)
    for name, row in zip(names, report.confusion, strict=False):
        total = sum(row) or 1
        for other, count in zip(names, row, strict=True):
            if other != name and count / total > worst:
                worst = count / total
                words = (
                    f"Most often mistaken: {name} was taken for {other} "
                    f"({worst:.0%} of its marks)."
                )
    return [words] if words else []


def _certainty(report: Report) -> list[str]:
    if not report.calibration:
        return []
    sure, right = report.calibration[-1]
    if sure - right > _OFF:
        return [
            f"It is too sure of itself: where it was {sure:.0%} sure, it was right in "
            f"{right:.0%}."
        ]
    if right - sure > _OFF:
        return [
            f"It is more careful than it need be: where it was {sure:.0%} sure, it was "
            f"right in {right:.0%}."
        ]
    return ["Its certainty can be believed, as far as these marks tell."]


def _gain(report: Report) -> list[str]:
    last = _last_step(report.click_curve)
    if last is None:
        return []
    if last > _GAIN:
        return [f"More marks still help: the last half of them brought {last:.0%}."]
    return [
        "More marks on these images would bring little; marks on another image would "
        "teach it more."
    ]


def _alike(report: Report) -> list[str]:
    """Say that features are of tissue; that they are of images, a warning says."""
    ratio = report.same_group_ratio
    if report.how != LEAVE_OUT or ratio > ALIKE:
        return []
    return [
        f"What looks alike lies on the same image {ratio:.1f} times as often as by "
        "chance: it goes by tissue rather than by image."
    ]


def _last_step(points: Sequence[tuple[int, float]]) -> float | None:
    return points[-1][1] - points[-2][1] if len(points) > 1 else None


def _sentence(text: str) -> str:
    return f"Careful: {text}."
