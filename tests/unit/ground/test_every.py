"""One test over many cases names those that failed."""

import pytest

from tests.every import every, over


def is_even(number: int) -> None:
    assert number % 2 == 0, f"{number} is odd"


def test_all_that_fail_are_named_and_none_that_pass() -> None:
    with pytest.raises(AssertionError) as told:
        every([1, 2, 3], is_even, lambda number: f"case {number}")
    assert "case 1: 1 is odd" in str(told.value)
    assert "case 3: 3 is odd" in str(told.value)
    assert "case 2" not in str(told.value)


def test_another_error_ends_it_and_says_in_which_case() -> None:
    with pytest.raises(ZeroDivisionError) as told:
        every([1, 0], lambda number: is_even(2 // number))
    assert told.value.__notes__ == ["in the case 0"]


def test_no_cases_are_no_success() -> None:
    with pytest.raises(AssertionError):
        every([], is_even)


def test_a_check_becomes_a_test_of_its_name() -> None:
    test = over([2, 4])(is_even)
    test()
    assert test.__name__ == "is_even"
    with pytest.raises(AssertionError):
        over([2, 3])(is_even)()
