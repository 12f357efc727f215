"""Files out and heads in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.bridge.asking import Ask
from napari_medfm.core.results import Written
from napari_medfm.exporters import formats

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_UNSAFE = re.compile(r"[^\w.-]+")


class Exporting:
    """Writes masks and heads, and takes heads up, away from the window's thread."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ask: Ask[Any] = Ask(desk, "export", lambda: None)

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
        """Write the labels of the image in hand."""
        desk, image = self._desk, self._desk.image
        if image is None:
            desk.say("Open an image first")
            return

        def done(written: Written) -> None:
            said = f"Written: {written[0]} and, beside it, how it was made"
            desk.say(
                " ".join(
                    [f"{said}.", *written.warnings] if written.warnings else [said]
                )
            )

        accepted = desk.session.labelling.accepted
        if desk.live.pending and not any(item.image == image for item in accepted):
            desk.say("The prediction is being renewed: export it in a moment")
            return
        self._ask.begin(lambda: desk.session.export_masks.work(image, path), done)

    def head(self, path: Path) -> None:
        """Write the head."""
        desk = self._desk
        if not path.name.endswith(".safetensors"):
            path = path.with_name(f"{path.name}.head.safetensors")
        if desk.live.pending:
            desk.say("The head is being renewed: export it in a moment")
            return
        self._ask.begin(
            lambda: desk.session.export_head.work(path),
            lambda written: desk.say(f"Written: {written}"),
        )

    def load_head(self, path: Any) -> None:
        """Take up a head from a file and show what it says here."""
        desk = self._desk
        if desk.live.use_head(path):
            desk.say(f"Using {Path(path).name}")
