"""The judge of growth finds what grows with the square, and lets pass what does not."""

import pytest

from tests.growth import refuse_worse_than_linear


def test_the_square_is_refused_and_a_line_is_not() -> None:
    refuse_worse_than_linear(sum, range, 100_000)
    with pytest.raises(AssertionError, match="8 times as much"):
        refuse_worse_than_linear(sum, lambda size: range(size * size), 400)
