"""The thread that talks to the terminal, so that the loop stays answering while a terminal call takes its time.

Jobs are done one at a time, in the order in which they came: the terminal has one connection. A job that has not
begun can be cancelled; one that has, cannot.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import zmq

CARE_SECONDS = 0.5
"""How often the worker looks after the terminal, between jobs."""


class Job:
    """Something to ask the terminal, and its result once there is one, or the error that it ended with.

    Who makes an ``attended`` one calls ``attend`` right after it was submitted.
    """

    def __init__(self, work: Callable[[], Any], attended: bool = False) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._state = "waiting"
        self._is_attended = attended
        self._over = threading.Lock()
        self._over.acquire()
        self.result: Any = None
        self.error: Exception | None = None

    def cancel(self) -> bool:
        """Take the job back; False where it has begun."""
        with self._lock:
            if self._state == "waiting":
                self._state = "cancelled"
            return self._state == "cancelled"

    def attend(self, seconds: float) -> bool:
        """Wait for the job's end, and be woken sooner than by a signal through a socket.

        False where it goes on, so that it will be among ``Worker.finished``.
        """
        if self._over.acquire(timeout=seconds):
            return True
        with self._lock:
            self._is_attended = False
            return self._state == "done"

    def do(self) -> bool:
        """Do the job; True where somebody must be told of its end, who is not attending it and did not cancel it."""
        with self._lock:
            if self._state == "cancelled":
                return False
            self._state = "begun"
        try:
            self.result = self._work()
        except Exception as error:  # the thread must live on for the next job
            self.error = error
        with self._lock:
            self._state = "done"
            self._over.release()
            return not self._is_attended


class Worker:
    """Does jobs in a thread of its own and signals through a socket when one is done."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], look_after: Callable[[], None]) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._done: deque[Job] = deque()
        self._look_after = look_after
        self._care_due = time.monotonic() + CARE_SECONDS
        self._context = context
        self.signals = context.socket(zmq.PAIR)
        self.signals.bind("inproc://terminal-worker")
        self._thread = threading.Thread(target=self._run, name="terminal", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self._jobs.put(job)

    @property
    def has_finished(self) -> bool:
        """Whether ``finished`` has something to tell."""
        return bool(self._done)

    def finished(self) -> list[Job]:
        """The jobs that were done since the last time; call it when ``signals`` is readable."""
        while self.signals.poll(0):
            self.signals.recv()
        return [self._done.popleft() for _ in range(len(self._done))]

    def stop(self, seconds: float) -> None:
        """Let the job that has begun come to its end, at most for a time, and end the thread."""
        self._jobs.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        signal = self._context.socket(zmq.PAIR)
        signal.setsockopt(zmq.LINGER, 0)
        signal.connect("inproc://terminal-worker")
        try:
            while (job := self._next()) is not None:
                if job.do():
                    self._done.append(job)
                    signal.send(b"")
        finally:
            signal.close()

    def _next(self) -> Job | None:
        while True:
            try:
                job = self._jobs.get(timeout=max(0.0, self._care_due - time.monotonic()))
            except queue.Empty:
                self._take_care()
            else:
                if time.monotonic() >= self._care_due:
                    self._take_care()
                return job

    def _take_care(self) -> None:
        self._look_after()
        self._care_due = time.monotonic() + CARE_SECONDS
