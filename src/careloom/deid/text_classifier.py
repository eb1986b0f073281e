"""Identifiers by a trained token classifier: what no list knows and no word announces.

The model reads a sentence only where some word of it may identify: a capitalised word that is no word of English or
medicine, a name of the lists, a number that is no year and no measurement. In clinical prose that is every fifth
sentence; the others cost nothing.

How it was trained, on what, and how well it does: docs/datasheets/deidentification.md.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

from careloom.deid import name_lists as lists
from careloom.deid.date_forms import MONTHS, WEEKDAYS
from careloom.deid.name_words import EPONYM_NOUNS, flags_of
from careloom.deid.text_combine import LEAST as COUNTS
from careloom.deid.text_context import STATE_NAMES, STATES
from careloom.deid.text_detectors import Team
from careloom.deid.text_known import Known
from careloom.deid.text_spans import AGE_OVER_89, DATE, LOCATION, NAME, ORGANIZATION, Found
from careloom.runtime import packaged
from careloom.settings import Deidentify
from careloom.text.note import Annotation, Span
from careloom.text.pieces import LONGEST_WORD
from careloom.text.sentences import sentences
from careloom.text.tagger import Tagger, spans_of

HEAD = "phi"
MODEL = "models/phi-en.zip"
LEAST = 0.07
"""The probability of being any identifier from which a word counts: the lowest of four that were tried (0.5, 0.3, 0.15,
0.07). Of 150 notes with inserted identifiers fewer than 0.3 % of the clinical words went in vain at each:
0.24 % at this one, 0.18 % at 0.5."""
_SHORT_FORM = 4
"""Capitals alone up to this length are taken for an abbreviation unless a list of names has them."""
_SHORT, _FAR = 65, 2
"""A sentence of that many characters or fewer is read with the one before it when no more line ends part them."""
_LAST = re.compile(r"\s+([a-z]{3,})$")
_NEXT = re.compile(r"(?:['’]s)?[ -]([A-Za-z]+)")
_WORD = re.compile(r"[^\W_]+")
_MEASURE = re.compile(r"(?:19|20)\d0s|[\dx]+(?:mg|ml|mcg|cm|mm|th|st|nd|rd|am|pm)", re.IGNORECASE)
# Ends and beginnings of words that medicine makes anew every day, and parents do not.
_MEDICAL = re.compile(
    r"(?:non|sub|supra|infra|peri|retro|endo|hyper|hypo|inter|intra|micro|antero|postero|infero|supero|naso)[a-z]{5,}"
    r"|[a-z]{3,}(?:ectomy|otomy|ostomy|oscopy|oscopic|ograph[yi]c?|ograms?|plasty|itis|osis|oses|emia|uria|pathy|pathic|algia"
    r"|ologist|ologic|ology|ologies|idine|cillin|statin|olol|pril|azole|mycin|oxacin|mab|tinib|icular|aceous|iform|oidal?"
    r"|esthesia|plegi[ac]|paresis|trophy|trophic|genic|lytic|scopic|metric|meter|phasia|phagia|kines[ie]s|ectasis|stasis)",
    re.IGNORECASE,
)
_LATIN = re.compile(
    r"(?:[ap]\.?m|i\.?e|e\.?g|[bt]\.?i\.?d|q\.?i\.?d|p\.?o|p\.?r\.?n|h\.?s|[ap]\.?c|n\.?p\.?o|u\.?s(?:\.?a)?)\.?",
    re.IGNORECASE,
)
_ENDING = re.compile(r"(?<=[a-z]{4})(?:ies|es|s|ied|ed|ing|ly|al|ally|ic|ically|less|ness)$")
_STATE = re.compile(rf"(?:{STATES}|{STATE_NAMES})\.?")
# Initials, days without a year as they are written in Europe, names of users, codes of letters and digits.
_SHAPES = re.compile(
    r"(?<![^\W\d_])(?:[A-Z]\. ?[A-Z]\.|[a-z]\. ?[a-z]\.(?! ?[a-z]))|(?<![\d.])[0-3]?\d\.[01]?\d\.(?!\d)|(?<!\w)@\w"
    r"|(?<![\w.-])(?=[A-Z\d-]{6})(?=[A-Z-]*\d)(?=[\d-]*[A-Z])[A-Z\d]+-[A-Z\d-]+"
)
# Where each of them has its first mark: they begin just before it, and all other places need not be tried.
_MARK = re.compile(r"\.(?= ?[A-Za-z]\.|[01]?\d\.)|@(?=\w)|-(?<=[A-Z\d]-)")
# Words that charts write with a capital amid a sentence for what they are; dates are found by rules.
_CAPITALISED = frozenset((*MONTHS[0], *MONTHS[1], *WEEKDAYS[0], *WEEKDAYS[1])) | frozenset(
    """act acute african american and assessment behavior blood brain caucasian cardiovascular care center cesarean
    children clinic comprehension control course department diet disease doctor down drinking edition emergency english
    exam examination gastroenterology general hispanic history hospital home illness insight lab lymphatics
    medical medicine mom dad musculoskeletal neurological no nursing oral outpatient oxygen pain pap patient physical
    plan present prior process reason rehabilitation respiratory room scale school service services signs skin status
    surgery surgical system table the therapy treatment unit urology""".split()
)
_PLAIN, _SUSPECT, _UNLESS_FIRST, _AMID, _INFORMAL = range(5)
# A year alone, a time of day, a number. "12.05" may be a day of May, which the model can tell from a time.
_NO_DATE = re.compile(
    r"(?:(?:19|20)\d\d|\d{1,2}:\d\d(?:[:.]\d\d)?\s?(?:[ap]\.?m\.?)?|\d{1,2}\.\d\d\s?[ap]\.?m\.?|\d{1,3})s?",
    re.IGNORECASE,
)


@cache
def packaged_tagger() -> Tagger:
    """The model that ships. raises SetupError if the installation lacks it or it does not load."""
    return Tagger(packaged("deid", MODEL))


class ClassifierDetector:
    """Finds identifiers by a trained model. Made once, it serves many texts and threads.

    raises  SetupError if the model cannot be loaded
    """

    name = "classifier"

    def __init__(self, tagger: Tagger | None = None, least: float = LEAST, *, gated: bool = True) -> None:
        self._tagger = tagger or packaged_tagger()
        self._labels = self._tagger.heads[HEAD]
        self._least = least
        self._gated = gated

    def find(self, text: str, known: Known) -> Sequence[Found]:
        """What the model takes for identifiers. The score is its probability, but never too low to count."""
        parts = list(suspect_parts(text)) if self._gated else None
        if parts == []:
            return []
        return [
            Found(_trimmed(text, one), one.label, self.name, max(COUNTS, one.score or 0.0))
            for tagged in self._tagger.tag(text, HEAD, parts)
            for one in spans_of(tagged, self._labels, self._least)
            if not _stays(text, one)
        ]


def team(settings: Deidentify) -> Team:
    """The model that ships, as a run asks it. raises SetupError if it cannot be loaded"""
    tagger = packaged_tagger()
    return Team(
        ClassifierDetector.name, f"{tagger.card['name']} {tagger.card['version']}", [ClassifierDetector(tagger)]
    )


def suspect_parts(text: str) -> Iterator[Span]:
    """The places of `text` that the model has to read: sentences with a suspect word or shape, neighbours joined."""
    parts = sentences(text)
    ends = [part.end for part in parts]
    chosen = {bisect_right(ends, start) for start in _shapes(text)}
    chosen |= {place for place, part in enumerate(parts) if place not in chosen and _has_suspect(text, part)}
    yield from _joined(text, parts, sorted(place for place in chosen if place < len(parts)))


def _shapes(text: str) -> Iterator[int]:
    """The places where one of `_SHAPES` begins."""
    for mark in _MARK.finditer(text):
        at = mark.start()
        starts = [at] if text[at] == "@" else [at - 2, at - 1]
        if text[at] == "-":
            start = at
            while start and ("A" <= text[start - 1] <= "Z" or text[start - 1].isdecimal()):
                start -= 1
            starts = [start]
        yield from (start for start in starts if start >= 0 and _SHAPES.match(text, start))


def _has_suspect(text: str, part: Span) -> bool:
    """True for a sentence with a word that is suspect at its place. Most have none that is suspect at any."""
    said = _WORD.findall(text, part.start, part.end)
    if len(max(said, key=len, default="")) <= lists.LONGEST_CACHED and not any(map(_short_suspicion, said)):
        return False
    for word in _WORD.finditer(text, part.start, part.end):
        kind = _suspicion(word[0][:LONGEST_WORD])
        if kind and _counts(text, part, word, kind):
            return True
    return False


def _counts(text: str, part: Span, word: re.Match[str], kind: int) -> bool:
    """True where a word is suspect at its place."""
    at = word.start()
    if kind == _INFORMAL:
        return text[part.start].islower()
    if kind == _AMID:
        return at > part.start + 1 and text[at - 1] == " " and text[at - 2].islower()
    return not (kind == _UNLESS_FIRST and _begins(text, part, at)) and not _is_eponym(text, word)


def _is_eponym(text: str, word: re.Match[str]) -> bool:
    """True where a name is part of a term: Foley catheter, Crohn's disease."""
    if not flags_of(word[0]) & lists.EPONYM:
        return False
    following = _NEXT.match(text, word.end())
    return following is not None and following[1].lower() in EPONYM_NOUNS


def _begins(text: str, part: Span, at: int) -> bool:
    """True where a word opens a sentence or follows a heading's colon."""
    return at == part.start or text[max(0, at - 2) : at] in (": ", "\n\n") or text[at - 1] == "\n"


def _joined(text: str, parts: Sequence[Span], chosen: Sequence[int]) -> Iterator[Span]:
    last: Span | None = None
    for place in chosen:
        part = parts[place]
        if place and len(part) <= _SHORT and text.count("\n", parts[place - 1].end, part.start) < _FAR:
            part = Span(parts[place - 1].start, part.end)
        if last is None:
            last = part
        elif part.start <= last.end or (text.count("\n", last.end, part.start) < _FAR and part.start - last.end < 4):
            last = Span(last.start, part.end)
        else:
            yield last
            last = part
    if last is not None:
        yield last


def _suspicion(word: str) -> int:
    return _short_suspicion(word) if len(word) <= lists.LONGEST_CACHED else _any_suspicion(word)


def _any_suspicion(word: str) -> int:
    if word.isdigit():
        return _SUSPECT if len(word) > 3 and not word.endswith("00") and not _NO_DATE.fullmatch(word) else _PLAIN
    if not word.isalpha():
        is_code = len(word) > 4 and sum(sign.isdigit() for sign in word) > 1
        return _SUSPECT if is_code and not _MEASURE.fullmatch(word) else _PLAIN
    if len(word) < 2:
        return _PLAIN
    flags, is_word = flags_of(word), word.lower() in lists.words()
    is_name = flags & lists.FREQUENT and (flags & lists.GIVEN or (flags & lists.FAMILY and not flags & lists.PLACE))
    if not word.isascii():
        return _PLAIN if is_word else _SUSPECT
    if is_word or flags & lists.WORD:
        if word.islower() or word.isupper() or word.lower() in _CAPITALISED:
            return _PLAIN
        return _UNLESS_FIRST if is_name else _AMID
    if _is_known(lists.folded(word)) or _MEDICAL.fullmatch(word):
        return (_INFORMAL if word.islower() else _SUSPECT) if is_name else _PLAIN
    if word.islower():
        return _SUSPECT if is_name or len(word) > _SHORT_FORM else _INFORMAL
    return _SUSPECT if flags or len(word) > _SHORT_FORM or not word.isupper() else _PLAIN


_short_suspicion = lru_cache(131_072)(_any_suspicion)


def _is_known(word: str) -> bool:
    """True for a rarer word of the lists, and for a form of one of them or of a common word."""
    if word in lists.known():
        return True
    stem = _ENDING.sub("", word)
    return stem != word and any(one in lists.known() or one in lists.words() for one in (stem, stem + "e", stem + "y"))


def _trimmed(text: str, found: Annotation) -> Span:
    """A capitalised name without the plain words in lower case behind it: Hunter [hunts]."""
    span = found.span
    if found.label != NAME or span.of(text).islower():
        return span
    while (last := _LAST.search(text, span.start, span.end)) and last[1] in lists.words() and last.start() > span.start:
        span = Span(span.start, last.start())
    return span


def _stays(text: str, found: Annotation) -> bool:
    """True for what Safe Harbor lets stay, and for plain words that the model is not sure of."""
    words = found.span.of(text)
    if found.label == DATE:
        return _NO_DATE.fullmatch(words) is not None
    if found.label == AGE_OVER_89:
        return not any(int(number) > 89 for number in re.findall(r"\d{1,3}", words)) and any(map(str.isdigit, words))
    if found.label == LOCATION and _STATE.fullmatch(words):
        return True
    if found.label in (NAME, LOCATION, ORGANIZATION) and _LATIN.fullmatch(words):
        return True
    if found.label in (NAME, LOCATION, ORGANIZATION) and words.islower() and (found.score or 0) < 0.9:
        return all(word in lists.words() for word in words.split())
    return False
