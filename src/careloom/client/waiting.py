"""Waiting for queued work to end."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from careloom.client.pace import Pace
from careloom.errors import StateError

_FIRST_LOOK_SECONDS = 0.05


class Queued(Protocol):
    """Work as it stands."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def state(self) -> str:
        """waiting, running, done, failed or cancelled."""
        ...

    @property
    def error(self) -> str | None:
        """The code of the error that ended it."""
        ...

    @property
    def has_ended(self) -> bool:
        """True once nothing more happens."""
        ...


T = TypeVar("T", bound=Queued)


def until_ended(pace: Pace, look: Callable[[], T], *, timeout: float, poll: float) -> T:
    """The work when it is done, asked for every `poll` seconds at most.

    raises  StateError if it failed (with its code), was cancelled, or is not done after `timeout` seconds
    """
    until, pause = pace.now() + timeout, min(_FIRST_LOOK_SECONDS, poll)
    while not (seen := look()).has_ended:
        left = until - pace.now()
        if left <= 0:
            raise StateError(f"{seen.id} is still {seen.state} after {timeout:g} seconds", "Wait for it again.")
        pace.sleep(min(pause, left))
        pause = min(pause * 1.5, poll)
    if seen.state != "done":
        raise StateError(f"{seen.id} {seen.state} ({seen.error or 'no code'})", "Mend the reason, then queue it again.")
    return seen
