"""Places and institutions in text: addresses, cities by list and context, organizations."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from careloom.deid import name_lists as lists
from careloom.deid.name_words import flags_of
from careloom.deid.text_context import STATE_NAMES, STATES
from careloom.deid.text_known import Known
from careloom.deid.text_reading import (
    CAPITAL,
    Reading,
    found_where,
    words,
)
from careloom.deid.text_spans import LOCATION, ORGANIZATION, Found
from careloom.deid.text_streets import STATES_PLAIN, is_own, streets
from careloom.text.note import Span

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


class PlaceDetector:
    """Finds addresses, cities and institutions; a US state alone stays."""

    name = "places"

    def __init__(self, countries: bool = True) -> None:
        self._countries = countries

    def find(self, text: str, known: Known) -> Sequence[Found]:
        """Places; they may overlap."""
        reading = Reading.of(text)
        text = reading.recased
        return [*streets(text), *self._towns(text), *self._listed(reading), *_organizations(text)]

    def _towns(self, text: Reading) -> Iterator[Found]:
        """Cities by what stands around them."""
        for match in found_where(_CITY_STATE, text, _before_states):
            if _may_be_city(text, match):
                yield Found(Span(*match.span("city")), LOCATION, self.name, 0.85, "city")
        for match in found_where(_ORIGIN, text, _ORIGIN_WORDS):
            if is_own(match["place"]) or flags_of(match["place"].split()[0]) & lists.CITY:
                yield Found(Span(*match.span("place")), LOCATION, self.name, 0.6, "city")
        for match in found_where(_IN, text, _IN_WORDS):
            if is_own(match["place"]) and not flags_of(match["place"]):
                yield Found(Span(*match.span("place")), LOCATION, self.name, 0.45, "city")
        for match in found_where(_TOWN, text, _towns):
            if is_own(match[0]):
                yield Found(Span(*match.span()), LOCATION, self.name, 0.7, "city")

    def _listed(self, reading: Reading) -> Iterator[Found]:
        """Places of the lists."""
        text = reading.recased
        for match in _capitalised(reading):
            plain, several, flags = _listed_word(match[0])
            if several and (end := _several(text, match.end(), several)):
                yield Found(Span(match.start(), end), LOCATION, self.name, 0.8, "city")
            if not flags & lists.PLACE or (flags & lists.REGION and (not self._countries or plain in STATES_PLAIN)):
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
_CREDENTIALS = frozenset({"MD", "PA"})
_ZIP_NEXT = re.compile(r"\s{1,3}\d{5}(?!\d)")


def _may_be_city(text: str, match: re.Match[str]) -> bool:
    """False for a sentence's word before a state, and for a name before MD or PA unless a ZIP code follows."""
    if match["state"] in _CREDENTIALS and not _ZIP_NEXT.match(text, match.end()):
        return False
    last = lists.folded(match["city"].split()[-1])
    return last not in lists.words() or bool(lists.names().get(last, 0) & lists.CITY)


def _capitalised(reading: Reading) -> Iterator[re.Match[str]]:
    """The capitalised words of two letters and more."""
    text = reading.recased
    for word in reading.capitals:
        if not word[0].isalpha():
            yield from _CAPITAL.finditer(text, *word.span())
        elif len(word[0]) > 1:
            yield word


def _listed_word(word: str) -> tuple[str, tuple[tuple[str, ...], ...], int]:
    """A word folded; how places of several words go on that begin with it; what it may be by itself."""
    return _short_listed_word(word) if len(word) <= lists.LONGEST_CACHED else _any_listed_word(word)


def _any_listed_word(word: str) -> tuple[str, tuple[tuple[str, ...], ...], int]:
    plain = lists.folded(word).removesuffix("'s")
    if len(plain) < 3:
        return plain, (), 0
    return plain, lists.places().get(plain, ()), flags_of(word)


_short_listed_word = lru_cache(65_536)(_any_listed_word)


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
