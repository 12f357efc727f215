"""Ophthalmology: the back of a healthy eye."""

from __future__ import annotations

from napari_medfm.readers import read_image
from napari_medfm.sample_data._sample import FOLDER, Hints, Sample


def load() -> Sample:
    """Return the photograph, (705, 705, 3) uint8."""
    loaded = read_image(FOLDER / "fundus.jpg")
    return Sample(
        name="ophthalmology",
        title="Fundus photograph of a normal left eye",
        domain="ophthalmology",
        modality="colour fundus photography",
        data=loaded.data[...],
        channel_axis=loaded.channel_axis,
        class_names=("optic disc", "vessel"),
        licence="CC0 1.0",
        source="Mikael Häggström, Wikimedia Commons, "
        "Fundus_photograph_of_normal_left_eye.jpg, as distributed by scikit-image "
        "(data/retina.jpg), halved",
        hints=_HINTS,
        metadata=loaded.metadata,
    )


_HINTS = Hints(
    plane=None,
    target="the optic disc",
    positive=((330, 130), (350, 125)),
    negative=((300, 250), (420, 140)),
    box=(271, 59, 379, 157),
    points={
        "background": (
            (330, 230),
            (350, 352),
            (110, 400),
            (450, 620),
            (560, 250),
            (480, 60),
            (250, 480),
            (20, 20),
        ),
        "optic disc": (
            (287, 120),
            (312, 75),
            (325, 140),
            (350, 125),
            (367, 110),
            (325, 117),
        ),
        "vessel": (
            (160, 250),
            (168, 300),
            (100, 255),
            (187, 182),
            (370, 87),
            (255, 115),
            (610, 390),
        ),
    },
)
