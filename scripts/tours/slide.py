"""docs/scale.md: a slide, made of a picture, and worked on as any image is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_medfm.readers import read_image
from tours.hand import Hand

SIDE = 10_000


def steps(hand: Hand) -> None:
    """Find, outline and teach glands on a slide; predict all of it, and write it."""
    desk, camera = hand.desk, hand.viewer.scene.camera
    mpp = desk.source.spacing[-1]
    camera.center, camera.zoom = (0, 1900 * mpp, 2300 * mpp), 0.45 / mpp
    hand.open("Similar")
    hand.press("Find similar")
    hand.click(1900, 2300)
    hand.glance("slide-similar")
    hand.open("Label")
    hand.add_class("gland")
    hand.open("Prompt")
    hand.press("Box")
    hand.drag((1750, 2150), (2100, 2500))
    hand.picture("slide")
    hand.press("Accept")
    hand.open("Label")
    hand.press("Click examples")
    for name, places in (
        ("gland", [(1900, 2300), (1850, 2350)]),
        ("background", [(1500, 1700), (2300, 2900)]),
    ):
        hand.choose_class(name)
        for place in places:
            hand.click(*place)
    hand.glance("slide-live")
    hand.press("Predict the whole slide")
    camera.center, camera.zoom = (0, 4000 * mpp, 4000 * mpp), 0.12 / mpp
    hand.rest()
    hand.glance("slide-predicted")
    hand.press("Accept prediction")
    desk.exporting.masks(hand.folder / "slide.geojson")
    desk.exporting.write_anyway()
    desk.exporting.head(hand.folder / "slide.head.safetensors")
    hand.rest()
    hand.glance("slide-accepted")


def make_slide(picture: Path, path: Path) -> None:
    """Put a picture beside its mirror images on glass, in four levels."""
    import tifffile

    loaded = read_image(picture)
    one = np.asarray(loaded.data[...])[..., :3]
    above = np.concatenate([one, one[:, ::-1]], axis=1)
    tissue = np.concatenate([above, above[::-1]])[: SIDE - 2000, : SIDE - 2000]
    slide = np.full((SIDE, SIDE, 3), 244, np.uint8)
    slide[1000 : 1000 + len(tissue), 1000 : 1000 + tissue.shape[1]] = tissue
    mpp = (loaded.spacing or (0.5, 0.5))[-1]
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for level in range(4):
            file.write(
                slide[:: 2**level, :: 2**level],
                subifds=3 if level == 0 else None,
                subfiletype=1 if level else 0,
                photometric="rgb",
                tile=(256, 256),
                compression="zlib",
                resolution=(1e4 / mpp / 2**level,) * 2,
                resolutionunit="CENTIMETER",
            )
