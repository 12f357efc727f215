"""The preferences as the window shows and changes them; nothing here waits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.dialogs import Question
from napari_medfm.commands.say import size, told
from napari_medfm.core.errors import Cancelled, MedfmError
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.engine.cacheplace import (
    EMBEDDINGS,
    Holdings,
    Moved,
    check_apart,
    clear_embeddings,
    holdings,
    move_cache,
)
from napari_medfm.engine.preferences import KEYS, keep, preferences, settled
from napari_medfm.engine.weights import cache_folder
from napari_medfm.verbs.preferring import check_here

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk


class Preferring:
    """Changes preferences in jobs, and lets the desk's own session take them up.

    Attributes
    ----------
    held
        What the cache holds, once it was counted.
    said
        What came of the newest change, in words.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._asks: dict[str, Ask[Any]] = {
            name: Ask(desk, f"preference {name}", lambda: None) for name in KEYS
        }
        self._counting: Ask[Holdings] = Ask(desk, "cache", lambda: self.cache)
        self.held: Holdings | None = None
        self.said = ""

    @property
    def busy(self) -> bool:
        """Whether a change is under way."""
        return any(ask.pending for ask in self._asks.values())

    def pending(self, name: str) -> bool:
        """Whether a change of this one is under way."""
        return self._asks[name].pending

    @property
    def cache(self) -> Path:
        """The cache folder that this window's session works with."""
        return cache_folder(self._desk.session.options["cache_dir"])

    @property
    def notes(self) -> list[str]:
        """What to know besides: a damaged file, a session with its own wishes."""
        problem = preferences().problem
        found = [] if problem is None else [problem]
        for option, name in (("cache_dir", "cache"), ("device", "device")):
            own = self._desk.session.options[option]
            if own is not None:
                found.append(
                    f"This window works with {own}, as the program that opened it "
                    f"asked; “{KEYS[name].title}” is for others."
                )
        return found

    def count(self) -> None:
        """Count what the cache holds, in the background."""
        cache = self.cache

        def counted(found: Holdings) -> None:
            self.held = found
            self._desk.changed.emit()

        self._counting.begin(
            lambda: Work("Counting the cache", lambda: holdings(cache), lambda h: h),
            counted,
        )

    def set(self, name: str, value: str | None) -> None:
        """Check a preference and keep it; None goes back to the default."""
        now = settled(name)
        if value == now.value or (value is None and now.source == "default"):
            return

        def steps() -> Steps[None]:
            yield Progress(0, 1, KEYS[name].title)
            if value is not None:
                check_here(name, value)

        def kept(_: Any) -> None:
            key = KEYS[name]
            self._tell(f"{key.title}: {settled(name).value}, {key.counts}")

        work = Work("Preferences", steps, lambda _: keep(name, value))
        self._begin(name, work, kept)

    def set_cache(self, new: Path | None) -> None:
        """Choose another cache folder; asks about what the old one holds.

        Parameters
        ----------
        new
            The folder; None for the user's own cache folder.
        """
        value = KEYS["cache"].default() if new is None else str(new)
        old = Path(settled("cache").value)

        def steps() -> Steps[Holdings]:
            yield Progress(0, 1, "looking at the cache")
            check_here("cache", value)
            return (yield from holdings(old))

        def looked(held: Holdings) -> None:
            self._ask_about(old, Path(value), new is None, held)

        if Path(value) != old:
            work = Work("Changing the cache", steps, lambda held: held)
            self._begin("cache", work, looked)

    def _ask_about(
        self, old: Path, new: Path, is_default: bool, held: Holdings
    ) -> None:
        desk, kept = self._desk, None if is_default else str(new)
        if not held.models and not held.entries:
            self._take_place(kept, "")
            return
        answer = desk.projects.dialogs.choose(
            Question(
                "Change the cache folder?",
                f"{old}\nholds {told(held)}.\n\nMoved to {new}, all are found there. "
                "Left where they are, weights have to be fetched or imported again, "
                "and embeddings are computed again; nothing is deleted.",
                (("move", "Move them"), ("leave", "Leave them there")),
            )
        )
        if answer == "leave":
            self._take_place(kept, f"; what {old} holds is left as it was")
        elif answer == "move":
            self._move(old, new, kept)
        else:
            desk.changed.emit()

    def _move(self, old: Path, new: Path, kept: str | None) -> None:
        def moved(found: Moved) -> None:
            left = len(found.left)
            more = f"; {left} left at {old}: they were there already" if left else ""
            self._take_place(kept, f", {size(found.nbytes)} were moved{more}")

        def failed(error: BaseException) -> None:
            if isinstance(error, Cancelled):
                error = Cancelled(
                    f"Stopped: the cache folder is still {old}. What had been moved "
                    f"is in {new}: choose that folder to bring the rest there"
                )
            self._failed(error)

        try:
            check_apart(old, new)
        except MedfmError as error:
            self._failed(error)
            return
        work = Work("Moving the cache", lambda: move_cache(old, new), lambda m: m)
        self._begin("cache", work, moved, failed)

    def _take_place(self, value: str | None, more: str) -> None:
        try:
            keep("cache", value)
        except MedfmError as error:
            self._failed(error)
            return
        desk = self._desk
        if desk.session.options["cache_dir"] is None:
            desk.session.workspace.keep_embeddings_in(cache_folder() / EMBEDDINGS)
        self.held = None
        self._tell(f"The cache is in {cache_folder()} now{more}")
        self.count()

    def clear(self) -> None:
        """Remove the embeddings of the cache, after a question."""
        desk, cache = self._desk, self.cache
        held = self.held
        much = "" if held is None else f" ({held.entries}, {size(held.embeddings)})"
        answer = desk.projects.dialogs.choose(
            Question(
                "Remove the embeddings?",
                f"The embeddings in {cache}{much} are removed. They are computed again "
                "when they are needed, which takes as long as the first time. Weights, "
                "drafts, projects and labels stay.",
                (("clear", "Remove them"),),
            )
        )
        if answer != "clear":
            return

        def cleared(nbytes: int) -> None:
            desk.session.workspace.keep_embeddings_in(cache / EMBEDDINGS)
            self._tell(f"Embeddings removed: {size(nbytes)}")
            self.count()

        work = Work("Clearing the cache", lambda: clear_embeddings(cache), int)
        self._begin("cache", work, cleared)

    def reset(self) -> None:
        """Go back to the defaults, but for the place of the cache."""
        try:
            for name in KEYS:
                if name != "cache":
                    keep(name, None)
        except MedfmError as error:
            self._failed(error)
            return
        self._tell("Preferences are as they came, but for the cache folder")

    def _tell(self, message: str) -> None:
        self.said = message
        self._desk.say(message)
        self._desk.changed.emit()

    def _begin(
        self,
        name: str,
        work: Work[Any],
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._asks[name].begin(lambda: work, done, failed=failed or self._failed)
        self._desk.changed.emit()

    def _failed(self, error: BaseException) -> None:
        self._desk.complain(error)
        self.said = self._desk.message
        self._desk.changed.emit()
