"""Joins the generator of notes with what reads notes: annotated and simulated notes to notes to learn from."""

from collections.abc import Callable, Iterable, Sequence

from careloom.nlp.corpora_notes import GoldNote
from careloom.synth.notes_facts import HEADS, PARTS, Mention, SourceNote
from careloom.text.note import AnnotatedNote, Annotation, Assertion

Identifiers = Callable[[str], Iterable[tuple[int, int, str]]]
"""Text -> start, end and kind of what names a person."""
KEPT = (*HEADS, *PARTS, "DURATION", "DATE_TIME", "AGE")
"""Labels whose places become slots."""


def from_annotated(
    read: AnnotatedNote, patient: str, style: str, kind: str, identifiers: Identifiers | None = None
) -> SourceNote:
    """A note that the reader of notes has read."""
    numbers = {one.id: at for at, one in enumerate(read.annotations)}
    heads = {numbers[one.tail]: numbers[one.head] for one in read.relations if "-" in one.type}
    found = [
        Mention(one.span.start, one.span.end, one.label, _status(one), _code(one), heads.get(at, -1))
        for at, one in enumerate(read.annotations)
    ]
    text = read.note.text
    named = [Mention(start, end, kind) for start, end, kind in (identifiers(text) if identifiers else ())]
    sections = tuple((one.kind, min(one.title.start, one.body.start), one.body.end) for one in read.sections)
    return SourceNote(patient, style, kind, text, sections, _apart([*found, *named]))


def from_simulated(note: GoldNote, patient: str, kind: str) -> SourceNote:
    """A simulated note by its gold; identifiers are those of the gold."""
    numbers = {one.id: at for at, one in enumerate(note.spans)}
    heads = {numbers[tail]: numbers[head] for _, head, tail in note.relations}
    found = [
        Mention(
            one.start, one.end, one.label if one.kind == "phi" else one.note_label, one.assertion,
            "|".join(one.codes[0]) if one.codes else "", heads.get(at, -1),
        )
        if one.kind == "phi" or one.note_label
        else None
        for at, one in enumerate(note.spans)
    ]  # fmt: skip
    sections = sorted((one.start, one.end, one.label) for one in note.of("section"))
    apart = tuple((label, start, end) for start, end, label in sections)
    return SourceNote(patient, f"simulated.{note.family}", kind, note.text, apart, _apart(found))


def _apart(found: Sequence[Mention | None]) -> tuple[Mention, ...]:
    """Mentions without overlaps: what the reader knows before identifiers, longer before shorter."""
    order = sorted(
        (at for at, one in enumerate(found) if one is not None),
        key=lambda at: (found[at].label not in KEPT, found[at].start - found[at].end, found[at].start),  # type: ignore[union-attr]
    )
    taken: list[int] = []
    for at in order:
        one = found[at]
        if one is None or (one.label not in KEPT and not _is_identifier(one.label)):
            continue
        if all(one.end <= other.start or other.end <= one.start for other in map(found.__getitem__, taken) if other):
            taken.append(at)
    taken.sort(key=lambda at: found[at].start)  # type: ignore[union-attr]
    numbers = {at: number for number, at in enumerate(taken)}
    made = []
    for at in taken:
        one = found[at]
        if one is not None:
            label_status = one.status if one.label in HEADS else ""
            made.append(Mention(one.start, one.end, one.label, label_status, one.code, numbers.get(one.head, -1)))
    return tuple(made)


IDENTIFIERS = frozenset(
    "NAME LOCATION DATE AGE_OVER_89 PHONE FAX EMAIL SSN MRN HEALTH_PLAN ACCOUNT LICENSE VEHICLE DEVICE_ID URL IP "
    "OTHER_ID ORGANIZATION".split()
)
"""Kinds of identifiers, as the detectors and the simulator name them."""


def _is_identifier(label: str) -> bool:
    return label in IDENTIFIERS


def _status(one: Annotation) -> str:
    said = one.assertion or Assertion()
    if said.experiencer == "family":
        return "family"
    if said.presence == "present" and said.temporality == "historical":
        return "historical"
    return said.presence


def _code(one: Annotation) -> str:
    return f"{one.codes[0].system}|{one.codes[0].code}" if one.codes else ""
