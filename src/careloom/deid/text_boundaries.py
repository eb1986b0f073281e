"""Where a trained model and the rules found the same thing, the model says where it begins and ends; nothing is lost.

The rules see words, the model sentences: of ``450 Oak Lane, Springfield`` it tells that two places stand there. What a
rule found besides is added to the span of the model that it touches, or stands alone.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from careloom.deid.text_spans import Found
from careloom.text.note import Span

MODEL = "classifier"
_CONTENT = re.compile(r"[^\W_]")
_BETWEEN = re.compile(r"[\s.,'’()-]{0,3}")


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
