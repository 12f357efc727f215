"""Real disks that are full or cannot be written, as far as this machine lets us.

Where mounting is allowed, a small tmpfs; everywhere, files that may not grow (the
kernel's own limit), and folders that another user may not write.
"""

import contextlib
import os
import resource
import subprocess
import tempfile
from pathlib import Path

SIZE = 6 * 2**20
NOBODY = 65534


def _run(*command):
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603


class Mounted:
    """A tmpfs of 6 MiB."""

    def __init__(self, folder):
        self.folder = folder
        _run("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder))

    @contextlib.contextmanager
    def full(self):
        """Fill it to the last byte."""
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
            while stream.write(bytes(4096)):
                pass
        yield
        filler.unlink()

    @contextlib.contextmanager
    def read_only(self):
        """Mount it so that nothing can be written."""
        _run("mount", "-o", "remount,ro", str(self.folder))
        yield
        _run("mount", "-o", "remount,rw", str(self.folder))

    def close(self):
        """Take it away, with what is on it."""
        _run("umount", "-l", str(self.folder))


class Limited:
    """A folder in which files may not grow, or that belongs to somebody else."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.chmod(0o755)

    @contextlib.contextmanager
    def full(self):
        """Let no file of this process grow; new ones stay empty."""
        old = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, old[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)

    @contextlib.contextmanager
    def read_only(self):
        """Take the right to write; root becomes somebody who lacks it."""
        folders = [self.folder, *(p for p in self.folder.rglob("*") if p.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(user)
            for folder in folders:
                folder.chmod(0o755)

    def close(self):
        """Nothing to take away."""


def kinds():
    """What this machine has: a mount where it is allowed, the limits always."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            Mounted(Path(folder)).close()
        except (OSError, subprocess.CalledProcessError):
            return [Limited]
    return [Mounted, Limited]
