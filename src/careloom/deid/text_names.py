"""Names of people in text, by lists and context.

A run of capitalised words is a name where one of them is a name and no plain word, or where the words around announce a
person: a title, a relation, a label, a signature, a credential behind. Names that are words (May, Hunter, Will) and
eponyms (Parkinson, Foley, Apgar) count only beside another name or where a person is announced.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from careloom.deid import name_lists as lists
from careloom.deid import name_words as context
from careloom.deid.text_known import CLINICIAN, PATIENT, RELATIVE, Known
from careloom.deid.text_spans import NAME, Found
from careloom.text.note import Span

_CAPITAL = re.compile(r"(?<![^\W_])[^\W\d_a-z](?:[^\W\d_]|['’-](?=[^\W\d_]))*")
_LOWER = re.compile(r"(?<![^\W_/])[a-z]{4,}(?![^\W_])")
_LOWER_AFTER = re.compile(
    rf"(?<![A-Za-z])(?P<title>{context.TITLE}\.?|dear|hi|hello|hey|thanks|my name is|this is|i'm|named)"
    rf"\s?,?\s(?P<name>[a-z]{{2,}}(?:[ -][a-z]{{2,}})?)"
)
_GAP = re.compile(r"\.?[ \t]{1,2}|[ \t]?\n[ \t]{0,3}|\.|-")
_PARTICLES = re.compile(
    r"[ \t](?:(?:van|von|der|den|de|da|di|dos|das|del|della|la|le|el|al|bin|ibn|ben|ter|ten|zu|af|av|y)[ \t]){1,3}"
)
_NEXT_WORD = re.compile(r"(?:'s)?[ \t-]\s{0,1}([A-Za-z]+)")
_SENTENCE_START = re.compile(r"(?:^|[:\n]\s*|[|(]\s?|\s{3})$")
_SPACED = re.compile(
    r"(?<![^\W_])(?:[A-Za-z][ .-]){3,}[A-Za-z](?![^\W_])(?:\s{2,3}(?:[A-Za-z][ .-]){2,}[A-Za-z](?![^\W_]))?"
)
_INITIALS = re.compile(
    r"\b(?:[Pp]t|[Pp]atient|Name):\s{0,3}(?P<name>(?:[A-Z]\.?){2,3})(?=\s?[/|,(\n-])"
    r"|--\s?(?P<by>[A-Z]{2,3})\s?(?=[(\d])"
)
_ABBREVIATED = 5  # an unknown word of so many capitals is an abbreviation
_LOOK_BACK = 40
STRONG, WEAK, MAYBE, UNKNOWN, INITIAL, PLAIN = "S", "w", "a", "u", "I", "x"


@dataclass(slots=True)
class _Token:
    start: int
    end: int
    word: str
    kind: str
    flags: int


class NameDetector:
    """Finds names of people by lists and context; see the module."""

    name = "names"

    def find(self, text: str, known: Known) -> Sequence[Found]:
        """Names of people; titles stay outside."""
        original, text = text, recased(text)
        found: list[Found] = []
        tokens = list(_tokens(text, original))
        for run in _runs(text, tokens):
            found += _judged(text, run)
        found += _inverted(text, tokens)
        found += _lower(text)
        found += _spaced(text)
        found += [
            Found(Span(*match.span("name" if match["name"] else "by")), NAME, self.name, 0.7)
            for match in _INITIALS.finditer(text)
        ]
        return found


_LINE = re.compile(r"[^\n]+")


def recased(text: str) -> str:
    """`text` with capitals where they tell nothing: lines all in capitals, and a text without any, get one a word."""
    if not any(map(str.isupper, text)):
        titled = text.title()
        return titled if len(titled) == len(text) else text
    return _LINE.sub(
        lambda line: line[0].title() if line[0].isupper() and len(line[0].title()) == len(line[0]) else line[0], text
    )


def _kind(word: str, flags: int) -> str:
    if len(word) == 1:
        return INITIAL if word.isupper() else PLAIN
    if word in context.CREDENTIALS or (flags == lists.WORD):
        return PLAIN
    if word.isupper() and len(word) <= 3:
        return MAYBE if flags & lists.PERSON else PLAIN
    if flags & lists.PERSON:
        if flags & (lists.WORD | lists.EPONYM):
            return MAYBE
        return STRONG if flags & lists.FREQUENT else WEAK
    plain = lists.folded(word).removesuffix("'s")
    if flags or len(word) < 3 or plain in lists.words() or _is_inflected(plain) or ("-" in word and word.isupper()):
        return PLAIN
    return UNKNOWN


def _is_inflected(plain: str) -> bool:
    """True for a form of a plain word that the list lacks."""
    words = lists.words()
    if any(part in words for part in plain.split("-")) and "-" in plain:
        return True
    return any(
        plain.endswith(end) and (plain[: -len(end)] in words or plain[: -len(end)] + "e" in words)
        for end in ("s", "es", "ed", "ing", "ly", "al", "ic")
    )


def _tokens(text: str, original: str) -> Iterator[_Token]:
    for match in _CAPITAL.finditer(text):
        word = match[0]
        if word[0].islower() or (not word[0].isalpha()):
            continue
        flags = context.flags_of(word)
        kind = _kind(word, flags)
        if kind == UNKNOWN and len(word) <= _ABBREVIATED and original[match.start() : match.end()].isupper():
            kind = PLAIN
        yield _Token(match.start(), match.end(), word, kind, flags)


def _runs(text: str, tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """Runs of capitalised words that follow one another."""
    run: list[_Token] = []
    for token in tokens:
        if run:
            gap = text[run[-1].end : token.start]
            joined = (
                len(gap) <= 6 and _GAP.fullmatch(gap) and (not gap.startswith(".") or len(run[-1].word) == 1)
            ) or (3 < len(gap) <= 12 and _PARTICLES.fullmatch(gap))
            if not joined or (
                "\n" in gap
                and not (
                    run[-1].kind in "SwI" and token.kind in "Swa" and run[-1].word.isupper() == token.word.isupper()
                )
            ):
                yield run
                run = []
        run.append(token)
    if run:
        yield run


def _judged(text: str, run: list[_Token]) -> Iterator[Found]:
    """The names of one run."""
    start = 0
    while start < len(run):
        if _announces(run[start]):
            start += 1
            continue
        announced, role, has_title = _announced(text, run[start])
        end = start
        while (
            end < len(run)
            and not _is_sentence(text, run, start, end)
            and (run[end].kind != PLAIN or (has_title and end == start and _after_title(run[end])))
        ):
            if end > start and _announces(run[end]):
                break
            end += 1
        if end == start:
            start += 1
            continue
        part = run[start:end]
        follows = context.CREDENTIAL.match(text, part[-1].end) is not None
        score = _score(text, part, announced=announced, has_title=has_title, follows=follows)
        if score:
            kept = _trimmed(part, announced)
            if kept:
                yield Found(
                    Span(kept[0].start, _end(text, kept[-1])),
                    NAME,
                    "names",
                    score,
                    role or (CLINICIAN if follows else ""),
                )
        start = end


def _announces(token: _Token) -> bool:
    """True for a title, a relation or a greeting: it is no part of the name that follows."""
    return token.kind not in (STRONG, INITIAL) and token.word.lower().rstrip(".") in context.ANNOUNCERS


def _is_sentence(text: str, run: list[_Token], start: int, end: int) -> bool:
    """True where an initial closed a sentence: Dr. X.  He came."""
    return end == start + 1 and run[start].kind == INITIAL and run[end].kind == MAYBE and text[run[start].end] == "."


def _after_title(token: _Token) -> bool:
    return token.word.lower() not in context.NO_NAME_AFTER_TITLE


def _end(text: str, token: _Token) -> int:
    """Where a name ends: before a possessive, behind the full stop of an initial."""
    if token.word.endswith(("'s", "'S")) and len(token.word) > 3:
        return token.end - 2
    return token.end + (token.kind == INITIAL and text[token.end : token.end + 1] == "." and len(text) > token.end)


def _announced(text: str, token: _Token) -> tuple[bool, str, bool]:
    """Whether a person is announced before a token; the role; whether by a title."""
    before = context.BEFORE.search(text[max(0, token.start - _LOOK_BACK) : token.start])
    if before is None:
        return False, "", False
    word = before["word"]
    if (
        word.lower() in context.NEEDS_COLON
        and ":" not in before["mark"]
        and not re.search("named|called|is", before["mark"])
    ):
        return False, "", False
    if word == "MS" or (word.lower() == "cc" and token.kind not in "Sw"):
        return False, "", False
    role = (
        CLINICIAN if context.CLINICIAN_BEFORE.match(word) else RELATIVE if context.RELATIVE_BEFORE.match(word) else ""
    )
    if word.lower().startswith(("patient", "pt", "name")):
        role = PATIENT
    return True, role, context.TITLES.match(word) is not None


def _score(text: str, part: list[_Token], *, announced: bool, has_title: bool, follows: bool) -> float:
    kinds = "".join(token.kind for token in part)
    strong, weak = kinds.count(STRONG), kinds.count(WEAK)
    words = [token for token in part if token.kind != INITIAL]
    if announced or follows:
        return 0.95 if words or has_title else 0.0
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


def _looks_foreign(text: str, part: list[_Token], kinds: str) -> bool:
    """True for two unknown words, or one beside a given name that is a word, inside a sentence."""
    if re.search("uI[ua]|[ua]Iu", kinds):
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


def _is_whole_name(part: list[_Token]) -> bool:
    """True for a frequent given name and a frequent family name, though both are words: Mark J. Bell."""
    first, last = part[0], part[-1]
    return (
        len(part) > 1
        and first.kind == last.kind == MAYBE
        and bool(first.flags & lists.GIVEN and last.flags & lists.FAMILY)
        and bool(first.flags & last.flags & lists.FREQUENT)
        and len(first.word) > 2 < len(last.word)
    )


def _is_term(text: str, part: list[_Token]) -> bool:
    """True where the run is the name of a disease, a sign, an instrument."""
    after = _NEXT_WORD.match(text, part[-1].end - (2 if part[-1].word.endswith("'s") else 0))
    if after is None or after[1].lower() not in context.EPONYM_NOUNS:
        return False
    return len(part) == 1 or any(token.flags & lists.EPONYM for token in part)


def _trimmed(part: list[_Token], announced: bool) -> list[_Token]:
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


def _inverted(text: str, tokens: Sequence[_Token]) -> Iterator[Found]:
    """Family name, comma, given name: Smith, John Q."""
    for place in range(len(tokens) - 1):
        family, given = tokens[place], tokens[place + 1]
        if not given.flags & lists.GIVEN or not _COMMA.fullmatch(text[family.end : given.start]):
            continue
        if family.kind not in "Swau" or (family.kind == MAYBE and not family.flags & lists.FAMILY):
            continue
        if given.kind not in "Sw" and not (
            _is_whole_name([given, family]) and _SENTENCE_START.search(text[max(0, family.start - 4) : family.start])
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


def _lower(text: str) -> Iterator[Found]:
    """Names that are not capitalised: after a title, or given names that are nothing else."""
    names = lists.names()
    for match in _LOWER.finditer(text):
        flags = names.get(match[0], 0)
        if (
            flags & lists.GIVEN
            and flags & lists.FREQUENT
            and not flags & (lists.WORD | lists.EPONYM)
            and match[0] not in context.EPONYMS
            and match[0] not in context.NO_NAMES
        ):
            yield Found(Span(*match.span()), NAME, "names", 0.5)
    for match in _LOWER_AFTER.finditer(text):
        words = match["name"].split()
        first = names.get(words[0], 0)
        is_title = context.TITLES.match(match["title"].rstrip(".")) is not None
        if (
            words[0] in context.NO_NAME_AFTER_TITLE
            or not (first & lists.PERSON)
            or (first & lists.WORD and not is_title)
        ):
            continue
        second = names.get(words[1], 0) if len(words) > 1 else 0
        long = bool(second & lists.FAMILY) and not second & lists.WORD
        yield Found(
            Span(match.start("name"), match.end() if long else match.start("name") + len(words[0])), NAME, "names", 0.8
        )


def _spaced(text: str) -> Iterator[Found]:
    """Names with their letters apart: J o h n   S m i t h."""
    for match in _SPACED.finditer(text):
        words = [re.sub("[ .-]", "", word).lower() for word in re.split(r"\s{2,3}", match[0])]
        if any(lists.names().get(word, 0) & lists.PERSON for word in words):
            yield Found(Span(*match.span()), NAME, "names", 0.8)
