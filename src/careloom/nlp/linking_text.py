"""Names and mentions in one plain form, so that what means the same is written the same.

plain("Tumours of the oesophagus, type II")      ('tumor', 'esophagus', 'type', '2') by `words`
canonical("Renal tumours")                       'kidney tumor'
"""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from types import MappingProxyType

from careloom import runtime

_WORD = re.compile(r"[a-z0-9]+")
_POSSESSIVE = re.compile(r"['\u2019\u02bc]s?\b")
_GREEK = dict(zip("\u03b1\u03b2\u03b3\u03b4\u03b5\u03ba\u03bb\u03bc\u00b5\u03c9",
                  ("alpha", "beta", "gamma", "delta", "epsilon", "kappa", "lambda", "mu", "mu", "omega"),
                  strict=True))  # fmt: skip
_ROMAN = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9", "xi": "11", "xii": "12"}
_COUNTED = {"type", "grade", "stage", "class", "group", "factor", "degree", "form", "nyha"}
_LONE = {"i": "1", "v": "5", "x": "10", "one": "1", "two": "2", "three": "3"}
_MOST = 400
"""Characters of a name that are looked at."""


@cache
def _lists() -> Mapping[str, object]:
    return tomllib.loads(runtime.packaged("nlp", "linking.toml").decode())


@cache
def _same() -> Mapping[str, str]:
    groups = _lists()["same"]
    assert isinstance(groups, list)  # noqa: S101 - of our own file
    return MappingProxyType({word: group[0] for group in groups for word in group})


@cache
def word_list(name: str) -> frozenset[str]:
    """One of the lists ``noise``, ``generic``, ``modifiers``, ``plain``, as `words` writes them."""
    listed = _lists()[name]
    assert isinstance(listed, list)  # noqa: S101 - of our own file
    return frozenset(listed)


@cache
def alike() -> Mapping[str, frozenset[int]]:
    """Word -> the groups of words that are the same in many names."""
    found: dict[str, set[int]] = {}
    groups = _lists()["alike"]
    assert isinstance(groups, list)  # noqa: S101 - of our own file
    for number, group in enumerate(groups):
        for word in group:
            found.setdefault(word, set()).add(number)
    return MappingProxyType({word: frozenset(numbers) for word, numbers in found.items()})


def _singular(word: str) -> str:
    if word.endswith("omas"):
        return word[:-1]
    if len(word) < 5 or not word.endswith("s") or word.endswith(("ss", "us", "is", "as", "os")):
        return word
    if word.endswith(("oses", "eses", "ases", "yses", "ises")) and len(word) > 6:
        return word[:-2] + "is" if not word.endswith(("eases", "ases")) or word.endswith("stases") else word[:-1]
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "ches", "shes", "xes", "zes")):
        return word[:-2]
    if word.endswith("ides") and word.endswith("itides"):
        return word[:-3] + "s"
    return word[:-1]


@lru_cache(maxsize=65536)
def _lemma(word: str) -> str:
    lemmas, spelling = _lists()["lemma"], _lists()["spelling"]
    assert isinstance(lemmas, dict)  # noqa: S101 - of our own file
    assert isinstance(spelling, dict)  # noqa: S101 - of our own file
    for part, other in spelling.items():
        if part in word:
            word = word.replace(part, other)
    if word in lemmas:
        return str(lemmas[word])
    if word in _ROMAN:
        return _ROMAN[word]
    return _singular(word)


def folded(text: str) -> str:
    """Lower case without accents; Greek letters by name."""
    if text.isascii():
        return text[:_MOST].lower()
    spelt = "".join(_GREEK.get(letter, letter) for letter in text[:_MOST].lower())
    return "".join(letter for letter in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(letter))


def words(text: str) -> tuple[str, ...]:
    """The words of a name in the singular, American spelling, numbers in digits."""
    found = _WORD.findall(_POSSESSIVE.sub("", folded(text)))
    plain = [_lemma(word) for word in found]
    for place, word in enumerate(plain):
        if word in _LONE and place and plain[place - 1] in _COUNTED:
            plain[place] = _LONE[word]
    return tuple(plain)


@lru_cache(maxsize=65536)
def _one(word: str) -> str:
    return _same().get(word, word)


def canonical(text: str) -> str:
    """`words`, each by the first of its group of words that are always the same, one blank between."""
    return " ".join([_one(word) for word in words(text)])


def key(text: str) -> str:
    """The words of a canonical name that have weight, in alphabetical order: names of one key differ in form only."""
    noise = word_list("noise")
    kept = sorted({word for word in text.split(" ") if word not in noise})
    return " ".join(kept)
