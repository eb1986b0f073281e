"""A search of any bytes for any number of identifiers at once: in any case, spacing and punctuation.

What is searched is the plain view of the bytes: their letters and digits of ASCII in lower case, one after another.
So neither dashes, brackets, line breaks nor the zeros of UTF-16 hide anything. Every place of that view is looked up
by eight letters in a filter of bits, so that a million identifiers cost hardly more time than one.
"""

from collections.abc import Iterable

import numpy as np

from careloom.deid.canaries import plain

HEAD = 8
"""The shortest term that is searched for anywhere."""
LONGEST_GAP = 5
"""Bytes that may stand between two letters of a term: `` ) `` in UTF-16 has five."""
_SHORT_NUMBER = 8
_MOST_OF_A_COUNTRY = 3
_BITS = 22
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(64 - _BITS)
_LOWER = np.zeros(256, np.uint8)
for _code in range(128):
    if chr(_code).isalnum():
        _LOWER[_code] = ord(chr(_code).lower())
_WORDS = bytes(_LOWER).replace(b"\0", b" ")
_DIGITS = bytes(code if 48 <= code <= 57 else 32 for code in range(256))
_ACCENTED = bytes(range(128, 256))
_BETWEEN = np.zeros(256, bool)  # what may stand between letters: no control bytes but white space and zero
for _code in (0, 9, 10, 12, 13, *range(32, 127), *range(128, 256)):
    _BETWEEN[_code] = True
_IN_NUMBER = np.zeros(256, bool)
for _code in b"\0 \t\r\n-./()+":
    _IN_NUMBER[_code] = True


class TermSearch:
    """Finds terms of `HEAD` or more letters and digits (`careloom.deid.canaries.plain`) in bytes.

    telephones  terms that are also found behind a country code: 1, 001, or + and up to three digits
    """

    def __init__(self, terms: Iterable[bytes], telephones: Iterable[bytes] = ()) -> None:
        self._telephones = frozenset(telephones)
        self._by_head: dict[bytes, list[bytes]] = {}
        for term in sorted(set(terms)):
            if len(term) < HEAD or plain(term) != term:
                raise ValueError("a term is of eight or more plain letters and digits")
            self._by_head.setdefault(term[:HEAD], []).append(term)
        heads = np.frombuffer(b"".join(self._by_head), np.uint64)
        self._filter = np.zeros(1 << _BITS, bool)
        self._filter[(heads * _FACTOR) >> _SHIFT] = True

    def find(self, data: bytes) -> set[bytes]:
        """The terms that stand in the bytes as they are; see `careloom.deid.leak_views` for what is packed in them.

        Between two letters of a term stand `LONGEST_GAP` bytes at most, and none that no text holds. A term of digits
        alone is found as a whole number only: written with spaces, dashes, dots and brackets, not as a part of a longer
        one, and, up to eight digits, not within letters that could be a number to the base of sixteen.
        """
        view, places = plain_view(data)
        if len(places) < HEAD or not self._by_head:
            return set()
        whole = np.frombuffer(data, np.uint8)
        windows = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(view, HEAD)).view(np.uint64).ravel()
        found: set[bytes] = set()
        text = b""
        for at in np.flatnonzero(self._filter[(windows * _FACTOR) >> _SHIFT]).tolist():
            text = text or view.tobytes()
            for term in self._by_head.get(text[at : at + HEAD], ()):
                if term in found or not text.startswith(term, at):
                    continue
                if _stands(term, at, places, whole, text, has_country=term in self._telephones):
                    found.add(term)
        return found


def plain_view(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The letters and digits of the bytes in lower case, and where each stands."""
    lower = _LOWER[np.frombuffer(data, np.uint8)]
    places = np.flatnonzero(lower)
    return lower[places], places


def _stands(
    term: bytes, at: int, places: np.ndarray, whole: np.ndarray, text: bytes, *, has_country: bool = False
) -> bool:
    """True where the letters at one place of the view belong together in the bytes.

    has_country  a country code may touch them
    """
    own = places[at : at + len(term)]
    if int(np.diff(own).max()) > LONGEST_GAP + 1:
        return False
    between = np.ones(int(own[-1] - own[0]) + 1, bool)
    between[own - own[0]] = False
    is_number = term.isdigit()
    allowed = _IN_NUMBER if is_number else _BETWEEN
    if not allowed[whole[own[0] : own[-1] + 1][between]].all():
        return False
    if not is_number:
        return True
    touching = b"0123456789" + (b"abcdef" if len(term) <= _SHORT_NUMBER else b"")
    before = at > 0 and text[at - 1] in touching and _touch(places[at - 1], own[0], whole)
    end = at + len(term)
    after = end < len(text) and text[end] in touching and _touch(own[-1], places[end], whole)
    return not after and (not before or (has_country and _is_country(at, places, whole, text)))


def _is_country(at: int, places: np.ndarray, whole: np.ndarray, text: bytes) -> bool:
    """True where the digits that touch a place of the view from before are a country code as a whole."""
    start = at
    while start > 0 and text[start - 1] in b"0123456789" and _touch(places[start - 1], places[start], whole):
        start -= 1
        if at - start > _MOST_OF_A_COUNTRY:
            return False
    before = whole[max(0, places[start] - 2) : places[start]].tobytes().rstrip(b"\0")
    return text[start:at] in (b"1", b"001") or before.endswith(b"+")


def _touch(first: int, second: int, whole: np.ndarray) -> bool:
    """True when nothing, or a zero of UTF-16, stands between two places."""
    return second - first == 1 or (second - first == 2 and whole[first + 1] == 0)


def tokens(data: bytes) -> set[bytes]:
    """The words of the bytes as plain letters and digits, and their numbers, also within words and with dashes."""
    return {
        *data.translate(_WORDS, _ACCENTED).split(),
        *data.translate(_DIGITS).split(),
        *data.translate(_DIGITS, b"-.").split(),
    }
