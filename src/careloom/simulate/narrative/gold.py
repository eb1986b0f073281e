"""A finished draft as text with its gold: misspellings and line ends enter here, and every offset moves with them."""

import re
from bisect import bisect_right
from dataclasses import dataclass

from careloom.simulate.answers import RelationAnswer, SpanAnswer
from careloom.simulate.narrative.draft import Draft, Mark, Placed
from careloom.simulate.narrative.render import Voice
from careloom.simulate.narrative.words import section_codes, table

_WORD = re.compile(r"(?<![A-Za-z])[a-z]{5,}(?![A-Za-z])|(?<![A-Za-z])[A-Z][a-z]{4,}(?![A-Za-z])")
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEAR = {
    letter: "".join(row[max(0, at - 1) : at] + row[at + 1 : at + 2]) for row in _KEYS for at, letter in enumerate(row)
}
HEADS = {"drug", "test", "problem", "procedure", "vaccine"}
"""Roles that stand at the head of a relation; ``drug`` and ``dose`` of one record make ``drug-dose``."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters from `start` to `end` were replaced by `text`."""

    start: int
    end: int
    text: str


def misspellings(draft: Draft, text: str, voice: Voice) -> list[Edit]:
    """Slips of the keyboard and of spelling, in order; never in a name, a number or a word cut by a span."""
    share = voice.family.typos
    if not share:
        return []
    edges = sorted({edge for one in draft.placed for edge in (one.start, one.end)})
    hidden = sorted((one.start, one.end) for one in draft.placed if one.mark.kind == "phi")
    starts = [start for start, _ in hidden]
    out = []
    for word in _WORD.finditer(text):
        if not voice.happens(share):
            continue
        at = bisect_right(edges, word.start())
        before = bisect_right(starts, word.end()) - 1
        if (at < len(edges) and edges[at] < word.end()) or (before >= 0 and hidden[before][1] > word.start()):
            continue
        out.append(_slip(word, voice))
    return [edit for edit in out if text[edit.start : edit.end] != edit.text]


def _slip(word: re.Match[str], voice: Voice) -> Edit:
    """One misspelling of a word: a usual one where there is one, else a slip of the fingers."""
    usual = table("misspelling").get(word.group())
    if usual:
        return Edit(word.start(), word.end(), voice.pick(usual))
    at = word.start() + 1 + int(voice.chance.uniform() * (word.end() - word.start() - 3))
    pair = word.string[at : at + 2]
    kind = voice.pick(("swap", "swap", "drop", "double", "near", "drop"))
    replaced = {
        "swap": pair[1] + pair[0],
        "drop": pair[0],
        "double": pair[0] + pair[0] + pair[1],
        "near": voice.pick(_NEAR[pair[0]]) + pair[1],
    }[kind]
    return Edit(at, at + 2, replaced)


def edited(text: str, edits: list[Edit]) -> str:
    """The text with edits made."""
    parts, at = [], 0
    for edit in edits:
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])


class Moved:
    """Where an offset of the text before its edits lies after them; offsets within an edit do not occur."""

    def __init__(self, edits: list[Edit]) -> None:
        self.ends = [edit.end for edit in edits]
        self.shifts = [0]
        for edit in edits:
            self.shifts.append(self.shifts[-1] + len(edit.text) - (edit.end - edit.start))

    def __call__(self, offset: int) -> int:
        """The offset after the edits."""
        return offset + self.shifts[bisect_right(self.ends, offset)]


def wrapped(text: str, width: int) -> str:
    """The text with blanks turned to line ends where lines are longer than `width`: offsets stay. Tables stay too."""
    if not width:
        return text
    lines = text.split("\n")
    return "\n".join(
        line if len(line) <= width or line.strip().count("  ") > 1 else _broken(line, width) for line in lines
    )


def _broken(line: str, width: int) -> str:
    letters = list(line)
    begin = 0
    while len(line) - begin > width:
        at = line.rfind(" ", begin + 1, begin + width + 1)
        if at <= begin or not line[begin:at].strip():
            break
        letters[at] = "\n"
        begin = at + 1
    return "".join(letters)


def finished(draft: Draft, voice: Voice) -> tuple[str, tuple[SpanAnswer, ...], tuple[RelationAnswer, ...]]:
    """Text, spans and relations of a draft, as the author leaves it."""
    draft.end_section()
    before = draft.text().rstrip()
    edits = misspellings(draft, before, voice)
    moved = Moved(edits)
    text = wrapped(edited(before, edits), voice.pick(voice.family.wraps))
    rows = sorted(
        [(moved(one.start), moved(one.end), one.mark, one) for one in _all_placed(draft, len(before))],
        key=lambda row: (row[0], -row[1], row[2].kind, row[2].label),
    )
    spans = []
    ids: dict[int, str] = {}
    for number, (start, end, mark, placed) in enumerate(rows, 1):
        ids[id(placed)] = f"T{number}"
        intended = before[placed.start : placed.end]
        attributes = mark.attributes
        if mark.kind != "section" and intended.replace("\n", " ") != text[start:end].replace("\n", " "):
            attributes = (*attributes, ("intended", intended))
        spans.append(
            SpanAnswer(
                f"T{number}", mark.kind, mark.label, start, end, text[start:end], mark.assertion, mark.codes, attributes
            )
        )
    pairs = [RelationAnswer(label, ids[id(head)], ids[id(tail)]) for label, head, tail in related(draft)]
    return text, tuple(spans), tuple(pairs)


def _all_placed(draft: Draft, length: int) -> list[Placed]:
    codes = section_codes()
    sections = [
        Placed(
            Mark("section", one.kind, "", codes[one.kind], (("title", one.title),)),
            one.start,
            min(one.end, length),
            0,
        )
        for one in draft.sections
    ]
    return [*draft.placed, *sections]


def related(draft: Draft) -> list[tuple[str, Placed, Placed]]:
    """Relations: a part of a record with the nearest head of the same record in its own or an outer group."""
    heads: dict[tuple[str, int], list[Placed]] = {}
    for one in draft.placed:
        if one.mark.owner and one.mark.role in HEADS:
            heads.setdefault((one.mark.owner, one.group), []).append(one)
    out = []
    for one in draft.placed:
        if not one.mark.owner or one.mark.role in HEADS:
            continue
        group = one.group
        while (one.mark.owner, group) not in heads and group:
            group = draft.parents[group]
        if found := heads.get((one.mark.owner, group)):
            head = min(found, key=lambda each: abs(each.start - one.start))
            out.append((f"{head.mark.role}-{one.mark.role}", head, one))
    return out
