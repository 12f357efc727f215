"""Projects on the desk: new, open and save, and nothing is let go of unasked."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_medfm.bridge.asking import Ask
from napari_medfm.bridge.dialogs import Dialogs, NobodyThere, Question
from napari_medfm.bridge.exchange import fresh_session, put_on_desk, same_models
from napari_medfm.core.errors import MedfmError
from napari_medfm.core.jobs import Progress, Steps, Work
from napari_medfm.project.draft import Draft, is_among_drafts
from napari_medfm.project.glancing import Glance, glance
from napari_medfm.project.keeping import DONE, Project, bound_to
from napari_medfm.project.layout import SUFFIX
from napari_medfm.project.opening import Mode, opened
from napari_medfm.project.recent import recent_projects, remember_project
from napari_medfm.project.saving import Saved

if TYPE_CHECKING:
    from napari_medfm.bridge.desk import Desk
    from napari_medfm.session import Session

_MANY = 10
PROJECTS = f"Projects (*{SUFFIX})"


@dataclass(frozen=True)
class Standing:
    """How safe the work is, in words.

    Parameters
    ----------
    at_stake
        How many changes would be lost if the session were let go of now.
    unsaved
        How many are in the journal only, for other programs to miss.
    """

    name: str
    words: str
    is_problem: bool = False
    at_stake: int = 0
    unsaved: int = 0


class Projects:
    """Saves the desk's session as a project, and opens others in its place.

    Parameters
    ----------
    config
        Folder of the list of recent projects; the user's configuration folder if None.
    """

    def __init__(self, desk: Desk, config: Path | None = None) -> None:
        self._desk = desk
        self.config = config
        self.dialogs: Dialogs = NobodyThere()
        self._save: Ask[Saved] = Ask(desk, "save", lambda: None)
        self._open: Ask[Any] = Ask(desk, "open project", lambda: None)
        self._afterwards: list[Callable[[], None]] = []
        self._opened: Callable[[Desk], None] | None = None

    # What stands

    @property
    def folder(self) -> Path | None:
        """The folder of the project that is open."""
        project = self._desk.session.project
        return None if project is None else project.folder

    @property
    def _bound(self) -> Project | None:
        """The project or the draft that the session is bound to."""
        return bound_to(self._desk.session.workspace)

    @property
    def missing(self) -> dict[str, str]:
        """Images whose files are not here, with the reason."""
        bound = self._bound
        return {} if bound is None else bound.missing

    @property
    def standing(self) -> Standing:
        """How safe the work is now."""
        session = self._desk.session
        project = session.project
        if project is None:
            return self._unsaved
        name, made = project.folder.name, project.since_save
        if project.read_only:
            words = "Open for reading. Save as… keeps what you change"
            if made:
                words = f"Open for reading: {_changes(made)} not saved. Use Save as…"
            return Standing(name, words, bool(made), at_stake=made)
        if project.problem is not None:
            words = f"{project.problem}. Use Save as…"
            return Standing(name, words, True, at_stake=made if project.dirty else 0)
        if made:
            words = f"{_changes(made)} since the last save, kept in its journal"
            return Standing(name, words, unsaved=made)
        return Standing(name, "Saved")

    @property
    def _unsaved(self) -> Standing:
        """How safe work is that is in no project."""
        made, draft = self._made, self._bound
        words = f"{_changes(made)} not saved" if made else "Nothing to save yet"
        problem = None if draft is None else draft.problem
        if problem is not None:
            words += f", and {problem}"
        elif made and draft is not None and draft.dirty:
            words += ". A draft is being made"
        elif made and draft is not None:
            words += ", but kept in a draft"
        elif made >= _MANY:
            words += ". Save once, and each is kept as you make it"
        return Standing("No project", words, problem is not None, at_stake=made)

    @property
    def _made(self) -> int:
        record = self._desk.session.workspace.record
        return sum(change.move in DONE for change in record)

    @property
    def recent(self) -> list[Path]:
        """The projects that were open last, newest first."""
        return recent_projects(self.config)

    # Saving

    def save(self, then: Callable[[], None] | None = None) -> None:
        """Save into the project; the first time, ask where.

        Parameters
        ----------
        then
            Called once it is saved.
        """
        project = self._desk.session.project
        if project is None or project.read_only:
            self.save_as(then)
        else:
            self._begin_save(None, then)

    def save_as(self, then: Callable[[], None] | None = None) -> None:
        """Save as a new project, which is the one that is open from then on."""
        source = self._desk.source
        near = None if source is None else source.source
        folder = self.folder.parent if self.folder is not None else None
        folder = folder or (Path.home() if near is None else near.parent)
        name = self._desk.exporting.default_name(SUFFIX).replace("_labels", "")
        path = self.dialogs.save_where("Save project", folder / name, PROJECTS)
        if path is not None:
            if path.suffix != SUFFIX:
                path = path.with_name(f"{path.name}{SUFFIX}")
            self._begin_save(path, then)

    def _begin_save(self, path: Path | None, then: Callable[[], None] | None) -> None:
        desk = self._desk
        if self._save.pending:
            self._afterwards += [] if then is None else [then]
            return
        self._afterwards = [] if then is None else [then]
        self._save.begin(lambda: desk.session.save.work(path), self._saved)
        desk.changed.emit()

    def _saved(self, saved: Saved) -> None:
        desk = self._desk
        kept = ""
        if saved.kept:
            size = sum(saved.kept.values()) / 1e6
            kept = f" {', '.join(saved.kept)} came without a file: {size:.1f} MB inside"
        self._remember(saved.path)
        desk.say(
            f"Saved as {saved.path.name}. From now on every change is kept in it as "
            f"you make it.{kept}"
        )
        desk.changed.emit()
        afterwards, self._afterwards = self._afterwards, []
        for act in afterwards:
            act()

    def _remember(self, folder: Path) -> None:
        # A list of recent projects that cannot be written is no reason to stop.
        with contextlib.suppress(MedfmError):
            remember_project(folder, self.config)

    # Letting go

    def let_go(
        self, then: Callable[[], None], otherwise: Callable[[], None] | None = None
    ) -> bool:
        """Call ``then`` when the session can be let go of; ask first if need be.

        Parameters
        ----------
        otherwise
            Called if the user wants to keep it.

        Returns
        -------
        bool
            Whether ``then`` was called at once.
        """
        desk = self._desk
        desk.settle()
        if self._save.pending:
            self._afterwards.append(then)
            desk.say("It is being saved first")
            return False
        question = self._question()
        answer = "leave" if question is None else self.dialogs.choose(question)
        if answer == "leave":
            if isinstance(self._bound, Draft):
                self._bound.discard()
            then()
            return True
        if answer == "save":
            self.save(then)
        elif otherwise is not None:
            otherwise()
        return False

    def _question(self) -> Question | None:
        standing = self.standing
        if standing.at_stake:
            return Question(
                "Unsaved work",
                f"{_changes(standing.at_stake)} would be lost, being in no project "
                "yet.",
                (("save", "Save…"), ("leave", "Discard them")),
            )
        if standing.unsaved:
            return Question(
                "Save first?",
                f"{_changes(standing.unsaved)} since the last save of "
                f"{standing.name}, kept in its journal in any case. Saving also brings "
                "the label maps up to date that other programs read.",
                (("save", "Save"), ("leave", "Close as it is")),
            )
        return None

    # Other sessions

    def new(self) -> None:
        """Begin anew, with nothing open."""
        desk = self._desk

        def begin() -> None:
            put_on_desk(desk, fresh_session(desk.session)).say(
                "Open an image: drag a file into the window"
            )

        self.let_go(begin)

    def open(self, path: Path, then: Callable[[Desk], None] | None = None) -> None:
        """Open a project in place of what is open; ask what has to be asked.

        Parameters
        ----------
        then
            Called with the desk that it is on, once it is open.
        """
        folder = Path(path).expanduser().absolute()
        bound = self._bound
        if bound is not None and bound.folder.resolve() == folder.resolve():
            self._desk.say(f"{folder.name} is open already")
            return
        self._opened = then
        self.let_go(lambda: self._look(folder))

    def _look(self, folder: Path) -> None:
        def steps() -> Steps[Glance]:
            yield Progress(0, 1, "looking at it")
            return glance(folder)

        self._open.begin(
            lambda: Work(f"Opening {folder.name}", steps, lambda found: found),
            lambda found: self._ask_how(folder, found),
        )

    def _ask_how(self, folder: Path, found: Glance) -> None:
        answer = "open"
        name = "The draft" if is_among_drafts(folder) else folder.name
        question = _how(name, found)
        if question is not None:
            answer = self.dialogs.choose(question)
        if answer == "cancel":
            self._desk.say(f"{name} was left as it is")
            return
        mode = Mode(
            read_only=answer == "read",
            take_over=answer == "take over",
            salvage=answer == "salvage",
            as_saved=answer == "as saved",
        )
        self._load(folder, mode)

    def _load(self, folder: Path, mode: Mode, images: Path | None = None) -> None:
        desk, made = self._desk, self._made
        options = desk.session.options

        def steps() -> Steps[Session]:
            yield Progress(0, 1, "reading its journal and its images")
            # What napari's first layer needs, or the window would stand still for it.
            importlib.import_module("scipy.ndimage")
            session = opened(folder, images, mode, options)
            try:
                yield Progress(1, 1, "showing it")
            except GeneratorExit:
                session.close()
                raise
            return session

        def done(session: Session) -> None:
            if self._made == made:
                self._loaded(session, mode, images)
            else:
                self.let_go(lambda: self._loaded(session, mode, images), session.close)

        self._open.begin(
            lambda: Work(f"Opening {folder.name}", steps, lambda found: found), done
        )

    def _loaded(self, session: Session, mode: Mode, images: Path | None) -> None:
        desk, project = self._desk, bound_to(session.workspace)
        if project is None:
            return
        folder, missing = project.folder, project.missing
        if missing:
            answer = self.dialogs.choose(_without(missing, images))
            where = None
            if answer == "look":
                where = self.dialogs.folder_where("Look for images", folder.parent)
            if answer == "cancel" or where is not None:
                session.close()
                if where is not None:
                    self._load(folder, mode, where)
                return
        same_models(desk.session, session)
        heard = [n for n in project.notes if not _is_about_missing(n, missing)]
        placed = put_on_desk(desk, session)
        count = len(session.images)
        what = "1 image" if count == 1 else f"{count} images"
        said = f"{folder.name} is open: {what}"
        if project.is_draft:
            said = f"Your work is back: {what}. Save it as a project to keep it"
        else:
            placed.projects._remember(folder)  # noqa: SLF001  the same class
        placed.say(". ".join([said, *heard]))
        if images is not None and not project.read_only and not project.is_draft:
            placed.projects.save()
        if self._opened is not None:
            self._opened(placed)

    def find_images(self) -> None:
        """Look for the files of missing images in a folder that the user names."""
        desk, project = self._desk, self._bound
        if project is None or not project.missing:
            return
        folder, self._opened = project.folder, None
        where = self.dialogs.folder_where("Look for images", folder.parent)
        if where is None:
            return
        mode = Mode(read_only=project.read_only)

        def look() -> None:
            desk.session.close()
            self._load(folder, mode, where)

        if project.dirty or (project.read_only and project.since_save):
            self.let_go(look)
        else:
            look()


def _how(name: str, found: Glance) -> Question | None:
    """Return what to ask before a project is opened."""
    if found.holder is not None:
        return _in_use(name, found)
    if found.damaged is not None:
        return Question(
            "Damaged project",
            f"The journal of {name} is damaged. What comes before the damage can be "
            "opened, with the label maps of the last save; the damaged file is kept.",
            (("salvage", "Open what is left"),),
        )
    if found.since:
        return Question(
            "Newer than the last save",
            f"{name} holds {_changes(found.since)} since its last save; the program "
            "was closed, or stopped, before they were saved. Nothing is lost either "
            "way: what is left out is kept in a copy of the journal.",
            (("open", "Bring them back"), ("as saved", "Open as saved")),
        )
    return None


def _in_use(name: str, found: Glance) -> Question:
    where = "in another program on this computer"
    if found.is_ours:
        where = "in another window of this program"
    elif found.is_elsewhere and found.holder is not None:
        where = f"on another computer ({found.holder.host})"
    since = found.holder.since if found.holder is not None else ""
    text = (
        f"{name} is open {where}, since {since.replace('T', ' ')[:16]}. Two at a time "
        "would write over each other: close it there, or open it here for reading."
    )
    choices = [("read", "Open for reading")]
    if found.is_elsewhere:
        text += " If that program has ended, open it anyway."
        choices.append(("take over", "Open anyway"))
    return Question("Open elsewhere", text, tuple(choices))


def _without(missing: dict[str, str], looked: Path | None) -> Question:
    names = ", ".join(list(missing)[:5]) + (" …" if len(missing) > 5 else "")
    text = f"The file of 1 image is not where it was: {names}."
    if len(missing) > 1:
        text = f"The files of {len(missing)} images are not where they were: {names}."
    if looked is not None:
        text += f" Not found in {looked.name} either."
    return Question(
        "Missing images",
        f"{text} They are known again by their content, whatever they are called now. "
        "Labels are kept in any case, and can be exported.",
        (("look", "Look in a folder…"), ("open", "Open without")),
    )


def _is_about_missing(note: str, missing: dict[str, str]) -> bool:
    return any(note == f"{name}: {text}" for name, text in missing.items())


def _changes(number: int) -> str:
    return "1 change" if number == 1 else f"{number} changes"
