"""The same session in Jupyter: a canvas to click on, and rich pictures of answers.

Needs the extra ``notebook`` (anywidget). No desktop, no window, no content from other
hosts.
"""

from __future__ import annotations

from napari_medfm.notebook._annotator import Annotator
from napari_medfm.notebook._reprs import register

__all__ = ["Annotator"]

register()
