"""Step 1: which models read the image and outline objects."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.catalogue import Kind, Offer, fetching, offers
from napari_medfm.bridge.desk import Desk
from napari_medfm.core.jobs import Work
from napari_medfm.widgets.dialogs import may_download
from napari_medfm.widgets.model_browser import ModelBrowser
from napari_medfm.widgets.parts import Hint, button, row


class ModelChooser(QWidget):
    """Chooses one model by name, and offers to get it where it is not here.

    Signals
    -------
    valueChanged
        The user chose another model; carries its name.
    wanted
        The user wants one that is not here; carries the `Offer`.
    """

    valueChanged = Signal(str)
    wanted = Signal(object)

    def __init__(self, title: str, tip: str) -> None:
        super().__init__()
        self._offers: list[Offer] = []
        self._box = QComboBox()
        self._box.setToolTip(f"<p>{tip}</p>")
        self._box.setAccessibleName(title)
        self._box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._box.setMinimumContentsLength(12)
        self._box.activated.connect(self._activated)
        self._facts = Hint()
        self._get = button("Get it", tip, self._ask)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for part in (QLabel(title), self._box, self._facts, self._get):
            layout.addWidget(part)

    def setOffers(self, found: list[Offer]) -> None:
        """Show these models, keeping the one chosen."""
        name = self.value()
        if found != self._offers:
            self._offers = found
            self._box.clear()
            for offer in found:
                mark = "" if offer.here else "  (not on this machine)"
                self._box.addItem(f"{offer.title}{mark}", offer.name)
        if name is not None:
            self.setValue(name)

    def value(self) -> str | None:
        """Return the name of the model chosen."""
        name = self._box.currentData()
        return None if name is None else str(name)

    def setValue(self, name: str) -> None:
        """Choose a model without telling anyone."""
        index = self._box.findData(name)
        if index >= 0:
            self._box.setCurrentIndex(index)
        self._describe()

    @property
    def offer(self) -> Offer | None:
        """The model chosen."""
        index = self._box.currentIndex()
        return self._offers[index] if 0 <= index < len(self._offers) else None

    def _activated(self) -> None:
        self._describe()
        self.valueChanged.emit(self.value())

    def _describe(self) -> None:
        offer = self.offer
        self._facts.setText("" if offer is None else offer.facts)
        download = None if offer is None else offer.download
        self._get.setVisible(download is not None)
        self._get.setText("Get it…")
        self._get.setToolTip(f"<p>Download: {download}. You are asked first.</p>")

    def _ask(self) -> None:
        if self.offer is not None:
            self.wanted.emit(self.offer)


class ModelPanel(QWidget):
    """Chooses encoder and segmenter, and prepares the image."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._fetch: Ask[Path] = Ask(desk, "fetch", lambda: None)
        self._preparation: Ask[None] = Ask(
            desk,
            "prepare",
            lambda: (desk.source, desk.session.workspace.encoder),
        )
        self._encoder = ModelChooser(
            "Understands the image",
            "The encoder: it turns the image into features once, from which similar "
            "places and your own classes are found at once.",
        )
        self._segmenter = ModelChooser(
            "Outlines objects",
            "The segmenter: it turns a box or clicks into the outline of an object.",
        )
        self._encoder.valueChanged.connect(partial(self._choose, "encoder"))
        self._segmenter.valueChanged.connect(partial(self._choose, "segmenter"))
        self._encoder.wanted.connect(partial(self._get, "encoder"))
        self._segmenter.wanted.connect(partial(self._get, "segmenter"))
        self._plane = button(
            "Prepare this plane",
            "Reads the plane on screen with the encoder now, so that later answers "
            "come at once. It happens by itself at the first click otherwise.",
            lambda: self._prepare(everything=False),
        )
        self._all = button(
            "Prepare all planes",
            "Reads every plane of the volume, the one on screen first. You can go on "
            "working and cancel at any time; what is done is kept on disk.",
            lambda: self._prepare(everything=True),
        )
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        self._more = button(
            "All models…",
            "Opens the catalogue: search it, read what a model is for and what its "
            "licence allows, get it, bring it as a file, or add one of your own.",
            self.browse,
        )
        self.browser: ModelBrowser | None = None
        for part in (
            self._encoder,
            self._segmenter,
            row(self._plane, self._all),
            self._more,
        ):
            layout.addWidget(part)

    def browse(self) -> None:
        """Open the catalogue in a window of its own."""
        if self.browser is None:
            self.browser = ModelBrowser(self._desk, self)
        self.browser.show()
        self.browser.raise_()

    def refresh(self) -> None:
        """Show what the session uses."""
        session = self._desk.session
        for kind, chooser, name in (
            ("encoder", self._encoder, session.encoder),
            ("segmenter", self._segmenter, session.segmenter),
        ):
            chooser.setOffers(offers(kind, session))  # type: ignore[arg-type]
            chooser.setValue(name)
        source = self._desk.source
        volume = source is not None and source.ndim == 3
        self._all.setVisible(volume)
        self._plane.setText("Prepare this plane" if volume else "Prepare the image")
        self._plane.setEnabled(source is not None)

    def _choose(self, kind: Kind, name: str) -> None:
        session = self._desk.session
        use = session.use_encoder if kind == "encoder" else session.use_segmenter
        self._desk.act(lambda: use(name))
        if kind == "encoder":
            self._desk.live.encoder_changed()

    def _get(self, kind: Kind, offer: Offer) -> None:
        if may_download(self, offer, "while it loads"):
            self.fetch(kind, offer)

    def fetch(self, kind: Kind, offer: Offer) -> None:
        """Download a model; the user has agreed."""
        desk = self._desk

        def done(_: object) -> None:
            desk.say(f"{offer.title} is ready")
            desk.changed.emit()

        self._fetch.begin(lambda: fetching(kind, offer, desk.session), done)

    def _prepare(self, *, everything: bool) -> None:
        desk, here = self._desk, self._desk.here
        if here is None:
            desk.say("Open an image first: drag a file into the window")
            return
        self._preparation.begin(lambda: self._work(here, everything), self._prepared)

    def _work(self, here: tuple[str, int | None], everything: bool) -> Work[None]:
        image, plane = here
        planes = None if plane is None else [plane]
        if everything and plane is not None:
            count = self._desk.binding.image(image).n_planes
            planes = sorted(range(count), key=lambda index: abs(index - plane))
        large = self._desk.view.large
        near = None if large is None else self._desk.view.centre(large)
        return self._desk.session.embed.work(image, planes=planes, near=near)

    def _prepared(self, _: object) -> None:
        self._desk.say("The image is prepared: answers come at once now")
