"""Encoders of whole slides: one vector for the bag of a slide's tile tokens.

None of their networks is rebuilt here: each is its authors' own code. Their tile
encoders are on the page `pathology`; a bag of tile tokens can be pooled, or given to a
head at image level.
"""

from __future__ import annotations

from typing import Any

from napari_medfm.encoders._entry import (
    BY_NC_ND,
    MIT,
    UNKNOWN,
    Entry,
    absent,
    licence,
    use,
)

_WAY = (
    "embed the slide's tiles with {} here, and run the authors' code on the tokens "
    "that `napari-medfm embed` keeps"
)


def _slide(name: str, title: str, tiles: str, missing: str, **facts: Any) -> Entry:
    """Describe a slide encoder by the tile encoder it reads."""
    return absent(
        name,
        title,
        f"{missing}; {_WAY.format(tiles)}",
        domain="pathology",
        task="slide",
        intended_use=use(f"One vector a slide, from tokens of {tiles}"),
        **facts,
    )


_OWN = "its network belongs to its own code"

ENTRIES = (
    _slide(
        "gigapath-slide",
        "Prov-GigaPath, slides",
        "gigapath",
        f"{_OWN} and needs fairscale and flash-attn on a GPU",
        architecture="LongNet",
        parameters=86,
        dim=768,
        gated=True,
        page="https://huggingface.co/prov-gigapath/prov-gigapath",
        **licence("Apache-2.0 with conditions: research only", commercial=False),
    ),
    _slide(
        "chief",
        "CHIEF",
        "ctranspath",
        "its weights are handed out on request",
        architecture="attention pooling with a text of the site",
        parameters=1,
        dim=768,
        page="https://github.com/hms-dbmi/CHIEF",
        **licence("AGPL-3.0, academic use only", commercial=False),
    ),
    _slide(
        "prism",
        "PRISM",
        "virchow",
        f"{_OWN}, which its page runs from the hub",
        architecture="Perceiver",
        parameters=99,
        dim=1280,
        gated=True,
        page="https://huggingface.co/paige-ai/Prism",
        **BY_NC_ND,
    ),
    _slide(
        "titan",
        "TITAN",
        "conch-v1.5",
        f"{_OWN}, which its page runs from the hub",
        architecture="ViT on grids of tokens",
        parameters=49,
        dim=768,
        gated=True,
        page="https://huggingface.co/MahmoodLab/TITAN",
        **BY_NC_ND,
    ),
    _slide(
        "madeleine",
        "MADELEINE",
        "conch",
        _OWN,
        architecture="attention pooling with several heads",
        parameters=5,
        dim=512,
        gated=True,
        page="https://huggingface.co/MahmoodLab/madeleine",
        **BY_NC_ND,
    ),
    _slide(
        "tangle",
        "TANGLE",
        "uni",
        _OWN,
        architecture="attention pooling",
        page="https://github.com/mahmoodlab/TANGLE",
        **BY_NC_ND,
    ),
    _slide(
        "giga-ssl",
        "Giga-SSL",
        "any tile encoder",
        "no weights were found; its code trains them",
        architecture="sparse convolutions",
        page="https://github.com/trislaz/gigassl",
        **MIT,
    ),
    _slide(
        "feather",
        "FEATHER",
        "conch-v1.5",
        _OWN,
        architecture="attention pooling",
        gated=True,
        page="https://huggingface.co/MahmoodLab/abmil.base.conch_v15.pc108-24k",
        **UNKNOWN,
    ),
    _slide(
        "threads",
        "THREADS",
        "conch-v1.5",
        "its weights are announced, not published",
        page="https://github.com/mahmoodlab/TRIDENT",
        **UNKNOWN,
    ),
)
