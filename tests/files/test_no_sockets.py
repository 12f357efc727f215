"""Reading, writing, projects, replay and apply never open a socket."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "offline.py"


def run(*words, **options):
    return subprocess.run(  # noqa: S603  this program
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(options.get("home", "/nonexistent"))},
    )


def test_the_whole_chain_opens_no_socket(tmp_path):
    done = run(SCRIPT, tmp_path, home=tmp_path)
    assert "reached:" not in done.stdout
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-3000:]
    said = [line for line in done.stdout.splitlines() if line.startswith("done: ")]
    assert len(said) == 5


@pytest.mark.parametrize(
    "reaching",
    [
        "import socket; socket.socket()",
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import urllib.request as r; r.urlopen('http://127.0.0.1:9')",
        "import subprocess; subprocess.run(['true'])",
    ],
)
def test_the_watch_sees_what_reaches_out(reaching):
    code = f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import offline; "
    code += f"sys.addaudithook(offline.watch); {reaching}"
    done = run("-c", code)
    assert "reached:" in done.stdout
    assert "Reached" in done.stderr
