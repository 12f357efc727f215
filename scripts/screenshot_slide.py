"""Make a slide of a picture, work on it in the window, and take a picture of that.

    python scripts/screenshot_slide.py PICTURE [--out docs/images] [--work FOLDER]

Needs a screen (``xvfb-run -s "-screen 0 1366x768x24"`` gives one) and the models. The
picture is put beside its mirror images on glass, as a pyramidal TIFF of 10,000 x 10,000
pixels, which is opened as any slide is.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from screenshot import go_through

from napari_medfm import Session, view
from napari_medfm.readers import read_image
from napari_medfm.widgets.dock import MedfmWidget

SIDE = 10_000


def make_slide(picture: Path, path: Path) -> None:
    """Write the slide in four levels, as tifffile alone can."""
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


def gestures(widget: Any, save: Callable[[str], None], out: Path) -> Iterator[None]:
    """Work on the slide; each ``yield`` waits until nothing is being worked on."""
    desk, camera = widget.desk, widget.desk.viewer.scene.camera
    mpp = desk.source.spacing[-1]
    camera.center, camera.zoom = (0, 1900 * mpp, 2300 * mpp), 0.45 / mpp
    yield
    widget.open_section("Similar")
    desk.tools.arm("similar")
    desk.similar.click((1900.0, 2300.0), negative=False)
    yield
    save("slide-similar")
    desk.tools.arm("box")
    widget.open_section("Prompt")
    desk.add_class("gland")
    desk.prompt.box((1750.0, 2150.0, 2100.0, 2500.0))
    yield
    save("slide")
    desk.prompt.accept("gland")
    yield
    widget.open_section("Label")
    desk.tools.arm("examples")
    desk.live.automatic = False
    for value, places in (
        (1, [(1900.0, 2300.0), (1850.0, 2350.0)]),
        (0, [(1500.0, 1700.0), (2300.0, 2900.0)]),
    ):
        desk.choose_class(value)
        for place in places:
            desk.marking.click(place)
            yield
    save("slide-live")
    desk.live.predict_all()
    yield
    camera.zoom = 0.12 / mpp
    camera.center = (0, 4000 * mpp, 4000 * mpp)
    yield
    save("slide-predicted")
    desk.live.accept()
    yield
    desk.exporting.masks(out / "slide.geojson")
    desk.exporting.write_anyway()
    yield
    desk.exporting.head(out / "slide.head.safetensors")
    yield
    save("slide-accepted")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--work", type=Path, default=Path(tempfile.mkdtemp()))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    given.work.mkdir(parents=True, exist_ok=True)
    slide = given.work / "slide.tif"
    if not slide.exists():
        make_slide(given.picture, slide)
    session = Session()
    session.add_image(slide)
    viewer = view(session)
    window = viewer.window._qt_window  # noqa: SLF001  the window itself is the subject
    window.resize(1366, 768)
    widget = window.findChild(MedfmWidget)
    began = time.monotonic()

    def save(name: str) -> None:
        window.grab().save(str(given.out / f"{name}.png"))
        print(f"{time.monotonic() - began:6.0f} s  {given.out / name}.png", flush=True)

    def told() -> None:
        print(f"{time.monotonic() - began:6.0f} s  {widget.desk.message}", flush=True)

    go_through(viewer, widget, gestures(widget, save, given.work), told)


if __name__ == "__main__":
    main()
