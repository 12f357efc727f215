"""Labels of other programs, taken into the image in hand."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.dialogs import Question
from napari_medfm.core.errors import LiesElsewhere, NamesMissing
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.verbs.importing import Imported, labels_from, take_in

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

KINDS = (
    "Labels (*.nii *.nii.gz *.nrrd *.tif *.tiff *.png *.dcm *.json *.geojson);;"
    "All files (*)"
)


class Importing:
    """Reads a file of labels away from the window's thread, and accepts it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ask: Ask[list[str]] = Ask(desk, "import labels", self._question)

    def _question(self) -> object:
        desk, source = self._desk, self._desk.source
        return (None if source is None else source.uid), desk.session.classes

    def labels(
        self, path: Path, class_name: str | None = None, anywhere: bool = False
    ) -> None:
        """Take a file of labels in place of the image's labels.

        Where the file's labels lie elsewhere, or are numbered without names, the user
        is asked.
        """
        desk, image = self._desk, self._desk.image
        if image is None:
            desk.say("Open the image of these labels first")
            return
        workspace = desk.session.workspace

        def steps() -> Steps[Imported]:
            yield Progress(0, 1, f"reading {path.name}")
            return labels_from(workspace, image, path, class_name, anywhere)

        def work() -> Work[list[str]]:
            return Work(
                f"Importing {path.name}", steps, partial(take_in, desk.session, image)
            )

        def failed(error: BaseException) -> None:
            if isinstance(error, LiesElsewhere) and not anywhere:
                if desk.projects.dialogs.choose(_elsewhere(path)) == "anywhere":
                    self.labels(path, class_name, True)
            elif isinstance(error, NamesMissing) and class_name is None:
                name = desk.object_class().name
                if desk.projects.dialogs.choose(_unnamed(path, name)) == "one":
                    self.labels(path, name, anywhere)
            else:
                desk.complain(error)

        self._ask.begin(
            work,
            partial(self._taken, path),
            failed=failed,
            late=lambda: desk.say(
                f"Image or classes changed while {path.name} was read: import it again"
            ),
        )

    def _taken(self, path: Path, classes: list[str]) -> None:
        desk = self._desk
        desk.timeline.branch()
        desk.render()
        desk.say(
            f"{path.name} is taken into the labels: {', '.join(classes)}. Undo with "
            "Ctrl+Z"
        )


def _elsewhere(path: Path) -> Question:
    return Question(
        "Another grid",
        f"{path.name} says that it lies on another grid than this image. Only if you "
        "know that its pixels are those of the image, one by one, take it so; "
        "otherwise resample it onto the image first.",
        (("anywhere", "Take it pixel by pixel"),),
    )


def _unnamed(path: Path, name: str) -> Question:
    return Question(
        "Numbered objects",
        f"{path.name} holds many numbers without names, as if each were an object. "
        f"They can be taken all together as {name!r}; choose another class first for "
        "another name.",
        (("one", f"Take them as {name}"),),
    )
