"""Offset maps: where a place in one form of a text lies in another form of it.

A map is a list of edits; everything between two edits is copied. Spans snap outwards: a span that touches the inside of
an edit covers the whole of what replaced it, so nothing of it is ever left out. What was inserted at the edge of a span
stays outside. Edits that touch are one edit.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from careloom.text.note import Span


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """`source` was replaced by `target`; an empty source is an insertion, an empty target a deletion."""

    source: Span
    target: Span


class OffsetMap:
    """From offsets in a source text to offsets in a target text.

    edits          ordered and disjoint in both texts
    source_length  of the source text in code points
    raises         ValueError where the edits do not fit together
    """

    __slots__ = ("_source_ends", "_source_starts", "edits", "source_length", "target_length")

    def __init__(self, edits: Iterable[Edit], source_length: int) -> None:
        self.edits = tuple(_plain(edits))
        self.source_length = source_length
        shift = 0
        last = Edit(Span(0, 0), Span(0, 0))
        for edit in self.edits:
            if edit.source.start < last.source.end or edit.target.start != edit.source.start + shift:
                raise ValueError("the edits of an offset map overlap or leave a gap")
            shift = edit.target.end - edit.source.end
            last = edit
        if last.source.end > source_length:
            raise ValueError("an edit lies outside the source text")
        self.target_length = source_length + shift
        self._source_starts = [edit.source.start for edit in self.edits]
        self._source_ends = [edit.source.end for edit in self.edits]

    @classmethod
    def identity(cls, length: int) -> "OffsetMap":
        """The map of a text onto itself."""
        return cls((), length)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OffsetMap):
            return NotImplemented
        return self.edits == other.edits and self.source_length == other.source_length

    def __hash__(self) -> int:
        return hash((self.edits, self.source_length))

    def __repr__(self) -> str:
        return f"OffsetMap({len(self.edits)} edits, {self.source_length} -> {self.target_length})"

    def span(self, span: Span) -> Span:
        """Where `span` of the source lies in the target; an empty span at an insertion covers what was inserted.

        raises  ValueError where `span` lies outside the source
        """
        if span.end > self.source_length:
            raise ValueError("the span lies outside the source text")
        start, end = self._start(span.start), self._end(span.end)
        return Span(start, end) if start <= end else Span(end, start)

    def _start(self, place: int) -> int:
        index = bisect_right(self._source_starts, place) - 1
        if index < 0:
            return place
        edit = self.edits[index]
        if place < edit.source.end:
            return edit.target.start
        return edit.target.end + place - edit.source.end

    def _end(self, place: int) -> int:
        index = bisect_left(self._source_ends, place)
        if index == len(self.edits):
            return place + self.target_length - self.source_length
        edit = self.edits[index]
        if edit.source.start < place:
            return edit.target.end
        return edit.target.start - (edit.source.start - place)

    def inverted(self) -> "OffsetMap":
        """The map from the target back to the source."""
        return OffsetMap((Edit(edit.target, edit.source) for edit in self.edits), self.target_length)

    def then(self, second: "OffsetMap") -> "OffsetMap":
        """This map followed by `second`, which starts where this one ends.

        Edits of the two that overlap in the middle text become one.
        raises  ValueError where the lengths of the middle text differ
        """
        if second.source_length != self.target_length:
            raise ValueError("the second map does not start from the text that the first one leads to")
        steps = sorted(
            [(edit.target, False, edit) for edit in self.edits] + [(edit.source, True, edit) for edit in second.edits],
            key=lambda step: (step[0], step[1]),
        )
        edits = []
        shift_back = shift_on = 0
        for group in _grouped(steps):
            start, end = group[0][0].start, max(step[0].end for step in group)
            source_start, target_start = start + shift_back, start + shift_on
            for _, is_second, edit in group:
                if is_second:
                    shift_on = edit.target.end - edit.source.end
                else:
                    shift_back = edit.source.end - edit.target.end
            edits.append(Edit(Span(source_start, end + shift_back), Span(target_start, end + shift_on)))
        return OffsetMap(edits, self.source_length)


def _plain(edits: Iterable[Edit]) -> Iterable[Edit]:
    """The same edits in the one form that equal maps share.

    Edits that do nothing are left out. Two that touch become one: after an insertion or a deletion nobody could tell to
    which of the two a character belongs, and joining maps would depend on the order in which they are joined.
    """
    last: Edit | None = None
    for edit in edits:
        if not len(edit.source) and not len(edit.target):
            continue
        if last is not None and last.source.end == edit.source.start:
            last = Edit(Span(last.source.start, edit.source.end), Span(last.target.start, edit.target.end))
            continue
        if last is not None:
            yield last
        last = edit
    if last is not None:
        yield last


_Step = tuple[Span, bool, Edit]


def _grouped(steps: Sequence[_Step]) -> Iterable[list[_Step]]:
    """Runs of steps that overlap in the middle text."""
    group: list[_Step] = []
    end = 0
    for step in steps:
        span = step[0]
        if group and (span.start < end or span == group[-1][0]):
            group.append(step)
            end = max(end, span.end)
            continue
        if group:
            yield group
        group, end = [step], span.end
    if group:
        yield group


def replace(text: str, replacements: Iterable[tuple[Span, str]]) -> tuple[str, OffsetMap]:
    """`text` with each span replaced, and the map from the old text to the new one.

    replacements  in any order; they may touch and may be empty, but not overlap
    raises        ValueError where two overlap or one lies outside the text
    """
    ordered = sorted(replacements, key=lambda item: item[0])
    for (one, _), (other, _) in pairwise(ordered):
        if other.start < one.end:
            raise ValueError("two replacements overlap")
    if ordered and ordered[-1][0].end > len(text):
        raise ValueError("a replacement lies outside the text")
    parts: list[str] = []
    edits: list[Edit] = []
    at = length = 0
    for span, new in ordered:
        parts += [text[at : span.start], new]
        start = length + span.start - at
        length = start + len(new)
        edits.append(Edit(span, Span(start, length)))
        at = span.end
    return "".join([*parts, text[at:]]), OffsetMap(edits, len(text))


class ByteOffsets:
    """Where the code points of a text lie in its encoded bytes.

    encoding  one that writes no byte order mark: ``utf-8``, ``cp1252``, ``utf-16-le``, ...
    start     bytes before the text, e.g. a byte order mark
    """

    __slots__ = ("_encoding", "_marks", "_text")
    _STEP = 1024

    def __init__(self, text: str, encoding: str, start: int = 0) -> None:
        self._text = text
        self._encoding = encoding
        self._marks = [start]
        for at in range(0, len(text), self._STEP):
            self._marks.append(self._marks[-1] + len(text[at : at + self._STEP].encode(encoding)))

    def place(self, offset: int) -> int:
        """The byte offset of a code point offset."""
        whole, rest = divmod(offset, self._STEP)
        at = whole * self._STEP
        return self._marks[whole] + (len(self._text[at : at + rest].encode(self._encoding)) if rest else 0)

    def span(self, span: Span) -> Span:
        """The bytes of some code points."""
        return Span(self.place(span.start), self.place(span.end))
