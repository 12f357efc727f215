"""The words that the catalogue is written in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from napari_medfm.core.specs import Domain, EncoderSpec, Source
from napari_medfm.encoders._network import Network

Facts = Mapping[str, Any]


class Entry(NamedTuple):
    """A model: its facts, and how to build it; None where it cannot be loaded."""

    spec: EncoderSpec
    network: Network | None = None


class Plugin(Protocol):
    """What a file of this folder, or an entry point, offers."""

    ENTRIES: tuple[Entry, ...]


def _licence(name: str, commercial: bool) -> Facts:
    return {"licence": name, "commercial": commercial}


APACHE = _licence("Apache-2.0", True)
MIT = _licence("MIT", True)
BY_NC = _licence("CC-BY-NC-4.0", False)
BY_NC_ND = _licence("CC-BY-NC-ND-4.0", False)
BY_NC_SA = _licence("CC-BY-NC-SA-4.0", False)
GPL = _licence("GPL-3.0", True)
UNKNOWN = _licence("not stated; ask the authors", False)
CODE_ONLY = _licence("not stated for the weights; the code's is permissive", False)

HALF: Facts = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
PLAIN: Facts = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
CLIP: Facts = {
    "mean": (0.48145466, 0.4578275, 0.40821073),
    "std": (0.26862954, 0.26130258, 0.27577711),
}
OWN_CODE = (
    "its network belongs to its own code, which this program does not run; build it "
    "there and use napari_medfm.encoders.wrap"
)
NOT_PUBLIC = "its weights are not public"
UNTRIED = "Loading was tested with random weights in this layout, not the release."


def licence(name: str, *, commercial: bool) -> Facts:
    """State a licence of a model's own."""
    return _licence(name, commercial)


def use(what: str) -> str:
    """Say what a model is for; all of them are for research."""
    return f"{what.rstrip('.')}. Research use; not a medical device."


def vit(size: str, patch: int, **facts: Any) -> dict[str, Any]:
    """Facts that follow from a vision transformer's size, its own first."""
    dim, depth, millions = _SIZES[size]
    return {
        "architecture": f"ViT-{size}/{patch}",
        "patch": patch,
        "dim": dim,
        "blocks": quarters(depth),
        "parameters": millions,
        "input_size": 224,
        **facts,
    }


def quarters(depth: int) -> tuple[int, ...]:
    """Four blocks evenly spread; the last is the output."""
    return tuple(depth * part // 4 - 1 for part in (1, 2, 3, 4))


def hub(
    ref: str, member: str, megabytes: int = 0, *, also: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Say that a model is a file of a repository on the hub."""
    source = Source("hub", ref, member, size=megabytes * 1_000_000, also=also)
    return {"page": f"https://huggingface.co/{ref}", "sources": (source,)}


def gated(ref: str, member: str, megabytes: int = 0) -> dict[str, Any]:
    """Say that its authors grant access to it on its page."""
    return {**hub(ref, member, megabytes), "gated": True}


def absent(name: str, title: str, why: str, *, domain: Domain, **facts: Any) -> Entry:
    """List a model that cannot be loaded here, with the reason and the way out."""
    unknown: dict[str, Any] = {
        "architecture": "not stated",
        "input_size": 0,
        "patch": 0,
        "dim": 0,
        "intended_use": use("As its authors describe"),
        **UNKNOWN,
    }
    spec = EncoderSpec(
        name=name, title=title, domain=domain, absent=why, **{**unknown, **facts}
    )
    return Entry(spec)


def by_hand(page: str) -> dict[str, Any]:
    """Say that the file is brought by the user: no address of it can be fetched."""
    return {"page": page}


_SIZES = {
    "Ti": (192, 12, 6),
    "S": (384, 12, 22),
    "B": (768, 12, 86),
    "L": (1024, 24, 303),
    "H": (1280, 32, 631),
    "g": (1536, 40, 1135),
}
