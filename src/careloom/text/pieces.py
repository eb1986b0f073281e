"""A text as a tagger sees it: words, the word pieces of each, and how it is written.

Words are those of BERT: runs of letters and digits, every other mark alone. A model that was trained on lower-case text
knows no capitals and no line ends; `looks` tells both.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 160
"""The most pieces that a model looks at together, the marks at both ends among them."""
PAD, UNKNOWN, BEGIN, END = 0, 1, 2, 3
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
LONGEST_WORD = 64
"""Of a longer one no piece is known, and nothing is remembered of it: a text may be one word."""
_KINDS = ("lower", "Title", "UPPER", "X", "miXed", "number", "a1", "other")
_GAPS = ("", " ", "\n")
LOOKS = tuple(f"{gap!r} {kind}" for gap in _GAPS for kind in _KINDS)
"""How a word is written, and what stands before it: nothing, a space, or the end of a line.

Where hints are given, a word's look is its place here plus so many times its hint.
"""
Hinter = Callable[[str, Sequence["Word"]], Sequence[int]]
"""From a text and some words of it to a hint for each, e.g. `careloom.text.gazetteer.Gazetteer.of`."""
_WORD = re.compile(r"[^\W_]+|[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: its place, and its look as a place in LOOKS."""

    start: int
    end: int
    look: int


def words(text: str, start: int = 0, end: int | None = None) -> list[Word]:
    """The words of a text between two places, in order; what is no white space stands in one, combining marks aside."""
    found: list[Word] = []
    last = start
    stop = len(text) if end is None else end
    for word in _WORD.finditer(text, start, stop):
        at = word.start()
        gap = 0 if at == last and found else 1
        if gap and "\n" in text[last:at]:
            gap = 2
        elif not found:
            gap = 2 if start == 0 or text[start - 1] == "\n" else 1
        found.append(Word(at, word.end(), gap * len(_KINDS) + _kind(word[0][:LONGEST_WORD])))
        last = word.end()
    return found


def word_texts(text: str) -> list[str]:
    """The words of a text as text alone, for many names."""
    return _WORD.findall(text)


@lru_cache(65_536)
def _kind(word: str) -> int:
    if word.isalpha():
        if word.islower():
            return 0
        if len(word) == 1:
            return 3
        if word.isupper():
            return 2
        return 1 if word[0].isupper() and word[1:].islower() else 4
    if word.isdigit():
        return 5
    return 6 if word.isalnum() else 7


@dataclass(frozen=True, slots=True)
class Window:
    """Some words of a text as a model reads them.

    words   in order
    first   for each word the place of its first piece in `pieces`
    pieces  with the marks at both ends
    looks   one a piece
    """

    words: Sequence[Word]
    first: Sequence[int]
    pieces: Sequence[int]
    looks: Sequence[int]


class Pieces:
    """Splits words into the pieces of a vocabulary; remembers words that it has seen.

    vocabulary  one piece a line, SPECIAL first; pieces that go on with a word begin with ``##``
    hinter      says more of each word of a text; None: nothing
    of          the places in the vocabulary of a word's pieces
    """

    def __init__(self, vocabulary: Iterable[str], hinter: Hinter | None = None) -> None:
        self.vocabulary = tuple(vocabulary)
        self._hinter = hinter
        if self.vocabulary[: len(SPECIAL)] != SPECIAL:
            raise ValueError("a vocabulary begins with the special pieces")
        self._places = {piece: place for place, piece in enumerate(self.vocabulary)}
        self.of = lru_cache(131_072)(self._split)

    def _split(self, word: str) -> tuple[int, ...]:
        """The longest pieces that make a word, from its front (WordPiece), without case and accents."""
        parts = unicodedata.normalize("NFD", word)
        plain = (
            parts.lower() if word.isascii() else "".join(s.lower() for s in parts if unicodedata.category(s) != "Mn")
        )
        if not plain or len(plain) > LONGEST_WORD:
            return (UNKNOWN,)
        found: list[int] = []
        start = 0
        while start < len(plain):
            begin = "##" if start else ""
            for end in range(len(plain), start, -1):
                place = self._places.get(begin + plain[start:end])
                if place is not None:
                    break
            else:
                return (UNKNOWN,)
            found.append(place)
            start = end
        return tuple(found)

    def count(self, text: str, start: int, end: int) -> int:
        """How many pieces the words between two places fall into."""
        return sum(len(self._pieces(word[0])) for word in _WORD.finditer(text, start, end))

    def _pieces(self, word: str) -> tuple[int, ...]:
        return self.of(word)[: LONGEST - 2] if len(word) <= LONGEST_WORD else (UNKNOWN,)

    def windows(self, text: str, start: int = 0, end: int | None = None, overlap: int = 0) -> list[Window]:
        """The words of a text between two places, as few windows of at most LONGEST pieces as hold them.

        A window ends at a line end where one lies in its second half; else the next one begins with the words that make
        up the last `overlap` pieces of this one.
        """
        found: list[Window] = []
        here: list[tuple[Word, tuple[int, ...]]] = []
        length = 2
        for word in self._words(text, start, end):
            split = self._pieces(text[word.start : word.end])
            while length + len(split) > LONGEST:
                cut = _cut(here)
                found.append(_window(here[:cut]))
                here = here[_back(here, overlap) if overlap and cut == len(here) else cut :]
                length = 2 + sum(len(pieces) for _, pieces in here)
            here.append((word, split))
            length += len(split)
        if here:
            found.append(_window(here))
        return found

    def _words(self, text: str, start: int, end: int | None) -> list[Word]:
        found = words(text, start, end)
        if self._hinter is None:
            return found
        hints = self._hinter(text, found)
        return [
            Word(word.start, word.end, word.look + len(LOOKS) * hint) if hint else word
            for word, hint in zip(found, hints, strict=True)
        ]


def _cut(here: Sequence[tuple[Word, tuple[int, ...]]]) -> int:
    new_line = 2 * len(_KINDS)
    for place in range(len(here) - 1, len(here) // 2, -1):
        if here[place][0].look % len(LOOKS) >= new_line:
            return place
    return len(here)


def _back(here: Sequence[tuple[Word, tuple[int, ...]]], overlap: int) -> int:
    place, length = len(here), 0
    while place > 1 and length + len(here[place - 1][1]) <= overlap:
        place -= 1
        length += len(here[place][1])
    return place


def _window(here: Sequence[tuple[Word, tuple[int, ...]]]) -> Window:
    pieces, looks, first = [BEGIN], [LOOKS.index("'' other")], []
    for word, split in here:
        first.append(len(pieces))
        pieces += split
        looks += [word.look] * len(split)
    return Window([word for word, _ in here], first, [*pieces, END], [*looks, looks[0]])
