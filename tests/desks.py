"""A desk without a window, on toys."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from toys import ToyEncoder, ToySegmenter

from napari_medfm.bridge.desk import Desk
from napari_medfm.bridge.running import InlineRunner
from napari_medfm.session import Session


def desk_on(data, runner=None, **layer):
    """A desk on one image layer, "ct"; work runs at once unless a runner is given."""
    viewer = ViewerModel()
    viewer.add_image(data, name="ct", rgb=False, **layer)
    session = Session(encoder=ToyEncoder(), segmenter=ToySegmenter())
    return Desk(viewer, session, runner or InlineRunner())


def shown(desk, role):
    """The layer that shows a role, if one does."""
    return desk.mirror.layer(desk.image, role)


def in_view(desk, position):
    """Whether a position of the image in hand is well inside what the view shows."""
    camera = desk.viewer.scene.camera
    world = desk.binding.layer(desk.image).data_to_world(position)[-2:]
    reach = np.asarray(desk.viewer.canvas.size) / (2 * camera.zoom)
    return bool((abs(world - np.asarray(camera.center)[-2:]) < reach).all())
