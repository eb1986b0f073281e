"""Where a trained model and the rules found the same place: who says where it begins and ends. Nothing found is lost.

What the record knows, dates and numbers that a rule is sure of keep their ends and labels: they are replaced by form.
Of names, places and organizations the model says where they end: rules see words, the model sentences, and of ``450 Oak
Lane, Springfield`` it tells that two places stand there. What the other side found besides stands alone, or is added to
the span that it touches.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from careloom.deid.text_spans import DATE, LOCATION, NAME, ORGANIZATION, Found
from careloom.text.note import Span

MODEL = "classifier"
PROPER = frozenset({NAME, LOCATION, ORGANIZATION})
_SURE, _SURE_OF_NAMES = 0.7, 0.9
_REST = re.compile(r"[^\W\d_]+|\d+")
_NOTHING = re.compile(r"(?:19|20)\d\d|pdf|docx?|txt|jpe?g|png|tiff?|dcm|xlsx?|csv|html?", re.IGNORECASE)
_TIME = re.compile(r"[\s,@T]*\d{1,2}:?\d\d(?::?\d\d)?(?:\.\d+)?\s?(?:[ap]\.?m\.?|h|hrs|hours|Z)?[\s,.]*", re.IGNORECASE)
_CONTENT = re.compile(r"[^\W_]")
_BETWEEN = re.compile(r"[\s.,'’()-]{0,3}")


def is_ruled(group: Sequence[Found]) -> bool:
    """True where a group that the model shares holds something whose ends are not the model's to say."""
    return any(_holds(one) for one in group if one.detector != MODEL)


def are_names(group: Sequence[Found]) -> bool:
    """True where a group holds names, places and organizations only, of which no rule is sure against the model."""
    told = {one.label for one in group if one.detector == MODEL}
    return all(one.label in PROPER and (one.label in told or one.score < _SURE_OF_NAMES) for one in group)


def _holds(one: Found) -> bool:
    return one.detector == "record" or one.label == DATE or (one.label not in PROPER and one.score >= _SURE)


def besides(text: str, ruled: Found, group: Sequence[Found]) -> list[Found]:
    """What the model found in a group outside of the span that the rules made of it."""
    rests = []
    for one in group:
        if one.detector == MODEL:
            for rest in _uncovered(one.span, [ruled]):
                words = rest.of(text)
                if not _TIME.fullmatch(words) and not all(map(_NOTHING.fullmatch, _REST.findall(words))):
                    rests.append(replace(one, span=rest))
    return rests


def parted(text: str, group: Sequence[Found]) -> list[Found]:
    """The spans of a group that overlap, by the ends of the model's spans in it: disjoint, in order."""
    spans = sorted((one for one in group if one.detector == MODEL), key=lambda one: one.span.start)
    for one in sorted((one for one in group if one.detector != MODEL), key=lambda one: one.span.start):
        for rest in _uncovered(one.span, spans):
            if _CONTENT.search(rest.of(text)):
                spans = _added(text, spans, replace(one, span=rest))
    return spans


def _uncovered(span: Span, spans: Sequence[Found]) -> list[Span]:
    """What of `span` no other covers."""
    rests, at = [], span.start
    for other in spans:
        if other.span.end <= at or other.span.start >= span.end:
            continue
        if other.span.start > at:
            rests.append(Span(at, other.span.start))
        at = max(at, other.span.end)
    if at < span.end:
        rests.append(Span(at, span.end))
    return rests


def _added(text: str, spans: Sequence[Found], rest: Found) -> list[Found]:
    """`spans` with `rest`: joined to a neighbour of its label that it touches, else alone."""
    for place, other in enumerate(spans):
        if other.label == rest.label:
            first, last = sorted((other.span, rest.span))
            if _BETWEEN.fullmatch(text[first.end : last.start]) and "\n" not in text[first.end : last.start]:
                joined = replace(other, span=Span(first.start, last.end), part=other.part or rest.part)
                return sorted([*spans[:place], *spans[place + 1 :], joined], key=lambda one: one.span.start)
    return sorted([*spans, rest], key=lambda one: one.span.start)
