"""Waiting for queued work to end."""

from collections.abc import Awaitable, Callable

from careloom.client.aio.transport import rest
from careloom.client.pace import Pace
from careloom.client.waiting import _FIRST_LOOK_SECONDS, T
from careloom.errors import StateError


async def until_ended(pace: Pace, look: Callable[[], Awaitable[T]], *, timeout: float, poll: float) -> T:
    """The work when it is done, asked for every `poll` seconds at most.

    raises  StateError if it failed (with its code), was cancelled, or is not done after `timeout` seconds
    """
    until, pause = pace.now() + timeout, min(_FIRST_LOOK_SECONDS, poll)
    while not (seen := await look()).has_ended:
        left = until - pace.now()
        if left <= 0:
            raise StateError(f"{seen.id} is still {seen.state} after {timeout:g} seconds", "Wait for it again.")
        await rest(pace, min(pause, left))
        pause = min(pause * 1.5, poll)
    if seen.state != "done":
        raise StateError(f"{seen.id} {seen.state} ({seen.error or 'no code'})", "Mend the reason, then queue it again.")
    return seen
