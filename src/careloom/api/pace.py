"""How fast a body comes: a sender that is too slow gives its thread back to others."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType

GRACE_SECONDS = 30.0
LEAST_READ_BYTES = 16 * 1024
MOST_READ_BYTES = 256 * 1024
_QUICK_SECONDS = 0.1


class Pace:
    """Measures a sender by the time that we wait for it, in windows of half a minute.

    size_bytes  how much to ask for next: more from a quick sender, less from a slow one, whose silence is noticed
                within the time that so much may take
    """

    def __init__(self, least_bytes_per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.size_bytes = LEAST_READ_BYTES
        self.is_too_slow = False
        self._least = least_bytes_per_second
        self._clock = clock
        self._waited = 0.0
        self._arrived = 0
        self._until: float | None = None

    def read(self, read: Callable[[int], bytes], size_bytes: int) -> bytes:
        """What `read` gives; afterwards `is_too_slow` tells whether to go on."""
        begun = self._clock()
        patience = GRACE_SECONDS + size_bytes / self._least
        self._until = begun + patience
        piece = read(size_bytes)
        self._until = None
        took = self._clock() - begun
        self.is_too_slow |= took > patience
        quick = took < _QUICK_SECONDS and len(piece) == size_bytes
        self.size_bytes = min(2 * self.size_bytes, MOST_READ_BYTES) if quick else LEAST_READ_BYTES
        self._waited += took
        self._arrived += len(piece)
        if self._waited >= GRACE_SECONDS:
            self.is_too_slow |= self._arrived < self._least * self._waited
            self._waited, self._arrived = 0.0, 0
        return piece

    def is_stuck(self) -> bool:
        """True when a read takes longer than the slowest sender that is served; it is too slow from then on."""
        until = self._until
        self.is_too_slow |= until is not None and self._clock() > until
        return self.is_too_slow


class Watchdog:
    """Ends a read that is stuck, by closing the receiving half of the connection; without a socket it does nothing.

    The other half stays open, so that the sender is told why.
    """

    def __init__(self, connection: object, pace: Pace, *, look_seconds: float = 1.0) -> None:
        self._connection = connection if isinstance(connection, socket.socket) else None
        self._pace = pace
        self._look_seconds = look_seconds
        self._done = Event()

    def __enter__(self) -> "Watchdog":
        if self._connection is not None:
            Thread(target=self._watch, args=(self._connection,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._done.set()

    def _watch(self, connection: socket.socket) -> None:
        while not self._done.wait(self._look_seconds):
            if self._pace.is_stuck():
                with suppress(OSError):
                    # Of the plain socket: that of TLS would drop its keys and answer in clear (CPython 3.11 to 3.14).
                    socket.socket.shutdown(connection, socket.SHUT_RD)
                return
