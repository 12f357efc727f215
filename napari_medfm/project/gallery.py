"""The images of a project that is being opened: found, moved, changed or missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput, MedfmError
from napari_medfm.core.image import Image, Pixels
from napari_medfm.project.layout import pixels_path
from napari_medfm.project.pixels import kept_pixels
from napari_medfm.project.references import (
    Reference,
    exists,
    find_file,
    places_of,
    reference_of,
)
from napari_medfm.project.shelf import Shelf
from napari_medfm.readers import read_image
from napari_medfm.readers._guard import memory_bytes


class MissingPixels:
    """Stands for pixels that are not here; reading any of them says why.

    Parameters
    ----------
    why
        One line with the way out.
    """

    def __init__(self, shape: tuple[int, ...], dtype: str, why: str) -> None:
        self.shape, self.dtype, self.why = shape, np.dtype(dtype), why

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self.shape)

    def blank(self) -> NDArray[Any]:
        """Return zeros in their place, to have something to show."""
        return np.broadcast_to(np.zeros((), self.dtype), self.shape)

    def __getitem__(self, index: Any) -> Any:
        raise BadInput(self.why)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise BadInput(self.why)


class Gallery:
    """Makes each image of a project once; one that was moved is the same image.

    Parameters
    ----------
    shelf
        The project's folder.
    seen
        Where files were seen last, by digest.
    also
        A folder in which to look for files that are gone.
    """

    def __init__(
        self, shelf: Shelf, seen: Mapping[str, Reference], also: Path | None
    ) -> None:
        self._shelf, self._seen, self._also = shelf, seen, also
        self._found: dict[str, tuple[Reference, Any]] = {}
        self._made: dict[tuple[str, str], Image] = {}
        self.moved: list[str] = []

    def image(self, name: str, form: Any) -> Image:
        """Return an image from its reference.

        Raises
        ------
        BadFile
            If the reference is malformed, or larger than this machine's memory.
        """
        told = reference_of(form)
        if math.prod(told.shape) > memory_bytes() * 64:
            raise BadFile(f"{name!r} is described as larger than any image here")
        reference, loaded = self._pixels(name, told)
        before = self._made.get((name, told.digest))
        if before is not None and before.data is loaded.data:
            return replace(
                before,
                spacing=told.spacing,
                affine=np.array(told.affine, float),
                window=told.window,
                group=told.group,
            )
        image = Image(
            name=name,
            data=loaded.data,
            channel_axis=told.channel_axis,
            spacing=told.spacing,
            affine=np.array(told.affine, float),
            window=told.window,
            group=told.group,
            levels=tuple(loaded.levels),
            source=loaded.source,
            metadata=MappingProxyType(dict(loaded.metadata)),
        )
        self._shelf.knows(image, reference)
        self._made[name, told.digest] = image
        return image

    def missing(self, images: Mapping[str, Image]) -> dict[str, str]:
        """Return why some images have no pixels, by name."""
        return {
            name: image.data.why
            for name, image in images.items()
            if isinstance(image.data, MissingPixels)
        }

    def _pixels(self, name: str, told: Reference) -> tuple[Reference, _Pixels]:
        known = self._found.get(told.digest)
        if known is None or known[0].shape != told.shape:
            known = self._looked_up(name, told)
            self._found[told.digest] = known
        return known

    def _looked_up(self, name: str, told: Reference) -> tuple[Reference, _Pixels]:
        if told.inside:
            return told, self._inside(name, told)
        home, newer = self._shelf.home, self._seen.get(told.digest)
        place = find_file(told, home, self._also, newer)
        if place is None:
            return told, _Pixels(self._gone(name, told))
        try:
            loaded = read_image(place, series=told.series)
        except MedfmError as error:
            why = f"Its file cannot be read any more: {error}"
            return told, _Pixels(MissingPixels(told.shape, told.dtype, why))
        if tuple(loaded.data.shape) != told.shape or loaded.data.dtype != told.dtype:
            why = f"{place} is read differently by this program: its labels are kept"
            return told, _Pixels(MissingPixels(told.shape, told.dtype, why))
        here = replace(told, absolute=str(place), relative=self._relative(place))
        if place not in (*places_of(newer, home), *places_of(told, home)):
            self.moved.append(f"{name} was found again as {place}")
        return here, _Pixels(loaded.data, loaded.levels, place, loaded.metadata)

    def _relative(self, place: Path) -> str | None:
        home = self._shelf.home.absolute()
        inside = place.is_relative_to(home)
        return place.relative_to(home).as_posix() if inside else None

    def _inside(self, name: str, told: Reference) -> _Pixels:
        folder = self._shelf.folder
        try:
            path = pixels_path(folder, told.digest)
            data = kept_pixels(folder, path, told.digest, told.shape, told.dtype)
        except BadFile as error:
            why = (
                f"The pixels of {name!r} that the project kept are gone or damaged "
                f"({error}); its labels are kept"
            )
            data = MissingPixels(told.shape, told.dtype, why)
        return _Pixels(data, metadata=told.metadata)

    def _gone(self, name: str, told: Reference) -> MissingPixels:
        changed = exists(told, self._shelf.home)
        where = f"{changed}" if changed else f"{told.absolute}"
        if changed:
            why = (
                f"{where} was changed since {name!r} was labelled: it is not used, and "
                "the labels are kept. Put the old file back, or add the new one as "
                "another image"
            )
        else:
            why = (
                f"The file of {name!r} is missing: put it back at {where}, or say "
                "where it is now (in the window Find missing images…, else images=, "
                "--images); its labels are kept"
            )
        return MissingPixels(told.shape, told.dtype, why)


class _Pixels:
    """What a file gave, or what stands for it."""

    def __init__(
        self,
        data: Pixels,
        levels: Any = (),
        source: Path | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.data, self.levels, self.source = data, levels, source
        self.metadata: Mapping[str, Any] = metadata or {}
