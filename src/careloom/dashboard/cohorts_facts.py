"""Over which facts a cohort is asked: the newest table of a zone, or the zone as it is."""

from collections.abc import Callable
from typing import TypeVar

from careloom.errors import NotFound, StateError

T = TypeVar("T")


def with_facts(ask: Callable[[str], T], *, is_read: bool) -> T:
    """The answer over the newest table of facts, or over the zone as it is where there is none that holds.

    is_read  there is no table that would do: the zone is read
    """
    if is_read:
        return ask("")
    try:
        return ask("newest")
    except (NotFound, StateError):
        return ask("")
