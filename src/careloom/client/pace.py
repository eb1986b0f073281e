"""How patient a client is: how often it asks again, how long it waits between, and by which clock."""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a client asks again and how long it waits; the defaults suit people and scripts.

    attempts              how often one request is sent at most; 1 sends it once
    first_wait_seconds    before the second attempt; doubled before each further one, less up to half by chance
    longest_wait_seconds  never waits longer; a server that asks for more is not asked again
    now, wall, sleep, draw  monotonic clock, seconds since 1970, waiting, and chance in [0, 1)
    """

    attempts: int = 4
    first_wait_seconds: float = 0.25
    longest_wait_seconds: float = 20.0
    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = random.random

    def wait_seconds(self, attempts_made: int, retry_after: str = "") -> float | None:
        """How long to wait before the next attempt; None when there should be none.

        retry_after  the header Retry-After as it came: seconds or a date (RFC 9110, 10.2.3)
        """
        if attempts_made >= self.attempts:
            return None
        asked = self._asked_seconds(retry_after)
        if asked > self.longest_wait_seconds:
            return None
        doubled = self.first_wait_seconds * 2.0 ** min(attempts_made - 1, 30)
        return max(asked, min(doubled, self.longest_wait_seconds) * (1.0 - self.draw() / 2.0))

    def _asked_seconds(self, retry_after: str) -> float:
        text = retry_after.strip()
        if text.isascii() and text.isdigit():
            return float(text[:9])
        try:
            asked = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        zoned = asked if asked.tzinfo else asked.replace(tzinfo=UTC)
        seconds = (zoned - datetime.fromtimestamp(self.wall(), UTC)).total_seconds()
        return max(0.0, seconds) if math.isfinite(seconds) else 0.0
