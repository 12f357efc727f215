"""The documentation's own lines, and which of them no test runs."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

# How a line begins -> why it is not run, and what is tested in its place.
NOT_RUN = {
    "python3 -m venv": "installs gigabytes",
    "sh scripts/install-system-packages.sh": "installs as root",
    ".venv/bin/pip install": "installs gigabytes",
    "pip install": "installs",
    "pip download": "downloads",
    "napari-medfm models fetch": "downloads: tests/weights/test_fetch_http.py",
    "napari-medfm models import": "needs weights: tests/weights/test_fetch_wheel.py",
    "napari-medfm models export": "needs weights: tests/weights/test_bundles.py",
    "napari-medfm compare": "needs two encoders: tests/session/test_compare.py",
    "napari-medfm embed slides/*.svs": "starts workers: tests/cli/test_cluster.py",
    "napari-medfm apply tumour.head.safetensors slides/*.svs": "starts workers: "
    "tests/cli/test_cluster.py",
}


def is_run(line):
    """Whether tests run a line of a page."""
    return not line.startswith(tuple(NOT_RUN))


def blocks(page, *languages):
    """Blocks of a page of the documentation, in their order."""
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```", text, re.S | re.M)


def lines(page):
    """Lines for a shell."""
    return "".join(blocks(page, "sh", "bash", "console")).splitlines()


def run_python(page, **made):
    """Run all Python of a page as one program; returns its names."""
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), made)  # noqa: S102  our own page
    return made
