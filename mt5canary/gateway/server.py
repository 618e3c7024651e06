"""The loop: frames in, frames out, leases enforced, whatever the terminal does.

A ROUTER socket stands where the protocol says REP: to a REQ client they are the same, and a ROUTER can answer one
client while another's request is still with the terminal.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import zmq

from mt5canary.gateway import log
from mt5canary.gateway.admission import Admission
from mt5canary.gateway.gateway import Answer, Gateway, Task
from mt5canary.gateway.refusals import Refusal
from mt5canary.gateway.terminal import TerminalSilent
from mt5canary.gateway.worker import Job, Worker
from mt5canary.wire import requests as wire
from mt5canary.wire.frames import REPLY_LIMIT

PASS_MILLISECONDS = 50
"""How long the loop waits for a frame before it looks after leases and deadlines."""

ATTENDED_SECONDS = 0.002
"""How long the loop stands by for the terminal's answer; most come sooner, and nobody else waits longer for that."""

SWITCH_SECONDS = 0.0005
"""How long the worker's Python code may keep the loop from running."""

LEASE_RETRY_SECONDS = 1.0
FAREWELL_SECONDS = 10.0


def bind(context: zmq.Context[zmq.Socket[bytes]], url: str, admission: Admission | None = None) -> zmq.Socket[bytes]:
    """Open the gateway's socket. A URL whose port is ``*`` gets a free one."""
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.MAXMSGSIZE, REPLY_LIMIT)
    if admission is not None:
        admission.guard(socket)
    socket.bind(url)
    return socket


class _Waiting(NamedTuple):
    """A client whose request is with the worker."""

    address: list[bytes]
    task: Task
    deadline: float


class Server:
    """One socket, one gateway, one worker."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        socket: zmq.Socket[bytes],
        gateway: Gateway,
        admission: Admission | None = None,
    ) -> None:
        self._socket = socket
        self._admission = admission
        self._gateway = gateway
        self._worker = Worker(context, self._look_after)
        self._waiting: dict[Job, _Waiting] = {}
        self._handlers = {self._socket: self._receive, self._worker.signals: self._deliver}
        if admission is not None:
            self._handlers[admission.socket] = self._admit
        self._poller = zmq.Poller()
        for handled in self._handlers:
            self._poller.register(handled, zmq.POLLIN)
        self._trouble = ""
        self._enforcing: dict[int, float] = {}

    def serve(self, stopping: Callable[[], bool]) -> None:
        """Answer until told to stop; what has begun by then still gets its answer."""
        self._look_after()
        for line in self._gateway.resolve_in_flight():
            log.write(line)
        self._worker.start()
        self._socket.setsockopt(zmq.RCVTIMEO, PASS_MILLISECONDS)
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.freeze()  # what is there by now stays: the collector need not go through it under a request
        care_due = 0.0
        while not stopping():
            self._wait()
            if time.monotonic() >= care_due:
                care_due = time.monotonic() + PASS_MILLISECONDS / 1000
                self._deliver()
                self._excuse_overdue()
                self._enforce_leases()
                log.flush()
        self._worker.stop(FAREWELL_SECONDS)
        self._deliver()
        log.flush()

    def _wait(self) -> None:
        """Wait for a frame and answer it; where there is more to wait for, for the first of all that comes."""
        if self._admission is None and not self._waiting:
            with contextlib.suppress(zmq.Again):  # quicker than a poller by a tenth of a round trip
                self._receive()
            return
        for socket, _ in self._poller.poll(PASS_MILLISECONDS):
            self._handlers[socket]()

    def _admit(self) -> None:
        if self._admission is not None and (key := self._admission.answer()):
            log.event("not admitted", client_key=key)

    def _look_after(self) -> None:
        """Look after the connection to the terminal: say what is wrong with it, once, and attach again."""
        try:
            self._gateway.look_after_terminal()
            trouble = ""
        except (Refusal, TerminalSilent) as error:
            trouble = str(error)
            self._gateway.identity.reconnect()
        except Exception as error:  # an answer that nobody expected must not end the worker
            trouble = f"{type(error).__name__}: {error}"
        if trouble != self._trouble:
            log.event("terminal", state=trouble or "answers again")
            self._trouble = trouble

    # -- requests -------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        address, frame = _split(_message(self._socket))
        accepted = self._gateway.accept(frame)
        if isinstance(accepted, Answer):
            self._send(address, accepted)
            return
        if isinstance(accepted.request, wire.FindRequest) and self._is_waiting(accepted.request.request_uuid):
            self._send(address, self._gateway.overdue(accepted, begun=True))
            return
        is_alone = not self._waiting
        job = Job(functools.partial(self._gateway.ask, accepted), attended=is_alone)
        waiting = _Waiting(address, accepted, time.monotonic() + accepted.seconds)
        self._worker.submit(job)
        if is_alone and job.attend(ATTENDED_SECONDS):
            if self._worker.has_finished:  # a lease's job before this one: the log tells them in their order
                self._deliver()
            self._end(job, waiting)
        else:
            self._waiting[job] = waiting

    def _is_waiting(self, uuid: str) -> bool:
        return any(waiting.task.request.uuid == uuid for waiting in self._waiting.values())

    def _send(self, address: list[bytes], answer: Answer) -> None:
        for part in address:
            self._socket.send(part, zmq.SNDMORE)
        self._socket.send(answer.frame)
        log.write(answer.line)

    def _deliver(self) -> None:
        for job in self._worker.finished():
            self._end(job, self._waiting.pop(job, None))

    def _end(self, job: Job, waiting: _Waiting | None) -> None:
        if job.error is not None:
            log.event("a job failed", error=f"{type(job.error).__name__}: {job.error}")
            if waiting is not None:
                self._send(waiting.address, self._gateway.overdue(waiting.task, begun=True))
        elif waiting is not None:
            self._send(waiting.address, job.result)
        elif isinstance(job.result, Answer):  # its client was already told that the terminal is late
            log.write(job.result.line.with_detail(late=True))
        else:
            log.write(job.result)

    def _excuse_overdue(self) -> None:
        now = time.monotonic()
        for job in [job for job, waiting in self._waiting.items() if waiting.deadline <= now]:
            waiting = self._waiting.pop(job)
            self._send(waiting.address, self._gateway.overdue(waiting.task, begun=not job.cancel()))

    # -- leases ---------------------------------------------------------------------------------------------

    def _enforce_leases(self) -> None:
        now = time.monotonic()
        for magic in self._gateway.expired_leases():
            if self._enforcing.get(magic, 0.0) > now:
                continue
            self._enforcing[magic] = now + LEASE_RETRY_SECONDS
            self._worker.submit(Job(functools.partial(self._gateway.enforce_lease, magic)))


def _message(socket: zmq.Socket[bytes]) -> list[bytes]:
    """One message, which a ROUTER gives in two parts or more; as ``recv_multipart``, in a third of its time."""
    parts = [socket.recv(), socket.recv()]
    while socket.get(zmq.RCVMORE):
        parts.append(socket.recv())
    return parts


def _split(parts: list[bytes]) -> tuple[list[bytes], bytes]:
    """The address to answer to, up to the empty frame that ends it, and the request.

    More than one frame is no request of the protocol; joined with a byte that JSON has no place for, it gets the
    answer that it deserves.
    """
    end = parts.index(b"", 1) + 1 if b"" in parts[1:] else 1
    body = parts[end:]
    return parts[:end], body[0] if len(body) == 1 else b"\x00".join(body)
