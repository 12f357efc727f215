"""The catalogue as a user looks through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from napari_medfm import encoders, segmenters
from napari_medfm.core.errors import BadInput
from napari_medfm.core.specs import EncoderSpec, ModelSpec, SegmenterSpec

Kind = Literal["encoder", "segmenter"]
_OWN = ("kind", "installed", "loadable", "max_size")


@dataclass(frozen=True)
class Listed:
    """A model, and whether its weights are on this machine."""

    kind: Kind
    spec: ModelSpec
    here: bool

    @property
    def badges(self) -> tuple[str, ...]:
        """What a user should see at a glance, most important first."""
        spec = self.spec
        found = {
            "cannot be loaded": bool(spec.absent),
            "here": self.here,
            "gated": spec.gated,
            "not commercial": not spec.commercial,
            "texts": spec.task == "text",
            "volumes": spec.dimension == 3,
        }
        return tuple(badge for badge, holds in found.items() if holds)


def listed(cache_dir: Path | None = None, **wanted: Any) -> Iterator[Listed]:
    """Yield the models that fit, encoders first, by name.

    Parameters
    ----------
    wanted
        ``kind``, ``installed``, ``loadable``, ``max_size`` (bytes of the download,
        where known), and any field of a SPEC: domain, task, dimension, licence,
        commercial, gated ...

    Raises
    ------
    BadInput
        If there is no such field.
    """
    known = {f.name for kind in (EncoderSpec, SegmenterSpec) for f in fields(kind)}
    strange = sorted(wanted.keys() - known - set(_OWN))
    if strange:
        raise BadInput(
            f"Models have no {', '.join(strange)}: use {', '.join(_OWN)}, or a field "
            "of a SPEC, such as domain, task, licence, commercial, gated"
        )
    for model in _all(cache_dir):
        if _fits(model, wanted):
            yield model


def _all(cache_dir: Path | None) -> Iterator[Listed]:
    for spec in encoders.specs(cache_dir):
        yield Listed("encoder", spec, encoders.is_installed(spec.name, cache_dir))
    for other in segmenters.specs():
        here = segmenters.is_installed(other.name, cache_dir)
        yield Listed("segmenter", other, here)


def _fits(model: Listed, wanted: dict[str, Any]) -> bool:
    facts = {
        "kind": model.kind,
        "installed": model.here,
        "loadable": not model.spec.absent,
    }
    for name, value in wanted.items():
        if value is None:
            continue
        if name == "max_size":
            if not 0 < model.spec.size <= value:
                return False
        elif facts.get(name, getattr(model.spec, name, None)) != value:
            return False
    return True
