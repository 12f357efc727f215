"""The engine of applying a head to many images: for the shell and for the window.

One mask an image; what is finished is known by its content, so that a run that was
stopped can be started again; what fails is told and the others go on.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from napari_medfm.commands.inputs import Input, stem_of
from napari_medfm.commands.say import Stopwatch, UsageError
from napari_medfm.core.errors import BadFile, BadInput, WriteFailed
from napari_medfm.core.jobs import Progress, Steps
from napari_medfm.core.lazy import counts_of
from napari_medfm.engine.atomic import atomic_bytes
from napari_medfm.engine.probability import bias_of
from napari_medfm.engine.provenance import licence_notes, models_in
from napari_medfm.exporters import format_of, patient_sentences
from napari_medfm.exporters._format import ExportFormat

if TYPE_CHECKING:
    from napari_medfm.core.results import Prediction
    from napari_medfm.session import Session
    from napari_medfm.verbs.refining import How
    from napari_medfm.verbs.trained import TrainedModel

FORMATS = (
    *("nii.gz", "nii", "nrrd", "seg.nrrd", "tif", "ome.tif", "png", "ome.zarr"),
    *("dcm", "coco.json", "polygons.json", "geojson"),
)
SUMMARY, PREDICTIONS = "apply-summary.csv", "predictions.csv"
_SHOWN = 5
FAILED, WRITTEN, THERE = "failed", "written", "there already"
_EXPECTED = (BadFile, BadInput, WriteFailed, MemoryError)


class Outcome(NamedTuple):
    """What became of one image; ``notes`` are sentences to mind about its mask."""

    image: str
    result: str
    found: str = ""
    seconds: str = ""
    mask: str = ""
    error: str = ""
    notes: str = ""


def summary_in(folder: Path) -> Path:
    """Return where the summary goes; a file there that is none of ours stays.

    Raises
    ------
    UsageError
        If there is one.
    """
    path = folder / SUMMARY
    if path.exists():
        with path.open("rb") as stream:
            if not stream.read(64).startswith(b"image,result,"):
                raise UsageError(f"{path} is not a summary of this command: move it")
    return path


def write_summary(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write a row for each image.

    Raises
    ------
    WriteFailed
        If the folder cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(Outcome._fields)
    writer.writerows(outcomes)
    atomic_bytes(path, text.getvalue().encode())


def targets_of(inputs: Sequence[Input], folder: Path, suffix: str) -> list[Path]:
    """Return where each mask goes; never two in one place.

    Raises
    ------
    UsageError
        If two would be, or one would be the image itself.
    """
    targets = [folder / f"{item.place}.{suffix}" for item in inputs]
    pairs = list(zip(inputs, targets, strict=True))
    twice = [target for target, count in Counter(targets).items() if count > 1]
    if twice:
        both = [str(item.path) for item, target in pairs if target == twice[0]]
        raise UsageError(
            f"{' and '.join(both)} would both be written to {twice[0]}: apply them "
            "into different folders"
        )
    for item, target in pairs:
        if target.resolve() == item.path.resolve():
            raise UsageError(
                f"{target} is the image itself: choose another folder for the masks"
            )
    return targets


def encoder_of(model: TrainedModel) -> str:
    """Return the name of the encoder that a head needs.

    Raises
    ------
    BadFile
        If the head does not say.
    """
    encoder = model.card.get("encoder", {}).get("name")
    if not isinstance(encoder, str):
        raise BadFile("The head does not say which encoder it needs")
    return encoder


def to_mind(
    model: TrainedModel, pairs: Sequence[tuple[Path, Path]], out: Path
) -> Steps[list[str]]:
    """Return, in plain sentences, what to mind before the files of a run are written.

    Licences of the models, and what in names would tell who a patient is; of each
    image the DICOM tags are looked at, no pixels.

    Parameters
    ----------
    pairs
        (image, mask); (image, table) for heads that write tables.
    out
        Folder that the masks are below.
    """
    notes = licence_notes(models_in(model.card))
    said = [
        f"What this head makes is {note}: the files inherit that." for note in notes
    ]
    concerned = 0
    for number, (path, target) in enumerate(pairs):
        yield Progress(number, len(pairs), f"what to mind about {path.name}")
        where = target.relative_to(out).as_posix()
        chosen, name = _format_of(target), stem_of(path)
        found = patient_sentences(where, name, path, chosen)
        # Summary and tables name each image by its whole path.
        found = found or patient_sentences(path.as_posix(), name, path, chosen)
        concerned += bool(found)
        said += found if concerned <= _SHOWN else []
    more = concerned - _SHOWN
    if more > 0:
        images = "1 more image" if more == 1 else f"{more} more images"
        said.append(f"The like holds for {images}.")
    return list(dict.fromkeys(said))


def _format_of(target: Path) -> ExportFormat | None:
    """Return the format of a mask; None for a table."""
    return None if target.name == PREDICTIONS else format_of(target)


class Applying(NamedTuple):
    """What is the same for all images of a run.

    Parameters
    ----------
    session
        Uses the head; it is nobody else's meanwhile.
    facts
        For `Session.add_image`: axes, spacing, series.
    overwrite
        Write masks again that are there.
    debug
        Raise what fails.
    refine
        How each prediction is refined, as `Session.refine` names it; not if None.
    thresholds
        Class name -> from which probability on it counts, where not from 0.5.
    """

    session: Session
    model: TrainedModel
    facts: Mapping[str, Any]
    overwrite: bool = False
    debug: bool = False
    refine: How | None = None
    thresholds: Mapping[str, float] = MappingProxyType({})

    def each(
        self,
        pairs: Sequence[tuple[Path, Path]],
        summary: Path,
        tell: Callable[[Outcome], None],
    ) -> Steps[list[Outcome]]:
        """Write the mask of every (image, mask); the summary is renewed after each.

        Parameters
        ----------
        tell
            Called with each outcome.
        """
        outcomes: list[Outcome] = []
        for number, (path, target) in enumerate(pairs):
            steps = self.one(path, target)
            outcomes.append((yield from _among(steps, number, len(pairs), path.name)))
            write_summary(summary, outcomes)
            tell(outcomes[-1])
        return outcomes

    def one(self, path: Path, target: Path) -> Steps[Outcome]:
        """Write the mask of one image, or say why not."""
        watch = Stopwatch()
        try:
            if target.exists() and not self.overwrite:
                yield Progress(0, 1, "comparing with the mask there")
                return self._finished(path, target)
            with watch.timed():
                found, notes = yield from self._write(path, target)
        except _EXPECTED as error:
            if self.debug:
                raise
            why = str(error) or "not enough memory"
            return Outcome(str(path), FAILED, error=why)
        seconds = f"{watch.seconds:.1f}"
        return Outcome(str(path), WRITTEN, found, seconds, str(target), notes=notes)

    def _write(self, path: Path, target: Path) -> Steps[tuple[str, str]]:
        session = self.session
        yield Progress(0, 1, "reading")
        name = session.add_image(path, **self.facts)
        try:
            for class_name, threshold in self.thresholds.items():
                session.set_threshold(name, class_name, threshold)
            predict = session.predict.work(name)
            made = predict.commit((yield from predict.steps()))
            if self.refine is not None:
                refine = session.refine.work(name, made, self.refine)
                refined = refine.commit((yield from refine.steps()))
                made = cast("Prediction", refined)
            export = session.export_masks.work(name, target, made)
            written = export.commit((yield from export.steps()))
        finally:
            session.remove_image(name)
            session.forget_past()
        counts = counts_of(made.labels)
        names = {c.value: c.name for c in session.classes if c.value}
        shares = {n: counts[v] / counts.total() for v, n in names.items()}
        found = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
        return found, " ".join(written.warnings)

    def _finished(self, path: Path, target: Path) -> Outcome:
        """Accept a mask of an earlier run, if this head made it of this very image.

        Known by what is in them: head, pixels and affine as its provenance has them,
        and the mask file as it was written.

        Raises
        ------
        BadInput
            If anything else is there.
        """
        from napari_medfm.exporters import file_digest

        record = target.with_name(target.name + ".provenance.json")
        try:
            told = json.loads(record.read_text("utf-8"))
            (region,) = told["content"]["regions"]
            asked = region.get("refined"), region["biases"]
            usual = self.model.biases_on(told["image"]["name"])
            told = told["head"], told["image"], told["sha256"]
        except (
            *(OSError, ValueError, KeyError),
            *(TypeError, AttributeError, RecursionError),
        ):
            told, asked, usual = (None, {}, None), None, {}
        why = None
        if told[0] != json.loads(json.dumps(self.model.card)):
            why = "is not by this head"
        elif asked != (self.refine, self._biases(usual)):
            why = "was refined otherwise, or with other thresholds"
        elif told[2] != file_digest(target):
            why = "was changed since it was written"
        elif not self._is_of(path, told[1]):
            why = f"was made of other pixels than {path.name} has now"
        if why is not None:
            raise BadInput(
                f"{target} exists and {why}: choose another folder for the masks, or "
                "have them overwritten"
            )
        return Outcome(str(path), THERE, mask=str(target))

    def _biases(self, usual: Mapping[int, float]) -> dict[str, float]:
        """Return what is added to the logit of each class value of an image."""
        values = {c.name: c.value for c in self.session.classes}
        chosen = {
            values[name]: bias_of(threshold)
            for name, threshold in self.thresholds.items()
            if name in values
        }
        return {str(value): bias for value, bias in {**usual, **chosen}.items()}

    def _is_of(self, path: Path, told: Any) -> bool:
        session = self.session
        name = session.add_image(path, **self.facts)
        try:
            image = session.images[name]
            here = image.sha256(), image.affine.tolist()
            return isinstance(told, dict) and here == (
                told.get("sha256"),
                told.get("affine"),
            )
        finally:
            session.remove_image(name)
            session.forget_past()


def _among(steps: Steps[Outcome], number: int, total: int, name: str) -> Steps[Outcome]:
    """Tell the progress of one image as that of all."""
    try:
        while True:
            yield Progress(number, total, f"{name}: {next(steps).message}")
    except StopIteration as stop:
        outcome: Outcome = stop.value
        return outcome
    finally:
        steps.close()
