"""OME-Zarr folders (NGFF 0.4 in zarr v2, 0.5 in zarr v3), read piece by piece.

Only folders on this machine, and only what lies inside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medfm.core.errors import BadFile, BadInput
from napari_medfm.readers._guard import reading
from napari_medfm.readers._lazy import Lazy
from napari_medfm.readers._loaded import Loaded, ReaderSpec
from napari_medfm.readers._zarrblosc import checked_blosc
from napari_medfm.readers._zarrguard import facts_of, inside, read_json
from napari_medfm.readers._zarrstore import guarded_store

_MAX_LEVELS = 32
_UNITS = {
    "micrometer": "um",
    "millimeter": "mm",
    "nanometer": "nm",
    "centimeter": "cm",
    "meter": "m",
    "inch": "inch",
}
_TYPES = {"x": "space", "y": "space", "z": "space", "t": "time", "c": "channel"}


def read_ome_zarr(path: Path) -> Loaded:
    """Read the first multiscale image of an OME-Zarr group, lazily.

    Axes of length one that are not rows or columns are dropped.

    Raises
    ------
    BadFile
        If it is damaged, leads out of its folder, or uses a codec that may run code.
    BadInput
        If it has more axes than planes, rows, columns and channels.
    """
    with reading(path):
        if not path.is_dir():
            raise BadFile(f"{path.name} is a file: an OME-Zarr image is a folder")
        image = multiscale_of(path)
        axes = _axes(image)
        levels = tuple(_level(path, part, len(axes)) for part in _datasets(image))
        fixed = _fixed(path, axes, levels[0].shape)
        kept = [axis for axis, at in zip(axes, fixed, strict=True) if at is None]
        scale, shift = _placed(image, axes, fixed)
        views = [Lazy(one, path, fixed=fixed) for one in levels]
    names = [axis["name"] for axis in kept]
    channel = names.index("c") if "c" in names else None
    spatial = [axis for axis in kept if axis["name"] != "c"]
    affine = None
    if np.any(shift):
        affine = np.diag([*scale, 1.0])
        affine[:-1, -1] = shift
    with reading(path):
        affine = _written_affine(path, scale, affine)
    metadata = {
        "format": "ome-zarr",
        "unit": _unit(spatial),
        "window": _window(path) if channel is None else None,
    }
    spacing = tuple(float(step) for step in scale)
    return Loaded(
        views[0], channel, spacing, affine, levels=tuple(views[1:]), metadata=metadata
    )


def attributes_of(path: Path) -> dict[str, Any]:
    """Return the OME attributes of a group, of either version of zarr.

    Raises
    ------
    BadFile
        If it is not a group.
    """
    if (path / "zarr.json").exists():
        found = read_json(path / "zarr.json").get("attributes", {}).get("ome", {})
    elif (path / ".zattrs").exists():
        found = read_json(path / ".zattrs")
    else:
        raise BadFile(f"{path.name} holds no OME-Zarr image")
    return dict(found)


def multiscale_of(path: Path) -> Mapping[str, Any]:
    """Return the description of the first multiscale image of a group.

    Raises
    ------
    BadFile
        If there is none.
    """
    found = attributes_of(path).get("multiscales")
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        raise BadFile(
            f"{path.name} is zarr, but no OME-Zarr image: choose the folder of an "
            "image (in a plate: of a field), or open the array with zarr and add that"
        )
    return found[0]


def is_ome_zarr(path: Path) -> bool:
    """Whether a folder is a zarr group or array."""
    return any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


def _axes(image: Mapping[str, Any]) -> list[dict[str, Any]]:
    named = image.get("axes") or list("tczyx")
    axes = [{"name": axis} if isinstance(axis, str) else dict(axis) for axis in named]
    for axis in axes:
        if axis.get("name") not in _TYPES:
            raise ValueError(f"it has an axis {str(axis.get('name'))[:40]!r}")
    return axes


def _datasets(image: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = list(image["datasets"])
    if not 1 <= len(found) <= _MAX_LEVELS:
        raise ValueError(f"it has {len(found)} levels")
    return found


def _level(root: Path, part: Mapping[str, Any], ndim: int) -> Any:
    import zarr

    relative = inside(root, part["path"])
    facts = facts_of(root, relative)
    if len(facts.shape) != ndim:
        raise ValueError(f"it names {ndim} axes, its array has {len(facts.shape)}")
    store = guarded_store(root, facts)
    with checked_blosc():
        array = zarr.open_array(store, path=relative, mode="r")
    if array.shape != facts.shape:
        raise ValueError("its metadata contradict each other")
    return array


def _fixed(
    path: Path, axes: Sequence[Mapping[str, Any]], shape: tuple[int, ...]
) -> tuple[int | None, ...]:
    names = "".join(axis["name"] for axis in axes)
    if not names.replace("c", "").endswith("yx") or len(set(names)) != len(names):
        raise BadInput(f"{path.name} has axes {names}: rows and columns come last")
    many = [n for n, size in zip(names, shape, strict=True) if n == "t" and size > 1]
    if many:
        raise BadInput(
            f"{path.name} has axes {names} of lengths {shape}: save one time point as "
            "an image of its own"
        )
    return tuple(
        0 if size == 1 and name in "tcz" else None
        for name, size in zip(names, shape, strict=True)
    )


def _placed(
    image: Mapping[str, Any],
    axes: Sequence[Mapping[str, Any]],
    fixed: tuple[int | None, ...],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scale and the shift of the spatial axes of the finest level."""
    scale, shift = np.ones(len(axes)), np.zeros(len(axes))
    finest = image["datasets"][0].get("coordinateTransformations") or []
    for step in (*finest, *(image.get("coordinateTransformations") or [])):
        values = np.asarray(step.get(step.get("type"), []), float)
        if values.shape != scale.shape or not np.isfinite(values).all():
            continue
        if step["type"] == "scale" and (values > 0).all():
            scale, shift = scale * values, shift * values
        elif step["type"] == "translation":
            shift = shift + values
    kept = [
        at is None and axis["name"] != "c" for axis, at in zip(axes, fixed, strict=True)
    ]
    return scale[kept], shift[kept]


def _written_affine(
    path: Path, scale: NDArray[np.float64], affine: NDArray[np.float64] | None
) -> NDArray[np.float64] | None:
    """Return the affine that this program wrote beside the scale, if it fits that."""
    if not (path / "zarr.json").exists():
        return affine
    attributes = read_json(path / "zarr.json").get("attributes", {})
    whole = np.asarray(attributes.get("napari-medfm", {}).get("affine", []), float)
    if whole.shape != (len(scale) + 1,) * 2 or not np.isfinite(whole).all():
        return affine
    fits = np.allclose(np.linalg.norm(whole[:-1, :-1], axis=0), scale)
    return (
        whole
        if fits and np.array_equal(whole[-1], np.eye(len(scale) + 1)[-1])
        else affine
    )


def _unit(spatial: Sequence[Mapping[str, Any]]) -> str | None:
    units = {_UNITS.get(str(axis.get("unit"))) for axis in spatial}
    return units.pop() if len(units) == 1 else None


def _window(path: Path) -> tuple[float, float] | None:
    channels = attributes_of(path).get("omero", {}).get("channels") or [{}]
    window = channels[0].get("window", {})
    low, high = window.get("start"), window.get("end")
    usable = isinstance(low, (int, float)) and isinstance(high, (int, float))
    return (float(low), float(high)) if usable and low < high else None


SPEC = ReaderSpec(
    "ome-zarr",
    "OME-Zarr",
    (".ome.zarr", ".zarr"),
    lambda start: False,
    read_ome_zarr,
    is_ome_zarr,
)
