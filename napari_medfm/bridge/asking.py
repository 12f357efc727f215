"""Questions and answers: an answer counts only while it is still what is asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from napari_medfm.core.errors import Cancelled, MedfmError
from napari_medfm.core.jobs import Work

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk

T = TypeVar("T")


class Late(Cancelled):
    """Something else was asked meanwhile; the answer was not committed."""


class Ask(Generic[T]):
    """One kind of question: its lane with the runner, and its newest answers.

    Whatever an answer depends on (image, plane, model, marks, ...) is in the question.
    The answer is committed only if the question is still the same when it arrives, and
    it is there only as long as the question stays the same, or is the same again.

    Parameters
    ----------
    key
        The runner's lane: a newer question of the same key cancels the older.
    question
        Returns what would be asked now, a value compared by ``==``.
    kept
        How many answers are kept, for questions that come again.
    """

    def __init__(
        self, desk: Desk, key: str, question: Callable[[], object], kept: int = 1
    ) -> None:
        self._desk, self.key, self._question = desk, key, question
        self._answers: deque[tuple[object, T]] = deque(maxlen=kept)

    def begin(
        self,
        plan: Callable[[], Work[T]],
        done: Callable[[T], None],
        *,
        failed: Callable[[BaseException], None] | None = None,
        late: Callable[[], None] | None = None,
    ) -> bool:
        """Plan work and hand it to the runner; says why where it cannot be planned.

        Parameters
        ----------
        done
            Called with the committed answer.
        failed
            Called with an error, or with a cancel by the user; both are shown if None.
        late
            Called if the answer came too late to count.
        """
        desk = self._desk
        desk.settle()
        try:
            work = plan()
        except (MedfmError, ValueError) as problem:
            desk.complain(problem)
            return False
        asked = self._question()

        def commit(found: Any) -> T:
            if self._question() != asked:
                raise Late(f"{work.title}: something else was asked meanwhile")
            return work.commit(found)

        def answered(value: T) -> None:
            self._answers.append((asked, value))
            done(value)

        def ended(error: BaseException) -> None:
            if not isinstance(error, Late):
                (failed or desk.complain)(error)
            elif late is not None:
                late()

        checked = Work(work.title, work.steps, commit)
        desk.runner.run(checked, self.key, answered, ended)
        return True

    @property
    def answer(self) -> T | None:
        """The newest answer to what is asked now; None if there is none."""
        if not self._answers:
            return None
        now = self._question()
        known = (value for asked, value in reversed(self._answers) if asked == now)
        return next(known, None)

    @property
    def pending(self) -> bool:
        """Whether an answer is under way."""
        return self._desk.runner.busy(self.key)

    def drop(self) -> None:
        """Stop asking, and forget the answers."""
        self._desk.runner.cancel(self.key)
        self._answers.clear()
