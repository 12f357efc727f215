"""The intensity windows that a DICOM file suggests."""

from __future__ import annotations

from typing import Any

import numpy as np

Window = tuple[float, float, str]


def windows_of(dataset: Any) -> list[Window]:
    """Return (low, high, name) of each window, the first one first.

    Multi-frame files keep them in their functional groups; names may be empty.
    """
    for holder in _holders(dataset):
        centres, widths = holder.get("WindowCenter"), holder.get("WindowWidth")
        if centres is None or widths is None:
            continue
        names = holder.get("WindowCenterWidthExplanation") or []
        names = [names] if isinstance(names, str) else [str(name) for name in names]
        middles = np.atleast_1d(np.asarray(centres, float)).tolist()
        spans = np.atleast_1d(np.asarray(widths, float)).tolist()
        names += [""] * len(middles)
        return [
            (middle - span / 2, middle + span / 2, name)
            for middle, span, name in zip(middles, spans, names, strict=False)
            if span > 0 and np.isfinite(middle + span)
        ]
    return []


def _holders(dataset: Any) -> list[Any]:
    found = [dataset]
    for groups in (
        "SharedFunctionalGroupsSequence",
        "PerFrameFunctionalGroupsSequence",
    ):
        for group in list(dataset.get(groups) or [])[:1]:
            found += list(group.get("FrameVOILUTSequence") or [])[:1]
    return found
