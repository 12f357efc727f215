"""Files out and heads in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.bridge.asking import Ask
from napari_medfm.core.errors import MedfmError
from napari_medfm.core.jobs import Work
from napari_medfm.core.results import Written
from napari_medfm.core.state import Labelling
from napari_medfm.engine.provenance import models_in
from napari_medfm.exporters import formats
from napari_medfm.verbs.exporting import before_head, before_table
from napari_medfm.verbs.labelling import accepted_on

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_UNSAFE = re.compile(r"[^\w.-]+")
_ORIGINS = {
    "mask": ("outline", "outlines"),
    "prediction": ("prediction", "predictions"),
    "similarity": ("region that looks alike", "regions that look alike"),
    "edited": ("edit by hand", "edits by hand"),
    "imported": ("import", "imports"),
}


@dataclass(frozen=True)
class Held:
    """A file that is not written before the user has read what to mind.

    Parameters
    ----------
    sentences
        What to mind.
    uid
        Of the image in hand when it was asked for.
    """

    path: Path
    sentences: tuple[str, ...]
    uid: int | None
    write: Callable[[], None]


def making_of(state: Labelling, image: str | None) -> str:
    """Say of an image's labels what they are made of and with which models."""
    items = [item for item in state.accepted if item.image == image]
    facts: list[Any] = [item.provenance for item in items]
    if not items:
        masks = [
            mask.provenance for (name, _), mask in state.masks.items() if name == image
        ]
        facts = masks if state.head is None else [state.head.card]
    counts = Counter(item.origin for item in items)
    parts = [
        f"{counts[origin]} {words[counts[origin] > 1]}"
        for origin, words in _ORIGINS.items()
        if counts[origin]
    ]
    models = [f"{one['name']} ({one['licence']})" for one in models_in(facts)]
    said = [f"From {', '.join(parts)}."] if parts else []
    return " ".join(
        [*said, *([f"Made with {' and '.join(models)}."] if models else [])]
    )


class Exporting:
    """Writes masks and heads, and takes heads up, away from the window's thread."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ask: Ask[Any] = Ask(desk, "export", lambda: None)
        self._held: Held | None = None
        self._making: tuple[object, str] = (None, "")

    def default_name(self, suffix: str) -> str:
        """Return a file name for the image in hand, whatever its layer is called."""
        stem = _UNSAFE.sub("_", self._desk.image or "image").strip("._") or "image"
        return f"{stem}_labels{suffix}"

    def suffixes(self) -> list[tuple[str, str]]:
        """Return (title, suffix) of each format, the best for the image first."""
        source = self._desk.source
        found = [(one.title, one.suffixes[0]) for one in formats()]
        volume = source is not None and source.ndim == 3
        best = ".nii.gz" if volume else ".tif"
        dicom = source is not None and "dicom" in source.metadata
        unusable = {".png" if volume else "", "" if dicom else ".dcm"}
        usable = [x for x in found if x[1] not in unusable]
        return sorted(usable, key=lambda one: not one[1].startswith(best))

    def masks(self, path: Path) -> None:
        """Write the labels of the image in hand, at once or when it was agreed to."""
        desk, image = self._desk, self._desk.image
        desk.settle()
        if image is None:
            desk.say("Open an image first")
            return

        accepted = desk.session.labelling.accepted
        if desk.live.pending and not any(item.image == image for item in accepted):
            desk.say("The prediction is being renewed: export it in a moment")
            return
        try:
            sentences = desk.session.before_export(image, path)
        except MedfmError as problem:
            desk.complain(problem)
            return
        self._hold(sentences, path, partial(self._write_masks, image, path, sentences))

    def _write_masks(self, image: str, path: Path, known: Sequence[str]) -> None:
        desk = self._desk

        def done(written: Written) -> None:
            said = f"Written: {written[0]} and, beside it, how it was made."
            desk.say(" ".join([said, *(w for w in written.warnings if w not in known)]))

        self._ask.begin(lambda: desk.session.export_masks.work(image, path), done)

    def head(self, path: Path) -> None:
        """Write the head."""
        desk = self._desk
        if not path.name.endswith((".safetensors", ".onnx")):
            path = path.with_name(f"{path.name}.head.safetensors")
        if desk.live.pending:
            desk.say("The head is being renewed: export it in a moment")
            return
        sentences = before_head(desk.session.workspace)
        self._hold(sentences, path, partial(self._write_head, path))

    def _write_head(self, path: Path) -> None:
        desk = self._desk
        self._ask.begin(
            lambda: desk.session.export_head.work(path),
            lambda written: desk.say(f"Written: {written}"),
        )

    def table(self, path: Path) -> None:
        """Write measurements of all that was accepted, on every image."""
        if path.suffix.lower() not in (".csv", ".parquet"):
            path = path.with_name(f"{path.name}.csv")
        session = self._desk.session
        self._on_all(path, lambda: session.export_table.work(path))

    def dataset(self, path: Path) -> None:
        """Write images and accepted labels for nnU-Net to train on."""
        session = self._desk.session
        self._on_all(path, lambda: session.export_dataset.work(path))

    def _on_all(self, path: Path, plan: Callable[[], Work[Path]]) -> None:
        desk = self._desk
        desk.settle()
        workspace = desk.session.workspace
        sentences = before_table(workspace, accepted_on(workspace.labelling), path)

        def write() -> None:
            self._ask.begin(plan, lambda written: desk.say(f"Written: {written}"))

        self._hold(sentences, path, write)

    def _hold(
        self, sentences: Sequence[str], path: Path, write: Callable[[], None]
    ) -> None:
        """Write, or wait for the user where there is something to mind."""
        self._held = None
        if sentences:
            source = self._desk.source
            uid = None if source is None else source.uid
            self._held = Held(path, tuple(sentences), uid, write)
        else:
            write()
        self._desk.changed.emit()

    @property
    def held(self) -> Held | None:
        """What waits to be written, with what to mind; None if nothing does."""
        held, source = self._held, self._desk.source
        uid = None if source is None else source.uid
        return None if held is None or held.uid != uid else held

    def write_anyway(self) -> None:
        """Write what waits."""
        held, self._held = self.held, None
        if held is not None:
            held.write()
        self._desk.changed.emit()

    def hold_back(self) -> None:
        """Write nothing."""
        held, self._held = self.held, None
        if held is not None:
            self._desk.say(f"{held.path.name} was not written")
        self._desk.changed.emit()

    @property
    def making(self) -> str:
        """How the labels that would be written were made, in a line; "" if not known.

        The file beside them says more.
        """
        state, image = self._desk.session.labelling, self._desk.image
        key = (state.accepted, state.head, state.masks, image)
        if self._making[0] != key:
            self._making = key, making_of(state, image)
        return self._making[1]

    def load_head(self, path: Any) -> None:
        """Take up a head from a file and show what it says here."""
        desk = self._desk
        if desk.live.use_head(path):
            desk.say(f"Using {Path(path).name}")
