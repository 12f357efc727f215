"""What a session owns: images, models, caches, the labelling and its past."""

from __future__ import annotations

from pathlib import Path

from napari_medfm.core.calls import Call
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.labels import LabelClass
from napari_medfm.core.specs import Encoder, Segmenter
from napari_medfm.core.state import Labelling
from napari_medfm.engine.crops import CropCache
from napari_medfm.engine.store import EmbeddingStore
from napari_medfm.verbs.models import Model
from napari_medfm.verbs.planes import FeatureCache, IndexCache, PlaneReader

BACKGROUND = LabelClass("background", 0, "#000000")


class Workspace:
    """The mutable heart of one session; only verbs and the session touch it.

    Parameters
    ----------
    encoder, segmenter
        Models by name, loaded on first use.
    cache_dir
        Where embeddings and weights are kept; None keeps embeddings in memory only.
    """

    def __init__(
        self,
        encoder: Model[Encoder],
        segmenter: Model[Segmenter],
        embeddings: Path | None,
    ) -> None:
        self.encoder = encoder
        self.segmenter = segmenter
        self.first_models = (encoder.name, segmenter.name)
        self.images: dict[str, Image] = {}
        self.crops = CropCache()
        self.planes = PlaneReader(encoder, EmbeddingStore(embeddings), FeatureCache())
        self.indices = IndexCache()
        self.history: list[Call] = []
        self.labelling = Labelling(classes=(BACKGROUND,))
        self._past: list[Labelling] = []
        self._future: list[Labelling] = []

    def image(self, name: str) -> Image:
        """Return an image by name.

        Raises
        ------
        BadInput
            If there is none of that name.
        """
        try:
            return self.images[name]
        except KeyError:
            known = ", ".join(map(repr, self.images)) or "none yet; use add_image"
            raise BadInput(f"No image {name!r} in this session: {known}") from None

    def use_encoder(self, encoder: Model[Encoder]) -> None:
        """Read planes through another encoder from now on."""
        self.encoder = encoder
        self.planes = PlaneReader(encoder, self.planes.store, FeatureCache())

    def use_segmenter(self, segmenter: Model[Segmenter]) -> None:
        """Answer prompts with another segmenter from now on."""
        self.segmenter = segmenter

    def change(self, labelling: Labelling) -> None:
        """Take a new labelling; `undo` returns to the one before."""
        self._past.append(self.labelling)
        self._future.clear()
        self.labelling = labelling

    def undo(self) -> bool:
        """Return to the labelling before the last change; False if there is none."""
        if not self._past:
            return False
        self._future.append(self.labelling)
        self.labelling = self._past.pop()
        return True

    def redo(self) -> bool:
        """Take back the last undo; False if there is none."""
        if not self._future:
            return False
        self._past.append(self.labelling)
        self.labelling = self._future.pop()
        return True

    @property
    def depth(self) -> int:
        """How many changes `undo` could take back one after another."""
        return len(self._past)

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to redo."""
        return bool(self._future)
