"""Which annotations of a note may belong together: pairs of fitting labels near to one another.

A pair lies in one *row*: a sentence, and of a sentence that runs over lines of a table each line. What finds nothing of
the other label in its row looks back over the rows above, up to a blank line: a date below the name of its examination.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from careloom.nlp.labels import RELATIONS
from careloom.nlp.relation_rules import rules
from careloom.text.note import AnnotatedNote, Annotation, Span
from careloom.text.sentences import sentences

LEFT, RIGHT, FARTHEST, BACK = 3, 3, 400, 4
"""Heads before and after what they may own; characters between them; rows above."""
_JOINS = re.compile(r"\s*(?:\([A-Za-z][\w-]{0,11}\))?[\s,/&;]*(?:\b(?:and|or|plus|with)\b[\s,]*)?")
_SHARES = re.compile(r"(?:\b(?:and|or|plus|with)\b|[/&])[\s,]*\Z", re.IGNORECASE)
"""Before the last of several drugs that share a dose; of "lisinopril, aspirin 81 mg" only the latter has one."""
_GAP = 12
_COLUMNS = re.compile(r"\||\t|[^\s.:;?!] {2,}\S")
_BOTH = {"PROBLEM": ("PROBLEM", "SYMPTOM")}


def _by_tail() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for name, (head, tail) in RELATIONS.items():
        for one in _BOTH.get(tail, (tail,)):
            found.setdefault(one, {}).setdefault(head, []).append(name)
    return {tail: [(head, tuple(names)) for head, names in each.items()] for tail, each in found.items()}


_WANTED: Mapping[str, Sequence[tuple[str, tuple[str, ...]]]] = _by_tail()
"""Label of a tail -> labels of heads, each with the types."""
LABELS = frozenset(_WANTED) | {head for head, _ in RELATIONS.values()} | {"SYMPTOM"}


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence, or a line of a table, with what stands in it.

    items   annotations that may have a relation, by place
    groups  for each label (PROBLEM for symptoms too) the places in `items`, in order
    starts  for each of these the first characters
    block   number of the run of rows without a blank line between
    """

    span: Span
    items: tuple[Annotation, ...]
    groups: Mapping[str, tuple[int, ...]]
    starts: Mapping[str, tuple[int, ...]]
    block: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two annotations that may belong together.

    types   what they may be to one another
    row     where the tail stands; `above` rows further up stands the head
    rank    how many heads of this kind lie between; negative where the head comes after
    rival   characters to the nearest head on the other side of the tail; -1 where there is none
    inner   from which to before which place in the row's items stands what lies between
    """

    head: Annotation
    tail: Annotation
    types: tuple[str, ...]
    row: int
    above: int
    rank: int
    rival: int
    inner: tuple[int, int]


def rows_of(annotated: AnnotatedNote) -> list[Row]:
    """The rows of a note that hold an annotation that may have a relation, in order."""
    text = annotated.note.text
    items = [one for one in annotated.annotations if one.label in LABELS and one.span.end > one.span.start]
    items.sort(key=lambda one: (one.span.start, -one.span.end, one.label, one.id))
    starts = [one.span.start for one in items]
    spans = annotated.sentences or tuple(sentences(text))
    rows: list[Row] = []
    block, last = 0, 0
    for span in spans:
        if bisect_left(starts, span.start) == bisect_left(starts, span.end):
            continue
        for line in _lines(text, span):
            here = items[bisect_left(starts, line.start) : bisect_left(starts, line.end)]
            if here:
                block += "\n\n" in text[last : line.start] or text[last : line.start].count("\n") > BACK
                groups = _groups(here)
                begins = {label: tuple(here[place].span.start for place in each) for label, each in groups.items()}
                rows.append(Row(line, tuple(here), groups, begins, block))
                last = line.end
    return rows


def _lines(text: str, span: Span) -> Iterator[Span]:
    """The whole of a sentence; where lines of it look like those of a table, each of these alone."""
    if text.find("\n", span.start, span.end) < 0:
        yield span
        return
    start, was_row = span.start, False
    at = span.start
    while at < span.end:
        end = text.find("\n", at, span.end)
        end = span.end if end < 0 else end
        is_row = _COLUMNS.search(text, at, end) is not None
        if at > start and (is_row or was_row):
            yield Span(start, at)
            start = at
        was_row = is_row
        at = end + 1
    yield Span(start, span.end)


def _groups(items: Sequence[Annotation]) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = {}
    for place, one in enumerate(items):
        found.setdefault(group_of(one.label), []).append(place)
    return {label: tuple(places) for label, places in found.items()}


def group_of(label: str) -> str:
    """The label that stands for `label` in types: PROBLEM for a symptom."""
    return "PROBLEM" if label == "SYMPTOM" else label


def pairs_of(rows: Sequence[Row], text: str) -> list[Pair]:
    """The pairs of all rows, by tail."""
    found: list[Pair] = []
    owner, above = rules().owner, rules().above
    for number, row in enumerate(rows):
        for place, tail in enumerate(row.items):
            for group, types in _WANTED.get(tail.label, ()):
                here = _near(row, number, place, group, types)
                if owner.issuperset(types):
                    here = _first_and_joined(here, row, text)
                if not here and not above.isdisjoint(types):
                    here = list(_above(rows, number, tail, group, types))
                found += here
    return found


def _near(row: Row, number: int, place: int, group: str, types: tuple[str, ...]) -> list[Pair]:
    """The nearest heads of a kind on both sides, each side from the tail on."""
    places = row.groups.get(group, ())
    if not places:
        return []
    tail = row.items[place]
    start, end = tail.span.start, tail.span.end
    before = bisect_left(row.starts[group], start)
    left = [at for at in places[max(0, before - LEFT - 1) : before] if row.items[at].span.end <= start][-LEFT:]
    right = [at for at in places[before : before + RIGHT + 1] if row.items[at].span.start >= end][:RIGHT]
    to_left = start - row.items[left[-1]].span.end if left else -1
    to_right = row.items[right[0]].span.start - end if right else -1
    return [
        *(
            Pair(row.items[at], tail, types, number, 0, rank, to_right, (at + 1, place))
            for rank, at in enumerate(reversed(left))
            if start - row.items[at].span.end <= FARTHEST
        ),
        *(
            Pair(row.items[at], tail, types, number, 0, -1 - rank, to_left, (place + 1, at))
            for rank, at in enumerate(right)
            if row.items[at].span.start - end <= FARTHEST
        ),
    ]


def _first_and_joined(near: Sequence[Pair], row: Row, text: str) -> list[Pair]:
    """Of each side the nearest head and those joined with it: who has one owner has it there."""
    kept: list[Pair] = []
    first: Pair | None = None
    for pair in near:
        if pair.rank in (0, -1):
            first = pair
            kept.append(pair)
        elif (
            first is not None
            and (first.rank < 0) == (pair.rank < 0)
            and are_joined(pair.head, first.head, row, text)
            and _shares(first, row, text)
        ):
            kept.append(pair)
    return kept


def _above(rows: Sequence[Row], number: int, tail: Annotation, group: str, types: tuple[str, ...]) -> Iterator[Pair]:
    """The last head in the nearest row above that has one."""
    for above in range(1, BACK + 1):
        if number - above < 0 or rows[number - above].block != rows[number].block:
            return
        row = rows[number - above]
        places = row.groups.get(group)
        if places:
            head = row.items[places[-1]]
            is_near = head.span.end <= tail.span.start <= head.span.end + FARTHEST
            if is_near and head.section == tail.section:
                yield Pair(head, tail, types, number, above, 0, -1, (0, 0))
            return


def are_joined(one: Annotation, other: Annotation, row: Row, text: str) -> bool:
    """True where only heads of the same kind and words that join them stand between two heads: ``A, B and C``."""
    first, second = sorted((one.span, other.span))
    group = group_of(one.label)
    at = first.end
    starts, places = row.starts.get(group, ()), row.groups.get(group, ())
    for place in places[bisect_left(starts, first.end) : bisect_left(starts, second.start)]:
        between = row.items[place].span
        if _JOINS.fullmatch(text, at, max(at, between.start)) is None:
            return False
        at = max(at, between.end)
    return at <= second.start and _JOINS.fullmatch(text, at, second.start) is not None


def _shares(nearest: Pair, row: Row, text: str) -> bool:
    """True where what joins the head before a tail with those before it lets them have the tail in common."""
    if nearest.head.label != "MEDICATION" or nearest.rank < 0:
        return True
    start = nearest.head.span.start
    before = text[max(row.span.start, start - _GAP) : start]
    return _SHARES.search(before) is not None
