"""Radiology: an average brain in T1-weighted MR, with its tissues."""

from __future__ import annotations

from napari_medfm.readers import read_image
from napari_medfm.sample_data._sample import FOLDER, Hints, Sample

PLANE = 27


def load() -> Sample:
    """Return the volume, (53, 193, 157) uint8, 3 x 1 x 1 mm, and its labels."""
    loaded = read_image(FOLDER / "brain_t1.nii.gz")
    tissue = read_image(FOLDER / "brain_tissue.nii.gz")
    return Sample(
        name="radiology",
        title="Brain MR, T1-weighted (MNI152 average), 3 mm slices",
        domain="radiology",
        modality="MR",
        data=loaded.data[...],
        spacing=loaded.spacing,
        affine=loaded.affine,
        labels=tissue.data[...],
        class_names=("grey matter", "white matter"),
        licence="MNI ICBM152 licence: use, copy, modify, distribute with its notice",
        source="ICBM 152 nonlinear 2009a symmetric, as distributed by nilearn; "
        "scripts/make_samples.py",
        hints=_HINTS,
        metadata=loaded.metadata,
    )


def _on_plane(*positions: tuple[int, int]) -> tuple[tuple[int, int, int], ...]:
    return tuple((PLANE, row, col) for row, col in positions)


_HINTS = Hints(
    plane=PLANE,
    target="the front horns of the lateral ventricles",
    positive=_on_plane((68, 74), (68, 82)),
    negative=_on_plane((94, 70), (62, 64)),
    box=(50, 59, 82, 98),
    points={
        "background": _on_plane(
            (12, 12), (180, 12), (12, 145), (68, 74), (68, 82), (124, 52), (124, 105)
        ),
        "grey matter": _on_plane(
            (151, 70), (94, 70), (83, 19), (83, 137), (144, 26), (144, 130), (106, 92)
        ),
        "white matter": _on_plane(
            (42, 54), (42, 102), (147, 46), (147, 110), (97, 54), (97, 102), (119, 41)
        ),
    },
)
