"""The worker does jobs one at a time, lets waiting ones be taken back, and survives any that fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

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
