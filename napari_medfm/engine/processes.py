"""Whether a program still runs, told by its number and its beginning."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def began(pid: int) -> str:
    """When a process began, as Linux counts; empty elsewhere."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def is_running(pid: int, beginning: str) -> bool:
    """Whether the process of that number, begun then, runs on this computer."""
    if not 0 < pid < 2**31:
        return False
    if os.name == "nt":
        return _runs_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return beginning == began(pid)


def _runs_on_windows(pid: int) -> bool:
    import ctypes

    kernel: Any = getattr(ctypes, "windll").kernel32  # noqa: B009  only on Windows
    handle = kernel.OpenProcess(0x1000, False, pid)
    if not handle:
        return False
    code = ctypes.c_ulong()
    kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return code.value == 259
