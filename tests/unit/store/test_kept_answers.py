"""Answers that are kept for requests that come twice, on each kind of database."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from careloom.runtime import Runtime
from careloom.store.kept_answers import Kept, KeptAnswers
from tests.store_kit import START, Clock

BEGUN = START + timedelta(seconds=1)
LATER = START + timedelta(days=1)
Open = Callable[[], KeptAnswers]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_again(place: Path | str, clock: Clock) -> Iterator[Open]:
    opened: list[KeptAnswers] = []

    def make() -> KeptAnswers:
        opened.append(KeptAnswers(place, Runtime(clock=clock)))
        return opened[-1]

    yield make
    for answers in opened:
        answers.close()


def test_the_first_of_a_name_may_go_on_and_the_second_learns_of_it(open_again: Open) -> None:
    answers = open_again()
    assert answers.begin(b"a", b"x", LATER) is None
    assert answers.begin(b"a", b"y", LATER) == Kept(b"x", BEGUN, None)
    answers.keep(b"a", b"sealed")
    assert open_again().begin(b"a", b"x", LATER) == Kept(b"x", BEGUN, b"sealed")
    assert answers.begin(b"b", b"x", LATER) is None


def test_a_name_that_was_released_is_free(open_again: Open) -> None:
    answers = open_again()
    answers.begin(b"a", b"x", LATER)
    answers.release(b"a")
    assert answers.begin(b"a", b"y", LATER) is None


def test_what_expired_is_gone(open_again: Open, clock: Clock) -> None:
    answers = open_again()
    answers.begin(b"a", b"x", START + timedelta(minutes=1))
    answers.keep(b"a", b"sealed")
    clock.now = START + timedelta(minutes=2)
    assert answers.begin(b"a", b"y", LATER) is None


def test_of_many_at_once_one_may_go_on(open_again: Open) -> None:
    answers = open_again()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: answers.begin(b"a", b"x", LATER), range(24)))
    assert found.count(None) == 1
