"""Items that other processes work on come back in order; a lost worker is told, and who stops asking waits for none."""

import os
from collections.abc import Callable
from itertools import count

import pytest

from careloom.errors import StateError
from careloom.pipeline.workers import WINDOW_PER_PROCESS, in_order

LOST = StateError("a worker ended", "Start anew.")


def adding(number: int) -> Callable[[int], int]:
    return lambda item: number + item


def dying(_: int) -> Callable[[int], int]:
    return os._exit


def test_items_come_back_in_order_with_what_was_made_of_them() -> None:
    assert list(in_order(adding, 10, range(9), 2, LOST)) == [(item, 10 + item) for item in range(9)]


def test_few_items_are_asked_for_before_the_first_is_back() -> None:
    asked: list[int] = []
    endless = (asked.append(number) or number for number in count())
    made = in_order(adding, 0, endless, 1, LOST)
    assert next(made) == (0, 0)
    assert len(asked) == WINDOW_PER_PROCESS
    made.close()


def test_a_worker_that_ends_before_its_time_is_told_as_the_caller_says() -> None:
    with pytest.raises(StateError, match="a worker ended"):
        list(in_order(dying, 0, range(3), 1, LOST))
