"""Files that somebody else may have made, damaged in many ways, and what reads them.

Used by short tests and, at length, by ``scripts/fuzz.py``.
"""

from fuzzing.damage import damaged, inputs
from fuzzing.target import Target, described, put, restored
from fuzzing.targets import targets
from fuzzing.trial import REFUSALS, Trial

__all__ = [
    "REFUSALS",
    "Target",
    "Trial",
    "damaged",
    "described",
    "inputs",
    "put",
    "restored",
    "targets",
]
