"""The last step: take it with you, and bring in what others made."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_medfm.bridge.catalogue import restricted
from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.importing import KINDS
from napari_medfm.widgets.mind import Mind
from napari_medfm.widgets.parts import Hint, button, row

_HEADS = "Heads (*.head.safetensors *.safetensors)"
_ONNX = "For other programs (*.onnx)"


class ExportPanel(QWidget):
    """Exports masks and head, loads a head and labels, copies the session as Python."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._folder = Path.home()
        self._hint = Hint()
        self._format = QComboBox()
        self._format.setAccessibleName("Format of the masks")
        # Long names of formats must not push the dock's contents out of sight.
        self._format.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._format.setMinimumContentsLength(12)
        self._format.setToolTip(
            "<p>Position, pixel size and class names are kept where the format can "
            "hold them; a file beside it says how the masks were made.</p>"
        )
        self._masks = button(
            "Export masks…",
            "Writes the accepted labels; if there are none, what the head predicts.",
            self._export_masks,
        )
        self._make_files()
        self._licence = Hint()
        self._making = Hint()
        self._making.setAccessibleName("How the labels were made")
        exporting = desk.exporting
        self._mind = Mind(exporting.write_anyway, exporting.hold_back)
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        for part in (
            self._hint,
            self._making,
            row(QLabel("Masks as"), self._format),
            self._masks,
            self._mind,
            row(self._table, self._dataset),
            row(self._head, self._load),
            row(self._import, self._copy),
            self._licence,
        ):
            layout.addWidget(part)
        self._offered: object = None

    def _make_files(self) -> None:
        """Make the buttons for heads, labels and the script."""
        self._table = button(
            "Measurements…",
            "Writes a table of every object that was accepted, on all images: size, "
            "diameters, place, intensities, in the unit of the pixels.",
            self._export_table,
        )
        self._dataset = button(
            "For nnU-Net…",
            "Writes all images with accepted labels as a folder that nnU-Net trains "
            "on, such as Dataset001_Tumour.",
            self._export_dataset,
        )
        self._head = button(
            "Export head…",
            "Writes what was learned as one small file, to be used on other images, "
            "here or elsewhere; as .onnx for other programs. It holds no pixels.",
            self._export_head,
        )
        self._load = button(
            "Load head…",
            "Uses a head made before on the image in hand.",
            self._load_head,
        )
        self._import = button(
            "Import labels…",
            "Takes labels made elsewhere into this image, with their class names: "
            "NIfTI, NRRD, TIFF, PNG, DICOM-SEG, RTSTRUCT, COCO, GeoJSON. They replace "
            "what was accepted; undo brings that back.",
            self._import_labels,
        )
        self._copy = button(
            "Copy as Python",
            "Copies a script that does all of this again, without the window.",
            self._copy_script,
        )

    def refresh(self) -> None:
        """Show what there is to export."""
        desk = self._desk
        offered = desk.exporting.suffixes()
        if offered != self._offered:
            self._offered = offered
            self._format.clear()
            for title, suffix in offered:
                self._format.addItem(f"{title}  ({suffix})", suffix)
        state = desk.session.labelling
        accepted = any(item.image == desk.image for item in state.accepted)
        something = accepted or state.head is not None or bool(state.masks)
        self._masks.setEnabled(something and desk.image is not None)
        self._import.setEnabled(desk.image is not None)
        self._head.setEnabled(state.head is not None)
        for part in (self._table, self._dataset):
            part.setEnabled(bool(state.accepted))
        predicted = any(item.origin == "prediction" for item in state.accepted)
        self._hint.setText(
            "The accepted labels are written. The prediction is not among them: "
            "accept it in step 4."
            if accepted and desk.live.prediction is not None and not predicted
            else "The accepted labels are written."
            if accepted
            else "Nothing was accepted yet: the prediction is written, of all planes."
            if state.head is not None
            else "The outlines in hand are written."
            if state.masks
            else "Nothing to export yet: accept an outline or a prediction first."
        )
        making = desk.exporting.making
        self._making.setVisible(bool(making))
        self._making.setText(making)
        held = desk.exporting.held
        self._mind.show_what(held, "" if held is None else f"{held.path.name} is")
        titles = restricted(desk.session)
        self._licence.setVisible(bool(titles))
        self._licence.setText(
            f"{' and '.join(titles)}: not for commercial use. What they make inherits "
            "that; the file beside the masks says so."
        )

    def _export_masks(self) -> None:
        suffix = str(self._format.currentData())
        start = self._folder / self._desk.exporting.default_name(suffix)
        chosen, _ = QFileDialog.getSaveFileName(
            self,
            "Export masks",
            str(start),
            f"{self._format.currentText()} (*{suffix})",
        )
        if chosen:
            path = Path(chosen)
            self._folder = path.parent
            self._desk.exporting.masks(path)

    def _export_table(self) -> None:
        start = self._folder / "measurements.csv"
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Measurements", str(start), "Tables (*.csv *.parquet)"
        )
        if chosen:
            self._folder = Path(chosen).parent
            self._desk.exporting.table(Path(chosen))

    def _export_dataset(self) -> None:
        start = self._folder / "Dataset001_Labels"
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Dataset: a new folder, DatasetNNN_Name", str(start)
        )
        if chosen:
            self._folder = Path(chosen).parent
            self._desk.exporting.dataset(Path(chosen))

    def _export_head(self) -> None:
        start = self._folder / "classes.head.safetensors"
        chosen, kind = QFileDialog.getSaveFileName(
            self, "Export head", str(start), f"{_HEADS};;{_ONNX}"
        )
        if chosen:
            path = Path(chosen)
            if kind == _ONNX:
                path = path.with_name(f"{path.name.split('.')[0]}.onnx")
            self._folder = path.parent
            self._desk.exporting.head(path)

    def _load_head(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Load head", str(self._folder), _HEADS
        )
        if chosen:
            self._folder = Path(chosen).parent
            self._desk.exporting.load_head(chosen)

    def _import_labels(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Import labels", str(self._folder), KINDS
        )
        if chosen:
            self._folder = Path(chosen).parent
            self._desk.importing.labels(Path(chosen))

    def _copy_script(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._desk.session.script())
            self._desk.say("Copied: paste it into a file or a notebook")
