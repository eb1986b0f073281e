"""Words, numbers and marks of a text: rules that change no offset and lose no character."""

import re
from dataclasses import dataclass
from typing import Literal

from careloom.text.note import Span

Kind = Literal["word", "number", "abbreviation", "mark"]

_LETTER = r"[^\W\d_][\u0300-\u036f]*"
_TOKEN = re.compile(
    rf"""
      (?P<abbreviation> \b(?:[^\W\d_]\.){{2,}}                       # b.i.d.  p.o.  q.h.s.
      )
    | (?P<word>         {_LETTER}(?:{_LETTER}|['’](?={_LETTER}))*    # patient  don't  O’Neill
      )
    | (?P<number>       \d+(?:[.,]\d+)*                              # 5  0.25  1,200.50
      )
    | (?P<mark>         \S                                           # everything else, one by one
      )
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its place and what it looks like."""

    span: Span
    kind: Kind


def tokens(text: str) -> list[Token]:
    """The tokens of `text` in order: disjoint, and every character that is no white space stands in one.

    A number and the unit that is glued to it (``5mg``) are two tokens; so are the parts of ``120/80`` and ``C5-C6``.
    """
    return [Token(Span(*found.span()), found.lastgroup) for found in _TOKEN.finditer(text)]  # type: ignore[arg-type]
