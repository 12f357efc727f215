"""Packages that only some models need: imported when used, named when missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from napari_medfm.core.errors import MissingPackage

EXTRAS = {
    "transformers": "text",
    "tokenizers": "text",
    "open_clip": "text",
    "monai": "volumes",
    "onnxruntime": "onnx",
    "nnInteractive": "nninteractive",
}


def optional(package: str, what: str) -> ModuleType:
    """Import a package that is no requirement of the program.

    Parameters
    ----------
    what
        What needs it, for the message.

    Raises
    ------
    MissingPackage
        If it is not installed, or does not load; the message says what to install.
    """
    try:
        return import_module(package)
    except ImportError as error:
        name = package.partition(".")[0]
        extra = EXTRAS[name]
        raise MissingPackage(
            f"{what} needs the package {name}, which does not load ({error}): "
            f'pip install "napari-medfm[{extra}]"'
        ) from error


def is_importable(package: str) -> bool:
    """Whether a package is installed; it is not imported."""
    from importlib.util import find_spec

    return find_spec(package) is not None
