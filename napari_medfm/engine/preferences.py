"""What the user prefers, where that is kept, and what counts in the end.

In order: an argument, the environment, the preferences, what the program comes with.
The preferences are one small JSON file of names and texts. A program reads it once and
keeps to that; what it changes itself counts for it at once.
"""

from __future__ import annotations

import json
import math
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from napari_medfm.core.arguments import shown
from napari_medfm.core.errors import BadInput, WriteFailed
from napari_medfm.engine.atomic import atomic_bytes

_LARGEST = 1 << 16
_LONGEST_PATH, _LONGEST_NAME = 4000, 250
_YES, _NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
_OFFLINE = "NAPARI_MEDFM_OFFLINE"
BEST = "best"
_DEVICE = re.compile(r"best|cpu|mps|cuda(:\d{1,2})?")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ADDRESS = re.compile(r"[!-?A-~]{1,500}")  # printable, no blank, no @


def _device(text: str) -> str:
    if not _DEVICE.fullmatch(text):
        raise BadInput(f"a device is best, cpu, cuda, cuda:1, mps: not {shown(text)}")
    return text


def _yes_or_no(text: str) -> str:
    word = text.lower()
    if word not in _YES | _NO:
        raise BadInput(f"say yes or no: not {shown(text)}")
    return "yes" if word in _YES else "no"


def _folder(text: str) -> str:
    try:
        path = Path(text).expanduser().absolute()
        name = os.fsencode(path)
        if "\0" in text or not text:
            raise ValueError("empty, or cut off")
    except (RuntimeError, ValueError, OSError) as error:
        raise BadInput(f"no folder can have the name {shown(text)}") from error
    parts = name.replace(b"\\", b"/").split(b"/")
    long = len(name) > _LONGEST_PATH or max(map(len, parts)) > _LONGEST_NAME
    if long:
        raise BadInput(f"no folder can have the name {shown(text)}")
    return str(path)


def _number(low: float, high: float, whole: bool) -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            span = f"{low:.12g} to {high:.12g}"
            raise BadInput(f"say {kind} from {span}: not {shown(text)}")
        return str(int(value)) if value == int(value) else repr(value)

    return read


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        plain = not (parts.query or parts.fragment)
        good = parts.hostname and plain and parts.scheme in ("http", "https")
    except ValueError:
        good = False
    if not good or not _ADDRESS.fullmatch(text):
        raise BadInput(f"an address is like https://huggingface.co: not {shown(text)}")
    return text.rstrip("/")


def _model(text: str) -> str:
    if not _MODEL.fullmatch(text):
        raise BadInput(f"no model can have the name {shown(text)}")
    return text


def _user_cache() -> str:
    from platformdirs import user_cache_dir

    return user_cache_dir("napari-medfm", False)


@dataclass(frozen=True)
class Key:
    """One thing that can be preferred.

    Parameters
    ----------
    title
        What it is, for people.
    counts
        When a change counts.
    read
        Returns a text in the form that is kept; raises `BadInput` if it is of no use.
    default
        What the program comes with.
    variables
        Names in the environment that go before the preferences.
    """

    title: str
    counts: str
    read: Callable[[str], str]
    default: Callable[[], str]
    variables: tuple[str, ...] = ()


def _is(text: str) -> Callable[[], str]:
    return lambda: text


_NEXT_WINDOW = "in windows opened from now on"
KEYS: dict[str, Key] = {
    "device": Key(
        "Device that models run on",
        "for models loaded from now on",
        _device,
        _is(BEST),
        ("NAPARI_MEDFM_DEVICE",),
    ),
    "offline": Key(
        "Never touch the network",
        "at once",
        _yes_or_no,
        _is("no"),
        (_OFFLINE, "HF_HUB_OFFLINE"),
    ),
    "hub": Key(
        "Address of the model hub",
        "with the next download",
        _address,
        _is("https://huggingface.co"),
        ("HF_ENDPOINT",),
    ),
    "cache": Key(
        "Folder for weights and embeddings",
        "at once",
        _folder,
        _user_cache,
        ("NAPARI_MEDFM_CACHE",),
    ),
    "cache-size": Key(
        "GB that embeddings may take on the disk",
        "when the next embedding is kept",
        _number(0.1, 1e6, whole=False),
        _is("8"),
        ("NAPARI_MEDFM_CACHE_SIZE",),
    ),
    "encoder": Key(
        "Encoder that a window begins with", _NEXT_WINDOW, _model, _is("dinov2-small")
    ),
    "segmenter": Key(
        "Segmenter that a window begins with",
        _NEXT_WINDOW,
        _model,
        _is("lite-medsam"),
    ),
    "undo-memory": Key(
        "MB that a window's outlines and labels may take with all that undo brings "
        "back",
        _NEXT_WINDOW,
        _number(1, 2**20, whole=True),
        _is("256"),
    ),
}


class Settled(NamedTuple):
    """What counts, and why.

    Parameters
    ----------
    source
        A name in the environment, "preferences", or "default".
    """

    value: str
    source: str

    @property
    def from_environment(self) -> bool:
        """Whether the environment says so, and the preferences have no say."""
        return self.source not in ("preferences", "default")

    @property
    def why(self) -> str:
        """Where it comes from, in words."""
        if self.from_environment:
            return f"environment, {self.source}"
        return self.source


@dataclass(frozen=True)
class Preferences:
    """What the file says.

    Parameters
    ----------
    values
        What can be used, by the names of `KEYS`.
    told
        All that the file says, also what is not known or not usable.
    problem
        What cannot be used, in words; None if all can.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, object] = field(default_factory=dict)
    problem: str | None = None


def preferences_file() -> Path:
    """Return the file: ``$NAPARI_MEDFM_PREFERENCES``, else in the user's own folder."""
    from platformdirs import user_config_dir

    named = os.environ.get("NAPARI_MEDFM_PREFERENCES")
    if named:
        return Path(named).expanduser().absolute()
    return Path(user_config_dir("napari-medfm", False)) / "preferences.json"


def read_preferences(path: Path) -> Preferences:
    """Read a file of preferences; what cannot be used is as if it was not there."""
    try:
        if not path.exists():
            return Preferences()
        if not path.is_file() or path.stat().st_size > _LARGEST:
            raise ValueError("not a small file")
        told = json.loads(path.read_text("utf-8"))
        if not isinstance(told, dict):
            raise ValueError("not a list of names and values")
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged"
        return Preferences(problem=f"{path} cannot be read and is left out: {reason}")
    values = {name: told[name] for name in KEYS if _usable(name, told.get(name))}
    wrong = [name for name in KEYS if name in told and name not in values]
    problem = f"{path} is of no use about {', '.join(wrong)}" if wrong else None
    return Preferences(values, told, problem)


def _usable(name: str, value: object) -> bool:
    """Whether a value is just what `keep` would have written."""
    if not isinstance(value, str):
        return False
    try:
        return KEYS[name].read(value) == value
    except BadInput:
        return False


_known: dict[Path, Preferences] = {}
_lock = threading.Lock()


def preferences() -> Preferences:
    """Return what the file said when this program first asked, or changed it last."""
    path = preferences_file()
    with _lock:
        if path not in _known:
            _known[path] = read_preferences(path)
        return _known[path]


def settled(name: str) -> Settled:
    """Return what counts where no argument says otherwise.

    Raises
    ------
    BadInput
        If what the environment says is of no use.
    """
    key = KEYS[name]
    found = _offline_around() if name == "offline" else _around(key)
    if found is not None:
        return found
    preferred = preferences().values.get(name)
    if preferred is not None:
        return Settled(preferred, "preferences")
    return Settled(key.default(), "default")


def _around(key: Key) -> Settled | None:
    for variable in key.variables:
        text = os.environ.get(variable, "")
        if text:
            try:
                return Settled(key.read(text), variable)
            except BadInput as error:
                raise BadInput(f"{variable} in the environment: {error}") from error
    return None


def _offline_around() -> Settled | None:
    """Whoever asks to be offline is heard; only our own name can ask for the net."""
    for variable in KEYS["offline"].variables:
        if os.environ.get(variable, "").lower() in _YES:
            return Settled("yes", variable)
    return Settled("no", _OFFLINE) if os.environ.get(_OFFLINE) else None


def in_form(name: str, value: str) -> str:
    """Return a value in the form that is kept.

    Raises
    ------
    BadInput
        If there is no such preference, or the value is of no use.
    """
    if name not in KEYS:
        raise BadInput(f"There is no preference {shown(name)}: {', '.join(KEYS)}")
    try:
        return KEYS[name].read(value)
    except BadInput as error:
        raise BadInput(f"{KEYS[name].title}: {error}") from error


def keep(name: str, value: str | None) -> None:
    """Prefer something from now on, here and at the next start; None for the default.

    What the file says besides stays. A file that cannot be read is kept beside it.

    Raises
    ------
    BadInput
        If there is no such preference, or the value is of no use.
    WriteFailed
        If the file cannot be written.
    """
    text = None if value is None else in_form(name, value)
    path = preferences_file()
    with _lock:
        before = read_preferences(path)
        told = {**before.told, name: text}
        if text is None:
            del told[name]
        if before.problem is not None and not before.told:
            _put_aside(path)
        atomic_bytes(path, json.dumps(told, indent=1).encode())
        _known[path] = read_preferences(path)


def _put_aside(path: Path) -> None:
    try:
        path.replace(path.with_name(f"{path.stem}.damaged{path.suffix}"))
    except OSError as error:
        raise WriteFailed(
            f"{path} cannot be read, and not be put aside: {error.strerror or error}. "
            "Move it away yourself"
        ) from error


def preferred_cache_bytes() -> int:
    """Bytes that embeddings may take on the disk."""
    return int(float(settled("cache-size").value) * 1e9)


def hub_address() -> str:
    """Address of the hub that weights are fetched from."""
    return settled("hub").value


def hub_host() -> str:
    """Name of that hub's host, for people."""
    return urlsplit(hub_address()).netloc
