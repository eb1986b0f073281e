"""Many detectors, one answer: the rule that joins what they found. It prefers to remove too much.

1. What scores below `least` goes.
2. A name or place found by lists alone goes where it stands on a protected word: an eponym in the name of a disease,
   sign or instrument, or a plain word of English or medicine in lower case. What the record knows is never protected.
3. Spans that share a character become one that covers both. Its label is that of the span that comes first by this
   order: an address of the net, in which others may stand; what the record knows; a score of 0.7 or more; the rank of
   the label in PRECEDENCE (names, cities and organizations share one); the longer; the higher score.
4. Where the trained model shares a group, `text_boundaries` says whose ends hold.
5. Names that follow one another on a line (Mary  Smith) become one.
6. Ends are trimmed of white space and marks that belong to no identifier.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from careloom.deid import name_lists as lists
from careloom.deid.name_words import EPONYM_NOUNS, flags_of
from careloom.deid.text_boundaries import MODEL, are_names, besides, is_ruled, parted
from careloom.deid.text_spans import (
    ACCOUNT,
    AGE_OVER_89,
    BIOMETRIC,
    DATE,
    DEVICE,
    EMAIL,
    FAX,
    HEALTH_PLAN,
    IP,
    LICENSE,
    LOCATION,
    MRN,
    NAME,
    ORGANIZATION,
    OTHER_ID,
    PHONE,
    SSN,
    URL,
    VEHICLE,
    Found,
)  # fmt: skip
from careloom.text.note import Span

LEAST = 0.4
PRECEDENCE = (
    EMAIL, URL, IP, SSN, DATE, VEHICLE, LICENSE, MRN, HEALTH_PLAN, ACCOUNT, DEVICE, BIOMETRIC, FAX, PHONE, AGE_OVER_89,
    LOCATION, ORGANIZATION, NAME, OTHER_ID,
)  # fmt: skip
_RANK = {label: rank for rank, label in enumerate(PRECEDENCE)}
_BY_LIST = frozenset({"names", "places"})
_BETWEEN_NAMES = re.compile(r"[ \t]{1,2}|\.[ \t]?|[ \t][A-Z]\.?[ \t]|,[ \t](?=$)")
_LETTERS = re.compile(r"[^\W\d_]+")
_TRIM = " \t\n,;:"
_NEXT = re.compile(r"(?:['’]s)?[\s-]([A-Za-z]+)")


def combine(text: str, found: Iterable[Found], least: float = LEAST) -> list[Found]:
    """The spans to replace: disjoint, in order. `text`: the one in which they were found."""
    kept = [one for one in found if one.score >= least and len(one.span) and not _is_protected(text, one)]
    kept = _outside_addresses(text, kept)
    kept.sort(key=lambda one: (one.span.start, -one.span.end))
    groups: list[list[Found]] = []
    end = -1
    for one in kept:
        if groups and (one.span.start < end or _continues(text, groups[-1], end, one)):
            groups[-1].append(one)
            end = max(end, one.span.end)
        else:
            groups.append([one])
            end = one.span.end
    return sorted((one for group in groups for one in _resolved(text, group)), key=lambda one: one.span.start)


def _resolved(text: str, group: Sequence[Found]) -> Iterator[Found]:
    """The spans of one group of which each shares a character with another."""
    rules = [one for one in group if one.detector != MODEL]
    parts: list[Sequence[Found]]
    if len(rules) == len(group):
        parts = [rules]
    elif is_ruled(group):
        ruled = _joined(text, rules)
        parts = [rules] if ruled is None else [rules, *([one] for one in besides(text, ruled, group))]
    elif are_names(group):
        parts = [[one] for one in parted(text, group)]
    else:
        parts = [group]
    yield from (joined for part in parts if (joined := _joined(text, part)) is not None)


def _outside_addresses(text: str, kept: list[Found]) -> list[Found]:
    """Names and places of lists without what they share with an address of the net."""
    nets = [one.span for one in kept if one.label in (EMAIL, URL) and one.detector != MODEL]
    if not nets:
        return kept
    result = []
    for one in kept:
        hit = next((net for net in nets if net.overlaps(one.span)), None)
        if hit is None or one.detector not in _BY_LIST:
            result.append(one)
            continue
        rest = Span(one.span.start, max(one.span.start, hit.start))
        if any(word not in lists.words() for word in _LETTERS.findall(rest.of(text).lower())):
            result.append(replace(one, span=rest))
    return result


def _is_protected(text: str, one: Found) -> bool:
    """True where lists alone took a clinical word for a name."""
    if one.detector not in _BY_LIST or one.label not in (NAME, LOCATION):
        return False
    word = one.span.of(text)
    if word.islower() and word in lists.words():
        return one.score < 0.8
    if " " in word or one.score >= 0.9:
        return False
    following = _NEXT.match(text, one.span.end)
    is_eponym = bool(flags_of(word) & lists.EPONYM)
    return is_eponym and following is not None and following[1].lower() in EPONYM_NOUNS


def _continues(text: str, group: Sequence[Found], end: int, one: Found) -> bool:
    """True where a span goes on with the one before."""
    last = max(group, key=lambda other: other.span.end)
    between = text[end : one.span.start]
    if len(between) > 9:
        return False
    if last.label == one.label == NAME:
        return _BETWEEN_NAMES.fullmatch(between) is not None
    return False


def _joined(text: str, group: Sequence[Found]) -> Found | None:
    first = min(group, key=_order)
    start, end = min(one.span.start for one in group), max(one.span.end for one in group)
    while start < end and text[start] in _TRIM:
        start += 1
    while end > start and text[end - 1] in _TRIM:
        end -= 1
    if start < end and text[start] == "(" and ")" not in text[start:end]:
        start += 1
    if start == end:
        return None
    part = first.part or next((one.part for one in group if one.label == first.label and one.part), "")
    return Found(Span(start, end), first.label, first.detector, max(one.score for one in group), part)


def _order(one: Found) -> tuple[bool, bool, bool, int, int, float]:
    weak = one.score < 0.7
    is_proper = one.label in (NAME, ORGANIZATION) or (one.label == LOCATION and one.part in ("city", "country"))
    rank = _RANK[LOCATION] if is_proper else _RANK[one.label]
    is_net = one.label in (EMAIL, URL) and one.detector != MODEL
    return (not is_net, one.detector != "record", weak, rank, -len(one.span), -one.score)
