"""Planted identifiers of nobody, and a search for them: what comes out of a research zone is known by what went in."""

import base64
import binascii
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np

from careloom.errors import QueryError

KINDS = ("name", "mrn", "phone", "email")
_STARTS = ("Zq", "Vrr", "Xyl", "Qwo", "Kzw", "Jhx", "Wvy", "Ytz")
_MIDDLES = ("ombru", "agvi", "ixtou", "ulkra", "ezzwi", "orphy", "ynka", "akwo")
_ENDS = ("ldorq", "xifem", "zthuk", "vwand", "pqist", "jholm", "kryzz", "gwenx")
_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789"
_LOWER = bytes(range(256)).lower()
_OTHERS = bytes(byte for byte in range(256) if bytes([byte]).lower() not in [bytes([each]) for each in _LETTERS])
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{12,}")
_BLANKS = b" \t\r\n\f\v"
_ESCAPES = re.compile(rb"\\u([0-9a-fA-F]{4})|%([2-9a-fA-F][0-9a-fA-F])|&#([0-9]{2,5});|&#x([0-9a-fA-F]{2,4});")
_NAMED = re.compile(rb"\\[nrtbf]|&nbsp;|=\r?\n")
_FIRST_AREA, _AREAS = 201, 789
# The shapes of all that `canaries` draws, so that one pass finds any number of them.
_SHAPE = (
    f"(?:{'|'.join(_STARTS).lower()})(?:{'|'.join(_MIDDLES)}){{2}}(?:{'|'.join(_ENDS)})|zq[0-9]{{12}}|[0-9]{{3}}55501[0-9]{{2}}"
).encode()
_SHAPES, _SHAPES_ANYWHERE = re.compile(_SHAPE), re.compile(b"(?=(" + _SHAPE + b"))")
DEPTH = 2  # base64 within base64


@dataclass(frozen=True, slots=True)
class Canary:
    """One identifier of nobody.

    kind  name, mrn, phone or email
    text  as to be planted, e.g. ``Zqombruagvildorq Vrragviyntaxifem``
    """

    kind: str
    text: str

    @property
    def needles(self) -> tuple[bytes, ...]:
        """What is searched for, letters and digits alone: of a name each word, for one may leak alone."""
        parts = (
            self.text.split()
            if self.kind == "name"
            else [self.text.split("@")[0] if self.kind == "email" else self.text]
        )
        return tuple(plain(part.encode()) for part in parts)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A canary that was found.

    place    its number in the list that was searched for, so that a report need not print it
    kind     of the canary
    encoded  how many layers of base64 it was under
    """

    place: int
    kind: str
    encoded: int


def canaries(seed: int, count: int, taken: Collection[str] = ()) -> tuple[Canary, ...]:
    """So many identifiers, kinds in turn, each unlike any other.

    seed    the same seed gives the same canaries
    taken   words in lower case, e.g. of name lists, that no word of a name may be
    raises  QueryError for more than can be told apart

    Names are of letters that no language puts so. Telephone numbers are of 555-0100 to 555-0199, which the North
    American plan keeps for fiction; mail goes to ``.invalid`` (RFC 2606); record numbers are ``ZQ`` and twelve digits.
    """
    generator = np.random.default_rng(seed)
    lists = frozenset(taken)
    every = ["".join(parts) for parts in product(_STARTS, _MIDDLES, _MIDDLES, _ENDS)]
    words = [every[at] for at in generator.permutation(len(every)) if every[at].lower() not in lists]
    numbers = generator.permutation(_AREAS * 100)[:count]
    if count > len(words):
        raise QueryError(f"canaries: {count:,} cannot be told apart", f"ask for {len(words):,} at most")
    found: list[Canary] = []
    for at in range(count):
        kind = KINDS[at % len(KINDS)]
        if kind == "name":
            text = f"{words.pop()} {words.pop()}"
        elif kind == "mrn":
            text = f"ZQ{int(generator.integers(10**7, 10**8))}{at:04d}"
        elif kind == "phone":
            text = f"({_FIRST_AREA + int(numbers[at]) // 100}) 555-01{int(numbers[at]) % 100:02d}"
        else:
            text = f"{words.pop().lower()}@canary.invalid"
        found.append(Canary(kind, text))
    return tuple(found)


def plain(data: bytes) -> bytes:
    """Letters and digits of ASCII alone, in lower case: so spacing, dashes and the zeros of UTF-16 do not matter."""
    return data.translate(_LOWER, _OTHERS)


def sightings(planted: Iterable[Canary], data: bytes) -> tuple[Sighting, ...]:
    """The canaries that stand in some bytes, each once for every depth, in any case and spacing and in base64.

    Also seen: through line breaks and dashes, in UTF-16, as percent, JSON and HTML escapes, base64 in lines, URL-safe,
    in the middle of other text, and base64 once more in base64. Not seen: compressed or encrypted bytes (unpack them
    first), characters exchanged for look-alikes, and less than one word of a name.
    """
    owners: dict[bytes, list[tuple[int, str]]] = {}
    for place, canary in enumerate(planted):
        for needle in canary.needles:
            owners.setdefault(needle, []).append((place, canary.kind))
    shapeless = [needle for needle in owners if not _SHAPES.fullmatch(needle)]
    found: dict[Sighting, None] = {}
    layer = [data]
    for depth in range(DEPTH + 1):
        for piece in layer:
            for text in {plain(piece), plain(unescaped(piece))}:
                seen = {match[1] for match in _SHAPES_ANYWHERE.finditer(text)} & owners.keys()
                seen.update(needle for needle in shapeless if needle in text)
                found.update({Sighting(*owner, depth): None for needle in seen for owner in owners[needle]})
        layer = [one for piece in layer for one in _decoded(piece)] if depth < DEPTH else []
    return tuple(sorted(found, key=lambda each: (each.place, each.encoded)))


def unescaped(data: bytes) -> bytes:
    """The bytes with percent, JSON and HTML escapes read as UTF-8, and escaped line breaks taken out.

    The same bytes again where there is nothing to read.
    """

    def read(match: re.Match[bytes]) -> bytes:
        if match[2]:
            return bytes([int(match[2], 16)])
        hexadecimal = match[1] or match[4]
        return chr(int(hexadecimal, 16) if hexadecimal else int(match[3])).encode("utf-8", "replace")

    if not any(mark in data for mark in (b"\\", b"%", b"&", b"=\n", b"=\r")):
        return data
    return _ESCAPES.sub(read, _NAMED.sub(b" ", data))


def _decoded(data: bytes) -> list[bytes]:
    """What runs of base64 in the bytes say, from each of four places, for a run may start within other letters."""
    joined = data.translate(None, _BLANKS)
    for escaped in (rb"\n", rb"\r", rb"\t"):
        joined = joined.replace(escaped, b"")
    found = []
    for run in _RUN.findall(joined):
        letters = run.replace(b"-", b"+").replace(b"_", b"/")
        for start in range(4):
            some = letters[start:]
            some = some[: len(some) - (len(some) % 4 == 1)]
            try:
                found.append(base64.b64decode(some + b"=" * (-len(some) % 4)))
            except binascii.Error:
                continue
    return found
