"""Damage files in many ways: each must be read or refused, quickly, in little memory.

``python scripts/fuzz.py --inputs 100000 [TARGET ...]``; failures are kept as files.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzzing import described, inputs, put, targets

from napari_medfm.core.errors import BadFile, BadInput

SECONDS = 20
PEAK = 256 * 2**20


class Hung(BaseException):
    """An input took too long."""


def alarm(*_: object) -> None:
    raise Hung


def peak() -> int:
    """Peak resident memory since `reset`, bytes (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def reset() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def fuzz(name: str, count: int, seed: int, keep: Path) -> int:
    """Run one target; print its row and return how many inputs failed."""
    file_name, content, read = targets()[name]
    kinds = {"read": 0, "refused": 0, "failed": 0}
    start, slowest = time.perf_counter(), 0.0
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        read(put(Path(folder), file_name, content))
        reset()
        before = peak()
        for number, damaged in enumerate(inputs(content, seed, count)):
            path = put(Path(folder), file_name, damaged)
            began = time.perf_counter()
            signal.alarm(SECONDS)
            try:
                read(path)
                kinds["read"] += 1
            except (BadFile, BadInput):
                kinds["refused"] += 1
            except (Hung, Exception) as error:  # noqa: BLE001  whatever escapes
                kinds["failed"] += 1
                kept = keep / f"{name}-{seed}-{number}.json"
                kept.write_text(described(damaged))
                print(f"{name} {number}: {type(error).__name__}: {error}"[:300])
            finally:
                signal.alarm(0)
            slowest = max(slowest, time.perf_counter() - began)
        grown = peak() - before
    row = (name, count, *kinds.values(), f"{slowest:.2f}", f"{grown / 2**20:.0f}")
    print(
        " | ".join(map(str, row)), f"| {time.perf_counter() - start:.0f} s", flush=True
    )
    return kinds["failed"] + (grown > PEAK)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()))
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    signal.signal(signal.SIGALRM, alarm)
    print("target | inputs | read | refused | failed | slowest s | memory MiB")
    names = args.targets or list(targets())
    return min(sum(fuzz(n, args.inputs, args.seed, args.keep) for n in names), 1)


if __name__ == "__main__":
    sys.exit(main())
