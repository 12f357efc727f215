"""What a session tells those who listen: one `Change` for every call it took in."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

from napari_medfm.core.calls import Call
from napari_medfm.core.state import Labelling


@dataclass(frozen=True, eq=False)
class Change:
    """A call that was committed, and what it changed.

    Parameters
    ----------
    call
        As it now stands at the end of ``session.history``.
    before, after
        What the user had made until then, and has made now; the same object where the
        call only answered.
    models
        Whether the encoder or the segmenter was changed.
    """

    call: Call
    before: Labelling
    after: Labelling
    models: bool = False

    @cached_property
    def parts(self) -> frozenset[str]:
        """Names of the fields of `Labelling` that differ, and "models".

        Empty for calls that only answer, such as `embed` and `predict`.
        """
        found = {"models"} if self.models else set()
        if self.before is not self.after:
            found |= {
                field.name
                for field in fields(Labelling)
                if getattr(self.before, field.name)
                is not getattr(self.after, field.name)
            }
        return frozenset(found)
