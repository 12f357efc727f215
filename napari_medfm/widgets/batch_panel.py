"""Many images at once: a head, images, a folder, and a table of what became of them."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_medfm.bridge.batch import Row
from napari_medfm.bridge.desk import Desk
from napari_medfm.commands.applying import FORMATS
from napari_medfm.widgets.mind import Mind
from napari_medfm.widgets.parts import Hint, button, row

_HEADS = "Heads (*.head.safetensors *.safetensors)"
_INTO = "Where masks and summary are written; folders of the images are kept below it."
_IN_HAND, _FROM_FILE = "The head in hand", "From a file…"


class BatchPanel(QWidget):
    """Applies a head to many images and shows what became of each."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._folder = Path.home()
        self._shown: list[Row] = []
        self._hint = Hint()
        self._make_choices()
        self._make_table()
        self._start = button(
            "Start",
            "Writes a mask for each image, with its provenance, and a summary. Masks "
            "that this head has made of these images before stay as they are.",
            desk.batch.start,
        )
        self._stop = button(
            "Stop", "Stops; what is finished stays. Start goes on.", desk.batch.stop
        )
        self._mind = Mind(desk.batch.start_anyway, desk.batch.hold_back)
        self._detail = Hint()
        self._detail.setAccessibleName("About the image chosen in the table")
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        for part in (
            self._hint,
            row(QLabel("Head"), self._head),
            row(self._files, self._folders, self._clear),
            row(QLabel("Masks as"), self._format),
            row(QLabel("Into"), self._out),
            self._overwrite,
            self._mind,
            row(self._start, self._stop),
            self._table,
            self._detail,
        ):
            layout.addWidget(part)

    def _make_choices(self) -> None:
        batch = self._desk.batch
        self._head = QComboBox()
        self._head.setAccessibleName("Head of the batch")
        self._head.setToolTip(
            "<p>What was learned and is applied: the head that you have just taught, "
            "or one from a file.</p>"
        )
        self._head.activated.connect(self._choose_head)
        self._format = QComboBox()
        self._format.setAccessibleName("Format of the batch's masks")
        self._format.setToolTip(
            "<p>The format of all masks; classes and position are kept where it can "
            "hold them.</p>"
        )
        self._format.addItems(list(FORMATS))
        self._format.textActivated.connect(lambda text: batch.change(suffix=text))
        for box in (self._head, self._format):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(12)
        self._overwrite = QCheckBox("Write masks again that are there")
        self._overwrite.setToolTip(
            "<p>Otherwise a mask that this head made of this very image stays, and "
            "anything else in its place counts as a failure.</p>"
        )
        self._overwrite.setAccessibleName("Write masks again that are there")
        self._overwrite.toggled.connect(lambda on: batch.change(overwrite=on))
        self._files = button(
            "Add files…", "Adds images, of any format that opens here.", self._add_files
        )
        self._folders = button(
            "Add folder…",
            "Adds all images below a folder; a folder of DICOM files is one image.",
            self._add_folder,
        )
        self._clear = button(
            "Clear", "Empties the list; no file is touched.", batch.clear
        )
        self._out = button(
            "Choose a folder…",
            _INTO,
            self._choose_out,
        )

    def _make_table(self) -> None:
        self._table = QTableWidget(0, 2)
        self._table.setAccessibleName("Images of the batch")
        self._table.setToolTip("<p>Each image, and what became of it.</p>")
        self._table.setHorizontalHeaderLabels(["Image", "State"])
        self._table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self._table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self._table.setTabKeyNavigation(False)
        self._table.setFixedHeight(180)
        self._table.itemSelectionChanged.connect(self._show_detail)
        side, top = self._table.verticalHeader(), self._table.horizontalHeader()
        if side is not None and top is not None:
            side.hide()
            top.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
            top.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)

    def refresh(self) -> None:
        """Show what is chosen, and how far it is."""
        batch = self._desk.batch
        order, running = batch.order, batch.running
        missing = batch.missing
        if running:
            said = batch.summary
        elif missing is not None:
            said = f"Applies one head to many images. {missing}."
        else:
            said = batch.summary
        self._hint.setText(said)
        heads = [_IN_HAND, *([order.head.name] if order.head else []), _FROM_FILE]
        self._head.clear()
        self._head.addItems(heads)
        self._head.setCurrentIndex(len(heads) - 2)
        self._format.setCurrentText(order.suffix)
        self._out.setText("Choose a folder…" if order.out is None else order.out.name)
        where = "" if order.out is None else f"<p>Now {order.out}</p>"
        self._out.setToolTip(f"<p>{_INTO}</p>{where}")
        choices = (self._head, self._files, self._folders, self._clear, self._format)
        for part in (*choices, self._out, self._overwrite):
            part.setEnabled(not running)
        self._stop.setEnabled(running)
        held = batch.held
        self._mind.show_what(held, "the masks are")
        ready = missing is None and not running and held is None
        self._start.setEnabled(ready)
        self._fill(batch.rows)
        self._show_detail()

    def _show_detail(self) -> None:
        """Say more of the row chosen; of the first that failed if none is."""
        rows, chosen = self._shown, self._table.currentRow()
        one = next((x for x in rows if x.failed), None)
        if 0 <= chosen < len(rows) and rows[chosen].detail:
            one = rows[chosen]
        self._detail.setVisible(one is not None)
        self._detail.setText("" if one is None else f"{one.path.name}: {one.detail}")

    def _fill(self, rows: list[Row]) -> None:
        if rows == self._shown:
            return
        self._table.setRowCount(len(rows))
        for number, (one, before) in enumerate(
            zip(rows, [*self._shown, *[None] * len(rows)], strict=False)
        ):
            if one == before:
                continue
            image = QTableWidgetItem(one.path.name)
            image.setToolTip(str(one.path))
            state = QTableWidgetItem(f"⚠ {one.state}" if one.failed else one.state)
            state.setToolTip(one.detail)
            state.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            self._table.setItem(number, 0, image)
            self._table.setItem(number, 1, state)
        self._shown = rows

    def _choose_head(self, index: int) -> None:
        batch = self._desk.batch
        if index == 0:
            batch.change(head=None)
        if index < self._head.count() - 1:
            return
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Head of the batch", str(self._folder), _HEADS
        )
        if chosen:
            self._folder = Path(chosen).parent
            batch.change(head=Path(chosen))
        self.refresh()

    def _add_files(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(
            self, "Images of the batch", str(self._folder)
        )
        if chosen:
            self._folder = Path(chosen[0]).parent
            self._desk.batch.add([Path(one) for one in chosen])

    def _add_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self, "Folder of images", str(self._folder)
        )
        if chosen:
            self._folder = Path(chosen)
            self._desk.batch.add([Path(chosen)])

    def _choose_out(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self, "Folder for the masks", str(self._folder)
        )
        if chosen:
            self._desk.batch.change(out=Path(chosen))
