"""What the SPECs of segmenters share."""

from __future__ import annotations

from typing import Any

from napari_medfm.core.specs import Prompted, SegmenterSpec

ALL: frozenset[Prompted] = frozenset({"box", "points", "mask"})


def described(name: str, title: str, use: str, **facts: Any) -> SegmenterSpec:
    """Describe a segmenter that answers clicks, boxes and masks, for research."""
    standing: dict[str, Any] = {
        "domain": "radiology",
        "task": "masks",
        "input_size": 1024,
        "licence": "Apache-2.0",
        "commercial": True,
        "prompts": ALL,
        "normalisation": "sam",
        "intended_use": f"{use}. Research use; not a medical device.",
    }
    return SegmenterSpec(**{**standing, "name": name, "title": title, **facts})
