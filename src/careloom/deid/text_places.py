"""Places and institutions in text: street addresses of several countries, cities by list and context, organizations."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from careloom.deid import name_lists as lists
from careloom.deid.name_words import NO_NAMES, flags_of
from careloom.deid.text_context import STATE_NAMES, STATES
from careloom.deid.text_known import Known
from careloom.deid.text_reading import (
    CAPITAL,
    WORD,
    Reading,
    Where,
    digits,
    found_where,
    holding,
    words,
    writing,
)
from careloom.deid.text_spans import LOCATION, ORGANIZATION, Found
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
_TOWN = re.compile(
    r"(?<![^\W_])(?:[^\W\d_a-z][\w'-]{1,40}\s){1,2}(?:Town|Village|Township|County|Borough|Parish|TOWN"
    r"|VILLAGE|COUNTY)\b"
)
_TOWN_WORDS = words("town village township county borough parish")


def _towns(text: Reading) -> Sequence[int]:
    """Where names may begin that end with a word for a town."""
    return text.words_before(_TOWN_WORDS(text), 86, CAPITAL)


_ORIGIN_WORDS = words(
    "originally comes came is am moved relocated immigrated emigrated native resident live lives living resides"
    " residing born grew raised flew fly travel traveled travelled travels drove returned trip vacation work works"
    " driving hometown city town"
)
_ORIGIN = re.compile(
    r"\b(?:(?:originally|comes|came|is|am|moved|relocated|immigrated|emigrated)\s(?:here\s)?from"
    r"|native\sof|resident\sof|lives?\sin|living\sin|resid(?:es|ing)\sin|"
    r"born\s(?:and\sraised\s)?in|grew\sup\sin|raised\sin|moved\sto|(?:flew|fly|travel(?:l?ed|s)?|drove"
    r"|returned)\sto|trip\sto"
    r"|vacation\sin|works?\sin|driving\sfrom|hometown\sof|city\sof|town\sof)\s(?:the\s)?"
    r"(?P<place>(?-i:[^\W\d_a-z])[\w'-]{1,40}(?:\s(?-i:[^\W\d_a-z])[\w'-]{0,30}){0,2})",
    re.IGNORECASE,
)
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
_CITY_STATE = re.compile(
    rf"(?<![^\W_])(?P<city>(?:[^\W\d_a-z][\w'.-]{{0,30}}[ ]){{0,2}}[^\W\d_a-z][\w'-]{{1,40}})"
    rf",\s{{0,2}}(?P<state>(?:{STATES})\b(?!\.\w)|(?:{STATE_NAMES})\b)"
)
_STATE_NEXT = re.compile(rf",\s{{0,2}}(?=[A-Z])(?:(?:{STATES})\b(?!\.\w)|(?:{STATE_NAMES})\b)")


def _before_states(text: Reading) -> Sequence[int]:
    """Where a city may begin that a comma and a state follow."""
    return text.words_before([state.start() for state in _STATE_NEXT.finditer(text)], 106, CAPITAL)


_CAPITAL = re.compile(r"(?<![^\W_])[^\W\d_a-z][^\W\d_]+(?:['-][^\W\d_]+){0,4}")
_PLACE_BEFORE = re.compile(
    r"(?<![A-Za-z])(?:in|from|at|near|to|of|outside|around|lives?(?:\sin)?|living\sin|residing"
    r"|resident\sof|born\sin|moved\sto|town|city|village|county|visit(?:ed|ing)?|travel(?:l?ed"
    r"|l?ing)?\sto|native\sof|southern|northern|eastern|western|downtown)[:,]?\s(?:the\s)?$",
    re.IGNORECASE,
)
_IN = re.compile(
    r"(?<![^\W_])(?:in|from|near)\s(?P<place>[^\W\d_a-z][^\W\d_A-Z]{3,})(?=[.,;)\n]|\s(?:in|and|with"
    r"|for|to|on|last|since|where|when)\b)"
)
_IN_WORDS = words("in from near")
_KIND_OF_CARE = (
    r"(?:(?:General|Memorial|Regional|Community|University|Children'?s|Veterans|Medical|Health|Heart"
    r"|Cancer|County|City|State|Presbyterian|Methodist|Baptist|"
    r"Lutheran|Jewish|Family|Women'?s|Surgical|Surgery|Rehabilitation|Nursing|Care|Dialysis|Urgent"
    r"|Primary|Wellness|Imaging|Eye|Dental|Physical|Therapy)\s){0,4}"
)
_ORGANIZATION = re.compile(
    r"(?<![^\W_])(?P<name>(?:(?:St\.?|Saint|Mount|Mt\.?|[^\W\d_a-z][\w'’&.-]{0,30}),?\s(?:(?:of|and|the|&"
r"|de|for)\s){0,2}){1,5}?)" + _KIND_OF_CARE +
    r"(?P<kind>Hospitals?|Medical\sCent(?:er|re)|Health\sCent(?:er|re)|Cent(?:er|re)|Clinics?"
r"|Infirmary|Hospice|Healthcare|Health\sSystem|Health|Nursing\sHome|Pharmacy|Laborator(?:y|ies)"
r"|Labs|University|College|Academy|Elementary|(?:High|Middle|Primary)\sSchool|School|"
    r"Church|Temple|Mosque|Synagogue|Inc|LLC|L\.L\.C|Ltd|Limited|Corp|Corporation|GmbH|AG|PLC|S\.A|Co"
r"|Company|Companies|Group|Associates|Partners|Bank|Insurance|Foundation|Institute|Orchestra"
r"|Holdings|Industries|Technologies|Solutions|Services|Systems|Consulting|Ministry|Department"
r"|Agency|Association|Union|Manor|Rehab)\b\.?(?!\s[a-z]+\s?:)"
)  # fmt: skip
_KIND_WORDS = words(
    "hospital hospitals center centre clinic clinics infirmary hospice healthcare health nursing pharmacy laboratory"
    " laboratories labs university college academy elementary school church temple mosque synagogue inc llc l ltd"
    " limited corp corporation gmbh ag plc s co company companies group associates partners bank insurance foundation"
    " institute orchestra holdings industries technologies solutions services systems consulting ministry department"
    " agency association union manor rehab"
)


def _before_kinds(text: Reading) -> Sequence[int]:
    """Where the name of an organization may begin that ends with a word for its kind."""
    return text.words_before([at for at in _KIND_WORDS(text) if text[at].isupper()], 280, CAPITAL)


_GENERIC = frozenset(
    """the a an this that our your his her their local emergency general outpatient inpatient surgical medical
    intensive critical care primary urgent pain wound cancer heart diabetes follow up clinic hospital center
    unit department day admission previous current outside referring private public nursing home mental public
    family community women men children's childrens health human social physical occupational home eye dental
    sleep stroke trauma burn breast imaging radiology surgery ambulatory rehabilitation rehab patient patients
    national state county city federal american support service services group nearest for to at in from and
    anticoagulation coumadin warfarin if please call dr respiratory vision exercise nutrition regional
    laboratory data past history plan""".split()
)
_LIST_LEAST = 4


_OTHER_STREETS: tuple[tuple[re.Pattern[str], Where, float], ...] = (
    (_LOWER_ADDRESS, _ANY_NUMBER, 0.8),
    (_AFTER, _after, 0.8),
    (_AFTER_CAPITAL, _UNIT_WRITTEN, 0.7),
    (_BOX, words("p po pobox post postfach apartado c cp rural rr"), 0.9),
    (_UNIT_ALONE, _UNIT_WRITTEN, 0.6),
    (_MILITARY, holding("box", "apo", "fpo", "dpo"), 0.9),
    (_CORNER, holding("corner of"), 0.8),
)


class PlaceDetector:
    """Finds addresses, cities and institutions; a US state alone stays."""

    name = "places"

    def __init__(self, countries: bool = True) -> None:
        self._countries = countries

    def find(self, text: str, known: Known) -> Sequence[Found]:
        """Places; they may overlap."""
        reading = Reading.of(text)
        text = reading.recased
        return [*self._streets(text), *self._towns(text), *self._listed(reading), *_organizations(text)]

    def _streets(self, text: Reading) -> Iterator[Found]:
        """Addresses down to the street, with what follows them."""
        for match in found_where(_ADDRESS, text, _ANY_NUMBER):
            if not _DOCTOR.search(text, match.end() - 3):
                yield Found(_with_tail(text, match), LOCATION, self.name, 0.9, "street")
        for match in found_where(_WITH_UNIT, text, _UNIT_WRITTEN):
            if any(letter.isdigit() for letter in match[0][: match[0].rindex(" ") - 5]):
                yield Found(_with_tail(text, match), LOCATION, self.name, 0.8, "street")
        for match in found_where(_NUMBER_NAME_NUMBER, text, digits(2)):
            if any(len(word) > 3 and not word.isupper() and _is_own(word) for word in match["name"].split()):
                yield Found(_with_tail(text, match), LOCATION, self.name, 0.6, "street")
        for pattern, where, score in _OTHER_STREETS:
            for match in found_where(pattern, text, where):
                yield Found(_with_tail(text, match), LOCATION, self.name, score, "street")

    def _towns(self, text: Reading) -> Iterator[Found]:
        """Cities by what stands around them."""
        for match in found_where(_CITY_STATE, text, _before_states):
            if _may_be_city(text, match):
                yield Found(Span(*match.span("city")), LOCATION, self.name, 0.85, "city")
        for match in found_where(_ORIGIN, text, _ORIGIN_WORDS):
            if _is_own(match["place"]) or flags_of(match["place"].split()[0]) & lists.CITY:
                yield Found(Span(*match.span("place")), LOCATION, self.name, 0.6, "city")
        for match in found_where(_IN, text, _IN_WORDS):
            if _is_own(match["place"]) and not flags_of(match["place"]):
                yield Found(Span(*match.span("place")), LOCATION, self.name, 0.45, "city")
        for match in found_where(_TOWN, text, _towns):
            if _is_own(match[0]):
                yield Found(Span(*match.span()), LOCATION, self.name, 0.7, "city")

    def _listed(self, reading: Reading) -> Iterator[Found]:
        """Places of the lists."""
        text = reading.recased
        for match in _capitalised(reading):
            plain, several, flags = _listed_word(match[0])
            if several and (end := _several(text, match.end(), several)):
                yield Found(Span(match.start(), end), LOCATION, self.name, 0.8, "city")
            if not flags & lists.PLACE or (flags & lists.REGION and (not self._countries or plain in _STATES_PLAIN)):
                continue
            score = self._score(text, match, flags)
            if score:
                part = "country" if flags & lists.REGION else "city"
                end = match.start() + len(plain)
                code = _CODE_NEXT.match(text, end) if part == "country" else None
                yield Found(Span(match.start(), code.end() if code else end), LOCATION, self.name, score, part)

    @staticmethod
    def _score(text: str, match: re.Match[str], flags: int) -> float:
        if match[0].isupper() and len(match[0]) <= _LIST_LEAST:
            return 0.0
        before = _PLACE_BEFORE.search(text[max(0, match.start() - 24) : match.start()]) is not None
        if flags & lists.REGION:
            return 0.0 if flags & lists.WORD and not before else 0.7
        if flags & (lists.WORD | lists.EPONYM):
            return 0.0
        if before:
            return 0.8
        if flags & lists.PERSON:
            return 0.0
        return 0.6 if flags & lists.FREQUENT else 0.5


_CODE_NEXT = re.compile(r"\s\d{5}(?!\d)")
_NUMBER_BEFORE = re.compile(r"(?<![\w.,/:-])\d{1,6},?\s$")
_CREDENTIALS = frozenset({"MD", "PA"})
_ZIP_NEXT = re.compile(r"\s{1,3}\d{5}(?!\d)")
_STATES_PLAIN = frozenset(name.lower() for name in STATE_NAMES.split("|"))


def _may_be_city(text: str, match: re.Match[str]) -> bool:
    """False for a sentence's word before a state, and for a name before MD or PA unless a ZIP code follows."""
    if match["state"] in _CREDENTIALS and not _ZIP_NEXT.match(text, match.end()):
        return False
    last = lists.folded(match["city"].split()[-1])
    return last not in lists.words() or bool(lists.names().get(last, 0) & lists.CITY)


_DOCTOR = re.compile(r"\b(?:Dr|DR)\.?\s[A-Z]")


def _is_own(words: str) -> bool:
    """False for plain words and for a US state, which may be told."""
    first = lists.folded(words.split(maxsplit=1)[0]).strip(".'")
    return first not in lists.words() and first not in NO_NAMES and lists.folded(words) not in _STATES_PLAIN


def _with_tail(text: str, match: re.Match[str]) -> Span:
    """The street, a number before it, and what follows: apartment, city, state, postal code."""
    start, end = match.start(), match.start() + len(match[0].rstrip(" ,"))
    tail = _TAIL.match(text, end)
    if tail is not None and tail.end() > end:
        end = start + len(text[start : tail.end()].rstrip(" ,\n"))
    number = _NUMBER_BEFORE.search(text[max(0, start - 9) : start])
    return Span(start - len(number[0]) if number else start, end)


def _capitalised(reading: Reading) -> Iterator[re.Match[str]]:
    """The capitalised words of two letters and more."""
    text = reading.recased
    for word in reading.capitals:
        if not word[0].isalpha():
            yield from _CAPITAL.finditer(text, *word.span())
        elif len(word[0]) > 1:
            yield word


@lru_cache(65_536)
def _listed_word(word: str) -> tuple[str, tuple[tuple[str, ...], ...], int]:
    """A word folded; how places of several words go on that begin with it; what it may be by itself."""
    plain = lists.folded(word).removesuffix("'s")
    if len(plain) < 3:
        return plain, (), 0
    return plain, lists.places().get(plain, ()), flags_of(word)


_ONE_MORE = re.compile(r"[ \t\n-]{1,2}([^\W\d_]+(?:['-][^\W\d_]+){0,4})\.?")


def _several(text: str, end: int, several: tuple[tuple[str, ...], ...]) -> int:
    """The end of a place of several words, of which the first ends at `end`; 0 where no place of `several` is there."""
    following = _ONE_MORE.match(text, end)
    second = lists.folded(following[1]) if following is not None else ""
    for rest in several:
        if rest[0] == second and (last := _goes_on(text, end, rest)):
            return last
    return 0


def _goes_on(text: str, at: int, rest: tuple[str, ...]) -> int:
    """Where `rest` ends that begins at a place; 0 where other words stand there."""
    for word in rest:
        match = _ONE_MORE.match(text, at)
        if match is None or lists.folded(match[1]) != word:
            return 0
        at = match.end(1)
    return at


def _is_proper(word: str) -> bool:
    flags = flags_of(word.strip(".'"))
    return bool(flags & (lists.PERSON | lists.PLACE)) and not flags & lists.WORD


_LEGAL = re.compile(
    r"Inc|LLC|L\.L\.C|Ltd|Limited|Corp|Corporation|GmbH|AG|PLC|S\.A|Co|Company|Companies|Holdings"
    r"|Industries|Technologies"
)


def _organizations(text: Reading) -> Iterator[Found]:
    for match in found_where(_ORGANIZATION, text, _before_kinds):
        words = [
            word
            for word in re.split(r"[\s,]+", match["name"].lower())
            if word not in ("of", "and", "&", "the", "for", "de", "")
        ]
        own = [word for word in words if word.strip(".") not in _GENERIC]
        if own and _LEGAL.fullmatch(match["kind"]):
            yield Found(Span(match.start(), match.end()), ORGANIZATION, "places", 0.75)
            continue
        if not own or all(word.strip(".'") in lists.words() and not _is_proper(word) for word in own):
            continue
        yield Found(Span(match.start(), match.end()), ORGANIZATION, "places", 0.75)
