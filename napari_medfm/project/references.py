"""How a project names its images: by place and content, never by place alone.

A reference to a file holds its path (from the project's folder, and absolute), its size
and its SHA-256. Pixels that came without a file are kept inside the project.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from napari_medfm.core.errors import BadFile
from napari_medfm.core.forms import dumps, from_form, to_form
from napari_medfm.core.image import Image

_LARGEST_AXIS = 2**34


@dataclass(frozen=True)
class Reference:
    """An image of a project, without its pixels.

    Parameters
    ----------
    digest
        SHA-256 of the file (of its files, for a folder), or of the pixels kept inside.
    nbytes
        Size of the file; of all files of a folder.
    relative, absolute
        Where the file was, from the folder that holds the project, and in full; both
        None where the pixels are kept inside. No relative path leaves that folder.
    shape, dtype
        Of the pixels, channels included.
    series
        Which of a DICOM folder's series it is.
    metadata
        What the image's file said, where the pixels are kept inside.
    """

    digest: str
    nbytes: int
    relative: str | None
    absolute: str | None
    shape: tuple[int, ...]
    dtype: str
    channel_axis: int | None
    spacing: tuple[float, ...]
    affine: tuple[tuple[float, ...], ...]
    window: tuple[tuple[float, float], ...]
    group: str
    series: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def inside(self) -> bool:
        """Whether the pixels are kept in the project."""
        return self.absolute is None

    @property
    def axes(self) -> str:
        """One letter an axis, such as "yx" or "zyxc"."""
        ndim = len(self.shape) - (self.channel_axis is not None)
        letters = "zyx"[3 - ndim :]
        if self.channel_axis is None:
            return letters
        return letters[: self.channel_axis] + "c" + letters[self.channel_axis :]

    def lying_as(self, image: Image) -> Reference:
        """Return the reference with the geometry, window and group of an image."""
        return replace(self, **_standing(image))

    def form(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "sha256": self.digest,
            "bytes": self.nbytes,
            "relative": self.relative,
            "absolute": self.absolute,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "channel_axis": self.channel_axis,
            "spacing": list(self.spacing),
            "affine": [list(row) for row in self.affine],
            "window": [list(pair) for pair in self.window],
            "group": self.group,
            "series": self.series,
            "metadata": to_form(self.metadata),
        }


def reference_of(form: Any) -> Reference:
    """Read a reference, trusting none of it.

    Raises
    ------
    BadFile
        If anything in it is not as `Reference.form` writes it.
    """
    if not isinstance(form, dict):
        raise BadFile("an image is not described by an object")
    try:
        found = Reference(
            digest=_text(form["sha256"], 64),
            nbytes=_whole(form["bytes"], 2**60),
            relative=_relative(form["relative"]),
            absolute=None if form["absolute"] is None else _absolute(form["absolute"]),
            shape=tuple(_whole(n, _LARGEST_AXIS, 1) for n in _list(form["shape"])),
            dtype=_text(form["dtype"], 16),
            channel_axis=None
            if form["channel_axis"] is None
            else _whole(form["channel_axis"], 3),
            spacing=tuple(map(_number, _list(form["spacing"]))),
            affine=tuple(tuple(map(_number, _list(r))) for r in _list(form["affine"])),
            window=tuple(
                (_number(low), _number(high)) for low, high in _list(form["window"])
            ),
            group=_text(form["group"], 10_000),
            series=None if form["series"] is None else _text(form["series"], 128),
            metadata=dict(from_form(form["metadata"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(f"an image is described wrongly ({error})") from error
    _consistent(found)
    return found


def _consistent(found: Reference) -> None:
    channel = found.channel_axis
    ndim = len(found.shape) - (channel is not None)
    channels = 1 if channel is None else found.shape[min(channel, len(found.shape) - 1)]
    right = (
        ndim in (2, 3)
        and (channel is None or channel < len(found.shape))
        and len(found.spacing) == ndim
        and len(found.affine) == ndim + 1
        and all(len(row) == ndim + 1 for row in found.affine)
        and len(found.window) == channels
        and found.dtype in _DTYPES
        and (found.absolute is not None or found.relative is None)
    )
    if not right:
        raise BadFile("what it says of an image does not fit together")


_DTYPES = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"),
    *("uint64", "float16", "float32", "float64"),
}


def facts_of(image: Image, place: Path | None, home: Path) -> Reference:
    """Describe an image of a session.

    Parameters
    ----------
    place
        The file or folder that holds just these pixels; None if there is none, and
        ``digest`` is then still to be filled in.
    home
        Folder that holds the project.
    """
    digest, nbytes, relative, absolute = "", 0, None, None
    if place is not None:
        whole = place.absolute()
        digest, nbytes = file_digest(whole), file_bytes(whole)
        absolute = str(whole)
        if whole.is_relative_to(home.absolute()):
            relative = whole.relative_to(home.absolute()).as_posix()
    return Reference(
        digest=digest,
        nbytes=nbytes,
        relative=relative,
        absolute=absolute,
        shape=tuple(int(n) for n in image.data.shape),
        dtype=image.data.dtype.name,
        channel_axis=image.channel_axis,
        **_standing(image),
        series=series_of(image) if place is not None and place.is_dir() else None,
        metadata={} if place is not None else _plain_metadata(image),
    )


def _standing(image: Image) -> dict[str, Any]:
    """What of an image may change while its pixels stay."""
    return {
        "spacing": tuple(float(s) for s in image.spacing),
        "affine": tuple(tuple(row) for row in image.affine.tolist()),
        "window": tuple((float(low), float(high)) for low, high in image.window),
        "group": image.group,
    }


def series_of(image: Image) -> str | None:
    """Return the DICOM series that an image was read from, where it says so."""
    found = image.metadata.get("series_uid")
    return found if isinstance(found, str) and found else None


def _plain_metadata(image: Image) -> dict[str, Any]:
    """Return what of an image's metadata is plain values."""
    kept = {}
    for name, value in image.metadata.items():
        plain = value.tolist() if isinstance(value, np.ndarray) else value
        try:
            dumps(to_form(plain))
        except (TypeError, ValueError, RecursionError):
            continue
        kept[str(name)] = plain
    return kept


def file_bytes(path: Path) -> int:
    """Return the size of a file, or of all plain files below a folder.

    Raises
    ------
    OSError
        If it is not there, or neither file nor folder.
    """
    facts = path.stat()
    if stat.S_ISDIR(facts.st_mode):
        return sum(entry.stat().st_size for entry in _files(path))
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(f"{path} is neither a file nor a folder")
    return facts.st_size


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the plain files below a folder by name.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if path.is_dir():
        digest = hashlib.sha256()
        for entry in _files(path):
            name = entry.relative_to(path).as_posix()
            digest.update(f"{name}\0{file_digest(entry)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def find_file(
    reference: Reference, home: Path, also: Path | None, newer: Reference | None = None
) -> Path | None:
    """Return the file of a reference, by content; None if it is nowhere.

    Looked at are: where it was, from the project and in full; then files of the same
    size, in the project's surroundings, and everywhere below the folder ``also``.

    Parameters
    ----------
    newer
        Where the same content was seen last.
    """
    places = [*places_of(newer, home), *places_of(reference, home)]
    for place in places:
        if _holds(place, reference):
            return place
    name = places[-1].name if places else ""
    for root, depth in ((home, 1), (also, 12)):
        if root is None:
            continue
        nearby = sorted(_below(root, depth), key=lambda p: p.name != name)
        for place in nearby:
            if place.is_dir() and place.name != name:
                continue
            if _holds(place, reference):
                return place
    return None


def exists(reference: Reference, home: Path) -> Path | None:
    """Return where an image's file was, if something still lies there."""
    places = places_of(reference, home)
    return next((place for place in places if os.path.lexists(place)), None)


def places_of(reference: Reference | None, home: Path) -> list[Path]:
    """Return where a file was seen, from the project and in full."""
    if reference is None:
        return []
    told = [] if reference.relative is None else [home / reference.relative]
    return told if reference.absolute is None else [*told, Path(reference.absolute)]


def _holds(place: Path, reference: Reference) -> bool:
    try:
        return (
            file_bytes(place) == reference.nbytes
            and file_digest(place) == reference.digest
        )
    except OSError:
        return False


_MOST_FILES = 20_000


def _below(root: Path, depth: int) -> Iterator[Path]:
    """Yield files and folders; links are not followed, and there is an end."""
    count = 0
    for folder, folders, files in os.walk(root):
        level = len(Path(folder).relative_to(root).parts)
        if level >= depth:
            folders[:] = []
        folders[:] = [f for f in folders if not f.endswith(".medfm")]
        for name in (*files, *folders):
            count += 1
            if count > _MOST_FILES:
                return
            path = Path(folder, name)
            if not path.is_symlink():
                yield path


def _relative(value: Any) -> str | None:
    if value is None:
        return None
    text = _text(value, 4096)
    path = PurePosixPath(text)
    windows = PureWindowsPath(text)
    if (
        path.is_absolute()
        or windows.drive
        or windows.root
        or ".." in (*path.parts, *windows.parts)
        or "\0" in text
    ):
        raise ValueError("a relative path leaves the project's folder")
    return text


def _absolute(value: Any) -> str:
    text = _text(value, 4096)
    posix, windows = PurePosixPath(text), PureWindowsPath(text)
    if ".." in (*posix.parts, *windows.parts) or "\0" in text:
        raise ValueError("a path leads upwards")
    if text.startswith(("\\\\", "//")):
        raise ValueError("a path leads to another computer")
    if not (posix.is_absolute() or windows.is_absolute()):
        raise ValueError("a full path is not one")
    return text


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError("a text is none, or too long")
    return value


def _whole(value: Any, largest: int, smallest: int = 0) -> int:
    if type(value) is not int or not smallest <= value <= largest:
        raise ValueError("a number is none, or out of range")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not np.isfinite(value):
        raise ValueError("a number is none")
    return float(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > 4096:
        raise ValueError("a list is none, or too long")
    return value
