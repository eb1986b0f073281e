"""Long texts in pieces that a service takes, which overlap so that nothing is cut in all of them."""

import re

import orjson

from careloom.text.note import Span

_BREAKS = (re.compile(r"\n\s*"), re.compile(r"\s+"))


def pieces(text: str, most_bytes: int, overlap: int) -> list[Span]:
    """Places that cover `text`: one where it is short enough, else some that share `overlap` characters or more.

    A piece ends at a line's end or between words where there is one in its last quarter, and begins between words.

    most_bytes  of a piece as a JSON string in UTF-8, in which a character takes six bytes at most; 24 times `overlap`
                or more, so that each piece holds several times what it shares
    """
    if most_bytes < 24 * overlap or overlap < 1:
        raise ValueError("a piece holds several times what it shares with the next")
    result: list[Span] = []
    start = 0
    while True:
        end = _fitting(text, start, most_bytes)
        if end == len(text):
            result.append(Span(start, end))
            return result
        end = _break_before(text, start + 3 * (end - start) // 4, end)
        result.append(Span(start, end))
        start = _break_before(text, end - 2 * overlap, end - overlap)


def _fitting(text: str, start: int, most_bytes: int) -> int:
    """The furthest end, or one a little before it, up to which the text is small enough."""
    end = min(len(text), start + most_bytes)
    while (size := len(orjson.dumps(text[start:end]))) > most_bytes:
        end = start + max(1, min(end - start - 1, (end - start) * most_bytes // size))
    return end


def _break_before(text: str, low: int, high: int) -> int:
    """Right after the last line or word that ends between two places; `high` where none does."""
    for kind in _BREAKS:
        ends = [match.end() for match in kind.finditer(text, low, high)]
        if ends:
            return ends[-1]
    return high
