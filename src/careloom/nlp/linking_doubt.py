"""Mentions that rather have no code than a wrong one: homographs, ambiguous abbreviations, names that say more.

    soft tissue infection              no tumor of soft tissue
    cold, feeling cold, Hands cold     no chronic obstructive lung disease, which is COLD in capitals
    PCP among names of physicians      no pneumocystosis
    surgery                            no coronary artery bypass grafting
    PPI, beta blocker                  no drug of a like name: these classes have no code here

Nothing here changes what `Linker.link` answers; `Linker.read` keeps no codes where these rules doubt. Lists stand in
linking.toml; shares of an abbreviation's meanings are those of clinical notes (abbreviations.zst).
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from rapidfuzz.fuzz import ratio

from careloom import runtime
from careloom.nlp.linking_abbreviations import decided_meaning, is_ours, usual_meanings
from careloom.nlp.linking_text import canonical, word_list

_USUAL = 0.15
"""Share of an abbreviation's occurrences from which on a meaning is one to expect."""
_ALIKE = 85.0
"""Likeness of letters, in percent, from which on two words may be one, written otherwise."""
_SHORT = re.compile(r"[A-Z][A-Za-z]{0,2}[A-Z][A-Za-z]{0,3}\d?")
_CAPITALS = re.compile(r"[A-Z]{2,}")


@dataclass(frozen=True, slots=True)
class Match:
    """How the best meaning was found.

    name   the canonical name that matched
    forms  the forms of the mention that were looked for
    names  all canonical names of the meaning
    """

    name: str
    forms: tuple[str, ...]
    names: tuple[str, ...]


@cache
def _lists() -> Mapping[str, Any]:
    lists = tomllib.loads(runtime.packaged("nlp", "linking.toml").decode())
    only = {word: re.compile(pattern, re.IGNORECASE) for word, pattern in lists["only"].items()}
    tests = re.compile(lists["doubt"]["tests"], re.IGNORECASE)
    return MappingProxyType({**lists["doubt"], "only": only, "tests": tests})


def is_doubtful(mention: str, label: str, around: str, defined: Mapping[str, str], match: Match) -> bool:
    """True where the best code of a mention is rather none.

    around   the words beside it
    defined  abbreviations that the note defines: those are as they are defined
    """
    bare = mention.strip()
    if bare in defined or not match.forms:
        return False
    if label in ("PROBLEM", "SYMPTOM"):
        return (
            _is_homograph(bare)
            or _is_other_kind(match)
            or _is_unusual(bare, around, match)
            or (" " not in bare and not _SHORT.fullmatch(bare) and (_says_more(match) or _is_place(bare, match)))
        )
    if label == "PROCEDURE":
        return _says_more(match) if " " not in match.forms[0] else _says_other(match)
    if label == "TEST":
        return _lists()["tests"].fullmatch(bare) is not None
    return label in ("MEDICATION", "ALLERGEN") and (canonical(bare) in _lists()["classes"] or _is_unlike(match))


def _is_homograph(mention: str) -> bool:
    """True for a word that names a disease in some phrases alone."""
    for word in re.findall(r"[^\W\d_]+", mention):
        plain = word.lower()
        pattern = _lists()["only"].get(plain) or _lists()["only"].get(plain.removesuffix("s"))
        is_capital = _CAPITALS.fullmatch(word) is not None
        if pattern is not None and not is_capital and pattern.fullmatch(" ".join(mention.split())) is None:
            return True
    return False


def _is_other_kind(match: Match) -> bool:
    """True where a mention says infection and the name tumor: both name what kind of thing it is, each another one."""
    mine = {word for form in match.forms for word in form.split()}
    theirs = set(match.name.split())
    return not any(theirs & row for row in _kinds() if mine & row) and any(
        mine & row and theirs & other for row in _kinds() for other in _kinds() if row is not other
    )


@cache
def _kinds() -> tuple[frozenset[str], ...]:
    return tuple(frozenset(row) for row in _lists()["kinds"])


def _is_unusual(mention: str, around: str, match: Match) -> bool:
    """True for an abbreviation that seldom means this in notes, or means several things of which nothing speaks."""
    if _SHORT.fullmatch(mention) is None:
        return False
    short = mention.lower()
    if short in _lists()["undecided"]:
        return decided_meaning(mention, around) is None
    listed = usual_meanings(mention)
    if not listed or is_ours(mention):
        return False
    total = sum(share for _, share in listed)
    usual = [canonical(meaning) for meaning, share in listed if share >= _USUAL * total]
    return not any(_are_same(form, name) for form in usual for name in match.names if " " in name or " " not in form)


def _are_same(one: str, other: str) -> bool:
    return one == other or ratio(one, other) >= _ALIKE or _heavy(one) <= _heavy(other) or _heavy(other) <= _heavy(one)


def _heavy(text: str) -> frozenset[str]:
    light = word_list("noise") | word_list("modifiers") | word_list("generic")
    return frozenset(word for word in text.split() if word not in light) or frozenset(text.split())


def _says_more(match: Match) -> bool:
    """True where the name of one word's meaning has words of weight which that word does not have."""
    if match.name in match.forms:
        return False
    best = max(match.forms, key=lambda form: ratio(form, match.name))
    mine, theirs = _heavy(best), _heavy(match.name)
    return not all(any(ratio(word, own) >= _ALIKE for own in mine) for word in theirs)


def _is_place(mention: str, match: Match) -> bool:
    """True for a word such as ``mouth`` of which only a disease has that name, ``mouth disorder``; not for Crohn's."""
    added = set(match.name.split()) - {word for form in match.forms for word in form.split()}
    return bool(added & word_list("generic")) and match.name not in match.forms and not mention.endswith("s")


def _says_other(match: Match) -> bool:
    """True where a mention has a word of weight that the name does not have, or nothing else in common."""
    light = _lists()["ways"]
    mine = {word for word in _heavy(match.forms[0]) if word not in light}
    theirs = match.name.split()
    if match.name in match.forms:
        return False
    missed = [word for word in mine if not any(ratio(word, other) >= _ALIKE for other in theirs)]
    return bool(missed) and bool(mine) and len(missed) * 2 >= len(mine)


def _is_unlike(match: Match) -> bool:
    """True where no word of a mention is one of the drug's name."""
    theirs = match.name.split()
    return not any(
        ratio(word, other) >= _ALIKE
        for form in match.forms
        for word in form.split()
        if len(word) > 2
        for other in theirs
    )
