"""Capitalised words of a text, in runs, each with what it may be: a name, a word, an abbreviation, or unknown."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from careloom.deid import name_lists as lists
from careloom.deid import name_words as context

_CAPITAL = re.compile(r"(?<![^\W_])[^\W\d_a-z](?:[^\W\d_]|['’-](?=[^\W\d_]))*")
_GAP = re.compile(r"\.[ \t]{1,2}|[ \t]|[ \t]?\n[ \t]{0,3}|\.|-")
_PARTICLES = re.compile(
    r"[ \t](?:(?:van|von|der|den|de|da|di|dos|das|del|della|la|le|el|al|bin|ibn|ben|ter|ten|zu|af|av|y)[ \t]){1,3}"
)
_ABBREVIATED = 5  # an unknown word of so many capitals is an abbreviation
STRONG, WEAK, MAYBE, UNKNOWN, INITIAL, PLAIN = "S", "w", "a", "u", "I", "x"


@dataclass(slots=True)
class NameToken:
    """A capitalised word: its place, its kind (below) and the flags of the lists."""

    start: int
    end: int
    word: str
    kind: str
    flags: int


def _is_given(word: str, flags: int) -> bool:
    """True for a frequent given name that some disease or test happens to hold too."""
    return bool(flags & lists.GIVEN and flags & lists.FREQUENT) and lists.folded(word) not in context.EPONYMS


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


def name_tokens(text: str, original: str) -> Iterator[NameToken]:
    """The capitalised words of `text`. `original`: the same before `recased`."""
    for match in _CAPITAL.finditer(text):
        word = match[0]
        if word[0].islower() or (not word[0].isalpha()):
            continue
        flags = context.flags_of(word)
        kind = _kind(word, flags)
        if kind == UNKNOWN and len(word) <= _ABBREVIATED and original[match.start() : match.end()].isupper():
            kind = PLAIN
        yield NameToken(match.start(), match.end(), word, kind, flags)


def name_runs(text: str, tokens: Sequence[NameToken]) -> Iterator[list[NameToken]]:
    """Runs of capitalised words that follow one another."""
    run: list[NameToken] = []
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
