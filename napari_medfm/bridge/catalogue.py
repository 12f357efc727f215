"""Models as a user chooses them: what is here, what would have to be fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_medfm import encoders, segmenters
from napari_medfm.core.jobs import Steps, Work
from napari_medfm.core.specs import ModelSpec
from napari_medfm.engine.fetching import hosts_of
from napari_medfm.session import Session

Kind = Literal["encoder", "segmenter"]


@dataclass(frozen=True)
class Offer:
    """A model that can be chosen.

    Parameters
    ----------
    spec
        Facts about it; None for a model the user's own program brought.
    here
        Whether its weights are on this machine.
    """

    name: str
    spec: ModelSpec | None
    here: bool

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name if self.spec is None else self.spec.title

    @property
    def download(self) -> str | None:
        """What fetching it would mean, in words; None if it is here or cannot be."""
        if self.here or self.spec is None or not self.spec.sources:
            return None
        size = max((s.size for s in self.spec.sources), default=0)
        amount = f"{size / 1e6:.0f} MB" if size else "size not known"
        return f"{amount} from {hosts_of(self.spec)}, licence {self.spec.licence}"

    @property
    def facts(self) -> str:
        """Licence, field and use, in one or two lines."""
        if self.spec is None:
            return "A model of your own program."
        use = "" if self.spec.commercial else "; not for commercial use"
        purpose = self.spec.intended_use.rstrip(". ")
        return f"{purpose}. Licence: {self.spec.licence}{use}."


def offers(kind: Kind, session: Session) -> list[Offer]:
    """Return the models of a kind: the one in use and those on this machine first."""
    family = encoders if kind == "encoder" else segmenters
    cache = session.options["cache_dir"]
    current = session.encoder if kind == "encoder" else session.segmenter
    offered = [
        Offer(spec.name, spec, family.is_installed(spec.name, cache))
        for spec in family.specs()
        if not spec.absent
    ]
    found = [o for o in offered if o.here or o.spec is None or o.spec.dimension == 2]
    if current not in {offer.name for offer in found}:
        found.insert(0, Offer(current, None, True))
    return sorted(found, key=lambda offer: (not offer.here, offer.title.lower()))


def needed(session: Session) -> list[tuple[Kind, Offer]]:
    """Return the models in use that are not here but can be fetched."""
    kinds: tuple[tuple[Kind, str], ...] = (
        ("encoder", session.encoder),
        ("segmenter", session.segmenter),
    )
    return [
        (kind, offer)
        for kind, name in kinds
        for offer in offers(kind, session)
        if offer.name == name and offer.download is not None
    ]


def fetching(kind: Kind, offer: Offer, session: Session) -> Work[Path]:
    """Return the work of fetching a model; the user has agreed to it."""
    options = session.options

    fetch = encoders.fetch if kind == "encoder" else segmenters.fetch

    def steps() -> Steps[Path]:
        return fetch(
            offer.name, cache_dir=options["cache_dir"], offline=options["offline"]
        )

    return Work(f"Getting {offer.title}", steps, lambda path: path)


def restricted(session: Session) -> list[str]:
    """Return the titles of models in use that commercial work may not rely on."""
    specs = [*encoders.specs(), *segmenters.specs()]
    used = {session.encoder, session.segmenter}
    return [s.title for s in specs if s.name in used and not s.commercial]
