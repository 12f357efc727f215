"""What labelling cost, as a table and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_medfm.bridge.asking import Ask
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.project.ledger import ledger, write_ledger

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

TABLE, PICTURE = "Tables (*.csv)", "Pictures (*.png)"


class EffortOut:
    """Asks where to, and writes the ledger there, away from the window's thread."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ask: Ask[Path] = Ask(desk, "effort", lambda: None)

    def table(self) -> None:
        """Write clicks, strokes, edits and seconds of each image as CSV."""
        self._write("effort.csv", TABLE)

    def picture(self) -> None:
        """Draw them."""
        self._write("effort.png", PICTURE)

    def _write(self, name: str, kind: str) -> None:
        desk, projects = self._desk, self._desk.projects
        folder = Path.home() if projects.folder is None else projects.folder.parent
        path = projects.dialogs.save_where("Effort", folder / name, kind)
        if path is None:
            return
        suffix = Path(name).suffix
        if path.suffix.lower() != suffix:
            path = path.with_name(path.name + suffix)

        def work() -> Work[Path]:
            session = desk.session
            record, state = tuple(session.workspace.record), session.labelling

            def steps() -> Steps[Path]:
                yield Progress(0, 1, f"writing {path.name}")
                write_ledger(path, ledger(record, state))
                return path

            return Work("Adding up the effort", steps, lambda written: written)

        self._ask.begin(work, lambda written: desk.say(f"Written: {written}"))
