"""Where to label next, and how good the head is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from napari_medfm.core.arguments import whole_of
from napari_medfm.core.errors import BadInput
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.core.labels import Level
from napari_medfm.engine.features import PlaneFeatures
from napari_medfm.engine.validate import Report
from napari_medfm.verbs.fitting import check_recipe, read_level
from napari_medfm.verbs.samples import report_samples
from napari_medfm.verbs.snapshot import Labels
from napari_medfm.verbs.suggesting import Suggestion
from napari_medfm.verbs.suggesting import suggest as places_worth_a_label
from napari_medfm.verbs.trained import TrainedModel
from napari_medfm.verbs.validating import report as tested
from napari_medfm.verbs.workspace import Workspace


def suggest(
    ws: Workspace, image: str, n: int = 5, planes: Sequence[int] | None = None
) -> Work[list[Suggestion]]:
    """Say where the next labels would help the head most, and why.

    Parameters
    ----------
    planes
        Planes of a volume to choose from; those whose features are at hand if None, or
        all if there are none.

    Raises
    ------
    BadInput
        If there is no head yet.
    """
    source, model = ws.image(image), ws.labelling.head
    if model is None:
        raise BadInput("There is no head yet: annotate two classes and fit first")
    count = whole_of(n, "n", 1, 1000)
    labels = Labels.of(ws)
    reader = ws.planes
    if planes is None:
        everywhere = range(source.n_planes)
        planes = [p for p in everywhere if reader.ready(source, p)] or None
    checked = source.plane_indices(planes)

    def steps() -> Steps[list[Suggestion]]:
        examples, _ = yield from labels.examples()
        features: list[tuple[int, PlaneFeatures]] = []
        for done, plane in enumerate(checked):
            yield Progress(done, len(checked), f"plane {plane + 1}")
            for box in reader.context(source, plane):
                part = yield from reader.part(source, plane, box)
                features.append((plane, part))
        return places_worth_a_label(features, model, examples, count)

    return Work(f"Looking where to label in {image}", steps, lambda found: found)


def report(ws: Workspace, head: str = "auto", level: Level = "pixel") -> Work[Report]:
    """Test a recipe on your own labels, each image (or group) held out in turn.

    A head trained on the same labels takes the report along when it is exported.

    Parameters
    ----------
    head, level
        As for `fit`.

    Raises
    ------
    BadInput
        If fewer than two classes are annotated, or nothing can be held out.
    """
    check_recipe(head, level)
    steps = (
        _pixels_tested(ws, head)
        if level == "pixel"
        else _samples_tested(ws, head, level)
    )
    annotations = ws.labelling.annotations

    def commit(found: Report) -> Report:
        ws.tested[level] = annotations, found
        return found

    return Work("Testing the head", steps, commit)


def with_report(ws: Workspace, model: TrainedModel) -> TrainedModel:
    """Put the newest report into a head's card, if it is of its recipe and labels."""
    annotations, found = ws.tested.get(model.level, (None, None))
    learned = {entry.get("id") for entry in model.card.get("annotations", [])}
    own = {a.id for a in ws.labelling.annotations if a.level == model.level}
    if found is None or annotations is not ws.labelling.annotations:
        return model
    if found.recipe != model.recipe:
        return model
    same = {c.name for c in model.classes} == set(found.dice)
    if not same or not learned or not learned <= own:
        return model
    return replace(model, card={**model.card, "report": found.as_dict()})


def _pixels_tested(ws: Workspace, head: str) -> Callable[[], Steps[Report]]:
    labels = Labels.of(ws)
    labels.require_two_classes()

    def steps() -> Steps[Report]:
        examples, rest = yield from labels.examples()
        found = yield from tested(examples, labels.classes, head, rest)
        return found

    return steps


def _samples_tested(
    ws: Workspace, head: str, level: Level
) -> Callable[[], Steps[Report]]:
    reading, classes = read_level(ws, level), ws.labelling.classes

    def steps() -> Steps[Report]:
        samples = yield from reading()
        found = yield from report_samples(samples, classes, level, head)
        return found

    return steps
