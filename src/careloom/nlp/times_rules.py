"""The rules of times.toml, compiled: each a pattern over the classes of tokens, one character a token."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from careloom.nlp.times_tokens import Token, declared, words

_LOOKS = (
    "INT", "NUM", "DEC", "DOTTED", "YEAR", "FOUR", "DATE", "PART_DATE", "CLOCK", "AMPM", "SUFFIX", "LETTER_UNIT",
    "DAYLETTER", "DECADE", "CODE", "HYPHEN", "COMMA", "DOT", "SLASH", "APOSTROPHE", "OPEN", "CLOSE", "HASH", "PLUS",
    "COLON", "BREAK", "OTHER",
)  # fmt: skip
_PIECE = re.compile(r"(?P<name>[a-z]+\d?)=\(|\((?P<part>[a-z]+)\)|(?P<kind>[A-Z_]+)|(?P<space>\s+)")
_PRIVATE = 0xE000  # a private use area: no character of it is special in a pattern


@dataclass(frozen=True, slots=True)
class Rule:
    """What stands in times.toml."""

    name: str
    read: str
    type: str
    label: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Match:
    """Tokens `first` up to, not including, `last` fit a rule; `groups` are places of tokens too."""

    rule: Rule
    first: int
    last: int
    groups: dict[str, tuple[int, int]]


@cache
def _letters() -> dict[str, str]:
    return {kind: chr(_PRIVATE + place) for place, kind in enumerate((*_LOOKS, *words()))}


def _compiled(match: str, parts: dict[str, str]) -> str:
    letters = _letters()

    def piece(found: re.Match[str]) -> str:
        if found["name"]:
            return f"(?P<{found['name']}>"
        if found["part"]:
            return f"(?:{_compiled(parts[found['part']], parts)})"
        return letters[found["kind"]] if found["kind"] else ""

    return _PIECE.sub(piece, match)


@cache
def rules() -> tuple[Rule, ...]:
    """The rules, in order."""
    data = declared()
    parts: dict[str, str] = data["parts"]
    return tuple(
        Rule(
            one["name"],
            one["read"],
            one["type"],
            one.get("label", "DATE_TIME"),
            re.compile(_compiled(one["match"], parts)),
        )
        for one in data["rules"]
    )


_INERT = frozenset(("OTHER", "COMMA", "DOT", "COLON", "OPEN", "CLOSE", "HASH", "MEASURE"))


def _telling(tokens: Sequence[Token]) -> list[int]:
    """The places of tokens that a rule may see: of a run of words that are in none, its two ends."""
    out = []
    before = after = True
    last = len(tokens) - 1
    for place, token in enumerate(tokens):
        is_inert = token.kind in _INERT
        after = place == last or tokens[place + 1].kind in _INERT
        if not (is_inert and before and after):
            out.append(place)
        before = is_inert
    return out


def matches(tokens: Sequence[Token]) -> list[Match]:
    """What fits, disjoint and in order: at each place the longest; among equals what is passed over, then the first."""
    letters = _letters()
    kept = _telling(tokens)
    line = "".join([letters[tokens[place].kind] for place in kept])
    found = [
        (hit.start(), -hit.end(), place if rule.read else -1, rule, hit)
        for place, rule in enumerate(rules())
        for hit in rule.pattern.finditer(line)
        if hit.end() > hit.start()
    ]
    found.sort(key=lambda one: one[:3])
    out: list[Match] = []
    at = 0
    for start, end, _, rule, hit in found:
        if start < at:
            continue
        at = -end
        groups = {name: (kept[hit.start(name)], kept[hit.end(name) - 1] + 1) for name in hit.re.groupindex if hit[name]}
        out.append(Match(rule, kept[start], kept[at - 1] + 1, groups))
    return out
