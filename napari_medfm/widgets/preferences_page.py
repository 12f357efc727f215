"""The preferences on one page: kept as they are chosen, each says when it counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, QUrl
from qtpy.QtGui import QDesktopServices, QShowEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from napari_medfm.bridge.desk import Desk
from napari_medfm.commands.say import size
from napari_medfm.core.errors import BadInput
from napari_medfm.engine.preferences import KEYS, Settled, preferences_file, settled
from napari_medfm.project.draft import drafts_folder
from napari_medfm.verbs.choosing import listed
from napari_medfm.widgets.dialogs import QtDialogs
from napari_medfm.widgets.parts import Hint, button, combo, connect, heading, row

_DEVICES = (
    ("best there is", "best"),
    ("processor (cpu)", "cpu"),
    ("NVIDIA or AMD graphics (cuda)", "cuda"),
    ("Apple graphics (mps)", "mps"),
)
_TIPS = {
    "device": "Where the models run. What is not on this machine is refused.",
    "offline": "Never touches the network, even when a model is missing.",
    "hub": "The Hugging Face hub, or a mirror of your institution. Your login at the "
    "hub is sent to this address when weights are fetched.",
    "cache": "Where weights and embeddings are kept.",
    "cache-size": "Above it, the embeddings that were not used for longest go; they "
    "are computed again when needed. Weights are not counted.",
    "encoder": "The model that understands images, in a new window.",
    "segmenter": "The model that outlines objects, in a new window.",
    "undo-memory": "Above it, the other answers of old prompts go; outlines and labels "
    "always stay.",
}


class Line:
    """One preference: a control, and below it when it counts.

    Parameters
    ----------
    name
        Of `napari_medfm.engine.preferences.KEYS`.
    control
        Shows and changes it.
    put
        Shows a value in the control.
    """

    def __init__(self, name: str, control: QWidget, put: Callable[[str], None]) -> None:
        self.name, self.control, self._put = name, control, put
        self.note = Hint()
        key = KEYS[name]
        control.setAccessibleName(key.title)
        control.setAccessibleDescription(_TIPS[name])
        control.setToolTip(f"<p>{_TIPS[name]}</p>")

    def refresh(self, pending: bool) -> None:
        """Show what counts; what the environment says cannot be changed here."""
        try:
            now = settled(self.name)
        except BadInput as error:
            self.note.setText(str(error))
            self.control.setEnabled(False)
            return
        if not pending and not _is_typed_in(self.control):
            self.control.blockSignals(True)
            self._put(now.value)
            self.control.blockSignals(False)
        self.control.setEnabled(not now.from_environment)
        self.note.setText(_words(self.name, now))


def _words(name: str, now: Settled) -> str:
    if now.from_environment:
        return f"Set by {now.source} in the environment, which goes first."
    chosen = "Your choice" if now.source == "preferences" else "Default"
    return f"{chosen}. A change counts {KEYS[name].counts}."


class PreferencesPage(QDialog):
    """Edits the preferences; it does not stop the viewer.

    Parameters
    ----------
    desk
        Whose session takes them up, and whose runner looks at the disk.
    """

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Preferences of MedFM")
        self.resize(QSize(620, 720))
        self._desk, self._preferring = desk, desk.preferring
        self.dialogs = QtDialogs(self)
        self._lines = {line.name: line for line in self._make_lines()}
        self._held, self._status = Hint(), Hint()
        self._held.setAccessibleName("What the cache holds")
        self._status.setAccessibleName("State of the preferences")
        self._make_buttons()
        self._lay_out()
        connect(self, desk.changed, self._again)
        self._models_known = False

    # What it is made of

    def _make_lines(self) -> list[Line]:
        return [
            self._choice("device", _DEVICES),
            self._tick("offline"),
            self._text("hub"),
            self._choice("encoder", ()),
            self._choice("segmenter", ()),
            self._number("undo-memory", QSpinBox(), " MB", 16),
            self._text("cache"),
            self._number("cache-size", QDoubleSpinBox(), " GB", 1),
        ]

    def _choice(self, name: str, items: tuple[tuple[str, str], ...]) -> Line:
        box = combo(name, "")
        for title, value in items:
            box.addItem(title, value)
        box.activated.connect(
            lambda index: self._preferring.set(name, box.itemData(index))
        )
        return Line(name, box, lambda value: _select(box, value))

    def _tick(self, name: str) -> Line:
        tick = QCheckBox(KEYS[name].title)
        tick.toggled.connect(
            lambda on: self._preferring.set(name, "yes" if on else "no")
        )
        return Line(name, tick, lambda value: tick.setChecked(value == "yes"))

    def _text(self, name: str) -> Line:
        edit = QLineEdit()
        if name == "cache":
            edit.setReadOnly(True)
        else:
            edit.editingFinished.connect(lambda: self._typed(name, edit))
        return Line(name, edit, edit.setText)

    def _number(
        self, name: str, box: QSpinBox | QDoubleSpinBox, unit: str, step: int
    ) -> Line:
        kind: Any = int if isinstance(box, QSpinBox) else float
        if isinstance(box, QDoubleSpinBox):
            box.setDecimals(2)
        box.setRange(
            kind(1 if kind is int else 0.1), kind(2**20 if kind is int else 1e6)
        )
        box.setSingleStep(kind(step))
        box.setSuffix(unit)
        box.setKeyboardTracking(False)
        box.valueChanged.connect(
            lambda value: self._preferring.set(name, str(value).removesuffix(".0"))
        )
        return Line(name, box, lambda value: box.setValue(kind(value)))

    def _make_buttons(self) -> None:
        self._change = button(
            "Change…",
            "Chooses another folder, and asks whether what is here moves there.",
            self._choose_cache,
        )
        self._back = button(
            "Usual place", "Goes back to the user's own cache folder.", self._usual
        )
        self._open = button(
            "Open folder",
            "Shows the cache folder in the file manager.",
            lambda: self._show(self._preferring.cache),
        )
        self._clear = button(
            "Remove embeddings…",
            "Frees the disk of what can be computed again; asks first.",
            self._preferring.clear,
        )
        self._open_drafts = button(
            "Open drafts",
            "Shows the folder of work that was never saved in the file manager.",
            lambda: self._show(drafts_folder()),
        )
        self._reset = button(
            "All as at first",
            "Forgets every choice on this page but the cache folder.",
            self._preferring.reset,
        )

    def _lay_out(self) -> None:
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setColumnStretch(1, 1)
        grid.setVerticalSpacing(4)
        self._section(grid, "Models", *("device", "encoder", "segmenter"))
        self._section(grid, "Network", *("offline", "hub"))
        self._section(grid, "Memory", "undo-memory")
        self._section(grid, "Cache", "cache")
        self._span(grid, row(self._change, self._back, self._open))
        self._span(grid, self._held)
        self._line(grid, "cache-size")
        self._span(grid, self._clear)
        self._span(grid, heading("Drafts"))
        drafts = Hint(
            f"Work that was never saved lies in {drafts_folder()}. It is never removed "
            "from here; NAPARI_MEDFM_DRAFTS names another folder."
        )
        self._span(grid, drafts)
        self._span(grid, self._open_drafts)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.addWidget(scroll, 1)
        layout.addWidget(self._status)
        layout.addWidget(self._reset)
        for part in self.findChildren(QPushButton):
            part.setAutoDefault(False)  # Enter in a field must not press one

    def _section(self, grid: QGridLayout, title: str, *names: str) -> None:
        self._span(grid, heading(title))
        for name in names:
            self._line(grid, name)

    def _line(self, grid: QGridLayout, name: str) -> None:
        line, number = self._lines[name], grid.rowCount()
        if isinstance(line.control, QCheckBox):
            grid.addWidget(line.control, number, 1)
        else:
            label = QLabel(_LABELS[name])
            label.setBuddy(line.control)
            grid.addWidget(label, number, 0)
            grid.addWidget(line.control, number, 1)
        grid.addWidget(line.note, number + 1, 1)

    @staticmethod
    def _span(grid: QGridLayout, part: QWidget) -> None:
        grid.addWidget(part, grid.rowCount(), 0, 1, 2)

    # What it shows

    @override
    def showEvent(self, event: QShowEvent | None) -> None:
        """Show what counts now, and count the cache."""
        super().showEvent(event)
        if not self._models_known:
            self._models_known = True
            self._list_models()
        self.refresh()
        self._preferring.count()

    def _list_models(self) -> None:
        cache = self._desk.session.options["cache_dir"]
        for model in listed(cache, loadable=True):
            box = self._lines[model.kind].control
            if isinstance(box, QComboBox) and model.spec.dimension == 2:
                where = "" if model.here else " (not on this machine)"
                box.addItem(f"{model.spec.title}{where}", model.spec.name)

    def refresh(self) -> None:
        """Show what counts now."""
        for line in self._lines.values():
            line.refresh(self._preferring.pending(line.name))
        busy = self._preferring.busy
        free = self._lines["cache"].control.isEnabled() and not busy
        self._change.setEnabled(free)
        self._back.setEnabled(free and settled("cache").source == "preferences")
        self._clear.setEnabled(not busy)
        self._held.setText(self._cache_words())
        notes = list(self._preferring.notes)
        notes.append(self._preferring.said or f"Kept in {preferences_file()}")
        self._status.setText("\n".join(notes))

    def _cache_words(self) -> str:
        held = self._preferring.held
        if held is None:
            return "Counting what is there…"
        free = "" if held.free is None else f"; {size(held.free)} free on its disk"
        return (
            f"Weights of {held.models} models, {size(held.weights)}; "
            f"{held.entries} embeddings, {size(held.embeddings)}{free}."
        )

    def _again(self) -> None:
        if self.isVisible():
            self.refresh()

    # What it does

    def _typed(self, name: str, edit: QLineEdit) -> None:
        edit.setModified(False)
        self._preferring.set(name, edit.text().strip() or None)

    def _choose_cache(self) -> None:
        chosen = self.dialogs.folder_where(
            "Folder for weights and embeddings", self._preferring.cache.parent
        )
        if chosen is not None:
            self._preferring.set_cache(chosen)

    def _usual(self) -> None:
        self._preferring.set_cache(None)

    def _show(self, folder: Path) -> None:
        if not folder.is_dir():
            self._desk.say(f"{folder} is not there yet: nothing was kept in it")
        elif not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self._desk.complain(f"No file manager could be opened for {folder}")


_LABELS = {
    "device": "Device",
    "encoder": "Encoder",
    "segmenter": "Segmenter",
    "hub": "Model hub",
    "undo-memory": "Undo",
    "cache": "Folder",
    "cache-size": "At most",
}


def _is_typed_in(control: QWidget) -> bool:
    """Whether somebody is about to change it, and is not to be disturbed."""
    if isinstance(control, QLineEdit):
        return control.isModified()
    return isinstance(control, QAbstractSpinBox) and control.hasFocus()


def _select(box: QComboBox, value: str) -> None:
    index = box.findData(value)
    if index < 0:
        box.addItem(value, value)
        index = box.count() - 1
    box.setCurrentIndex(index)
