"""Names in place of names: given for given, family for family, of the same gender where it is known.

Each letter with which names begin stands for another letter, the same for all names of a patient: so ``J. Smith`` and
``John Smith`` stay one person. Titles, particles and credentials stay.
"""

import re
from collections.abc import Callable
from functools import cache

from careloom.deid import name_lists as lists
from careloom.deid.name_words import CREDENTIALS, TITLES
from careloom.deid.text_known import Known

Number = Callable[[str, str, int], int]
_PARTICLES = frozenset(
    "van von der den de da di dos das del della la le el al bin ibn ben ter ten zu af av y of and und".split()
)
_WORD = re.compile(r"[^\W\d_]+")
_SPACED = re.compile(r"[^\W\d_](?:(?P<gap>[ ._-]{1,2})[^\W\d_])(?:(?P=gap)[^\W\d_]){2,}")
_BROKEN = re.compile(r"(?<=[^\W\d_])-?[ \t]{0,3}\n[ \t]{0,8}(?=[a-z])")
_LEAST_NAMES = 8


class NameSurrogates:
    """Writes names for one patient.

    number  draws a number below a bound for a kind and a value
    known   what the record knows: its names have their gender from there, and are never written
    """

    def __init__(self, number: Number, known: Known) -> None:
        self._number = number
        self._kinds: dict[str, str] = {}
        for name in known.names:
            for word in name.given:
                for part in _WORD.findall(lists.folded(word)):
                    self._kinds.setdefault(part, name.gender or "given")
            for part in _WORD.findall(lists.folded(name.family)):
                self._kinds[part] = "family"
        self._forbidden = frozenset(self._kinds)

    def write(self, seen: str, part: str = "") -> str:
        """A name in place of `seen`, word by word."""
        whole = _BROKEN.sub("", seen)
        parts, at = [], 0
        for spaced in _SPACED.finditer(whole):
            parts += [self._words(whole[at : spaced.start()]), self._spaced(spaced)]
            at = spaced.end()
        return "".join([*parts, self._words(whole[at:])])

    def _words(self, text: str) -> str:
        return _WORD.sub(lambda word: self._word(word, text), text)

    def knows(self, word: str) -> bool:
        """True where `word` is a name of the record or of the lists."""
        folded = lists.folded(word)
        return folded in self._kinds or bool(lists.names().get(folded, 0) & lists.PERSON)

    def _spaced(self, found: re.Match[str]) -> str:
        gap = found["gap"]
        words = re.split(re.escape(gap) + r"{2,}", found[0]) if gap == " " else [found[0]]
        return "  ".join(gap.join(self._written("".join(_WORD.findall(word)))) for word in words)

    def _word(self, found: re.Match[str], whole: str) -> str:
        word = found[0]
        if len(word) == 1:
            if whole[found.start() - 1 : found.start()] in ("'", "’") and word in "sS":
                return word
            return word if whole[found.end() : found.end() + 1] in ("'", "’") else self._initial(word)
        if word.lower() in _PARTICLES or word in CREDENTIALS or TITLES.match(word):
            return word
        if (
            word.isupper()
            and len(word) <= 3
            and lists.folded(word) not in self._kinds
            and not lists.names().get(lists.folded(word))
        ):
            return "".join(self._initial(letter) for letter in word)
        return self._written(word)

    def _written(self, word: str) -> str:
        """The surrogate of a word, in its case."""
        new = self._surrogate(lists.folded(word))
        if word.isupper():
            return new.upper()
        return new if word[0].isupper() or not word[0].isalpha() else new.lower()

    def _surrogate(self, folded: str) -> str:
        kind = self._kind(folded)
        first = self._initial(folded[0].upper()) if folded[0].isascii() else ""
        pool = _starting(kind, first)
        for attempt in range(len(pool)):
            new = pool[self._number("name", f"{folded}{attempt or ''}", len(pool))]
            if lists.folded(new) != folded and lists.folded(new) not in self._forbidden:
                return new
        return "Doe"

    def _kind(self, folded: str) -> str:
        known = self._kinds.get(folded, "")
        if known in ("male", "female", "family"):
            return known
        flags = lists.names().get(folded, 0)
        male, female = bool(flags & lists.MALE), bool(flags & lists.FEMALE)
        if (
            known != "given"
            and not (_in_pool("male", folded) or _in_pool("female", folded))
            and (flags & lists.FAMILY or not flags & lists.GIVEN)
        ):
            return "family"
        if male != female:
            return "male" if male else "female"
        if _in_pool("male", folded) != _in_pool("female", folded):
            return "male" if _in_pool("male", folded) else "female"
        return ("male", "female")[self._number("gender", folded, 2)]

    def _initial(self, letter: str) -> str:
        """The letter that stands for `letter`, in its case."""
        upper = lists.folded(letter)[:1].upper()
        choices = [one for one in _initials() if one != upper]
        new = choices[self._number("initial", upper, len(choices))]
        return new if letter.isupper() else new.lower()


@cache
def _starting(kind: str, first: str) -> tuple[str, ...]:
    """The names of a pool that begin with a letter."""
    return tuple(name for name in lists.pools()[kind] if name.startswith(first))


@cache
def _initials() -> tuple[str, ...]:
    """Letters with which enough names of each pool begin."""
    letters = sorted({name[0] for name in lists.pools()["family"]})
    return tuple(
        one
        for one in letters
        if all(len(_starting(kind, one)) >= _LEAST_NAMES for kind in ("male", "female", "family"))
    )


@cache
def _pool_set(kind: str) -> frozenset[str]:
    return frozenset(name.lower() for name in lists.pools()[kind])


def _in_pool(kind: str, folded: str) -> bool:
    return folded in _pool_set(kind)
