"""What a control is, what it is called, and how well its words are seen.

Contrast is measured on pixels: what is most common in a control's picture is its
ground, and what differs most from it the ink.
"""

import numpy as np
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QScrollBar,
)

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
)


def is_whole(part):
    parent = part.parent()
    inner = isinstance(part, QScrollBar) or part.objectName().startswith("qt_")
    of_control = isinstance(parent, (QComboBox, QAbstractSpinBox, QAbstractItemView))
    return not inner and not of_control


def named(part):
    return part.accessibleName() or getattr(part, "text", str)()


def contrast(part):
    picture = (
        part.grab().toImage().convertToFormat(part.grab().toImage().Format.Format_RGB32)
    )
    raw = np.frombuffer(picture.bits().asarray(picture.sizeInBytes()), np.uint8)
    pixels = raw.reshape(picture.height(), -1, 4)[:, : picture.width(), 2::-1]
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    light = luminance(colours)
    ground = light[counts.argmax()]
    brighter, darker = np.maximum(light, ground), np.minimum(light, ground)
    return float(((brighter + 0.05) / (darker + 0.05)).max())


def luminance(colours):
    """Relative luminance of sRGB colours (n, 3), as WCAG 2.1 defines it."""
    part = colours / 255
    linear = np.where(part <= 0.03928, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]
