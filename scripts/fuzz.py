"""Damage files in many ways: each must be read or refused, soon, in little memory.

``python scripts/fuzz.py --inputs 100000 [TARGET ...]``; each target has a process of
its own, failures are kept as files, ``--again FILE TARGET`` tries one of them again.
What is checked of each input is in ``tests/fuzzing/trial.py``.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

STALLED = 600
MOST = 40
HEAD = "target | inputs | read | refused | failed | slowest CPU s | most MiB | s"


def fuzz(name: str, count: int, seed: int, keep: Path) -> int:
    """Run one target here; print its row and return how many inputs failed."""
    from fuzzing import Trial, described, inputs, targets

    target = targets()[name]
    kinds = {"read": 0, "refused": 0, "failed": 0}
    began = time.perf_counter()
    shared = Path("/dev/shm")  # noqa: S108  memory, not a disk
    with (
        tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder,
        Trial(target, Path(folder), fenced=True) as trial,
    ):
        for number, content in enumerate(inputs(target, seed, count)):
            if number % 100 == 0:
                faulthandler.dump_traceback_later(STALLED, exit=True)
            try:
                kinds["read" if trial(content) else "refused"] += 1
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # noqa: BLE001  whatever escapes
                kinds["failed"] += 1
                kept = keep / f"{name}-{seed}-{number}.json"
                kept.write_text(described(content))
                if kinds["failed"] == MOST:
                    print(f"{name}: stopped after {number} inputs")
                    break
                print(
                    f"{name} {number}: {type(error).__name__}: {error}"[:300],
                    flush=True,
                )
        faulthandler.cancel_dump_traceback_later()
        facts = (f"{trial.slowest:.2f}", f"{trial.most / 2**20:.1f}")
    seconds = f"{time.perf_counter() - began:.0f}"
    print(
        " | ".join(map(str, (name, count, *kinds.values(), *facts, seconds))),
        flush=True,
    )
    return kinds["failed"]


def again(name: str, path: Path) -> int:
    """Try one kept input; what it does wrong is raised."""
    from fuzzing import Trial, restored, targets

    with (
        tempfile.TemporaryDirectory() as folder,
        Trial(targets()[name], Path(folder), fenced=True) as trial,
    ):
        print("read" if trial(restored(path.read_text())) else "refused")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--again", type=Path, metavar="FILE")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    if args.again:
        return again(args.targets[0], args.again)
    if args.here:
        found = fuzz(args.targets[0], args.inputs, args.seed, args.keep)
        return min(found, 1)
    if not args.targets:
        from fuzzing import targets

        args.targets = list(targets())
    print(HEAD, flush=True)
    failed = 0
    for name in args.targets:
        options = ["--inputs", args.inputs, "--seed", args.seed, "--keep", args.keep]
        command = [sys.executable, __file__, "--here", name, *map(str, options)]
        code = subprocess.run(command, check=False).returncode  # noqa: S603  itself
        failed += code != 0
        if code not in (0, 1):
            print(f"{name}: the process ended with {code}", flush=True)
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
