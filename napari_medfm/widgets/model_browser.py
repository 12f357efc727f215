"""All models of the catalogue in a window of their own."""

from __future__ import annotations

import html
from pathlib import Path

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSplitter,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from napari_medfm.bridge.browsing import Sought, card
from napari_medfm.bridge.catalogue import Offer
from napari_medfm.bridge.desk import Desk
from napari_medfm.verbs.choosing import Listed
from napari_medfm.widgets.dialogs import may_download
from napari_medfm.widgets.own_model import OwnModelDialog
from napari_medfm.widgets.parts import Hint, button, connect, row

_SIZES: tuple[tuple[str, float | None], ...] = (
    ("any size", None),
    ("up to 100 MB", 1e8),
    ("up to 500 MB", 5e8),
    ("up to 2 GB", 2e9),
)
_DOMAINS = ("general", "pathology", "radiology", "ophthalmology")
_FILES = "Weights (*.safetensors *.pth *.pt *.bin *.ckpt);;All files (*)"


class Filters(QWidget):
    """Edits one `Sought`."""

    def __init__(self) -> None:
        super().__init__()
        self.words = QLineEdit()
        self.words.setPlaceholderText("Search: name, field, licence, what it is for")
        self.words.setAccessibleName("Search the models")
        self.words.setToolTip("<p>All words must be found. Try: pathology texts</p>")
        self.words.setClearButtonEnabled(True)
        self.domain = _choices(
            "Field", [("any field", None), *((d, d) for d in _DOMAINS)]
        )
        self.kind = _choices(
            "What it does",
            [
                ("any kind", None),
                ("understands images", "encoder"),
                ("outlines objects", "segmenter"),
            ],
        )
        self.most = _choices("Size of the download", list(_SIZES))
        self.commercial = _tick(
            "commercial use", "Only models whose licence allows commercial use."
        )
        self.free = _tick("no access needed", "Leaves out models that ask for access.")
        self.here = _tick("on this machine", "Only models whose weights are here.")
        self.usable = _tick(
            "can be loaded", "Leaves out models that are known, but cannot be loaded."
        )
        self.usable.setChecked(True)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.words, 0, 0, 1, 4)
        for column, box in enumerate((self.domain, self.kind, self.most)):
            layout.addWidget(box, 1, column)
        ticks = (self.commercial, self.free, self.here, self.usable)
        for column, tick in enumerate(ticks):
            layout.addWidget(tick, 2, column)

    def value(self) -> Sought:
        """Return what is looked for."""
        return Sought(
            words=self.words.text(),
            domain=self.domain.currentData(),
            kind=self.kind.currentData(),
            commercial=self.commercial.isChecked(),
            free=self.free.isChecked(),
            here=self.here.isChecked(),
            usable=self.usable.isChecked(),
            most=self.most.currentData(),
        )


class ModelBrowser(QDialog):
    """Searches the catalogue, shows a card, gets and imports weights.

    It does not stop the viewer: close it or leave it open.
    """

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Models")
        self.resize(QSize(860, 560))
        self._desk, self._browsing = desk, desk.browsing
        self._models: list[Listed] = []
        self.filters = Filters()
        self._list = QListWidget()
        self._list.setAccessibleName("Models")
        self._list.currentRowChanged.connect(lambda _: self._describe())
        self._count = QLabel()
        self._card = QTextBrowser()
        self._card.setOpenExternalLinks(True)
        self._card.setAccessibleName("What the model is")
        self._status = Hint()
        self._lay_out()
        self._connect()
        connect(self, desk.changed, self._again)
        self.refresh()

    def _lay_out(self) -> None:
        self._use = button("Use it", "Works with this model from now on.", self._use_it)
        self._get = button(
            "Get it…", "Says size, host and licence, and asks first.", self._ask
        )
        self._file = button(
            "From a file…",
            "Takes the weights from a file that you have, after checking that they "
            "are this model's.",
            self._import,
        )
        self._own = button(
            "A model of my own…",
            "Adds an encoder that is not in this list, from a file.",
            self._add_own,
        )
        left, right = QWidget(), QWidget()
        one, other = QVBoxLayout(left), QVBoxLayout(right)
        one.addWidget(self._count)
        one.addWidget(self._list, 1)
        one.addWidget(self._own)
        other.addWidget(self._card, 1)
        other.addWidget(row(self._use, self._get, self._file))
        for side in (one, other):
            side.setContentsMargins(0, 0, 0, 0)
        split = QSplitter()
        split.addWidget(left)
        split.addWidget(right)
        split.setSizes([340, 500])
        layout = QVBoxLayout(self)
        for part in (self.filters, split, self._status):
            layout.addWidget(part, 1 if part is split else 0)

    def _connect(self) -> None:
        filters = self.filters
        filters.words.textChanged.connect(self.refresh)
        for box in (filters.domain, filters.kind, filters.most):
            box.currentIndexChanged.connect(self.refresh)
        for tick in (filters.commercial, filters.free, filters.here, filters.usable):
            tick.toggled.connect(self.refresh)

    @property
    def model(self) -> Listed | None:
        """The model chosen."""
        number = self._list.currentRow()
        return self._models[number] if 0 <= number < len(self._models) else None

    def choose(self, name: str) -> None:
        """Show a model's card."""
        names = [model.spec.name for model in self._models]
        if name in names:
            self._list.setCurrentRow(names.index(name))

    def refresh(self, *_: object) -> None:
        """Show what fits, keeping the model chosen."""
        chosen = None if self.model is None else self.model.spec.name
        self._models = self._browsing.found(self.filters.value())
        self._list.blockSignals(True)
        self._list.clear()
        for model in self._models:
            badges = ", ".join(model.badges)
            item = QListWidgetItem(
                f"{model.spec.title}\n    {model.spec.domain}"
                + (f" · {badges}" if badges else "")
            )
            self._list.addItem(item)
        self._list.blockSignals(False)
        self._count.setText(f"{len(self._models)} models")
        self._list.setCurrentRow(0 if self._models else -1)
        if chosen is not None:
            self.choose(chosen)
        self._describe()

    def _again(self) -> None:
        if not self.isVisible():
            return
        here = [model.here for model in self._models]
        known = self._browsing.found(self.filters.value())
        if [model.here for model in known] != here:
            self.refresh()
        self._describe()

    def _describe(self) -> None:
        model, browsing = self.model, self._browsing
        busy, desk = browsing.busy, self._desk
        self._status.setText(desk.message if busy or desk.is_problem else "")
        for part in (self._get, self._file, self._own):
            part.setEnabled(not busy)
        if model is None:
            self._card.setHtml("<p>No model fits: take a filter away.</p>")
            for part in (self._use, self._get, self._file):
                part.setVisible(False)
            return
        spec = model.spec
        self._card.setHtml(_html(model))
        self._use.setVisible(model.here and not spec.absent)
        self._use.setEnabled(not browsing.in_use(model) and spec.dimension == 2)
        download = Offer(spec.name, spec, model.here).download
        self._get.setVisible(download is not None and not spec.absent)
        self._file.setVisible(not spec.absent)

    def _use_it(self) -> None:
        if self.model is not None:
            self._browsing.use(self.model)

    def _ask(self) -> None:
        model = self.model
        if model is None:
            return
        offer = Offer(model.spec.name, model.spec, model.here)
        if may_download(self, offer, "in the main window"):
            self._browsing.get(model)

    def _import(self) -> None:
        model = self.model
        if model is None:
            return
        chosen, _ = QFileDialog.getOpenFileName(
            self, f"Weights of {model.spec.title}", "", _FILES
        )
        if chosen:
            self._browsing.take_file(model, Path(chosen))

    def _add_own(self) -> None:
        dialog = OwnModelDialog(self)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self._browsing.add(dialog.value())


def _html(model: Listed) -> str:
    rows = "".join(
        f"<p><b>{html.escape(heading)}</b><br>{_linked(text)}</p>"
        for heading, text in card(model)
    )
    badges = " · ".join(map(html.escape, model.badges))
    title = html.escape(model.spec.title)
    return f"<h3>{title}</h3><p>{badges}</p>{rows}"


def _linked(text: str) -> str:
    safe = html.escape(text)
    return f'<a href="{safe}">{safe}</a>' if text.startswith("https://") else safe


def _choices(name: str, items: list[tuple[str, object]]) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(f"<p>{name}</p>")
    for title, value in items:
        box.addItem(title, value)
    return box


def _tick(text: str, tip: str) -> QCheckBox:
    tick = QCheckBox(text)
    tick.setAccessibleName(text)
    tick.setToolTip(f"<p>{tip}</p>")
    tick.setCursor(Qt.CursorShape.PointingHandCursor)
    return tick
