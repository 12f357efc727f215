"""The command as the shell runs it: exit codes, pipes, Ctrl-C, no screen."""

import signal
import subprocess
import sys
import time

COMMAND = [sys.executable, "-m", "napari_medfm.cli"]


def run(*words, **options):
    return subprocess.run(  # noqa: S603
        [*COMMAND, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_exit_codes(tmp_path):
    assert run("--help").returncode == 0
    assert run("inspect", tmp_path / "none.tif").returncode == 1
    assert run("inspect").returncode == 2


def test_errors_go_to_stderr(tmp_path):
    done = run("inspect", tmp_path / "none.tif")
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    debugged = run("inspect", tmp_path / "none.tif", "--debug")
    assert "Traceback" in debugged.stderr
    assert debugged.returncode == 1


def test_a_reader_that_stops_early_is_no_error():
    done = subprocess.run(  # noqa: S602
        f"{sys.executable} -m napari_medfm.cli models info sam-vit-b | true",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_ctrl_c_leaves_quietly(tmp_path):
    code = (
        "import signal, sys, time\n"
        "from napari_medfm import cli\n"
        "from napari_medfm.commands import doctor\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # not ignored
        "def slow(cache):\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "doctor.findings = slow\n"
        "sys.exit(cli.main(['doctor']))\n"
    )
    running = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        assert running.stdout.readline() == "ready\n"
        time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=90)
    assert running.returncode == 130
    assert "Traceback" not in errors
    assert "interrupted" in errors


def test_demo_without_a_screen_says_what_to_do(shell, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    code, _, errors = shell("demo")
    assert code == 1
    assert "--headless --out DIR" in errors
