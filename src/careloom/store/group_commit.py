"""Group commit: what many threads want written at once, one of them writes for all.

A thread that comes while nobody writes leads: once it has all that a write needs (locks, a transaction), it takes what
waits by then, its own included, and writes that as one group. Those who come later wait, and the first of them leads
the next group. A leader that follows a group waits a moment for those whom that group has just let go, for they mostly
come again: one commit for all of them takes less time than two for halves. A lone caller just writes.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from careloom.errors import CareloomError, SetupError

Entry = TypeVar("Entry")
_PATIENCE = 0.25
"""The moment, as a share of what the last write took."""
_MOST_PATIENCE_SECONDS = 0.01
Take = Callable[[], Sequence[Entry]]
"""The entries of the group; called once, as late as a write can."""


class _Waiting(Generic[Entry]):
    """One caller: what it wants written, and how that ended."""

    __slots__ = ("entry", "error", "leads", "woken")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.error: BaseException | None = None
        self.leads = False
        self.woken = threading.Lock()
        self.woken.acquire()


class GroupCommit(Generic[Entry]):
    """Writes entries in groups, in the order in which they came; shared by all threads of a process.

    write   takes the entries and makes all of them durable, or raises
    settle  what the leader does once the others of its group have gone on, and the next group has begun
    """

    def __init__(self, write: Callable[[Take[Entry]], None], settle: Callable[[], None] = lambda: None) -> None:
        self._write = write
        self._settle = settle
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._waiting: list[_Waiting[Entry]] = []
        self._expected = 1
        self._patience_seconds = 0.0
        self._is_led = False

    def append(self, entry: Entry) -> None:
        """Returns when the entry is durable.

        raises  what the write of its group raised, in every caller of the group
        """
        mine = _Waiting(entry)
        with self._lock:
            self._waiting.append(mine)
            leads, self._is_led = not self._is_led, True
            if len(self._waiting) >= self._expected:
                self._arrived.notify()
        if leads:
            self._lead(mine)
        else:
            self._follow(mine)

    def _follow(self, mine: _Waiting[Entry]) -> None:
        """Waits until the entry is written, or until it is this thread's turn to lead."""
        try:
            mine.woken.acquire()
        except BaseException:
            self._leave(mine)  # a signal: without this nobody would lead the next group
            raise
        if mine.leads:
            self._lead(mine)
        elif isinstance(mine.error, CareloomError):
            raise type(mine.error)(mine.error.where, mine.error.remedy)
        elif mine.error is not None:
            raise SetupError("a step that was written together with this one failed", "try again") from mine.error

    def _gather(self, mine: _Waiting[Entry]) -> None:
        """Waits for those who are expected, a moment at most."""
        try:
            with self._lock:
                self._arrived.wait_for(lambda: len(self._waiting) >= self._expected, self._patience_seconds)
        except BaseException:
            mine.leads = True
            self._leave(mine)  # a signal: without this nobody would lead the next group
            raise

    def _lead(self, mine: _Waiting[Entry]) -> None:
        self._gather(mine)
        started = time.monotonic()
        with self._lock:
            group = list(self._waiting)  # they share the fate of a write that fails before it takes anything

        def take() -> Sequence[Entry]:
            nonlocal group
            with self._lock:
                group, self._waiting = self._waiting, []
            return [one.entry for one in group]

        error: BaseException | None = None
        try:
            self._write(take)
        except BaseException as caught:
            error = caught
            raise
        finally:
            with self._lock:
                self._waiting = [one for one in self._waiting if one not in group]
                self._expected = max(1, len(group) - 1 + len(self._waiting))  # all but this thread, which settles first
                self._patience_seconds = min(_PATIENCE * (time.monotonic() - started), _MOST_PATIENCE_SECONDS)
            self._hand_over()
            for one in group:
                one.error = error
                one.woken.release()
        self._settle()

    def _hand_over(self) -> None:
        """Wakes the first that waits, to lead; nobody leads if nobody waits."""
        with self._lock:
            self._is_led = bool(self._waiting)
            for first in self._waiting[:1]:
                first.leads = True
                first.woken.release()

    def _leave(self, mine: _Waiting[Entry]) -> None:
        """Takes an entry back that is in no group yet; one that is gets written though nobody waits for it."""
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
        if mine.leads:
            self._hand_over()
