"""A stretch of network between two hosts: packets wait, get lost, or are cut off, as it is told.

It stands in for ``tc netem``, which not every kernel has: two TUN devices, one at each host, and this thread between
them. Its delay is one way and good to about 0.3 ms.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import struct
import threading
import time

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000


def open_tun(name: str) -> int:
    """Make a TUN device and return the descriptor through which its packets come and go."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return descriptor


class Relay(threading.Thread):
    """Passes packets on; ``delay``, ``jitter`` (seconds), ``loss`` (a share) and ``is_cut`` may change at any time."""

    def __init__(self, near: int, far: int, delay: float, seed: int = 1) -> None:
        super().__init__(daemon=True)
        self.delay = delay
        self.jitter = 0.0
        self.loss = 0.0
        self.is_cut = False
        self._other = {near: far, far: near}
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._count = 0
        self._random = random.Random(seed)
        self._wake_reader, self._wake_writer = os.pipe()

    def run(self) -> None:
        """Pass packets on until stopped."""
        watched = [*self._other, self._wake_reader]
        while True:
            left = max(0.0, self._waiting[0][0] - time.monotonic()) if self._waiting else None
            ready, _, _ = select.select(watched, [], [], left)
            if self._wake_reader in ready:
                return
            for descriptor in ready:
                self._take(descriptor)
            self._deliver()

    def _take(self, descriptor: int) -> None:
        while True:
            try:
                packet = os.read(descriptor, 65536)
            except (BlockingIOError, OSError):
                return
            if self.is_cut or self._random.random() < self.loss:
                continue
            due = time.monotonic() + self.delay + self._random.uniform(0.0, self.jitter)
            self._count += 1
            heapq.heappush(self._waiting, (due, self._count, self._other[descriptor], packet))

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _, _, descriptor, packet = heapq.heappop(self._waiting)
            if not self.is_cut:
                try:
                    os.write(descriptor, packet)
                except OSError:
                    continue

    def stop(self) -> None:
        """End the thread and take both devices away."""
        os.write(self._wake_writer, b"x")
        self.join(5)
        for descriptor in (*self._other, self._wake_reader, self._wake_writer):
            os.close(descriptor)
