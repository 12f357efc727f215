"""Where a project puts what does not fit into a line: heads and pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_medfm.core.errors import MedfmError
from napari_medfm.core.image import Image, Pixels
from napari_medfm.core.jobs import finished
from napari_medfm.engine.atomic import atomic_bytes
from napari_medfm.engine.rawzarr import blocks_of
from napari_medfm.project.effects import Outward
from napari_medfm.project.layout import head_path, pixels_path
from napari_medfm.project.pixels import copy_pixels, keep_pixels
from napari_medfm.project.references import Reference, facts_of, series_of
from napari_medfm.readers import read_image
from napari_medfm.verbs.headfile import head_bytes

_COMPARED_WHOLE = 2 * 2**30


@dataclass(frozen=True)
class HeadMark:
    """A head that nothing can bring back any more; its digest is still known."""

    digest: str


class Shelf:
    """Puts heads and pixels into a project's folder, each once.

    Parameters
    ----------
    folder
        The project's folder, or the one that becomes it.
    home
        Folder that holds the project.
    largest
        Bytes of pixels that are copied at most; of larger images without a file the
        labels alone are kept. As many as there are if None.
    """

    def __init__(self, folder: Path, home: Path, largest: int | None = None) -> None:
        self.folder, self.home, self._largest = folder, home, largest
        self.references: dict[int, Reference] = {}
        self.kept: dict[str, int] = {}
        self._heads: dict[int, tuple[Any, str]] = {}

    @property
    def outward(self) -> Outward:
        """The way out, for `napari_medfm.project.effects.difference`."""
        return Outward(lambda image: self.reference(image).form(), self.head)

    def knows(self, image: Image, reference: Reference) -> None:
        """Remember where an image that was opened came from."""
        self.references[image.uid] = reference

    def knows_head(self, head: Any, digest: str) -> None:
        """Remember the digest of a head that was opened."""
        self._heads[id(head)] = (head, digest)

    def head(self, head: Any) -> str:
        """Return the digest of a head, and put it into the folder.

        Raises
        ------
        WriteFailed
            If it cannot be written.
        """
        if isinstance(head, HeadMark):
            return head.digest
        known = self._heads.get(id(head))
        if known is not None and head_path(self.folder, known[1]).exists():
            return known[1]
        content = head_bytes(head)
        digest = hashlib.sha256(content).hexdigest()
        path = head_path(self.folder, digest)
        if not path.exists():
            atomic_bytes(path, content)
        self._heads[id(head)] = (head, digest)
        return digest

    def reference(self, image: Image) -> Reference:
        """Return how an image is named, and put pixels without a file into the folder.

        Raises
        ------
        OSError
            If they cannot be written.
        """
        known = self.references.get(image.uid)
        if known is None:
            known = self._made(image)
            self.references[image.uid] = known
        return known.lying_as(image)

    def _made(self, image: Image) -> Reference:
        place = image.source if _holds(image.source, image) else None
        found = facts_of(image, place, self.home)
        if not found.inside:
            return found
        size = int(np.prod(found.shape)) * image.data.dtype.itemsize
        if self._largest is not None and size > self._largest:
            digest = hashlib.sha256(f"not kept: {image.uid}".encode()).hexdigest()
            return replace(found, digest=digest, nbytes=size)
        digest = finished(
            keep_pixels(image.data, lambda digest: pixels_path(self.folder, digest))
        )
        self.kept[image.name] = size
        return replace(found, digest=digest, nbytes=size)

    def take_from(self, other: Shelf, images: Mapping[str, Image]) -> None:
        """Take over what another folder's shelf knows of images, kept pixels included.

        Raises
        ------
        OSError
            If pixels cannot be copied.
        """
        for image in images.values():
            known = other.references.get(image.uid)
            if known is None or image.uid in self.references:
                continue
            if known.inside:
                source = pixels_path(other.folder, known.digest)
                if source.is_dir():
                    copy_pixels(source, pixels_path(self.folder, known.digest))
                    self.kept[image.name] = known.nbytes
                elif not getattr(image.data, "why", None):
                    continue
            else:
                known = replace(known, relative=self._relative(known))
            self.references[image.uid] = known

    def _relative(self, reference: Reference) -> str | None:
        path = Path(reference.absolute or "")
        if not path.is_relative_to(self.home.absolute()):
            return None
        return path.relative_to(self.home.absolute()).as_posix()


def _holds(path: Path | None, image: Image) -> bool:
    """Whether a file, read again, gives just an image's pixels."""
    if path is None:
        return False
    try:
        loaded = read_image(path, series=series_of(image) if path.is_dir() else None)
    except (MedfmError, OSError):
        return False
    mine, other = image.data, loaded.data
    if tuple(other.shape) != tuple(mine.shape) or other.dtype != mine.dtype:
        return False
    if other is mine:
        return True
    size = int(np.prod(mine.shape)) * mine.dtype.itemsize
    places = list(blocks_of(mine.shape, mine.dtype.name))
    if size > _COMPARED_WHOLE:
        places = places[:: max(1, len(places) // 8)]
    return all(_same(mine, other, place) for place in places)


def _same(mine: Pixels, other: Pixels, place: slice) -> bool:
    left, right = np.asarray(mine[place]), np.asarray(other[place])
    return bool(np.array_equal(left, right, equal_nan=left.dtype.kind == "f"))
