"""Group commit: what many threads want written at once, one of them writes for all.

A thread that comes while nobody writes leads: once it has all that a write needs (locks, a transaction), it takes what
waits by then, its own included, and writes that as one group. Those who come later wait, and the first of them leads
the next group. Nobody waits for company: there is no timer and no thread of its own, so a lone caller just writes.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from careloom.errors import CareloomError, SetupError

Entry = TypeVar("Entry")
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

    write  takes the entries and makes all of them durable, or raises
    """

    def __init__(self, write: Callable[[Take[Entry]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._waiting: list[_Waiting[Entry]] = []
        self._is_led = False

    def append(self, entry: Entry) -> None:
        """Returns when the entry is durable.

        raises  what the write of its group raised, in every caller of the group
        """
        mine = _Waiting(entry)
        with self._lock:
            self._waiting.append(mine)
            leads, self._is_led = not self._is_led, True
        if leads:
            self._lead()
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
            self._lead()
        elif isinstance(mine.error, CareloomError):
            raise type(mine.error)(mine.error.where, mine.error.remedy)
        elif mine.error is not None:
            raise SetupError("a step that was written together with this one failed", "try again") from mine.error

    def _lead(self) -> None:
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
            self._hand_over()
            for one in group:
                one.error = error
                one.woken.release()

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
