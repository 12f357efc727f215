"""Which images a command's arguments name, folders looked through."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

_DICOM_AT = 128


class Input(NamedTuple):
    """An image, and where its result goes below the output folder, without a suffix."""

    path: Path
    place: Path


def inputs_of(paths: Sequence[Path]) -> list[Input]:
    """Return every image: files as they are named, folders with all that they hold.

    A folder with DICOM files, or one that is itself an image such as OME-Zarr, is one
    image. Other folders are gone through in order, hidden files and links left out;
    what they hold keeps its place below them.
    """
    found: list[Input] = []
    for path in paths:
        if path.is_dir() and not _is_image(path):
            found += [
                Input(inside, inside.relative_to(path).parent / stem_of(inside))
                for inside in _images_in(path)
            ]
        else:
            found.append(Input(path, Path(stem_of(path))))
    return found


def stem_of(path: Path) -> str:
    """Return a file's name without the suffix of its format."""
    from napari_medfm.readers import suffixes

    name = path.resolve().name
    for suffix in sorted(suffixes(), key=len, reverse=True):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def _images_in(folder: Path) -> Iterator[Path]:
    from napari_medfm.readers import suffixes

    known = suffixes()
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.is_symlink():
            continue
        if path.is_dir():
            if _is_image(path):
                yield path
            elif not path.name.endswith(".medfm"):
                yield from _images_in(path)
        elif path.name.lower().endswith(known):
            yield path


def _is_image(folder: Path) -> bool:
    from napari_medfm.readers import specs

    if any(s.recognises_folder and s.recognises_folder(folder) for s in specs()):
        return True
    with os.scandir(folder) as entries:
        return any(_is_dicom(Path(e.path)) for e in entries if e.is_file())


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(_DICOM_AT + 4)[_DICOM_AT:] == b"DICM"
    except OSError:
        return False
