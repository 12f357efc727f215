"""The runner: real threads, newest wins, cancel, errors, the window stays alive."""

import threading
import time

import pytest
from toys import ToyEncoder

from napari_medfm.core.errors import BadInput, Cancelled
from napari_medfm.core.jobs import Progress, Work
from napari_medfm.widgets.runner import QtRunner


@pytest.fixture
def runner(qtbot):
    made = QtRunner()
    yield made
    made.close(wait=10)


def slow(seconds, answer, seen=None):
    def steps():
        for done in range(20):
            yield Progress(done, 20, "")
            time.sleep(seconds / 20)
        if seen is not None:
            seen.append(threading.current_thread().name)
        return answer

    def commit(value):
        if seen is not None:
            seen.append(threading.current_thread().name)
        return value

    return Work(f"Making {answer}", steps, commit)


def test_steps_run_in_a_worker_and_commit_in_the_main_thread(runner, qtbot):
    seen, answers = [], []
    runner.run(slow(0.02, 7, seen), "a", answers.append)
    qtbot.waitUntil(lambda: answers == [7])
    main = threading.main_thread().name
    assert seen[0] != main
    assert seen[1] == main


def test_the_newest_of_a_key_wins(runner, qtbot):
    answers, failures = [], []
    for number in range(10):
        runner.run(slow(0.05, number), "a", answers.append, failures.append)
    qtbot.waitUntil(lambda: runner.current is None)
    qtbot.wait(100)
    assert answers == [9]
    assert failures == []


def test_one_thread_a_key_at_a_time(runner, qtbot):
    for number in range(20):
        runner.run(slow(0.2, number), "a", lambda _: None)
    working = [t for t in threading.enumerate() if t.name == "medfm a"]
    assert len(working) <= 1
    runner.cancel()


def test_keys_do_not_disturb_each_other(runner, qtbot):
    answers = []
    runner.run(slow(0.05, "one"), "a", answers.append)
    runner.run(slow(0.05, "other"), "b", answers.append)
    qtbot.waitUntil(lambda: sorted(answers) == ["one", "other"])


def test_cancel_by_the_user_is_told_at_once(runner, qtbot):
    answers, failures = [], []
    runner.run(slow(5, 1), "a", answers.append, failures.append)
    qtbot.wait(50)
    before = time.perf_counter()
    runner.cancel_by_user()
    assert time.perf_counter() - before < 0.2
    assert isinstance(failures[0], Cancelled)
    assert runner.current is None
    qtbot.wait(400)
    assert answers == []
    assert len(failures) == 1


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), BadInput("no")])
def test_errors_arrive_also_runtime_errors(runner, qtbot, error):
    def steps():
        yield Progress(0, 1)
        raise error

    failures = []
    runner.run(Work("x", steps, lambda v: v), "a", lambda _: None, failures.append)
    qtbot.waitUntil(lambda: failures == [error])
    assert runner.current is None


def test_an_error_in_the_commit_arrives(runner, qtbot):
    def commit(value):
        raise BadInput("cannot")

    def steps():
        yield Progress(0, 1)
        return 1

    failures = []
    runner.run(Work("x", steps, commit), "a", lambda _: None, failures.append)
    qtbot.waitUntil(lambda: len(failures) == 1)


def test_rests_start_anew_and_are_cancelled(runner, qtbot):
    called = []
    for number in range(5):
        runner.later(0.05, "k", lambda number=number: called.append(number))
    qtbot.waitUntil(lambda: bool(called))
    runner.later(0.05, "k", lambda: called.append("late"))
    runner.cancel("k")
    qtbot.wait(120)
    assert called == [4]


def test_closing_drops_everything(qtbot):
    runner, answers = QtRunner(), []
    runner.run(slow(0.3, 1), "a", answers.append)
    runner.close(wait=5)
    runner.run(slow(0.0, 2), "a", answers.append)
    qtbot.wait(100)
    assert answers == []


def test_a_slow_encode_leaves_the_window_alive(window, disc, heartbeat, qtbot):
    encoder = ToyEncoder(delay=0.3)
    one = window(disc[0], encoder=encoder)
    one.open("Similar")
    one.press("Find similar")
    # The first answer also loads libraries and compiles shaders, which is not asked.
    encoder.delay = 0.0
    one.click(70, 110)
    one.until(lambda: one.desk.similar.map is not None)
    one.rest()
    encoder.delay = 0.3
    one.viewer.add_image(disc[0][::-1].copy(), name="other")
    one.until(lambda: one.desk.image == "other")
    one.click(70, 110)
    calls = encoder.calls
    qtbot.wait(400)
    heartbeat.start()
    one.until(lambda: encoder.calls >= calls + 2)
    longest = heartbeat.stop()
    assert longest < 0.1, f"the window stood still for {longest * 1000:.0f} ms"
    one.until(lambda: one.desk.similar.map is not None)
    assert threading.main_thread().name not in encoder.threads
