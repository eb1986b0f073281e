"""A text as the rules read it: its words and numbers are found once, and patterns are tried only where they can begin.

A pattern that is searched for in the whole of a text costs 30 to 400 ns a character, and there are a hundred of them.
Most can begin only at a few places: at one of its words, before enough digits. Trying them there alone finds the same.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Self

_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"[a-z]+")
WORD, CAPITAL = re.compile(r"[^\W\d_]+"), re.compile(r"[^\W\d_a-z](?<![^\W_].)")
_CAPITAL = re.compile(r"[^\W\d_a-z](?<![^\W_].)[^\W\d_]*(?:['’-][^\W\d_]+)*")
# What patterns without regard to case take for the ASCII letters i, s and k.
_SMALL = str.maketrans({"\u0130": "i", "\u0131": "i", "\u017f": "s", "\u212a": "k"})


class Reading(str):
    """A text with its words and numbers, each found when first asked for. It is the text, and as long as it lives.

    A string, so that every detector takes it, those that know no `Reading` too.
    """

    @classmethod
    def of(cls, text: str) -> Self:
        """`text` itself where somebody reads it already."""
        return text if isinstance(text, cls) else cls(text)

    @cached_property
    def small(self) -> str:
        """The text in lower case, as long as the text."""
        return self.lower() if self.isascii() else self.translate(_SMALL).lower()

    @cached_property
    def words(self) -> Mapping[str, Sequence[int]]:
        """Each run of ASCII letters, in lower case, with the places where it begins."""
        places: dict[str, list[int]] = defaultdict(list)
        for word in _WORD.finditer(self.small):
            places[word[0]].append(word.start())
        return dict(places)

    @cached_property
    def numbers(self) -> Sequence[tuple[int, int]]:
        """Each run of digits: where it begins and ends."""
        return [number.span() for number in _NUMBER.finditer(self)]

    @cached_property
    def recased(self) -> "Reading":
        """The text with capitals where they tell nothing: a text without any, and lines in capitals, get one a word."""
        if self.islower() or not any(map(str.isupper, self)):
            titled = self.title()
            changed = titled if len(titled) == len(self) else str(self)
        else:
            changed = "\n".join([_with_one_capital(line) if line.isupper() else line for line in self.split("\n")])
        if changed == self:
            return self
        again = Reading(changed)
        again.small, again.words, again.numbers = self.small, self.words, self.numbers
        return again

    @cached_property
    def capitals(self) -> Sequence[re.Match[str]]:
        """The capitalised words of `recased`, with what hyphens and apostrophes join to them."""
        return list(_CAPITAL.finditer(self.recased))

    @cached_property
    def _digits(self) -> dict[tuple[int, int], Sequence[int]]:
        return {}

    def digits(self, least: int, gap: int = 0) -> Sequence[int]:
        """Where numbers begin that hold `least` digits with those after them, each at most `gap` characters further."""
        found = self._digits.get((least, gap))
        if found is None:
            starts, ahead, following = [], 0, len(self) + gap
            for start, end in reversed(self.numbers):
                ahead = end - start + (ahead if following - end <= gap else 0)
                following = start
                if ahead >= least:
                    starts.append(start)
            found = self._digits[least, gap] = starts[::-1]
        return found

    def words_before(self, places: Iterable[int], reach: int, begin: re.Pattern[str] = WORD) -> Sequence[int]:
        """Where words begin in the `reach` characters before each of `places`, all in order. `begin`: or CAPITAL."""
        starts: list[int] = []
        done = 0
        for place in places:
            starts += [word.start() for word in begin.finditer(self, max(done, place - reach), place)]
            done = place
        return starts


def _with_one_capital(line: str) -> str:
    titled = line.title()
    return titled if len(titled) == len(line) else line


def matches(pattern: re.Pattern[str], text: str, starts: Iterable[int]) -> Iterator[re.Match[str]]:
    """As `pattern.finditer(text)`, tried at `starts` alone, which are in order."""
    end = 0
    for start in starts:
        if start >= end and (match := pattern.match(text, start)) is not None:
            yield match
            end = match.end()


Starts = Callable[[Reading], Sequence[int]]
Where = Callable[[Reading], Iterable[int] | None]


def everywhere(text: Reading) -> None:
    """A pattern may begin at any place."""


def found_where(pattern: re.Pattern[str], text: Reading, where: Where) -> Iterator[re.Match[str]]:
    """As `pattern.finditer(text)`; `where` gives the places at which it can begin, or None: at any."""
    starts = where(text)
    return pattern.finditer(text) if starts is None else matches(pattern, text, starts)


def digits(least: int, gap: int = 0, back: int = 0) -> Starts:
    """A pattern begins up to `back` characters before a number that begins `least` digits: see `Reading.digits`."""

    def starts(text: Reading) -> Sequence[int]:
        places = text.digits(least, gap)
        return places if not back else sorted({max(0, at - n) for at in places for n in range(back + 1)})

    return starts


def words(names: str) -> Starts:
    """A pattern begins with one of some words: `names` in lower case, apart by spaces."""
    cues = frozenset(cue[0] for name in names.split() if (cue := _WORD.match(name)) is not None)
    others = tuple(name for name in names.split() if _WORD.match(name) is None)

    def starts(text: Reading) -> Sequence[int]:
        found = [start for word in text.words.keys() & cues for start in text.words[word]]
        for other in () if text.isascii() else others:
            found += [place.start() for place in re.finditer(re.escape(other), text.small)]
        return sorted(found)

    return starts


def words_with(beginning: str) -> Starts:
    """A pattern begins with a word that begins so, in lower case."""

    def starts(text: Reading) -> Sequence[int]:
        if beginning not in text.small:
            return ()
        return sorted(start for word in text.words if word.startswith(beginning) for start in text.words[word])

    return starts


def holding(*parts: str) -> Where:
    """A pattern may begin anywhere, in a text that holds one of `parts` in whatever case."""

    def starts(text: Reading) -> tuple[()] | None:
        small = text.small
        for part in parts:
            if part in small:
                return None
        return ()

    return starts


def writing(*parts: str) -> Where:
    """A pattern may begin anywhere, in a text that holds one of `parts` as it is written here."""
    return lambda text: None if any(part in text for part in parts) else ()


def showing(part: str) -> Where:
    """A pattern may begin anywhere, in a text of which the pattern `part` is found, in lower case."""
    search = re.compile(part).search
    return lambda text: None if search(text.small) else ()
