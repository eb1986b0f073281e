from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.client.pace import Pace

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
PACE = Pace(attempts=4, first_wait_seconds=1.0, longest_wait_seconds=20.0, wall=lambda: NOON, draw=lambda: 0.0)

ASKED = [  # attempts made, Retry-After, seconds to wait
    (1, "", 1.0),
    (2, "", 2.0),
    (3, "", 4.0),
    (4, "", None),
    (1, "7", 7.0),
    (1, "0", 1.0),
    (3, "2", 4.0),
    (1, "21", None),
    (1, "99999999999999999999", None),
    (1, "Sun, 22 Nov 2026 12:00:09 GMT", 9.0),
    (1, "Sun, 22 Nov 2026 11:00:00 GMT", 1.0),
    (1, "Sun, 22 Nov 2026 13:00:00 GMT", None),
    (1, "soon", 1.0),
    (1, "-5", 1.0),
    (1, "٣", 1.0),
]


@pytest.mark.parametrize(("made", "retry_after", "expected"), ASKED)
def test_a_client_waits_longer_each_time_and_as_long_as_it_is_asked_to(
    made: int, retry_after: str, expected: float | None
) -> None:
    assert PACE.wait_seconds(made, retry_after) == expected


@given(st.integers(1, 2000), st.floats(0, 1, exclude_max=True), st.text(max_size=40))
def test_no_wait_is_negative_or_longer_than_the_longest(made: int, chance: float, retry_after: str) -> None:
    wait = Pace(attempts=2001, wall=lambda: NOON, draw=lambda: chance).wait_seconds(made, retry_after)
    assert wait is None or 0 < wait <= 20.0


def test_chance_spreads_clients_over_half_of_the_wait() -> None:
    waits = [Pace(first_wait_seconds=1.0, draw=lambda chance=chance: chance).wait_seconds(1) for chance in (0.0, 0.99)]
    assert waits == [1.0, pytest.approx(0.505)]
