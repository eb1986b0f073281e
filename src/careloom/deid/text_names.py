"""Names of people in text, by lists and context.

A run of capitalised words is a name where one of them is a name and no plain word, or where the words around announce a
person: a title, a relation, a label, a signature, a credential behind. Names that are words (May, Hunter, Will) and
eponyms (Parkinson, Foley, Apgar) count only beside another name or where a person is announced.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from careloom.deid import name_lists as lists
from careloom.deid import name_words as context
from careloom.deid.name_tokens import (
    INITIAL,
    MAYBE,
    PLAIN,
    STRONG,
    UNKNOWN,
    WEAK,
    NameToken,
    name_runs,
    name_tokens,
)
from careloom.deid.text_known import CLINICIAN, PATIENT, RELATIVE, Known
from careloom.deid.text_reading import Reading, found_where, words
from careloom.deid.text_spans import NAME, Found
from careloom.text.note import Span

_LOWER = re.compile(r"(?<![^\W_/])[a-z]{4,}(?![^\W_])")
_LOWER_AFTER = re.compile(
    rf"(?<![A-Za-z])(?P<title>{context.TITLE}\.?|dear|hi|hello|hey|thanks|my name is|this is|i'm|named)"
    rf"\s?,?\s(?P<name>[a-z]{{2,}}(?:[ -][a-z]{{2,}})?)"
)
_LOWER_TITLES = words(
    "dr drs doctor prof professor mr mrs ms miss mx nurse rev señora sr sra herr frau mme mlle capt captain sgt dear hi"
    " hello hey thanks my this i named"
)
_NEXT_WORD = re.compile(r"(?:'s)?[ \t-]\s{0,1}([A-Za-z]+)")
_SENTENCE_START = re.compile(r"(?:^|[:\n]\s*|[|(]\s?|\s{3})$")
_SPACED = re.compile(
    r"(?<![^\W_])(?:[A-Za-z][ .-]){3,}[A-Za-z](?![^\W_])(?:\s{2,3}(?:[A-Za-z][ .-]){2,}[A-Za-z](?![^\W_]))?"
)
_SINGLE_LETTERS = words(" ".join("abcdefghijklmnopqrstuvwxyz"))
_INITIALS = re.compile(
    r"\b(?:[Pp]t|PT|[Pp]atient|Name):\s{0,3}(?P<name>(?:[A-Z]\.?){2,3})(?=\s?[/|,(\n-])"
    r"|--\s?(?P<by>(?:[A-Z]\.?){2,3})\s?(?=[(\d])"
    r"|(?<=\n)(?P<nurse>(?:[A-Z]\.?){2,3})(?=\s(?:RN|MD|NP|PA)\b)"
)
_LABELS, _NURSES = words("pt patient name"), words("rn md np pa")
_DASHES = re.compile(r"--(?=\s?[A-Z])")


def _initials(text: Reading) -> Sequence[int]:
    """Where initials may begin: at a label, two dashes, or a line that goes on with a nurse's letters."""
    lines = {place + 1 for nurse in _NURSES(text) for place in range(max(0, nurse - 8), nurse) if text[place] == "\n"}
    return sorted({*_LABELS(text), *(dashes.start() for dashes in _DASHES.finditer(text)), *lines})


# Before an unknown word these are mostly said of people.
_BESIDE = re.compile(r"(?<![A-Za-z])(?:with|told|asked|called|met|saw|thanks?|thank|informed|counseled)[ ]$")
_LOOK_BACK = 40


class NameDetector:
    """Finds names of people by lists and context; see the module."""

    name = "names"

    def find(self, text: str, known: Known) -> Sequence[Found]:
        """Names of people; titles stay outside."""
        reading = Reading.of(text)
        text = reading.recased
        found: list[Found] = []
        tokens = list(name_tokens(reading))
        for run in name_runs(text, tokens):
            found += _judged(text, run)
        found += _inverted(text, tokens)
        found += _lower(text)
        found += _spaced(text)
        found += [
            Found(Span(*match.span(match.lastgroup or 0)), NAME, self.name, 0.7)
            for match in found_where(_INITIALS, reading, _initials)
        ]
        return found


def _judged(text: str, run: list[NameToken]) -> Iterator[Found]:
    """The names of one run."""
    start = 0
    while start < len(run):
        if run[start].announces or (run[start].kind == PLAIN and not run[start].may_follow):
            start += 1
            continue
        announced, role, has_title = _announced(text, run[start])
        end = start
        while (
            end < len(run)
            and not _is_sentence(text, run, start, end)
            and (run[end].kind != PLAIN or (end == start and _may_begin(run, end, announced, has_title)))
        ):
            if end > start and run[end].announces:
                break
            end += 1
        if end == start:
            start += 1
            continue
        part = run[start:end]
        follows = context.CREDENTIAL.match(text, part[-1].end) is not None
        does = context.DOES_AS_PEOPLE_DO.match(text, _end(text, part[-1])) is not None
        score = _score(text, part, announced=announced, has_title=has_title, follows=follows or does)
        if score:
            kept = _trimmed(part, announced)
            if kept:
                yield Found(
                    Span(kept[0].start, _end(text, kept[-1])),
                    NAME,
                    "names",
                    score,
                    role or (CLINICIAN if follows and not does else ""),
                )
        start = end


def _is_sentence(text: str, run: list[NameToken], start: int, end: int) -> bool:
    """True where an initial closed a sentence: Dr. X.  He came."""
    return end == start + 1 and run[start].kind == INITIAL and run[end].kind == MAYBE and text[run[start].end] == "."


def _may_begin(run: list[NameToken], place: int, announced: bool, has_title: bool) -> bool:
    """True where a plain word begins a name all the same: behind a title, or announced before a name."""
    if has_title:
        return run[place].word.lower() not in context.NO_NAME_AFTER_TITLE
    return announced and run[place].flags == 0 and place + 1 < len(run) and run[place + 1].kind in "Sw"


def _end(text: str, token: NameToken) -> int:
    """Where a name ends: before a possessive, behind the full stop of an initial."""
    if token.word.endswith(("'s", "'S")) and len(token.word) > 3:
        return token.end - 2
    return token.end + (token.kind == INITIAL and text[token.end : token.end + 1] == "." and len(text) > token.end)


def _announced(text: str, token: NameToken) -> tuple[bool, str, bool]:
    """Whether a person is announced before a token; the role; whether by a title."""
    if not token.may_follow:
        return False, "", False
    before = context.BEFORE.search(text[max(0, token.start - _LOOK_BACK) : token.start])
    if before is None:
        return False, "", False
    word = before["word"]
    is_relative = (
        context.RELATIVE_BEFORE.match(word) is not None and before["mark"].startswith(",") and token.kind != PLAIN
    )
    if (
        word.lower() in context.NEEDS_COLON
        and not is_relative
        and ":" not in before["mark"]
        and not re.search("named|called|is", before["mark"])
    ):
        return False, "", False
    if (
        (context.TITLES.match(word) and "," in before["mark"])
        or word == "MS"
        or (word.lower() == "cc" and token.kind not in "Sw")
    ):
        return False, "", False
    role = (
        CLINICIAN if context.CLINICIAN_BEFORE.match(word) else RELATIVE if context.RELATIVE_BEFORE.match(word) else ""
    )
    if word.lower().startswith(("patient", "pt", "name")):
        role = PATIENT
    return True, role, context.TITLES.match(word) is not None


def _score(text: str, part: list[NameToken], *, announced: bool, has_title: bool, follows: bool) -> float:
    kinds = "".join(token.kind for token in part)
    strong, weak = kinds.count(STRONG), kinds.count(WEAK)
    words = [token for token in part if token.kind != INITIAL]
    if announced:
        return 0.95 if words or has_title else 0.0
    if follows and words and any(token.kind in "Swu" or token.flags & lists.FREQUENT for token in words):
        return 0.9
    if not strong + weak and _is_whole_name(part) and not _is_term(text, part):
        return 0.6
    if not words or not strong + weak:
        return 0.55 if _looks_foreign(text, part, kinds) else 0.0
    if _is_term(text, part):
        return 0.0
    if len(words) > 1 or INITIAL in kinds:
        if any(token.flags & lists.REGION for token in words) and strong + weak < 2:
            return 0.4
        return 0.9 if strong else 0.75
    only = words[0]
    if only.word.isupper() and len(only.word) < 5:
        return 0.0
    if only.flags & lists.PLACE and only.flags & lists.REGION:
        return 0.0
    if strong:
        return 0.75
    return 0.5 if not only.word.isupper() else 0.4


def _looks_foreign(text: str, part: list[NameToken], kinds: str) -> bool:
    """True for two unknown words, or one beside a given name that is a word, inside a sentence."""
    if re.search("uI[ua]|[ua]Iu", kinds):
        return True
    if kinds == "u" and len(part[0].word) > 3 and _BESIDE.search(text[max(0, part[0].start - 10) : part[0].start]):
        return True
    first, last = part[0], part[-1]
    if kinds == "au":
        return bool(first.flags & lists.GIVEN and first.flags & lists.FREQUENT)
    before = text[max(0, first.start - 2) : first.start]
    return (
        kinds == "uu"
        and len(first.word) > 3 < len(last.word)
        and not before.endswith(("\n", "  "))
        and before not in (". ", "")
    )


def _is_whole_name(part: list[NameToken]) -> bool:
    """True for a frequent given name and a frequent family name, though both are words: Mark J. Bell."""
    first, last = part[0], part[-1]
    return (
        len(part) > 1
        and first.kind == last.kind == MAYBE
        and bool(first.flags & lists.GIVEN and last.flags & lists.FAMILY)
        and bool(first.flags & last.flags & lists.FREQUENT)
        and len(first.word) > 2 < len(last.word)
    )


def _is_term(text: str, part: list[NameToken]) -> bool:
    """True where the run is the name of a disease, a sign, an instrument."""
    after = _NEXT_WORD.match(text, part[-1].end - (2 if part[-1].word.endswith("'s") else 0))
    if after is None or after[1].lower() not in context.EPONYM_NOUNS:
        return False
    return len(part) == 1 or any(token.flags & lists.EPONYM for token in part)


def _trimmed(part: list[NameToken], announced: bool) -> list[NameToken]:
    """Without what only stood beside the name."""
    kept = list(part)
    if announced:
        while len(kept) > 1 and kept[-1].kind == INITIAL:
            kept.pop()
        return kept
    while (
        kept
        and kept[0].kind in (UNKNOWN, MAYBE)
        and kept[0].word.isupper()
        and len(kept) > 1
        and not kept[1].word.isupper()
    ):
        kept.pop(0)
    while len(kept) > 1 and kept[-1].kind == UNKNOWN and kept[-1].word.isupper() and not kept[0].word.isupper():
        kept.pop()
    return kept


_COMMA = re.compile(r",[ \t]{0,2}")


def _inverted(text: str, tokens: Sequence[NameToken]) -> Iterator[Found]:
    """Family name, comma, given name: Smith, John Q."""
    for place in range(len(tokens) - 1):
        family, given = tokens[place], tokens[place + 1]
        if (
            given.start - family.end > 3
            or not _COMMA.fullmatch(text[family.end : given.start])
            or not _is_inverted(text, family, given)
        ):
            continue
        end = place + 2
        while (
            end < len(tokens)
            and tokens[end].kind in "SwaI"
            and re.fullmatch(r"\.?[ \t]", text[tokens[end - 1].end : tokens[end].start])
        ):
            end += 1
        yield Found(Span(family.start, _end(text, tokens[end - 1])), NAME, "names", 0.85)


def _is_inverted(text: str, family: NameToken, given: NameToken) -> bool:
    """True where two words around a comma are a family name and a given name."""
    if family.kind not in "Swau" or (family.kind == MAYBE and not family.flags & lists.FAMILY):
        return False
    if given.flags & lists.GIVEN and given.kind in "Sw":
        return True
    begins = _SENTENCE_START.search(text[max(0, family.start - 4) : family.start]) is not None
    announced = _announced(text, family)[0]
    if given.kind == UNKNOWN and family.kind in "Swu":
        return begins or announced or family.kind in "Sw"
    if family.kind in "Sw" and given.flags & lists.GIVEN and given.flags & lists.FREQUENT:
        return begins or announced
    return (begins or announced) and given.kind == MAYBE and _is_whole_name([given, family])


@cache
def _always_names() -> frozenset[str]:
    """Frequent given names that are nothing else."""
    return frozenset(
        name
        for name, flags in lists.names().items()
        if flags & lists.GIVEN
        and flags & lists.FREQUENT
        and not flags & (lists.WORD | lists.EPONYM)
        and name not in context.EPONYMS
        and name not in context.NO_NAMES
    )


def _lower(text: Reading) -> Iterator[Found]:
    """Names that are not capitalised: after a title, or given names that are nothing else."""
    names = lists.names()
    starts = sorted(start for name in _always_names().intersection(text.words) for start in text.words[name])
    for start in starts:
        if (match := _LOWER.match(text, start)) is not None:
            yield Found(Span(*match.span()), NAME, "names", 0.5)
    for match in found_where(_LOWER_AFTER, text, _LOWER_TITLES):
        name = match["name"].split()
        first = names.get(name[0], 0)
        is_title = context.TITLES.match(match["title"].rstrip(".")) is not None
        if (
            name[0] in context.NO_NAME_AFTER_TITLE
            or not (first & lists.PERSON)
            or (first & lists.WORD and not is_title)
        ):
            continue
        second = names.get(name[1], 0) if len(name) > 1 else 0
        long = bool(second & lists.FAMILY) and not second & lists.WORD
        yield Found(
            Span(match.start("name"), match.end() if long else match.start("name") + len(name[0])), NAME, "names", 0.8
        )


def _spaced(text: Reading) -> Iterator[Found]:
    """Names with their letters apart: J o h n   S m i t h."""
    for match in found_where(_SPACED, text, _SINGLE_LETTERS):
        parts = [re.sub("[ .-]", "", word).lower() for word in re.split(r"\s{2,3}", match[0])]
        if any(lists.names().get(word, 0) & lists.PERSON for word in parts):
            yield Found(Span(*match.span()), NAME, "names", 0.8)
