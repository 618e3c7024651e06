"""A market of one symbol for the zoo: quotes that walk, each as fresh as the look that found it."""

from __future__ import annotations

import random
import time
from typing import Any

POINT = 0.00001
DIGITS = 5


class Market:
    """Quotes in whole points; ``zone_hours`` is the trade server's clock against UTC.

    A look brings a new quote with a fixed chance, so that the walk is the same whatever this machine does meanwhile.
    """

    fresh = 0.7
    steps = (-3, -2, -1, 0, 1, 2, 3)
    spreads = (6, 7, 8, 9, 10)

    def __init__(self, zone_hours: float = 2.0, seed: int = 1) -> None:
        self.zone_hours = zone_hours
        self._random = random.Random(seed)
        self._bid_points = 108_620
        self.spread_points = 8
        self.time_msc = self.now_msc()

    def now_msc(self) -> int:
        """This instant in the trade server's time, milliseconds since 1970."""
        return round((time.time() + self.zone_hours * 3600) * 1000)

    def look(self) -> dict[str, Any]:
        """The latest quote, perhaps a new one."""
        if self._random.random() < self.fresh:
            self._bid_points += self._random.choice(self.steps)
            self.spread_points = self._random.choice(self.spreads)
            self.time_msc = max(self.time_msc + 1, self.now_msc())
        return self.tick

    @property
    def tick(self) -> dict[str, Any]:
        """The latest quote as the wire carries it."""
        return {
            "bid": self.bid,
            "ask": self.ask,
            "last": 0.0,
            "volume": 0.0,
            "time_msc": self.time_msc,
            "flags": 6,
        }

    @property
    def bid(self) -> float:
        """The latest bid."""
        return round(self._bid_points * POINT, DIGITS)

    @property
    def ask(self) -> float:
        """The latest ask."""
        return round((self._bid_points + self.spread_points) * POINT, DIGITS)
