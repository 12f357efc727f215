"""Which part of a stained slide is tissue, so that bare glass need not be embedded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_GLASS = 0.7
_GREY, _COLOURED = 0.02, 0.12
_SHADE = 0.8
_BLACK = 0.03
_LEAST, _MOST = 0.002, 0.97


def tissue_of(thumbnail: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell tissue from glass on a small picture of a slide.

    Glass is bright and colourless: its saturation lies below Otsu's threshold (Otsu
    1979), held within sensible limits, and it is hardly darker than the brightest part
    of the picture. Black filling of scanners counts as glass. A picture without bright
    colourless ground, such as a radiograph or fluorescence, is tissue throughout.

    Parameters
    ----------
    thumbnail
        float32 (rows, cols, channels) in [0, 1].

    Returns
    -------
    bool (rows, cols)
    """
    from scipy.ndimage import binary_dilation, gaussian_filter
    from skimage.filters import threshold_otsu

    everything = np.ones(thumbnail.shape[:2], bool)
    if thumbnail.shape[-1] not in (3, 4):
        return everything
    colour = thumbnail[..., :3]
    light = colour.mean(-1)
    saturation = gaussian_filter(colour.max(-1) - colour.min(-1), 1.0)
    filling = light < _BLACK
    ground = float(np.percentile(light[~filling], 98)) if not filling.all() else 0.0
    if ground < _GLASS or np.ptp(saturation) < _GREY:
        return everything
    otsu: Any = threshold_otsu
    threshold = float(np.clip(otsu(saturation), _GREY, _COLOURED))
    dark = gaussian_filter(light, 1.0) < _SHADE * ground
    tissue: NDArray[np.bool_] = ((saturation > threshold) | dark) & ~filling
    if not _LEAST < tissue.mean() < _MOST:
        return everything
    found: NDArray[np.bool_] = binary_dilation(tissue, iterations=2)
    return found
