"""The shell: ``napari-medfm COMMAND``, each command in `napari_medfm.commands`.

Exit codes: 0 done, 1 failed, 2 used wrongly, 130 interrupted. An error is one line that
says what, where, and the way out; ``--debug`` shows the traceback.
"""

from __future__ import annotations

import os
import sys
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from napari_medfm.commands import (
    apply,
    compare,
    demo,
    doctor,
    drafts,
    embed,
    export,
    inspect,
    ledger,
    models,
    options,
    replay,
    segment,
    settings,
    similar,
    take,
    train,
    window,
)
from napari_medfm.commands.say import UsageError, warn
from napari_medfm.core.errors import MedfmError

_COMMANDS = (
    *(demo, window, drafts, models, embed, similar, segment, apply, take),
    *(train, export, compare, inspect, replay, ledger, settings, doctor),
)
_EPILOG = """positions are row,col as in an array, counted from 0, row first;
boxes are row0,col0,row1,col1 with the last row and column not included.
exit codes: 0 done, 1 failed, 2 used wrongly."""


class _Parser(ArgumentParser):
    """Says in one line what was wrong, and where the help is."""

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2."""
        warn(f"{' '.join(message.split())}. {self.prog} --help shows what fits")
        raise SystemExit(2)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        args = parser().parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    if argv is None and not args.debug:
        sys.excepthook = _unexpected
    try:
        return _run(args)
    except KeyboardInterrupt:
        warn("interrupted; no half-written file was left")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (MedfmError, OSError, MemoryError) as error:
        if args.debug:
            raise
        warn(_line(error))
        return 2 if isinstance(error, UsageError) else 1


def parser() -> ArgumentParser:
    """Return the parser of all commands."""
    found = _Parser(
        prog="napari-medfm",
        description="Label medical images with foundation models. Research use: not a "
        "medical device.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    found.add_argument("--version", action="store_true", help="show the version")
    found.add_argument("--debug", action="store_true", help=SUPPRESS)
    found.set_defaults(cache_dir=None, run=None, needs=found)
    commands = found.add_subparsers(title="commands", metavar="COMMAND")
    for command in _COMMANDS:
        command.register(commands)
    for name, sub in commands.choices.items():
        if name not in ("drafts", "models", "settings"):
            options.add_common(sub)
    return found


def _run(args: Namespace) -> int:
    if args.version:
        from napari_medfm.engine.provenance import version

        sys.stdout.write(version() + "\n")
        return 0
    if args.run is None:
        args.needs.print_help()
        return 2
    if args.run is demo.run and not args.headless:
        return _demo(args)
    args.window = _window
    code: int = args.run(args)
    return code


def _demo(args: Namespace) -> int:
    """Open napari on a sample."""
    if args.out is not None:
        raise UsageError("--out goes with --headless; in the window, use Export")
    app = _window(
        ": use napari-medfm demo --headless --out DIR, which does the same job "
        "without one"
    )
    app.demo(*([args.sample] if args.sample else []))
    app.run()
    return 0


def _window(without: str = "") -> ModuleType:
    """Return what opens windows.

    Parameters
    ----------
    without
        What to do where there is no screen.
    """
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(map(os.environ.get, screens)):
        raise MedfmError(f"There is no screen here (DISPLAY is not set){without}")
    try:
        from napari_medfm import app
    except ImportError as error:
        raise MedfmError(
            f"The window cannot open: {error}. Install napari with a Qt binding: "
            'pip install "napari-medfm[pyqt6]"'
        ) from error
    return app


def _line(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "Not enough memory: use a smaller image, or fewer planes (--planes)"
    if isinstance(error, OSError) and not isinstance(error, MedfmError):
        where = f" {error.filename}" if error.filename else ""
        return f"{error.strerror or error}:{where}" if where else f"{error}"
    return " ".join(str(error).split())


def _unexpected(kind: type[BaseException], error: BaseException, _: object) -> None:
    what = " ".join(str(error).split())[:300]
    warn(f"unexpected {kind.__name__}: {what}. Add --debug to see where, and report it")


if __name__ == "__main__":
    sys.exit(main())
