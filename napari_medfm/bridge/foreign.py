"""Labels layers that others made: objects or labels to begin from."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_medfm.core.image import Image

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk


def from_layers(
    desk: Desk, image: Image, take: Callable[[Labels], None]
) -> list[tuple[str, Callable[[], None]]]:
    """Return words and act for each Labels layer of an image's shape that is not ours.

    Parameters
    ----------
    take
        What an act does with its layer.
    """
    return [
        (f"layer “{layer.name}”", partial(take, layer))
        for layer in desk.viewer.layers
        if isinstance(layer, Labels)
        and desk.mirror.role_of(layer) is None
        and not layer.multiscale
        and layer.data.shape == image.shape
    ]
