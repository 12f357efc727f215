"""The session: everything the window can do, as verbs in Python.

Positions are array indices in the image's own axis order, row before column, pixel
centres at integers; boxes are ``(row0, col0, row1, col1)``, half-open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_medfm import encoders, segmenters
from napari_medfm.core.calls import Call, Given
from napari_medfm.core.errors import BadInput
from napari_medfm.core.image import Image
from napari_medfm.core.labels import Annotation, LabelClass
from napari_medfm.core.results import Mask, Prediction
from napari_medfm.core.runs import Runs, Values
from napari_medfm.core.specs import Encoder, ModelSpec, Segmenter
from napari_medfm.core.state import Labelling
from napari_medfm.engine.intake import image_of
from napari_medfm.engine.weights import cache_folder
from napari_medfm.verbs import labelling as edit
from napari_medfm.verbs.accepting import accepted_region
from napari_medfm.verbs.advising import report, suggest
from napari_medfm.verbs.embedding import embed
from napari_medfm.verbs.exporting import export_head, export_masks, export_table
from napari_medfm.verbs.fitting import fit, predict
from napari_medfm.verbs.headfile import read_head
from napari_medfm.verbs.models import Model
from napari_medfm.verbs.prompting import propagate, segment, segment_all
from napari_medfm.verbs.similarity import similarity
from napari_medfm.verbs.training import TrainedModel
from napari_medfm.verbs.verb import Verb
from napari_medfm.verbs.workspace import Workspace


class Session:
    """Images, models, labels and what was made of them.

    Parameters
    ----------
    encoder, segmenter
        Names from `list_models`, or loaded models of your own that follow the protocols
        in `napari_medfm.core.specs`. Nothing is loaded before it is used, and
        nothing is ever downloaded here.
    cache_dir
        Folder for weights and embeddings; the user's cache folder if None.
    device
        "cpu", "cuda", "mps"; the best there is if None.
    offline
        Never touch the network; from the environment if None.
    """

    def __init__(
        self,
        encoder: str | Encoder = "dinov2-small",
        segmenter: str | Segmenter = "lite-medsam",
        cache_dir: str | Path | None = None,
        device: str | None = None,
        offline: bool | None = None,
    ) -> None:
        self._options: dict[str, Any] = {
            "cache_dir": None if cache_dir is None else Path(cache_dir),
            "device": device,
            "offline": offline,
        }
        self.workspace = Workspace(
            self._encoder_model(encoder),
            self._segmenter_model(segmenter),
            cache_folder(self._options["cache_dir"]) / "embeddings",
        )

    embed = Verb(embed)
    similarity = Verb(similarity)
    segment = Verb(segment)
    propagate = Verb(propagate)
    segment_all = Verb(segment_all)
    fit = Verb(fit)
    predict = Verb(predict)
    suggest = Verb(suggest)
    report = Verb(report)
    export_masks = Verb(export_masks)
    export_head = Verb(export_head)
    export_table = Verb(export_table)

    # Models

    def _encoder_model(self, encoder: str | Encoder) -> Model[Encoder]:
        if not isinstance(encoder, str):
            return Model(encoder.spec.name, lambda: encoder)
        encoders.spec_of(encoder)
        return Model(
            encoder, lambda: encoders.load(encoder, weights=None, **self._options)
        )

    def _segmenter_model(self, segmenter: str | Segmenter) -> Model[Segmenter]:
        if not isinstance(segmenter, str):
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
        self.workspace.use_encoder(self._encoder_model(encoder))
        self._record("use_encoder", encoder)

    def use_segmenter(self, segmenter: str | Segmenter) -> None:
        """Change the segmenter."""
        self.workspace.use_segmenter(self._segmenter_model(segmenter))
        self._record("use_segmenter", segmenter)

    # Images

    def add_image(  # noqa: PLR0913  one keyword per fact about an image
        self,
        image: Any,
        name: str | None = None,
        axes: str | None = None,
        spacing: ArrayLike | None = None,
        affine: ArrayLike | None = None,
        channel_axis: int | None = None,
        group: str | None = None,
        levels: Sequence[Any] = (),
        source: Path | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """Add an image and return its name.

        Parameters
        ----------
        image
            An array (NumPy, dask, zarr, memmap) or the path of an image file or DICOM
            folder.
        name
            Its name here; from the file name, or "image", "image-2" ... if None.
        axes
            One letter an axis: "yx", "yxc", "zyx", "czyx" ...
        spacing, affine
            Physical pixel size per axis (row first), or index -> world matrix.
        channel_axis
            Axis that holds channels, where it is not a last axis of 3 or 4.
        group
            Patient, slide or centre: validation keeps a group together.
        levels
            Coarser copies, finest first.
        source, metadata
            File that an array was read from, and what `napari_medfm.readers` said of
            it; `script` then reads the file.

        Raises
        ------
        BadInput, BadFile
            If the image cannot be used, saying why.
        """
        facts: dict[str, Any] = {"axes": axes, "channel_axis": channel_axis}
        if isinstance(image, (str, Path)):
            from napari_medfm.readers import read_image

            source = Path(image)
            loaded = read_image(source)
            given: Any = str(source)
            pixels = loaded.data
            name = name or _stem(source)
            if axes is None and channel_axis is None:
                facts["axes"] = loaded.axes
            if spacing is None and affine is None:
                spacing, affine = loaded.spacing, loaded.affine
            levels = levels or loaded.levels
            metadata = loaded.metadata
        else:
            pixels = image
            name = name or "image"
            given = str(source) if source else Given(f"images[{name!r}]")
        unique = self._unique(name)
        made = image_of(
            pixels,
            unique,
            spacing=spacing,
            affine=affine,
            group=group,
            levels=levels,
            source=source,
            metadata=metadata,
            **facts,
        )
        self.workspace.images[unique] = made
        self._record(
            "add_image",
            given,
            name=unique,
            axes=axes,
            spacing=None if source else spacing,
            affine=None if source else affine,
            channel_axis=channel_axis,
            group=group,
        )
        return unique

    def remove_image(self, name: str) -> None:
        """Forget an image and all that was said of it."""
        self.workspace.image(name)
        self.workspace.change(edit.without_image(self.workspace.labelling, name))
        del self.workspace.images[name]
        self._record("remove_image", name)

    @property
    def images(self) -> dict[str, Image]:
        """The images by name."""
        return dict(self.workspace.images)

    def _unique(self, name: str) -> str:
        taken, number, unique = self.workspace.images, 2, name
        while unique in taken:
            unique, number = f"{name}-{number}", number + 1
        return unique

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

    def add_class(self, name: str, colour: str | None = None) -> LabelClass:
        """Add a class; values are 1, 2, ... in the order added, 0 is "background".

        Raises
        ------
        BadInput
            If the name is taken or empty, or the colour is not #rrggbb.
        """
        self.workspace.change(edit.with_class(self.labelling, name, colour))
        self._record("add_class", name, colour=colour)
        return self.classes[-1]

    def annotate(
        self,
        image: str,
        class_name: str,
        points: ArrayLike | None = None,
        mask: Any = None,
        plane: int | None = None,
    ) -> int:
        """Give places on an image to a class, and return the annotation's id.

        Parameters
        ----------
        points
            Positions (n, ndim), or (n, 2) on ``plane`` of a volume.
        mask
            Boolean array of the image's shape, or of a plane's with ``plane``.

        Raises
        ------
        BadInput
            If the image or class is unknown, or the places do not lie on the image.
        """
        source = self.workspace.image(image)
        annotation_id = self.labelling.next_id
        self.workspace.change(
            edit.with_annotation(
                self.labelling, source, class_name, points, mask, plane
            )
        )
        plane = getattr(mask, "plane", None) if plane is None else plane
        self._record(
            "annotate", image, class_name, points=points, mask=mask, plane=plane
        )
        return annotation_id

    def remove(self, annotation_id: int) -> None:
        """Take one annotation away.

        Raises
        ------
        BadInput
            If there is none of that number.
        """
        self.workspace.change(edit.without_annotation(self.labelling, annotation_id))
        self._record("remove", annotation_id)

    def use_head(self, head: TrainedModel | LoadedHead | str | Path) -> TrainedModel:
        """Take a head made before, so that `predict` uses it.

        Classes that the session does not have yet are added.

        Raises
        ------
        BadFile
            If the file is not a head.
        BadInput
            If a class of the head has another value here.
        """
        model = _model_of(head)
        named = {c.name: c for c in self.classes}
        values = {c.value: c for c in self.classes}
        for wanted in model.classes:
            here = named.get(wanted.name) or values.get(wanted.value)
            if here and (here.name, here.value) != (wanted.name, wanted.value):
                raise BadInput(
                    f"The head calls class {wanted.value} {wanted.name!r}, this "
                    f"session has {here.name!r} as {here.value}: use it in a new "
                    "session"
                )
        new = tuple(c for c in model.classes if c.name not in named)
        classes = tuple(sorted((*self.classes, *new), key=lambda c: c.value))
        self.workspace.change(self.labelling.but(head=model, classes=classes))
        self._record("use_head", head)
        return model

    def set_threshold(self, image: str, class_name: str, threshold: float) -> None:
        """Say from which probability on a class counts on one image; 0.5 is neutral.

        Raises
        ------
        BadInput
            If it does not lie between 0 and 1.
        """
        self.workspace.image(image)
        value = edit.class_of(self.labelling, class_name).value
        if not 0 < threshold < 1:
            raise BadInput(f"A threshold lies between 0 and 1, got {threshold}")
        bias = float(np.log((1 - threshold) / threshold))
        thresholds = {**self.labelling.thresholds, (image, value): bias}
        self.workspace.change(self.labelling.but(thresholds=thresholds))
        self._record("set_threshold", image, class_name, threshold)

    def accept(
        self,
        image: str,
        what: Mask | Prediction | Runs | Values | NDArray[Any] | None = None,
        class_name: str | None = None,
        plane: int | None = None,
        origin: Literal["mask", "prediction", "similarity", "edited"] | None = None,
    ) -> None:
        """Take a mask or prediction into the image's label map.

        Parameters
        ----------
        what
            A `Mask`, a `Prediction`, a boolean array, or an array of class values,
            which replaces what was there; the plane's mask in hand if None.
        class_name
            Class of a mask or boolean array; the first class if there is just one.
        plane
            Plane of a volume, where ``what`` has a plane's shape.

        Raises
        ------
        BadInput
            If there is nothing to accept, or it does not fit image and classes.
        """
        source = self.workspace.image(image)
        item = accepted_region(self.labelling, source, what, class_name, plane, origin)
        self.workspace.change(edit.with_accepted(self.labelling, item))
        plane = getattr(what, "plane", None) if plane is None else plane
        self._record("accept", image, what, class_name, plane=plane, origin=origin)

    def mask(self, image: str, plane: int | None = None) -> Mask | None:
        """Return the mask in hand on a plane: the last answer to `segment`."""
        index = self.workspace.image(image).plane_index(plane)
        return self.labelling.masks.get((image, index))

    def labels(self, image: str) -> NDArray[np.unsignedinteger[Any]]:
        """Return the label map of all that was accepted, of the image's shape."""
        return edit.label_map(self.labelling, self.workspace.image(image))

    def undo(self) -> bool:
        """Take back the last change to classes, annotations, prompts, masks or labels.

        Everything returns exactly, the head included. False if there is nothing left.
        """
        done = self.workspace.undo()
        if done:
            self._record("undo")
        return done

    def redo(self) -> bool:
        """Do again what `undo` took back; False if there is nothing."""
        done = self.workspace.redo()
        if done:
            self._record("redo")
        return done

    # The record

    @property
    def history(self) -> tuple[Call, ...]:
        """Every call that changed something or made something, in order."""
        return tuple(self.workspace.history)

    def script(self) -> str:
        """Return a Python script that does all of this again."""
        from napari_medfm.verbs.script import script_of

        return script_of(self.history, self.workspace.first_models)

    def _record(self, verb: str, *args: Any, **kwargs: Any) -> None:
        self.workspace.history.append(Call.of(verb, args, kwargs))


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
    return LoadedHead(read_head(Path(path)), f"load_head({str(path)!r})", options)


def list_models(**facts: Any) -> list[ModelSpec]:
    """Return the SPECs of all models whose fields have these values.

    ``list_models(domain="pathology", gated=False)`` for instance.
    """
    specs: list[ModelSpec] = [*encoders.specs(), *segmenters.specs()]
    return [s for s in specs if all(getattr(s, k, None) == v for k, v in facts.items())]


def _model_of(head: TrainedModel | LoadedHead | str | Path) -> TrainedModel:
    if isinstance(head, (str, Path)):
        return read_head(Path(head))
    return head.model if isinstance(head, LoadedHead) else head


def _stem(path: Path) -> str:
    return path.name.split(".")[0] or path.name
