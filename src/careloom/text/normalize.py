"""Text as it arrives to the one form that offsets are counted in: NFC, line feeds, no byte order mark.

source  Unicode Standard Annex 15 (NFC), Unicode 14
"""

import re
import unicodedata
from dataclasses import dataclass

from careloom.text.note import Span
from careloom.text.offsets import OffsetMap, replace

_LINE_END = re.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
# A run that may compose: one character and the marks, vowel signs and Hangul vowels and finals that follow it.
_MARKS = ("Mn", "Mc", "Me")
_HANGUL_FOLLOWERS = range(0x1160, 0x1200)


@dataclass(frozen=True, slots=True)
class Normalized:
    """A text in normal form.

    text     NFC, line ends as line feeds
    offsets  from the source text to `text`; `offsets.inverted()` leads back
    """

    text: str
    offsets: OffsetMap


def normalize(source: str) -> Normalized:
    """`source` in NFC with line feeds, without a byte order mark, and the map of its offsets."""
    edits: list[tuple[Span, str]] = []
    if source.startswith("\ufeff"):
        edits.append((Span(0, 1), ""))
    edits += [(Span(*found.span()), "\n") for found in _LINE_END.finditer(source)]
    text, lines = replace(source, edits) if edits else (source, OffsetMap.identity(len(source)))
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return Normalized(text, lines)
    composed, offsets = _composed(text)
    return Normalized(composed, lines.then(offsets))


def _composed(text: str) -> tuple[str, OffsetMap]:
    wanted = unicodedata.normalize("NFC", text)
    edits = []
    for start, end in _runs(text):
        run = text[start:end]
        if not unicodedata.is_normalized("NFC", run):
            edits.append((Span(start, end), unicodedata.normalize("NFC", run)))
    made, offsets = replace(text, edits)
    if made == wanted:
        return made, offsets
    return replace(text, [(Span(0, len(text)), wanted)])  # runs that compose across our borders: one edit is still true


def _runs(text: str) -> list[tuple[int, int]]:
    """Where each character stands together with what may compose with it."""
    starts = [place for place, character in enumerate(text) if place == 0 or not _follows(character)]
    return list(zip(starts, [*starts[1:], len(text)], strict=True))


def _follows(character: str) -> bool:
    if character < "\u0300":
        return False
    return unicodedata.category(character) in _MARKS or ord(character) in _HANGUL_FOLLOWERS
