"""Capitalised words of a text, in runs, each with what it may be: a name, a word, an abbreviation, or unknown."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from careloom.deid import name_lists as lists
from careloom.deid import name_words as context
from careloom.deid.text_reading import Reading

_GAP = re.compile(r"\.[ \t]{1,2}|[ \t]|[ \t]?\n[ \t]{0,3}|\.|-")
_PARTICLES = re.compile(
    r"[ \t](?:(?:van|von|der|den|de|da|di|dos|das|del|della|la|le|el|al|bin|ibn|ben|ter|ten|zu|af|av|y)[ \t]){1,3}"
)
# What may stand between a word that announces a person and the name, and how much of it.
_MARKS = ':#.,("' + "".join(filter(str.isspace, map(chr, range(0x3001))))
_MARK_REACH = 16
_LONGEST_GAP = 13
_ABBREVIATED = 5  # an unknown word of so many capitals is an abbreviation
STRONG, WEAK, MAYBE, UNKNOWN, INITIAL, PLAIN = "S", "w", "a", "u", "I", "x"


@dataclass(slots=True)
class NameToken:
    """A capitalised word: its place, its kind (see above) and the flags of the lists.

    announces   it is a title, a relation or a greeting: no part of the name that follows
    may_follow  a word that may announce a person stands before it
    """

    start: int
    end: int
    word: str
    kind: str
    flags: int
    announces: bool
    may_follow: bool


def _is_given(word: str, flags: int) -> bool:
    """True for a frequent given name that some disease or test happens to hold too."""
    return bool(flags & lists.GIVEN and flags & lists.FREQUENT) and lists.folded(word) not in context.EPONYMS


def _kind(word: str, flags: int) -> str:
    if len(word) == 1:
        return INITIAL if word.isupper() else PLAIN
    if word in context.CREDENTIALS or (flags == lists.WORD):
        return PLAIN
    if word.isupper() and len(word) <= 3:
        return MAYBE if flags & lists.PERSON else PLAIN
    if flags & lists.PERSON:
        if flags & lists.WORD or (flags & lists.EPONYM and not _is_given(word, flags)):
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


def _facts(word: str) -> tuple[str, int, bool]:
    return _short_facts(word) if len(word) <= lists.LONGEST_CACHED else _any_facts(word)


def _any_facts(word: str) -> tuple[str, int, bool]:
    flags = context.flags_of(word)
    kind = _kind(word, flags)
    return kind, flags, kind not in (STRONG, INITIAL) and word.lower() in context.ANNOUNCERS


_short_facts = lru_cache(65_536)(_any_facts)


def name_tokens(reading: Reading) -> Iterator[NameToken]:
    """The capitalised words of `reading.recased`."""
    text = reading.recased
    ends = {start + len(word) for word in reading.words.keys() & context.LAST_BEFORE for start in reading.words[word]}
    for match in reading.capitals:
        word = match[0]
        if word[0].islower():
            continue
        kind, flags, announces = _facts(word)
        start, end = match.span()
        if kind == UNKNOWN and len(word) <= _ABBREVIATED and reading[start:end].isupper():
            kind = PLAIN
        before = text[max(0, start - _MARK_REACH) : start].rstrip(_MARKS)
        last = start - min(start, _MARK_REACH) + len(before)
        yield NameToken(start, end, word, kind, flags, announces, last in ends or not before.isascii())


def name_runs(text: str, tokens: Sequence[NameToken]) -> Iterator[list[NameToken]]:
    """Runs of capitalised words that follow one another."""
    run: list[NameToken] = []
    for token in tokens:
        if run:
            gap = text[run[-1].end : min(token.start, run[-1].end + _LONGEST_GAP)]
            joined = (
                len(gap) <= 6 and _GAP.fullmatch(gap) and (not gap.startswith(".") or len(run[-1].word) == 1)
            ) or (3 < len(gap) < _LONGEST_GAP and _PARTICLES.fullmatch(gap))
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
