"""Sphinx: the pages of this folder, the reference from the docstrings, the notebooks.

sphinx-build -W docs docs/_build
"""

from __future__ import annotations

import inspect
import shutil
from pathlib import Path
from typing import Any

from napari_medfm.session import Session
from napari_medfm.verbs.gesture import Gesture
from napari_medfm.verbs.verb import Verb

HERE = Path(__file__).parent

project = "napari-medfm"
author = "napari-medfm developers"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "notebooks/README.md"]
html_theme = "furo"
html_title = "napari-medfm"

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
# Notebooks are run by their own test, with the models' weights; here they are shown.
nb_execution_mode = "off"

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = True
numpydoc_show_class_members = False
# Links to files of the repository that are no pages of the documentation.
suppress_warnings = ["myst.xref_missing"]


def _take_notebooks() -> None:
    """Show the notebooks, which lie at the repository's root, as pages."""
    there = HERE / "notebooks"
    there.mkdir(exist_ok=True)
    for notebook in (HERE.parent / "notebooks").glob("*.ipynb"):
        shutil.copyfile(notebook, there / notebook.name)


def _show_verbs_as_methods() -> None:
    """Verbs are descriptors; the reference shows the methods they are used as."""
    for name, verb in vars(Session).copy().items():
        if isinstance(verb, (Verb, Gesture)):
            setattr(Session, name, _method(name, verb))


def _method(name: str, verb: Any) -> Any:
    def method(self: Session) -> None: ...

    plan = verb.plan
    _, *parameters = inspect.signature(plan).parameters.values()
    myself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = inspect.Signature([myself, *parameters])  # type: ignore[attr-defined]
    method.__name__, method.__doc__ = name, plan.__doc__
    return method


_take_notebooks()
_show_verbs_as_methods()
