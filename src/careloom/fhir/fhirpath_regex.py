"""Regular expressions that cannot hang: matched in time linear in the text, whatever the pattern.

Patterns run on the Rust engine of Polars, which has no backtracking, and therefore neither look-around nor references
to groups. Both are refused. A point matches line ends too.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from careloom.fhir.fhirpath_errors import PathEvaluationError, PathLimitError

if TYPE_CHECKING:
    import polars as pl

CHARACTERS_AT_MOST = 1_000
REPEATED_AT_MOST = 2_000
"""How large a pattern may become when its counted repetitions are written out."""
WORK_AT_MOST = 50_000_000
"""Size of the pattern, written out, times characters of the text."""

_PART = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\{(\d*)(?:,(\d*))?\}|[()]|.", re.DOTALL)


@lru_cache(1024)
def size(pattern: str) -> int:
    """How many parts a pattern has when ``a{3}`` is written ``aaa``."""
    stack, last = [0], 0
    for found in _PART.finditer(pattern):
        part = found[0]
        if part == "(":
            stack.append(0)
            last = 0
        elif part == ")" and len(stack) > 1:
            last = stack.pop()
            stack[-1] += last
        elif part[0] == "{" and (found[1] or found[2]):
            times = max(int(count) for count in (found[1], found[2], "1") if count)
            stack[-1] += last * (times - 1)
            last *= times
        else:
            last = 1
            stack[-1] += 1
        if max(stack) > REPEATED_AT_MOST:
            break
    return sum(stack)


def _check(pattern: str, text: str) -> None:
    if len(pattern) > CHARACTERS_AT_MOST or size(pattern) > REPEATED_AT_MOST:
        raise PathLimitError("the regular expression is too large", f"Write at most {CHARACTERS_AT_MOST} characters.")
    if size(pattern) * len(text) > WORK_AT_MOST:
        raise PathLimitError("the text is too long for the regular expression", "Match a shorter text.")


def _refused(pattern: str) -> PathEvaluationError:
    if re.search(r"\(\?(?!P?<[A-Za-z_])[=!<]", pattern):
        return PathEvaluationError("look-around in a regular expression", "Write it without (?= (?! (?<= (?<!.")
    return PathEvaluationError("a regular expression that is none", "Escape what is meant literally; no \\1.")


def matches(text: str, pattern: str, *, full: bool = False) -> bool:
    """Whether a pattern is found in a text, or is all of it.

    raises  PathEvaluationError for a pattern that the engine does not have; PathLimitError
    """
    _check(pattern, text)
    asked = f"(?s)^(?:{pattern})$" if full else f"(?s){pattern}"
    return bool(_run(pattern, text, lambda each: each.str.contains(asked, strict=True)))


def replaced(text: str, pattern: str, substitution: str) -> str:
    """A text with each match replaced; ``$1`` and ``${name}`` stand for groups. An empty pattern replaces nothing.

    raises  as `matches`
    """
    if not pattern:
        return text
    _check(pattern, text)
    _check_growth(text, substitution)
    written = re.sub(r"\$(\d+)", r"${\1}", substitution)
    return str(_run(pattern, text, lambda each: each.str.replace_all(f"(?s){pattern}", written)))


def _run(pattern: str, text: str, operation: "Callable[[pl.Series], pl.Series]") -> Any:
    import polars as pl  # noqa: PLC0415 - a tenth of a second that a program without regular expressions does not wait
    from polars.exceptions import ComputeError  # noqa: PLC0415 - the same

    try:
        return operation(pl.Series([text]))[0]
    except ComputeError:
        raise _refused(pattern) from None


def _check_growth(text: str, substitution: str) -> None:
    """Refuses what could make a text enormous: a match for every character, and a group in every replacement."""
    grown = (len(text) + 1) * (len(substitution) + substitution.count("$") * len(text))
    if len(substitution) > CHARACTERS_AT_MOST or (grown > WORK_AT_MOST and len(text) > CHARACTERS_AT_MOST):
        raise PathLimitError("the replaced text may grow too large", "Replace in a shorter text, or by less.")
