"""Names that somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def meant(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Return known names that begin as ``name`` does, in their order, then alike ones.

    Empty if none is near.
    """
    names, wanted = list(dict.fromkeys(known)), name.lower()
    begin = [one for one in names if wanted and one.lower().startswith(wanted)]
    alike = get_close_matches(wanted, names, n=most, cutoff=0.4)
    return [*begin, *(one for one in alike if one not in begin)][:most]
