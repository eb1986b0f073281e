"""One test over thousands of cases that nobody runs by name: a failure still names each case that failed."""

from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


def every(cases: Iterable[T], check: Callable[[T], None], name_of: Callable[[T], str] = str) -> None:
    """Checks all cases, then fails with the name of each that failed and what it said.

    As tests of their own, each would cost some 5 ms: every worker collects it, and somebody reports it.
    """
    wrong, count = {}, 0
    for case in cases:
        count += 1
        try:
            check(case)
        except AssertionError as error:
            wrong[name_of(case)] = str(error)
        except Exception as error:
            error.add_note(f"in the case {name_of(case)}")
            raise
    assert count, "there are no cases"
    assert not wrong, "\n\n".join(f"{name}: {text}" for name, text in wrong.items())


def over(cases: Iterable[T], name_of: Callable[[T], str] = str) -> Callable[[Callable[[T], None]], Callable[[], None]]:
    """Makes a check of one case the test of all of them."""

    def as_test(check: Callable[[T], None]) -> Callable[[], None]:
        def test() -> None:
            every(cases, check, name_of)

        test.__name__, test.__qualname__, test.__doc__ = check.__name__, check.__qualname__, check.__doc__
        test.__module__ = check.__module__
        return test

    return as_test
