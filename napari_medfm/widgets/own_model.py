"""The few fields that an encoder of the user's own needs."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_medfm.bridge.browsing import NORMALISATIONS, OwnModel
from napari_medfm.widgets.parts import Hint, button, row

_FILES = (
    "Models (*.safetensors *.pth *.pt *.bin *.onnx *.pt2 *.ts *.torchscript);;"
    "All files (*)"
)


class OwnModelDialog(QDialog):
    """Edits one `OwnModel`: the file, what it is of, how pixels are normalised."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("A model of my own")
        self.setMinimumWidth(440)
        self._make_fields()
        self.hint = Hint()
        self._form = QFormLayout()
        self._form.addRow("File", row(self.file, self._browse))
        self._form.addRow("Network", self.network)
        self._form.addRow("Patch size", self.patch)
        self._form.addRow("Brightness", self.normalisation)
        self._form.addRow("", self.trusted)
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Ok | buttons.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(self._form)
        layout.addWidget(self.hint)
        layout.addWidget(self.buttons)
        for field in (self.file, self.network):
            field.textChanged.connect(self._fit)
        self.trusted.toggled.connect(self._fit)
        self._fit()

    def _make_fields(self) -> None:
        self.file = QLineEdit()
        self.file.setAccessibleName("File")
        self.file.setToolTip(
            "<p>Weights (safetensors, pth) of one of timm's networks, or an exported "
            "network (ONNX, torch.export, TorchScript) that answers tokens.</p>"
        )
        self._browse = button("Choose…", "Looks for the file.", self._choose)
        self._browse.setMaximumWidth(90)
        self.network = QLineEdit()
        self.network.setPlaceholderText("vit_small_patch14_dinov2")
        self.network.setAccessibleName("Network")
        self.network.setToolTip(
            "<p>timm's name of the network that the weights are of.</p>"
        )
        self.patch = QSpinBox()
        self.patch.setRange(1, 256)
        self.patch.setValue(16)
        self.patch.setAccessibleName("Patch size")
        self.patch.setToolTip("<p>How many pixels one token stands for.</p>")
        self.normalisation = QComboBox()
        self.normalisation.setAccessibleName("Brightness")
        self.normalisation.setToolTip(
            "<p>How the model wants pixels: mean and spread that it was trained "
            "with.</p>"
        )
        for key, (title, mean, std) in NORMALISATIONS.items():
            numbers = f"{mean[0]:.2f} / {std[0]:.2f}"
            self.normalisation.addItem(f"{title} ({numbers})", key)
        self.trusted = QCheckBox("I trust this file: it is a program")
        self.trusted.setAccessibleName("I trust this file")
        self.trusted.setToolTip(
            "<p>An exported torch network may do whatever you may. Take it only from "
            "somebody you trust. ONNX needs no trust.</p>"
        )

    def value(self) -> OwnModel:
        """Return what is written."""
        return OwnModel(
            path=Path(self.file.text().strip()),
            network=self.network.text(),
            patch=self.patch.value(),
            normalisation=str(self.normalisation.currentData()),
            trusted=self.trusted.isChecked(),
        )

    def _choose(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "A model's file", "", _FILES)
        if chosen:
            self.file.setText(chosen)

    def _fit(self, *_: object) -> None:
        """Show the fields that this kind of file needs, and what is missing."""
        own = self.value()
        program = own.is_program
        needs_trust = program and own.path.suffix.lower() != ".onnx"
        for field, shown in (
            (self.network, not program),
            (self.patch, program),
            (self.trusted, needs_trust),
        ):
            self._form.setRowVisible(field, shown)
        missing = ""
        if not self.file.text().strip():
            missing = "Choose the file of the model."
        elif not own.path.is_file():
            missing = "There is no such file."
        elif not program and not own.network.strip():
            missing = "Say which of timm's networks the weights are of."
        elif needs_trust and not own.trusted:
            missing = "Say that you trust the file, or export the network as ONNX."
        self.hint.setText(missing or f"It will be called “{own.name}”.")
        ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        if ok is not None:
            ok.setEnabled(not missing)
