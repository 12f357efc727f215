"""What lies where in a project's folder, and which names are accepted there."""

from __future__ import annotations

import re
from pathlib import Path

from napari_medfm.core.errors import BadFile

SUFFIX = ".medfm"
SCHEMA = 2
FACTS = "project.json"
JOURNAL = "journal.jsonl"
LOCK = "lock.json"
LABELS, HEADS, IMAGES = "labels", "heads", "images"

_DIGEST = re.compile("[0-9a-f]{64}")


def head_path(folder: Path, digest: str) -> Path:
    """Return the place of a head.

    Raises
    ------
    BadFile
        If the digest is none.
    """
    return folder / HEADS / f"{_checked(digest)}.head.safetensors"


def pixels_path(folder: Path, digest: str) -> Path:
    """Return the place of pixels that are kept inside.

    Raises
    ------
    BadFile
        If the digest is none.
    """
    return folder / IMAGES / f"{_checked(digest)}.zarr"


def labels_path(folder: Path, digest: str) -> Path:
    """Return the place of a label map.

    Raises
    ------
    BadFile
        If the digest is none.
    """
    return folder / LABELS / f"{_checked(digest)}.zarr"


def no_links(folder: Path, path: Path) -> None:
    """Refuse a path below a project that goes through a link.

    Raises
    ------
    BadFile
        If it does.
    """
    while path != folder:
        if path.is_symlink():
            raise BadFile(f"{path} is a link: a project holds its own files only")
        path = path.parent


def _checked(digest: str) -> str:
    if not _DIGEST.fullmatch(str(digest)):
        raise BadFile(f"it names {str(digest)[:40]!r}, which is no file of a project")
    return digest
