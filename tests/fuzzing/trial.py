"""One damaged input: read or refused, soon, and in the memory that was checked for it.

Peaks are those of the resident set, which Linux keeps; the C library is told to
give every block over 64 KiB back at once, so that a peak is seen again. What a reader
may use is twice the largest of the file, the size that passed `check_size` or a
project's budget, and what it returned; and `ROOM` beside. The machine is said to have
`MACHINE` bytes, and the process may not have more than `FENCE` over what it has: an
allocation that fails there was never checked, and is a finding however politely the
file was refused. The fence is wider than 4 GiB, which libraries reserve for a length
of 32 bits before they read, and never touch.
"""

import ctypes
import gc
import os
import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np

from fuzzing.target import put
from napari_medfm.core.errors import BadFile, BadInput, MissingWeights
from napari_medfm.project.parts import Reader
from napari_medfm.readers import _guard

REFUSALS = (BadFile, BadInput, MissingWeights)
SECONDS = 5
MACHINE = 256 * 2**20
FENCE = 10 * 2**30
ROOM = 16 * 2**20
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1


class Hung(BaseException):
    """An input took too long."""


class Greedy(Exception):
    """An input took more memory than was checked."""


def _hung(*_):
    raise Hung


class Trial:
    """Runs inputs of one target in a folder; use as a context.

    Parameters
    ----------
    fenced
        Also limit the process's memory; for a process that does nothing else.
    """

    def __init__(self, target, folder, fenced=False):
        self.target, self.folder, self.fenced = target, folder, fenced
        self.slowest, self.most = 0.0, 0
        self._checked, self._undo = 0, []

    def __enter__(self):
        self._watch_checks()
        self._handlers = [
            (number, signal.signal(number, _hung))
            for number in (signal.SIGPROF, signal.SIGALRM)
        ]
        if self.fenced and _LINUX:
            libc = ctypes.CDLL(None)
            libc.mallopt(_MMAP_THRESHOLD, 64 * 1024)
            libc.mallopt(_TRIM_THRESHOLD, 128 * 1024)
        for _ in range(2):
            self.target.read(put(self.folder, self.target.name, self.target.content))
        gc.collect()  # what others left must not go, and hide a peak, during an input
        if self.fenced and _LINUX:
            _, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + FENCE, hard))
        return self

    def __exit__(self, *_):
        for undo in reversed(self._undo):
            undo()
        for number, handler in self._handlers:
            signal.signal(number, handler)

    def __call__(self, content):
        """Return whether an input was read; raise what it should not do.

        Raises
        ------
        Hung, Greedy, Exception
            If it took too long, too much memory, or was not refused properly.
        """
        found, used, allowed = self._once(content)
        if used > allowed:  # a second time: the first may have imported something
            gc.collect()
            found, used, allowed = self._once(content)
        if used > allowed:
            raise Greedy(f"{used >> 20} MiB where {allowed >> 20} MiB were checked")
        self.most = max(self.most, used)
        return found

    def _once(self, content):
        path = put(self.folder, self.target.name, content)
        self._checked = 0
        _reset_peak()
        before = _status("VmHWM")
        began = time.process_time()
        found, result = self._read(path)
        self.slowest = max(self.slowest, time.process_time() - began)
        used = _status("VmHWM") - before
        allowed = max(self._checked, _bytes_of(result), _size_of(content))
        return found, used, 2 * allowed + ROOM

    def _read(self, path):
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(20 * SECONDS)
        try:
            return True, self.target.read(path)
        except REFUSALS as error:
            if _wants_memory(error):
                raise Greedy(f"memory was asked for unchecked: {error}") from error
            return False, None
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)

    def _watch_checks(self):
        """Note what passes a check of size, wherever it was imported."""
        check, spend, memory = _guard.check_size, Reader.spend, _guard.memory_bytes

        def checked(path, nbytes):
            check(path, nbytes)
            self._checked = max(self._checked, int(nbytes))

        def spent(reader, nbytes):
            spend(reader, nbytes)
            self._checked += int(nbytes)

        def machine():
            return MACHINE

        for module in list(sys.modules.values()):
            for name, old, new in (
                ("check_size", check, checked),
                ("memory_bytes", memory, machine),
            ):
                if getattr(module, "__dict__", {}).get(name) is old:
                    self._put(module, name, new)
        self._put(Reader, "spend", spent)

    def _put(self, owner, name, new):
        old = getattr(owner, name)
        self._undo.append(lambda: setattr(owner, name, old))
        setattr(owner, name, new)


def _wants_memory(error):
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _reset_peak():
    if _LINUX:
        Path("/proc/self/clear_refs").write_bytes(b"5")


_LINUX = sys.platform == "linux"
_STATUS = os.open("/proc/self/status", os.O_RDONLY) if _LINUX else -1


def _status(name):
    """Return a size of this process, bytes; 0 where the kernel does not keep peaks."""
    if not _LINUX:
        return 0
    text = os.pread(_STATUS, 4096, 0)
    at = text.index(name.encode())
    return int(text[at:].split(None, 2)[1]) * 1024


def _size_of(content):
    return (
        len(content) if isinstance(content, bytes) else sum(map(len, content.values()))
    )


def _bytes_of(result):
    arrays = result if isinstance(result, (list, tuple)) else [result]
    return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))
