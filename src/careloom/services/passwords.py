"""Which passwords people may choose: long ones that nobody would guess first. Nothing is asked of their letters.

source  NIST SP 800-63B-4 (2025), 3.1.1.2; OWASP ASVS 5.0 (2025), 6.2
"""

import gzip
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import pairwise

import orjson

from careloom.errors import QueryError
from careloom.runtime import packaged

SHORTEST, LONGEST = 12, 128
"""In characters; NIST asks for 8 beside a second factor, and to take at least 64."""
_CONTEXT = ("careloom", "hospital", "clinic", "health", "patient", "medical")
"""Words that anybody would try here, beside those of the person."""
_LEAST_OWN = 8
"""Characters that have to be left without words of the context."""
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop")
_LEET = str.maketrans("013457@$!|", "oieastasii")
_REMEDY = "Choose another one: a few words that belong to no sentence are long and easy to keep in mind."


def kept_form(password: str) -> str:
    """The password as it is hashed: the same however a keyboard composes its letters (NFKC)."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, context: Iterable[str] = ()) -> None:
    """Returns when a password may be chosen.

    context  words of the person, such as the name
    raises   QueryError that says what is wrong with it, and never repeats it
    """
    kept = kept_form(password)
    if not SHORTEST <= len(kept) <= LONGEST:
        raise QueryError(f"a password has {SHORTEST} to {LONGEST} characters", _REMEDY)
    folded = kept.casefold()
    if folded in common() or _core(folded) in common() or _core(folded).translate(_LEET) in common():
        raise QueryError("this password is among those that are tried first", _REMEDY)
    if _is_repeated(folded) or _is_row(folded):
        raise QueryError("this password is one thing over and over, or a row of keys", _REMEDY)
    if len(_without(folded, {*_CONTEXT, *(word.casefold() for word in context)})) < _LEAST_OWN:
        raise QueryError("this password is mostly made of words that anybody would try here", _REMEDY)


@cache
def common() -> frozenset[str]:
    """The 30,000 passwords that leaked most often, in small letters."""
    words: list[str] = orjson.loads(gzip.decompress(packaged("services", "common_passwords.json.gz")))
    return frozenset(word.casefold() for word in words)


def _core(text: str) -> str:
    """Without what people put around a word to make it longer."""
    first = next((at for at, letter in enumerate(text) if letter.isalpha()), len(text))
    last = next((at for at in range(len(text), first, -1) if text[at - 1].isalpha()), first)
    core = text[first:last]
    return core if len(core) >= 4 else text


def _is_repeated(text: str) -> bool:
    unit = (text + text).find(text, 1)  # the shortest shift under which a text is itself
    return unit < len(text) or len(set(text)) < 5


def _is_row(text: str) -> bool:
    """True where most neighbours are neighbours on a keyboard, in the alphabet or among the digits."""
    pairs = {pair for row in _ROWS for pair in (*pairwise(row), *pairwise(row[::-1]))}
    near = sum(pair in pairs for pair in pairwise(text))
    return near >= 0.7 * (len(text) - 1)


def _without(text: str, words: Iterable[str]) -> str:
    for word in sorted((word for word in words if len(word) >= 3), key=len, reverse=True):
        text = text.replace(word, "")
    return text
