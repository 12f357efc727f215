"""Go through the tutorials in the real window, and take the pictures of the pages.

    python scripts/tour_window.py [TOUR ...] [--out docs/images] [--looks all]

Needs a screen (``xvfb-run -s "-screen 0 1920x1080x24"`` gives one) and the models. Each
tour is a file of `tours`: it presses what its page names, clicks on the image, waits
for the answers, and takes pictures on its way. With ``--looks all`` each picture is
taken in two sizes and both themes; with ``--scale 2`` all is twice as large (the screen
must be 2732 x 1536). The tour ``slide`` needs a picture of tissue to make its slide of.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from tours.hand import Hand, Look

from napari_medfm import Session, view
from napari_medfm.app import demo
from napari_medfm.widgets.dock import MedfmWidget

TOURS = (
    "tutorial",
    "radiologist",
    "pathologist",
    "ophthalmologist",
    "images",
    "keeping",
)
SIZES, THEMES = ((1366, 768), (1920, 1080)), ("dark", "light")


def go(tour: Any, viewer: Any, out: Path, looks: tuple[Look, ...]) -> None:
    """Go on one tour; the window is closed at its end."""
    widget = viewer.window._qt_window.findChild(MedfmWidget)  # noqa: SLF001
    hand = Hand(viewer, widget, out, looks)
    try:
        tour.steps(hand)
        hand.rest()
    finally:
        hand.end()
        widget.runner.close(wait=10)
        widget.desk.session.close()
        viewer.close()


def opened(tour: Any, picture: Path | None, folder: Path) -> Any:
    """Open the window of a tour: on its sample, or on a slide made of a picture."""
    if hasattr(tour, "SAMPLE"):
        return demo(tour.SAMPLE)
    if picture is None:
        raise SystemExit("This tour needs --picture FILE, to make a slide of")
    tour.make_slide(picture, folder / "slide.tif")
    session = Session()
    session.add_image(folder / "slide.tif")
    return view(session)


def looks_of(given: argparse.Namespace) -> tuple[Look, ...]:
    """Return how the window is to look."""
    if given.looks == "one":
        return (Look(),)
    sizes = SIZES if given.scale == 1 else SIZES[:1]
    return tuple(Look(s, t) for s, t in itertools.product(sizes, THEMES))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tours", nargs="*", default=TOURS, metavar="TOUR")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--looks", choices=("one", "all"), default="one")
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    os.environ["QT_SCALE_FACTOR"] = str(given.scale)
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.tours:
        began, tour = time.monotonic(), import_module(f"tours.{name}")
        with tempfile.TemporaryDirectory() as folder:
            os.environ["NAPARI_MEDFM_DRAFTS"] = f"{folder}/drafts"  # not the user's
            viewer = opened(tour, given.picture, Path(folder))
            go(tour, viewer, given.out, looks_of(given))
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
