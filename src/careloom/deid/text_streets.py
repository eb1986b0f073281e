"""Street addresses of several countries in text, down to apartment, city and postal code."""

import re
from collections.abc import Iterator, Sequence

from careloom.deid import name_lists as lists
from careloom.deid.name_words import NO_NAMES
from careloom.deid.text_context import STATE_NAMES
from careloom.deid.text_reading import WORD, Reading, Where, digits, found_where, holding, words, writing
from careloom.deid.text_spans import LOCATION, Found
from careloom.text.note import Span

STREET_WORDS = (
    r"street|str|st|avenue|avenue|ave|av|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl"
    r"|terrace|ter|way|circle|cir|square|sq|parkway|pkwy|"
    r"highway|hwy|route|rte|trail|trl|crescent|cres|close|grove|gardens|garden|row|walk|mews|alley|aly"
    r"|plaza|loop|run|ridge|hill|hollow|"
    r"crossing|xing|turnpike|tpke|expressway|expy|freeway|fwy|mall|path|pike|point|view|heights"
    r"|meadows|meadow|manor|creek|commons|common"
)
_UNIT = (
    r"(?:,?\s{0,2}\n?\s{0,3}(?:apartment|apt|suite|ste|unit|floor|fl|room|rm|building|bldg|lot|trailer"
    r"|#)\.?\s?#?\s?[A-Za-z]?-?\d{0,5}[A-Za-z]?\b)?"
)
_STREET_CASED = "|".join((STREET_WORDS.title(), STREET_WORDS.upper()))
_ADDRESS = re.compile(
    r"(?<![\w/.-])\d{1,6}(?:-\d{1,4})?[A-Za-z]?(?:\s\d/\d)?,?\s(?:(?:[NSEW]{1,2}|North|South|East|West)\.?\s)?"
    r"(?:[^\W\d_a-z][\w'.-]{0,30}\s|\d{1,3}(?:st|nd|rd|th)\s){1,4}"
    rf"(?:(?:{_STREET_CASED})\b\.?(?:\s(?:[NSEW]{{1,2}}|North|South|East|West)\b\.?)?){_UNIT}"
)
_LOWER_ADDRESS = re.compile(
    rf"(?<![\w/.-])\d{{1,5}}\s(?:[a-z][a-z'.-]{{1,40}}\s){{1,3}}(?:street|avenue|road|boulevard|lane|drive"
    rf"|court|blvd|ave|rd)\b{_UNIT}",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"(?<![^\W_])(?:[^\W\d_][\w'.-]{0,30}\s){0,2}(?-i:[^\W\d_a-z])[^\W\d_]{1,30}(?:stra(?:ß|ss)e|gasse|allee"
r"|platz|weg|damm|ufer|straat|laan|gracht|plein|kade|gatan|vägen|gata|veien|vegen|gade|vej|allé"
r"|katu|tie|tänav)\s\d{1,4}\s?[a-zA-Z]?\b"
    r"|(?<![^\W_])(?:[^\W\d_][\w'.-]{0,30}\s){1,3}(?:utca|útja|tee|gate|terrasse|út|u\.|tér|ulica|ul\."
r"|cesta|trg|bulevard|körút)\s?\d{1,4}\.?"
    r"|(?<![^\W_])(?:rue|avenue|av\.|boulevard|place|chemin|impasse|(?-i:[Vv]ia(?=\s(?:[A-Z]|del)))|viale"
r"|piazza|corso|calle|c/|avenida|avda\.?|plaza|paseo|carrera|rua|travessa|praça"
r"|(?-i:[Uu]l\.(?=\s[^\W\d_a-z]))|ulica|al\."
r"|strada|str\.)\s(?:[^\W\d_][\w'.-]{0,30}[ ,]{1,2}){1,5}(?:n[º°o]\.?\s?)?\d{1,5}(?:\s?[a-zA-Z]\b)?"
    r"|(?<![\w/.-])\d{1,5}(?:\s?bis|\s?ter)?,?\s(?:rue|avenue|boulevard|place|chemin|impasse|allée"
r"|quai|cours|route)\s(?:d[eu]s?\s|de la\s|de l')?(?:(?-i:[^\W\d_a-z])[\w'-]{0,30}+\s?){1,4}",
    re.IGNORECASE,
)  # fmt: skip
_STREET_WORDS_FIRST = words(
    "rue avenue av boulevard place chemin impasse via viale piazza corso calle c avenida avda plaza paseo carrera rua"
    " travessa praça ul ulica al strada str"
)
_STREET_ENDS = tuple(
    "straße strasse gasse allee platz weg damm ufer straat laan gracht plein kade gatan vägen gata veien vegen gade vej"
    " allé katu tie tänav utca útja tee gate terrasse út u. tér ulica ul. cesta trg bulevard körút".split()
)


_ANY_NUMBER = digits(1)


def _after(text: Reading) -> Sequence[int]:
    """Where _AFTER may begin: at a word for a street, at a number, or before one that follows such a word."""
    numbers = _ANY_NUMBER(text)
    behind = [at for at in numbers if text.small[max(0, at - 12) : at].rstrip().endswith(_STREET_ENDS)]
    return sorted({*_STREET_WORDS_FIRST(text), *numbers, *text.words_before(behind, 112, WORD)})


_AFTER_CAPITAL = re.compile(
    r"(?<![^\W_])(?:[^\W\d_a-z][^\W\d_]*[ -]){0,3}[^\W\d_a-z][^\W\d_]{2,}\s(?:\d{1,4}[A-Za-z]?)"
    r"(?=,?\s?\n?\s?(?:Apt|Suite|Apartment)\b)"
)
_MILITARY = re.compile(
    r"\b(?:(?:Unit\s\d{3,5},?\sBox|PSC\s\d{3,5},?\sBox)\s\d{3,5}(?:\s{0,2}\n?\s?(?:APO|FPO|DPO),?\sA[AEP]\s\d{5})?"
    r"|US[A-Z]{1,3}\s[A-Z][\w'-]{1,40}\s{0,2}\n?\s?(?:APO|FPO|DPO),?\sA[AEP]\s\d{5})",
    re.IGNORECASE,
)
_WITH_UNIT = re.compile(
    r"(?<![^\W_])(?:(?:\d{1,5}\.?|[^\W\d_a-z][\w'.-]{0,30}|de|la|du|da|des|rue|rkp\.),?\s){2,8}\n?\s?(?:Apt"
    r"|Suite|Apartment)\.?\s\d{2,4}"
)
_UNIT_WRITTEN = writing("Apt", "Suite", "Apartment")
_UNIT_ALONE = re.compile(r"(?<![^\W_])(?:Apt|Suite|Apartment)\.?\s\d{1,4}[A-Z]?\b")
_CORNER = re.compile(
    r"(?<![^\W_])"
    r"(?:the\s)?corner of\s(?:[^\W_][\w'.-]{0,30}\s){1,5}?and\s(?:\d{1,5}\s)?[^\W\d_][\w'.-]{0,30}"
    r"(?:\s(?-i:[^\W\d_a-z])"
    r"[\w'.-]{0,30}){0,3}",
    re.IGNORECASE,
)
_NUMBER_NAME_NUMBER = re.compile(
    r"(?<![\w.,/-])\d{2,6}(?:\s\d{1,4})?\s(?P<name>(?:[^\W\d_a-z][^\W\d_]*+[.'-]?\s?){1,5})"
    r"(?:de\s(?:la\s)?[^\W\d_]+\s)?\d{1,4}\b\.?(?![/:%])"
)
_TAIL = re.compile(
    r"(?:,?\s{0,2}\n?\s{0,3}(?:Apt|Apartment|Suite|Unit)\.?\s\w{1,5}){0,2}"
    r"(?:,?\s{0,2}\n?\s{0,3},?\s?(?:(?!Apt|Suite|The\b|He\b|She\b|Patient|I\b)"
    r"[^\W\d_a-z][\w'()-]{0,30}(?![\w'()-])[.]?"
    r"|nan)){0,7},?\s{0,2}\n?\s{0,3}(?<!\d)\d{5}(?!\d)"
    r"|(?:,?\s{0,2}\n?\s{0,3}(?:Apt|Apartment|Suite|Unit)\.?\s\w{1,5}){1,2}(?:,?[ ]\n?|\n\s{0,3},?\s?"
    r"|,\s)(?:(?!The\b|He\b|She\b|Patient|I\b)[^\W\d_a-z][\w'()-]{0,30}(?![\w'()-]),?(?:\s|\n\s{0,3})?){1,4}"
)
_BOX = re.compile(
    r"\b(?:p\.?\s?o\.?\s?box|post office box|postfach|apartado|c\.?p\.?)\s?#?\d{1,7}\b"
    r"|\brural route\s\d{1,3}\b|\bRR\s?\d{1,2}\s?box\s\d{1,4}\b",
    re.IGNORECASE,
)


_OTHER_STREETS: tuple[tuple[re.Pattern[str], Where, float], ...] = (
    (_LOWER_ADDRESS, _ANY_NUMBER, 0.8),
    (_AFTER, _after, 0.8),
    (_AFTER_CAPITAL, _UNIT_WRITTEN, 0.7),
    (_BOX, words("p po pobox post postfach apartado c cp rural rr"), 0.9),
    (_UNIT_ALONE, _UNIT_WRITTEN, 0.6),
    (_MILITARY, holding("box", "apo", "fpo", "dpo"), 0.9),
    (_CORNER, holding("corner of"), 0.8),
)


def streets(text: Reading) -> Iterator[Found]:
    """Addresses down to the street, with what follows them."""
    for match in found_where(_ADDRESS, text, _ANY_NUMBER):
        if not _DOCTOR.search(text, match.end() - 3, match.end() + 3):
            yield Found(_with_tail(text, match), LOCATION, "places", 0.9, "street")
    for match in found_where(_WITH_UNIT, text, _UNIT_WRITTEN):
        if any(letter.isdigit() for letter in match[0][: match[0].rindex(" ") - 5]):
            yield Found(_with_tail(text, match), LOCATION, "places", 0.8, "street")
    for match in found_where(_NUMBER_NAME_NUMBER, text, digits(2)):
        if any(len(word) > 3 and not word.isupper() and is_own(word) for word in match["name"].split()):
            yield Found(_with_tail(text, match), LOCATION, "places", 0.6, "street")
    for pattern, where, score in _OTHER_STREETS:
        for match in found_where(pattern, text, where):
            yield Found(_with_tail(text, match), LOCATION, "places", score, "street")


STATES_PLAIN = frozenset(name.lower() for name in STATE_NAMES.split("|"))
_NUMBER_BEFORE = re.compile(r"(?<![\w.,/:-])\d{1,6},?\s$")
_DOCTOR = re.compile(r"\b(?:Dr|DR)\.?\s[A-Z]")


def is_own(words: str) -> bool:
    """False for plain words and for a US state, which may be told."""
    first = lists.folded(words.split(maxsplit=1)[0]).strip(".'")
    return first not in lists.words() and first not in NO_NAMES and lists.folded(words) not in STATES_PLAIN


def _with_tail(text: str, match: re.Match[str]) -> Span:
    """The street, a number before it, and what follows: apartment, city, state, postal code."""
    start, end = match.start(), match.start() + len(match[0].rstrip(" ,"))
    tail = _TAIL.match(text, end)
    if tail is not None and tail.end() > end:
        end = start + len(text[start : tail.end()].rstrip(" ,\n"))
    number = _NUMBER_BEFORE.search(text[max(0, start - 9) : start])
    return Span(start - len(number[0]) if number else start, end)
