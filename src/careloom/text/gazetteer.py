"""Names that are known beforehand, and the words of a text that make them: a hint to a tagger, which may doubt it."""

from collections.abc import Iterable, Sequence

from careloom.text.pieces import Word, word_texts

LONGEST_NAME = 8
"""Words of the longest name that is kept."""


class Gazetteer:
    """Names by kind, found word by word without regard to case; of names that overlap the first, longest one counts.

    names  (kind, name); of a name with two kinds the first counts. A name of one word is found in its plural, too
    kinds  in the order in which they first came
    """

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self.names: dict[tuple[str, ...], int] = {}
        kinds: dict[str, int] = {}
        words: dict[str, str] = {}  # many names share a word: it is kept once
        for kind, name in names:
            plain = name.lower()
            found = plain.split() if plain.replace(" ", "").isalnum() else word_texts(plain)
            key = tuple(words.setdefault(word, word) for word in found)
            if 0 < len(key) <= LONGEST_NAME:
                self.names.setdefault(key, kinds.setdefault(kind, len(kinds)))
        self.kinds = tuple(kinds)
        self._begun = {key[:length] for key in self.names for length in range(1, len(key))}

    @property
    def hints(self) -> int:
        """How many different hints there are, that of no name among them."""
        return 1 + 2 * len(self.kinds)

    def of(self, text: str, found: Sequence[Word]) -> list[int]:
        """For each word of a text 0, or 1 + 2 kind where it begins a name, or 2 + 2 kind where it goes on with one."""
        plain = [text[word.start : word.end].lower() for word in found]
        hints = [0] * len(plain)
        place = 0
        while place < len(plain):
            end, kind = self._longest(plain, place)
            if end == place:
                place += 1
                continue
            hints[place] = 1 + 2 * kind
            hints[place + 1 : end] = [2 + 2 * kind] * (end - place - 1)
            place = end
        return hints

    def _longest(self, plain: Sequence[str], place: int) -> tuple[int, int]:
        end, kind = place, 0
        for stop in range(place + 1, min(len(plain), place + LONGEST_NAME) + 1):
            key = tuple(plain[place:stop])
            known = self.names.get(key)
            if known is not None:
                end, kind = stop, known
            if key not in self._begun:
                break
        if end == place and plain[place].endswith("s"):
            known = self.names.get((plain[place][:-1],))
            if known is not None:
                return place + 1, known
        return end, kind
