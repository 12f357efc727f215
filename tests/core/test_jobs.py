"""Jobs drain in any thread, commit in the asker's, and commit once."""

import threading

import pytest

from napari_medfm.core.errors import BadInput, Cancelled
from napari_medfm.core.jobs import Job, Progress, State, Work


def counting(n, closed=None):
    def steps():
        try:
            for done in range(n):
                yield Progress(done, n)
            return n
        finally:
            if closed is not None:
                closed.append(True)

    return steps


def test_answer_is_committed_once_in_the_asking_thread():
    committed = []
    work = Work(
        "count", counting(3), lambda n: committed.append(n) or threading.get_ident()
    )
    job = Job(work)
    thread = threading.Thread(target=job.drain)
    thread.start()
    assert job.result(5) == threading.get_ident()
    assert job.result(5) == threading.get_ident()
    thread.join()
    assert committed == [3]
    assert job.state is State.DONE


def test_cancel_stops_at_the_next_step_and_closes_the_steps():
    closed, committed = [], []
    job = Job(Work("count", counting(10**9, closed), committed.append))
    job.on_progress = lambda progress: job.cancel() if progress.done == 5 else None
    job.drain()
    with pytest.raises(Cancelled):
        job.result()
    assert closed == [True]
    assert committed == []
    assert job.progress.done == 5


def test_cancel_after_the_last_step_still_commits_nothing():
    committed = []
    job = Job(Work("count", counting(2), committed.append))
    job.drain()
    job.cancel()
    with pytest.raises(Cancelled):
        job.result()
    assert committed == []


@pytest.mark.parametrize(
    "error", [RuntimeError("torch"), BadInput("no"), MemoryError()]
)
def test_errors_of_the_steps_reach_the_asker(error):
    def steps():
        yield Progress(0, 1)
        raise error

    job = Job(Work("fail", steps, lambda _: None))
    job.drain()
    with pytest.raises(type(error)):
        job.result()
    assert job.state is State.FAILED


def test_waiting_has_an_end():
    job = Job(Work("count", counting(1), lambda n: n))
    with pytest.raises(TimeoutError):
        job.result(0.01)
