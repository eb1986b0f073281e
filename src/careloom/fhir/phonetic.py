"""How names sound: Daitch-Mokotoff Soundex, codes of six digits, several where letters may be spoken in several ways.

Of the algorithms for names it is the one whose rules come from many languages (Germanic, Slavic, Romance, Hebrew), that
does not hang on the first letter (Katz, Cats), and that is a table: nothing else is needed.

source  G. Mokotoff and R. Daitch, Daitch-Mokotoff Soundex System: coding chart (Avotaynu, 1986; JewishGen); without its
        two letters beyond the alphabet, for accents are taken off before
"""

import re
import tomllib
from functools import cache, lru_cache

from careloom.fhir.search_values import normal_text
from careloom.runtime import packaged

LENGTH = 6
"""Digits of a code."""
MOST_CODES = 16
"""Codes of one name: no name of the chart's examples has more than eight."""
_VOWELS = frozenset("aeijouy")
_NOT_LETTERS = re.compile(r"[^a-z]+")
_LIGATURES = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "þ": "th", "ð": "d", "ı": "i"})
_Choices = tuple[str, ...]


@cache
def _rules() -> dict[str, tuple[_Choices, _Choices, _Choices]]:
    """Letters -> codes at the start of a name, before a vowel, elsewhere; each a choice, empty where not coded."""
    found: dict[str, tuple[_Choices, _Choices, _Choices]] = {}
    table = tomllib.loads(packaged("fhir", "search/daitch-mokotoff.toml").decode())
    for codes, letters in table["rules"]:
        start, vowel, other = (tuple(one.replace("-", "") for one in code.split("|")) for code in codes.split())
        found |= dict.fromkeys(letters.lower().split(), (start, vowel, other))
    return found


def sounds_of(text: str) -> tuple[str, ...]:
    """The codes of each word of a name and of all its words together, sorted, each once; none without a letter."""
    words = [word for word in _NOT_LETTERS.split(normal_text(text).translate(_LIGATURES)) if word]
    return tuple(sorted({code for word in {*words, "".join(words)} for code in sounds(word)}))


def sounds_alike(text: str) -> tuple[str, ...]:
    """The codes of a name that is asked for, all its words together, sorted; none without a letter."""
    return sounds(_NOT_LETTERS.sub("", normal_text(text).translate(_LIGATURES)))


@lru_cache(65_536)
def sounds(word: str) -> tuple[str, ...]:
    """The codes of one word of letters a to z, sorted; none for the empty word."""
    if not word:
        return ()
    rules, at = _rules(), 0
    ends: set[tuple[str, str]] = {("", "")}
    while at < len(word):
        size = next(length for length in range(min(7, len(word) - at), 0, -1) if word[at : at + length] in rules)
        behind = word[at + size : at + size + 1]
        place = 0 if at == 0 else 1 if behind in _VOWELS and behind else 2
        choices = rules[word[at : at + size]][place]
        ends = {_with(*end, choice) for end in ends for choice in choices}
        at += size
    return tuple(sorted({code.ljust(LENGTH, "0") for code, _ in ends}))[:MOST_CODES]


def _with(code: str, last: str, digits: str) -> tuple[str, str]:
    """(code, what was coded last) after further digits: neighbours that sound alike are coded once, but not m and n."""
    if digits == "66":
        return (code + ("6" if last == "6" else "66"))[:LENGTH], "6"
    for digit in digits or "-":
        if digit not in ("-", last):
            code += digit
        last = digit
    return code[:LENGTH], last
