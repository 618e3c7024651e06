"""The worker does jobs one at a time, lets waiting ones be taken back, and survives any that fail."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mt5canary.gateway.worker import Job, Worker
from tests.gateway.conftest import eventually


@pytest.fixture
def looked() -> list[str]:
    """What the worker's looking-after left behind."""
    return []


@pytest.fixture
def worker(looked: list[str]) -> Iterator[Worker]:
    """A running worker."""
    context: zmq.Context[Any] = zmq.Context()
    running = Worker(context, lambda: looked.append("looked"))
    running.start()
    yield running
    running.stop(5.0)
    context.destroy(linger=0)


def done(worker: Worker, count: int) -> list[Job]:
    jobs: list[Job] = []

    def enough() -> bool:
        jobs.extend(worker.finished())
        return len(jobs) >= count

    eventually(enough)
    return jobs


def test_jobs_are_done_in_order_and_a_failure_is_kept(worker: Worker) -> None:
    """A job that raises has its error; the next one is done all the same."""
    jobs = [Job(lambda: 1), Job(lambda: 1 // 0), Job(lambda: 3)]
    for job in jobs:
        worker.submit(job)
    assert done(worker, 3) == jobs
    assert [job.result for job in jobs] == [1, None, 3]
    assert isinstance(jobs[1].error, ZeroDivisionError)


def test_a_waiting_job_can_be_cancelled_and_a_begun_one_not(worker: Worker) -> None:
    """What has begun runs to its end; what waits behind it can be taken back and is never done."""
    begun, release = threading.Event(), threading.Event()
    first, second, third = Job(lambda: begun.set() or release.wait(10)), Job(lambda: 2), Job(lambda: 3)
    for job in (first, second, third):
        worker.submit(job)
    assert begun.wait(10)
    assert first.cancel() is False
    assert second.cancel() is True
    release.set()
    assert done(worker, 2) == [first, third]
    assert second.result is None


def test_the_terminal_is_looked_after_between_jobs(worker: Worker, looked: list[str]) -> None:
    """Idle or not, the worker looks after the terminal again and again."""
    eventually(lambda: len(looked) >= 2)


def test_an_attended_job_is_over_without_a_signal(worker: Worker) -> None:
    """Who attended it has its result; it is told once, and one that fails is over too."""
    for job, result in ((Job(lambda: 7, attended=True), 7), (Job(lambda: 1 // 0, attended=True), None)):
        worker.submit(job)
        assert job.attend(10.0) is True
        assert job.result == result
    last = Job(lambda: 3)
    worker.submit(last)
    assert done(worker, 1) == [last]


def test_a_job_that_outlasts_its_attendance_is_signalled(worker: Worker) -> None:
    """The wait ends, the job goes on, and its end is told as that of any other."""
    release = threading.Event()
    job = Job(lambda: release.wait(10), attended=True)
    worker.submit(job)
    assert job.attend(0.01) is False
    assert worker.finished() == []
    release.set()
    assert done(worker, 1) == [job]


@given(seconds=st.floats(0.0, 0.0005), works=st.floats(0.0, 0.0005))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_comes_first_a_job_is_told_once(worker: Worker, seconds: float, works: float) -> None:
    """Its end and the end of the wait for it, close together in either order: it is told here or there, never twice."""
    until = time.monotonic() + works
    job = Job(lambda: [None for _ in iter(lambda: time.monotonic() < until, False)], attended=True)
    worker.submit(job)
    if not job.attend(seconds):
        assert done(worker, 1) == [job]
    assert worker.finished() == []
