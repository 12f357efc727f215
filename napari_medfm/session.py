"""The session: everything the window can do, as verbs in Python.

Positions are array indices in the image's own axis order, row before column, pixel
centres at integers; boxes are ``(row0, col0, row1, col1)``, half-open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import SignalInstance

from napari_medfm import encoders, segmenters
from napari_medfm.core.arguments import path_of, shown, whole_of
from napari_medfm.core.calls import Call
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.labels import Annotation, LabelClass
from napari_medfm.core.results import Mask, Prediction
from napari_medfm.core.specs import Encoder, ModelSpec, Segmenter
from napari_medfm.core.state import Labelling
from napari_medfm.engine.cacheplace import EMBEDDINGS
from napari_medfm.engine.weights import cache_folder
from napari_medfm.project.draft import keep_draft
from napari_medfm.project.keeping import Project, bound_to
from napari_medfm.project.ledger import Effort, ledger, write_ledger
from napari_medfm.project.saving import save
from napari_medfm.verbs.accepting import accept
from napari_medfm.verbs.advising import report, suggest
from napari_medfm.verbs.annotating import annotate, remove, set_threshold
from napari_medfm.verbs.choosing import listed
from napari_medfm.verbs.classes import (
    add_class,
    delete_class,
    merge_classes,
    recolour_class,
    rename_class,
)
from napari_medfm.verbs.dataset import export_dataset
from napari_medfm.verbs.doubting import doubtful
from napari_medfm.verbs.embedding import embed
from napari_medfm.verbs.exporting import before_export, export_head, export_masks
from napari_medfm.verbs.faint import annotate_rest
from napari_medfm.verbs.finding import segment_class, segment_like
from napari_medfm.verbs.fitting import fit, predict
from napari_medfm.verbs.gesture import Gesture
from napari_medfm.verbs.glancing import glance, look
from napari_medfm.verbs.headfile import read_head
from napari_medfm.verbs.heads import use_head
from napari_medfm.verbs.imagelevel import annotate_image
from napari_medfm.verbs.labelling import label_map
from napari_medfm.verbs.models import Model
from napari_medfm.verbs.naming import segment_named
from napari_medfm.verbs.objects import annotate_object, use_objects
from napari_medfm.verbs.pictures import add_image, place_image, remove_image
from napari_medfm.verbs.prompting import propagate, segment, segment_all
from napari_medfm.verbs.ranking import export_predictions, rank_images
from napari_medfm.verbs.refining import refine
from napari_medfm.verbs.rivals import compare
from napari_medfm.verbs.similarity import similarity
from napari_medfm.verbs.tables import export_table
from napari_medfm.verbs.taking import annotate_accepted, annotate_labels
from napari_medfm.verbs.texts import zero_shot
from napari_medfm.verbs.training import TrainedModel
from napari_medfm.verbs.verb import Verb
from napari_medfm.verbs.workspace import UNDO_BYTES, Workspace


class Session:
    """Images, models, labels and what was made of them.

    Parameters
    ----------
    encoder, segmenter
        Names from `list_models`, or loaded models of your own that follow the protocols
        in `napari_medfm.core.specs`. Nothing is loaded before it is used, and
        nothing is ever downloaded here.
    cache_dir
        Folder for weights and embeddings; if None the one that the environment or the
        preferences name, else the user's cache folder.
    device
        "cpu", "cuda", "mps"; if None as preferred, else the best there is.
    offline
        Never touch the network; from the environment or the preferences if None.
    undo_bytes
        Memory that masks, prompts and labels may take with all that undo can bring
        back. Above it the other answers of old prompts go; masks, prompts and labels
        always stay.

    Raises
    ------
    BadInput
        If there is no such model, or a setting is of no use.
    """

    def __init__(
        self,
        encoder: str | Encoder = "dinov2-small",
        segmenter: str | Segmenter = "lite-medsam",
        cache_dir: str | Path | None = None,
        device: str | None = None,
        offline: bool | None = None,
        undo_bytes: int = UNDO_BYTES,
    ) -> None:
        self._options: dict[str, Any] = {
            "cache_dir": None if cache_dir is None else path_of(cache_dir, "cache_dir"),
            "device": device,
            "offline": offline,
        }
        self.workspace = Workspace(
            self.encoder_model(encoder),
            self.segmenter_model(segmenter),
            cache_folder(self._options["cache_dir"]) / EMBEDDINGS,
            self._encoder_here,
            whole_of(undo_bytes, "undo_bytes", 0, 2**50),
        )

    add_image = Gesture(add_image)
    remove_image = Gesture(remove_image)
    place_image = Gesture(place_image)
    add_class = Gesture(add_class)
    rename_class = Gesture(rename_class)
    recolour_class = Gesture(recolour_class)
    merge_classes = Gesture(merge_classes)
    delete_class = Gesture(delete_class)
    annotate = Gesture(annotate)
    annotate_rest = Gesture(annotate_rest)
    annotate_image = Gesture(annotate_image)
    use_objects = Gesture(use_objects)
    annotate_object = Gesture(annotate_object)
    annotate_labels = Gesture(annotate_labels)
    annotate_accepted = Gesture(annotate_accepted)
    remove = Gesture(remove)
    accept = Gesture(accept)
    set_threshold = Gesture(set_threshold)
    use_head = Gesture(use_head)

    embed = Verb(embed)
    similarity = Verb(similarity)
    zero_shot = Verb(zero_shot)
    segment = Verb(segment)
    look = Verb(look)
    glance = Verb(glance)
    propagate = Verb(propagate)
    segment_all = Verb(segment_all)
    segment_like = Verb(segment_like)
    segment_class = Verb(segment_class)
    segment_named = Verb(segment_named)
    refine = Verb(refine)
    fit = Verb(fit)
    predict = Verb(predict)
    suggest = Verb(suggest)
    report = Verb(report)
    compare = Verb(compare)
    doubtful = Verb(doubtful)
    rank_images = Verb(rank_images)
    export_masks = Verb(export_masks)
    export_head = Verb(export_head)
    export_table = Verb(export_table)
    export_dataset = Verb(export_dataset)
    export_predictions = Verb(export_predictions)
    save = Verb(save)

    # Models

    def encoder_model(self, encoder: str | Encoder) -> Model[Encoder]:
        """Return an encoder with this session's options, not loaded yet."""
        if not isinstance(encoder, str):
            _check_model(encoder, "encoder")
            own = Model(encoder.spec.name, lambda: encoder)
            own.get()
            return own
        spec = encoders.spec_of(encoder, self._options["cache_dir"])
        load: Any = encoders.load if spec.dimension == 2 else encoders.load_volume
        return Model(encoder, lambda: load(encoder, weights=None, **self._options))

    def _encoder_here(self, encoder: str | Encoder) -> Model[Encoder]:
        """Return an encoder, if its weights are on this machine."""
        if encoder == self.encoder:
            return self.workspace.encoder
        model = self.encoder_model(encoder)
        if isinstance(encoder, str):
            encoders.check_installed(encoder, self._options["cache_dir"])
        return model

    def segmenter_model(self, segmenter: str | Segmenter) -> Model[Segmenter]:
        """Return a segmenter with this session's options, not loaded yet."""
        if not isinstance(segmenter, str):
            _check_model(segmenter, "segmenter")
            return Model(segmenter.spec.name, lambda: segmenter)
        segmenters.spec_of(segmenter)
        return Model(
            segmenter, lambda: segmenters.load(segmenter, weights=None, **self._options)
        )

    @property
    def options(self) -> dict[str, Any]:
        """cache_dir, device and offline as they were given."""
        return dict(self._options)

    @property
    def encoder(self) -> str:
        """Name of the encoder in use."""
        return self.workspace.encoder.name

    @property
    def segmenter(self) -> str:
        """Name of the segmenter in use."""
        return self.workspace.segmenter.name

    def use_encoder(self, encoder: str | Encoder) -> None:
        """Change the encoder; a head made with another one no longer applies."""
        model = self.encoder_model(encoder)
        self._commit(lambda: self.workspace.use_encoder(model), "use_encoder", encoder)

    def use_segmenter(self, segmenter: str | Segmenter) -> None:
        """Change the segmenter."""
        model = self.segmenter_model(segmenter)
        self._commit(
            lambda: self.workspace.use_segmenter(model), "use_segmenter", segmenter
        )

    # Images

    @property
    def images(self) -> dict[str, Image]:
        """The images by name."""
        return dict(self.workspace.images)

    # Labels

    @property
    def labelling(self) -> Labelling:
        """All that the user made, as one frozen value."""
        return self.workspace.labelling

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """The classes; the first is background, value 0."""
        return self.labelling.classes

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """What was annotated, in order."""
        return self.labelling.annotations

    @property
    def head(self) -> TrainedModel | None:
        """The head trained on these annotations, or loaded."""
        head: TrainedModel | None = self.labelling.head
        return head

    def mask(self, image: str, plane: int | None = None) -> Mask | None:
        """Return the mask in hand on a plane: the last answer to `segment`."""
        index = self.workspace.image(image).plane_index(plane)
        return self.labelling.masks.get((image, index))

    def import_labels(
        self,
        image: str,
        path: str | Path,
        class_name: str | None = None,
        anywhere: bool = False,
    ) -> list[str]:
        """Take labels made elsewhere into an image's label map, in place of it.

        Label maps (NIfTI, NRRD, TIFF, PNG, OME-Zarr), DICOM-SEG, RTSTRUCT, COCO and
        GeoJSON. Classes are matched by the names in the file (or the provenance beside
        it), by value where it has none; what the session does not know yet is added.
        Each step is written down as `add_class` and `accept`, and undone so.

        Parameters
        ----------
        class_name
            Take all of it as this one class, such as objects numbered 1, 2, 3 ...
        anywhere
            Take a label map pixel by pixel, also if its file says it lies elsewhere.

        Returns
        -------
        list of str
            The classes that there are labels of now.

        Raises
        ------
        BadInput
            If shape, place or values do not fit the image.
        BadFile
            If the file is damaged; nothing in it is ever run.
        """
        from napari_medfm.verbs.importing import labels_from, take_in

        found = labels_from(self.workspace, image, path, class_name, anywhere)
        return take_in(self, image, found)

    def labels(self, image: str) -> NDArray[np.unsignedinteger[Any]]:
        """Return the label map of all that was accepted, of the image's shape."""
        return label_map(self.labelling, self.workspace.image(image))

    def undo(self) -> bool:
        """Take back the last change to images, classes, annotations, masks or labels.

        Everything returns exactly, the head and images that were removed included.
        Adding an image is no such change. False if there is nothing left.
        """
        can = self.workspace.can_undo
        if can:
            self._commit(self.workspace.undo, "undo")
        return can

    def redo(self) -> bool:
        """Do again what `undo` took back; False if there is nothing."""
        can = self.workspace.can_redo
        if can:
            self._commit(self.workspace.redo, "redo")
        return can

    def forget_past(self) -> None:
        """Let go of what `undo` could bring back, such as the pixels of removed images.

        For programs that go through many images in one session.
        """
        self._commit(self.workspace.forget_past, "forget_past")

    def before_export(self, image: str, path: str | Path) -> list[str]:
        """Return what to mind before an image's labels are written, in plain sentences.

        Non-commercial models, names and numbers of patients, what the format cannot
        hold. Nothing is written.

        Parameters
        ----------
        path
            Where `export_masks` would write.

        Raises
        ------
        BadInput
            If the image is unknown, or the format is.
        """
        return before_export(self.workspace, image, path)

    # The project

    @property
    def project(self) -> Project | None:
        """The folder that every change is written into; None before `save`."""
        bound = bound_to(self.workspace)
        return None if bound is None or bound.is_draft else bound

    def keep_draft(self) -> None:
        """Write every step down from now on, also before the first `save`.

        For sessions in which a person works; windows and notebook canvases do it by
        themselves. The draft lies in the user's own folder (``$NAPARI_MEDFM_DRAFTS``),
        is found by `drafts` if the program ends, and goes when the session is saved.
        """
        keep_draft(self.workspace)

    @property
    def dirty(self) -> bool:
        """Whether something was done that is in no project yet."""
        project = self.project
        return bool(self.workspace.record) if project is None else project.dirty

    def ledger(self) -> tuple[Effort, ...]:
        """Return what labelling cost, for each image: gestures and seconds."""
        return ledger(self.workspace.record, self.labelling)

    def export_ledger(self, path: str | Path) -> Path:
        """Write the ledger as a table, a .csv file, or as a picture, a .png file.

        Raises
        ------
        BadInput
            If the suffix is another.
        WriteFailed
            If the folder cannot be written.
        """
        target = path_of(path, "path")
        write_ledger(target, self.ledger())
        return target

    def close(self) -> None:
        """Let go of the project or draft: others can open it. The session goes on."""
        bound = bound_to(self.workspace)
        if bound is not None:
            bound.close()
            self.workspace.keeper = None

    # The record

    @property
    def history(self) -> tuple[Call, ...]:
        """Every call that changed something or made something, in order."""
        return tuple(self.workspace.history)

    def script(self) -> str:
        """Return a Python script that does all of this again."""
        from napari_medfm.verbs.script import script_of

        return script_of(self.history, self.workspace.first_models)

    @property
    def changed(self) -> SignalInstance:
        """Emits a `napari_medfm.core.changes.Change` after each call it took in.

        Once a call, in the thread that committed it, when all is in place: connect a
        window, or a journal that writes ``change.call`` down.
        """
        return self.workspace.changed

    def _commit(
        self, change: Callable[[], object], verb: str, *args: Any, **kwargs: Any
    ) -> None:
        self.workspace.commit(change, Call.of(verb, args, kwargs))


def _check_model(model: Any, what: str) -> None:
    if not isinstance(getattr(getattr(model, "spec", None), "name", None), str):
        raise BadInput(
            f"{what} is the name of a model, or a model with a spec; got {shown(model)}"
        )


@dataclass(frozen=True)
class LoadedHead:
    """A head from a file, with the session options it will run under."""

    model: TrainedModel
    as_code: str
    options: dict[str, Any]

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Its classes, background first."""
        return self.model.classes

    @property
    def card(self) -> dict[str, Any]:
        """What it is, how it was made, how good it is."""
        return self.model.card

    def predict(self, image: Any, **facts: Any) -> Prediction:
        """Apply it to an array or an image file.

        Parameters
        ----------
        facts
            As for `Session.add_image`: axes, spacing, affine, channel_axis.
        """
        options = {"encoder": self.card["encoder"]["name"], **self.options}
        session = Session(**options)
        return session.predict(session.add_image(image, **facts), head=self.model)


def load_head(path: str | Path, **options: Any) -> LoadedHead:
    """Read a head file.

    Parameters
    ----------
    options
        Passed to `Session` when the head predicts: encoder, cache_dir, device, offline.

    Raises
    ------
    BadFile
        If it is not a whole head file; nothing in it is ever run.
    """
    return LoadedHead(
        read_head(path_of(path, "path")), f"load_head({str(path)!r})", options
    )


def list_models(**wanted: Any) -> list[ModelSpec]:
    """Return the SPECs of all models that fit.

    ``list_models(domain="pathology", gated=False, loadable=True)`` for instance; also
    ``kind="segmenter"``, ``installed=True``, ``max_size`` in bytes, and any field of a
    SPEC.

    Raises
    ------
    BadInput
        If there is no such field.
    """
    return [model.spec for model in listed(**wanted)]
