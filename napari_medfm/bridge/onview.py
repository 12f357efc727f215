"""Which of several images is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

_SEEN = "medfm seen"


def show_alone(desk: Desk, name: str) -> None:
    """Show an image with what was made of it, and hide the others with theirs.

    What the user had hidden of an image stays hidden when it is shown again.
    """
    for layer in list(desk.viewer.layers):
        role = desk.mirror.role_of(layer)
        own = desk.binding.name_of(layer) if role is None else role[0]
        if own is None:
            continue
        if own != name:
            if layer.visible:
                layer.metadata[_SEEN] = True
                layer.visible = False
        elif role is None or layer.metadata.pop(_SEEN, False):
            layer.visible = True
