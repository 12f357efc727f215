"""Heads that come from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from napari_medfm.core.arguments import path_of, shown
from napari_medfm.core.errors import BadInput
from napari_medfm.verbs.gesture import Deed
from napari_medfm.verbs.headfile import read_head
from napari_medfm.verbs.trained import TrainedModel
from napari_medfm.verbs.workspace import Workspace


class HasModel(Protocol):
    """A head from a file, such as `load_head` returns."""

    @property
    def model(self) -> TrainedModel:
        """The head itself."""


def use_head(
    ws: Workspace, head: TrainedModel | HasModel | str | Path
) -> Deed[TrainedModel]:
    """Take a head made before, so that `predict` uses it.

    Classes that the session does not have yet are added.

    Raises
    ------
    BadFile
        If the file is not a head.
    BadInput
        If a class of the head has another value here.
    """
    model, state = model_of(head), ws.labelling
    named = {c.name: c for c in state.classes}
    values = {c.value: c for c in state.classes}
    for wanted in model.classes:
        here = named.get(wanted.name) or values.get(wanted.value)
        if here and (here.name, here.value) != (wanted.name, wanted.value):
            raise BadInput(
                f"The head calls class {wanted.value} {wanted.name!r}, this "
                f"session has {here.name!r} as {here.value}: use it in a new "
                "session"
            )
    new = tuple(c for c in model.classes if c.name not in named)
    classes = tuple(sorted((*state.classes, *new), key=lambda c: c.value))

    def do() -> TrainedModel:
        if model.level == "pixel":
            ws.change(state.but(head=model, classes=classes))
        else:
            heads = {**state.heads, model.level: model}
            ws.change(state.but(heads=heads, classes=classes))
        return model

    return Deed(do)


def model_of(head: TrainedModel | HasModel | str | Path) -> TrainedModel:
    """Return the head itself, read where it is the path of a file.

    Raises
    ------
    BadFile
        If the file is not a head.
    BadInput
        If it is neither head nor path.
    """
    if isinstance(head, (str, Path)):
        return read_head(path_of(head, "head"))
    model = getattr(head, "model", head)
    if not isinstance(model, TrainedModel):
        raise BadInput(f"A head, or the path of one, is needed; got {shown(head)}")
    return model
