"""Pathology: colon glands in immunohistochemistry."""

from __future__ import annotations

from napari_medfm.readers import read_image
from napari_medfm.sample_data._sample import FOLDER, Hints, Sample


def load() -> Sample:
    """Return the picture, (512, 512, 3) uint8."""
    loaded = read_image(FOLDER / "tissue_ihc.png")
    return Sample(
        name="pathology",
        title="Colon glands, immunohistochemistry (FHL2, DAB)",
        domain="pathology",
        modality="brightfield microscopy",
        data=loaded.data[...],
        channel_axis=loaded.channel_axis,
        class_names=("epithelium", "stroma"),
        licence="No known copyright restrictions",
        source="scikit-image, data/ihc.png; acquired at the Center for Microscopy and "
        "Molecular Imaging (CMMI)",
        hints=_HINTS,
        metadata=loaded.metadata,
    )


_HINTS = Hints(
    plane=None,
    target="a gland cut across",
    positive=((405, 320), (350, 345)),
    negative=((320, 190), (430, 240)),
    box=(298, 248, 510, 386),
    points={
        "background": ((100, 320), (350, 18), (440, 22), (415, 450), (5, 75)),
        "epithelium": (
            (125, 100),
            (75, 225),
            (115, 410),
            (210, 395),
            (310, 85),
            (450, 90),
            (405, 320),
            (350, 345),
        ),
        "stroma": (
            (250, 310),
            (320, 190),
            (430, 185),
            (350, 480),
            (180, 480),
            (60, 465),
            (280, 240),
            (475, 230),
        ),
    },
)
