"""What the record knows, found in text: exact, in other writing, squeezed together, spaced out, misspelt.

Two passes. Word by word: a known word of a name or place in any case, with or without accents, possessive, hyphenated.
And over the text squeezed to letters and digits, in which an identifier that is split over lines, spaced, dotted, or
hidden in an address of the net or a file name stands in one piece.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from rapidfuzz import process
from rapidfuzz.distance import OSA

from careloom.deid import name_lists as lists
from careloom.deid.text_known import Known, KnownName
from careloom.deid.text_spans import DATE, EMAIL, LOCATION, NAME, ORGANIZATION, URL, Found
from careloom.text.note import Span

_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")
_LETTER = re.compile(r"[^\W_]")
_HEAD = 4  # terms of the squeezed text are found by their first letters
_LEAST_DIGITS, _LEAST_LETTERS, _LEAST_SPACED = 4, 6, 4
_FUZZY_FROM, _FUZZY_TWO_FROM = 5, 8
_STREET = re.compile(
    r"\b(?:street|st|avenue|ave|road|rd|drive|dr|lane|ln|court|ct|place|pl|boulevard|blvd|circle|cir"
    r"|way|terrace)\b\.?|\b(?:apt|apartment|unit|suite|ste|#).*",
    re.IGNORECASE,
)
_STREET_GOES_ON = re.compile(
    r"\.?\s(?:street|st|avenue|ave|road|rd|drive|dr|lane|ln|court|ct|place|pl|boulevard|blvd|circle"
    r"|cir|way|terrace)\b\.?"
    r"(?:,?\s(?:apt|apartment|unit|suite|ste|#)\.?\s?\w{1,5})?",
    re.IGNORECASE,
)
_SPACED_OUT = re.compile(r"[^\W_](?:[ ._-]{1,3}[^\W_])+")
_BROKEN = re.compile(r"-?\s{0,3}\n|-|[\u00ad]")


@dataclass(slots=True)
class _Index:
    """Known words and terms, ready to be looked up."""

    words: dict[str, tuple[str, str]] = field(default_factory=dict)
    heads: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    initials: set[str] = field(default_factory=set)

    def add_term(self, text: str, label: str, part: str = "") -> None:
        term = squeezed(text)
        if len(term) >= _HEAD:
            bucket = self.heads.setdefault(term[:_HEAD], [])
            if (term, label, part) not in bucket:
                bucket.append((term, label, part))


class RecordDetector:
    """Finds what the record of the patient knows: the strongest signal, score 1 (0.8 where misspelt)."""

    name = "record"

    def find(self, text: str, known: Known) -> Sequence[Found]:
        """Known names, places, numbers, addresses and dates of birth."""
        index = _index(known)
        if not index.words and not index.heads:
            return []
        found = list(_by_word(text, index))
        found += _by_squeezing(text, index)
        return found


def squeezed(text: str) -> str:
    """Letters and digits only, folded."""
    return "".join(_LETTER.findall(lists.folded(text)))


def _index(known: Known) -> _Index:
    index = _Index()
    for name in known.names:
        _add_name(index, name)
    for address in known.addresses:
        for line in address.lines:
            index.add_term(line, LOCATION, "street")
            bare = _STREET.sub("", line)
            if re.search(r"\d", bare) and len(squeezed(bare)) >= _LEAST_LETTERS:
                index.add_term(bare, LOCATION, "street")
        for word in _WORD.findall(address.city):
            if len(word) > 2:
                index.words.setdefault(lists.folded(word), (LOCATION, "city"))
        index.add_term(address.city, LOCATION, "city")
        index.add_term(address.postal_code, LOCATION, "zip")
        index.add_term(address.postal_code[:5], LOCATION, "zip")
    for label, value in known.values:
        index.add_term(value, label)
        digits = "".join(letter for letter in value if letter.isdigit())
        if label in ("PHONE", "FAX") and len(digits) == 11 and digits[0] == "1":
            index.add_term(digits[1:], label)
    for birth in known.birth_dates:
        for digits in _birth_digits(birth):
            index.add_term(digits, DATE, "birth")
    return index


def _birth_digits(birth: date) -> Iterable[str]:
    day, month, year = f"{birth.day:02d}", f"{birth.month:02d}", f"{birth.year:04d}"
    return (year + month + day, month + day + year, day + month + year, month + day + year[2:], year[2:] + month + day)


def _add_name(index: _Index, name: KnownName) -> None:
    for word in name.words():
        for part in {word, *re.split(r"[-'’]", word)}:
            folded = lists.folded(part).strip(".,")
            if len(folded) > 1:
                index.words.setdefault(folded, (NAME, name.role))
        if len(squeezed(word)) >= _LEAST_SPACED:
            index.add_term(word, NAME, name.role)
    for given in name.given:
        if name.family:
            index.add_term(given + name.family, NAME, name.role)
            index.add_term(name.family + given, NAME, name.role)
            if len(name.family) >= _LEAST_SPACED:
                index.add_term(given[:1] + name.family, NAME, name.role)
    if name.given and name.family:
        index.initials.add(lists.folded(name.given[0][:1] + name.family[:1]))
        index.initials.add(lists.folded("".join(given[:1] for given in name.given) + name.family[:1]))


def _by_word(text: str, index: _Index) -> Iterator[Found]:
    words, plain_words, names = index.words, lists.words(), lists.names()
    candidates = [word for word in words if len(word) >= _FUZZY_FROM and word not in plain_words]
    last: tuple[int, str] = (-9, "")
    for match in _WORD.finditer(text):
        word = match[0]
        if len(word) < 2:
            continue
        folded = lists.folded(word).removesuffix("'s")
        hit, score = words.get(folded), 1.0
        if hit is None and folded.endswith("s"):
            hit = words.get(folded[:-1]) if folded not in plain_words and folded not in names else None
        if (
            hit is None
            and len(folded) >= _FUZZY_FROM
            and candidates
            and folded not in plain_words
            and not folded.isdigit()
        ):
            hit, score = _misspelt(folded, candidates, words, names), 0.8
        if hit is None:
            continue
        near = match.start() - last[0] <= 2 and last[1] == hit[0]
        if word[0].islower() and (folded in plain_words or len(folded) < 3) and not near:
            continue
        end = match.start() + len(word) - (2 if word.lower().endswith("'s") or word.lower().endswith("’s") else 0)
        yield Found(Span(match.start(), end), hit[0], "record", score, hit[1])
        last = (match.end(), hit[0])
    if index.initials:
        for match in _INITIALS.finditer(text):
            if squeezed(match[0]) in index.initials:
                yield Found(Span(*match.span()), NAME, "record", 0.9, "patient")


_INITIALS = re.compile(r"(?<![^\W_.])[A-Z]\.\s?(?:[A-Z]\.\s?){1,2}(?![A-Za-z])|(?<=\()[A-Z]{2,3}(?=\))")


def _misspelt(
    word: str, candidates: list[str], words: dict[str, tuple[str, str]], names: dict[str, int] | object
) -> tuple[str, str] | None:
    """The known word that `word` is a misspelling of."""
    most = 2 if len(word) >= _FUZZY_TWO_FROM else 1
    best = process.extractOne(word, candidates, scorer=OSA.distance, score_cutoff=most)
    if best is None or (len(best[0]) < _FUZZY_TWO_FROM and best[1] > 1) or (best[0][0] != word[0] and best[1] > 1):
        return None
    return words[best[0]]


def _by_squeezing(text: str, index: _Index) -> Iterator[Found]:
    flat = lists.folded(text) if len(text) < 64 else text.lower()
    if len(flat) != len(text) or not text.isascii():
        flat = "".join(lists.folded(letter)[:1] or letter for letter in text)
    flat = "".join([one for one, letter in zip(flat, text, strict=True) if letter.isalnum()])
    heads = index.heads
    hits = sorted((at, head) for head in heads for at in _places_of(head, flat))
    places = [place for place, letter in enumerate(text) if letter.isalnum()] if hits else []
    for at, head in hits:
        for term, label, part in heads[head]:
            if flat.startswith(term, at) and _stands(text, places, at, at + len(term), term, label):
                end = places[at + len(term) - 1] + 1
                if part == "street" and (more := _STREET_GOES_ON.match(text, end)):
                    end = more.end()
                yield Found(Span(places[at], end), label, "record", 1.0, part)


def _places_of(part: str, text: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


# What never stands inside one identifier.
_APART = re.compile(r"[()\[\]<>@;:|\"]\D|\.\s{2}|\n\s*\n|[^\w]{11}|[a-z]\.\s[A-Z]")


def _stands(text: str, places: list[int], start: int, end: int, term: str, label: str) -> bool:
    """True where a squeezed term is the term and not a part of something longer."""
    first, last = places[start], places[end - 1] + 1
    before, after = text[first - 1 : first], text[last : last + 1]
    written = text[first:last]
    if (term[0].isdigit() and before.isdigit()) or (term[-1].isdigit() and after.isdigit()):
        return False
    if _APART.search(written):
        return False
    if label == NAME:
        known_alone = len(term) < _LEAST_LETTERS
        glued = before.isalpha() or after.isalpha()
        if glued:
            return len(term) >= _LEAST_LETTERS and written.isalpha() and _in_address(text, first)
        if written.isalpha():
            return True
        return bool(_SPACED_OUT.fullmatch(written)) or "\n" in written or not known_alone
    if label in (EMAIL, URL, ORGANIZATION, LOCATION) or term.isalpha():
        return not (before.isalnum() or after.isalnum())
    if len(term) < _LEAST_LETTERS:
        return not (before.isalnum() or after.isalnum()) and not re.search(r"\s", written)
    return True


def _in_address(text: str, place: int) -> bool:
    """True within an address of the net or a file name, where words stand glued together."""
    start = max(text.rfind(" ", 0, place), text.rfind("\n", 0, place)) + 1
    ends = [end for end in (text.find(" ", place), text.find("\n", place)) if end >= 0]
    return re.search(r"[@/\\_]|\.\w", text[start : min(ends, default=len(text))]) is not None
