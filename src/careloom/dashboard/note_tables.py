"""What was found in a note as tables: annotations, relations, times, social determinants, tone."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.note_reports import NoteAnnotation, NoteConcept, NoteFindings, NoteRelation
from careloom.dashboard import words
from careloom.dashboard.note_marks import SYSTEMS, TEMPORAL, asserted, kind_of, said_of
from careloom.dashboard.parts import Column, Content, Contents, Table, badge, card

MOST_ROWS = 300
TONES = {"absent": "", "possible": "warn", "conditional": "warn", "hypothetical": "warn", "historical": "plain",
         "planned": "plain", "family": "run", "somebody else": "run"}  # fmt: skip
FOUND = [
    Column("Found"), Column("Label", "tight"), Column("Said of it"), Column("Codes"), Column("More", "wide-only"),
    Column("Score", "right wide-only"), Column("Section", "wide-only"),
]  # fmt: skip
RELATED = [Column("From"), Column("Relation", "tight"), Column("To"), Column("Score", "right wide-only")]
EVENTS = [
    Column("From", "tight"),
    Column("To", "tight"),
    Column("What"),
    Column("Said of it"),
    Column("Told by", "wide-only"),
]
TIMES = [Column("When", "tight"), Column("In the text"), Column("What"), Column("Kind", "wide-only")]
ORDER = [Column("What"), Column("Lies", "tight"), Column("What else")]
SOCIAL = [Column("What", "tight"), Column("In the text"), Column("Status"), Column("How much", "wide-only"),
          Column("When", "wide-only"), Column("Adverse", "tight")]  # fmt: skip
TONE = [Column("What", "tight"), Column("In the text"), Column("More")]
_SHOWN_APART = frozenset({"status", "amount", "time", "adverse", "start", "end", "time_from"})


def tables(found: NoteFindings) -> list[Content]:
    """How the patient lives, and the tone; then everything that the viewer draws, as tables that open."""
    by_id = {one.id: one for one in found.annotations}
    social = [one for one in found.annotations if kind_of(one.label) == "social"]
    tone = [one for one in found.annotations if kind_of(one.label) == "tone"]
    related = [one for one in found.relations if one.type not in TEMPORAL]
    opened = [
        *_folded("Annotations", FOUND, [_annotation(one) for one in found.annotations], name="note-found"),
        *_folded("Relations", RELATED, [_relation(one, by_id) for one in related]),
        *_folded("Events, the earliest first", EVENTS, _events(found)),
        *_folded("Times in the text, the earliest first", TIMES, _times(found, by_id)),
        *_folded("What lies before what", ORDER, _order(found, by_id)),
    ]
    beside = [
        _card("Social determinants", SOCIAL, _social(social)),
        _card("Tone", TONE, [(said_of(one.label), one.text, _more(one.attributes)) for one in tone]),
    ]
    return [*beside, card("The same as tables", opened) if opened else None]


def codes(known: Sequence[NoteConcept]) -> Contents:
    """The best code of each system, with its display."""
    best: dict[str, NoteConcept] = {}
    for one in known:
        best.setdefault(one.system, one)
    if not best:
        return words.NONE
    return [
        html.Div([html.Span(f"{SYSTEMS.get(one.system, 'Code')} ", className="soft"), html.Code(one.code),
                  f" {one.display}"],
                 className="code-line")
        for one in best.values()
    ]  # fmt: skip


def said(one: NoteAnnotation) -> Contents:
    """Its assertion in badges; a dash where it is simply there, or cannot be asserted."""
    found = asserted(one)
    shown: list[Component | str] = []
    for each in found:
        shown += [badge(each.capitalize(), TONES[each]), " "]
    return shown or words.NONE


def _annotation(one: NoteAnnotation) -> Sequence[Contents]:
    score = words.NONE if one.score is None else f"{one.score:.2f}"
    return (_leads_to(one), said_of(one.label), said(one), codes(one.codes), _more(one.attributes), score,
            _section(one.section))  # fmt: skip


def _relation(one: NoteRelation, by_id: Mapping[str, NoteAnnotation]) -> Sequence[Contents]:
    score = words.NONE if one.score is None else f"{one.score:.2f}"
    return by_id[one.head].text, one.type.replace("-", " "), by_id[one.tail].text, score


def _order(found: NoteFindings, by_id: Mapping[str, NoteAnnotation]) -> list[Sequence[Contents]]:
    return [
        (by_id[one.head].text, TEMPORAL[one.type], by_id[one.tail].text)
        for one in found.relations
        if one.type in TEMPORAL
    ]


def _events(found: NoteFindings) -> list[Sequence[Contents]]:
    """Each annotation that has a place in time; open sides have a dash."""
    events = [one for one in found.annotations if "start" in one.attributes or "end" in one.attributes]
    events.sort(key=lambda one: (one.attributes.get("start", ""), one.attributes.get("end", "9"), one.start))
    return [
        (one.attributes.get("start", words.NONE), one.attributes.get("end", words.NONE), one.text, said(one),
         one.attributes.get("time_from", words.NONE))
        for one in events
    ]  # fmt: skip


def _times(found: NoteFindings, by_id: Mapping[str, NoteAnnotation]) -> list[Sequence[Contents]]:
    """Each time with its value, those without one last, and with what it dates."""
    dated: dict[str, list[str]] = {}
    for one in found.relations:
        if one.type not in TEMPORAL and by_id[one.tail].label == "DATE_TIME":
            dated.setdefault(one.tail, []).append(by_id[one.head].text)
    times = [one for one in found.annotations if one.label == "DATE_TIME"]
    times.sort(key=lambda one: (not one.attributes.get("value"), one.attributes.get("value", ""), one.start))
    return [
        (one.attributes.get("value") or "not settled", one.text,
         ", ".join(dict.fromkeys(dated.get(one.id, ()))) or words.NONE, one.attributes.get("type", words.NONE))
        for one in times
    ]  # fmt: skip


def _social(found: Sequence[NoteAnnotation]) -> list[Sequence[Contents]]:
    rows: list[Sequence[Contents]] = []
    for one in found[:MOST_ROWS]:
        known = one.attributes
        adverse = badge("Adverse", "warn") if known.get("adverse") == "true" else words.NONE
        told = (known.get(name) or words.NONE for name in ("status", "amount", "time"))
        rows.append((said_of(one.label), one.text, *told, adverse))
    return rows


def _card(title: str, columns: Sequence[Column], rows: Sequence[Sequence[Contents]]) -> Component | None:
    return card(title, Table(title, columns, rows).shown()) if rows else None


def _folded(
    title: str, columns: Sequence[Column], rows: Sequence[Sequence[Contents]], name: str = ""
) -> list[Component]:
    """A table that opens; no table where there is no row."""
    if not rows:
        return []
    more = len(rows) - MOST_ROWS
    cut = html.P(f"The first {MOST_ROWS} of {len(rows):,}; the downloads hold all.", className="hint")
    props = {"id": name} if name else {}
    shown = Table(title, columns, rows[:MOST_ROWS], props).shown()
    return [html.Details([html.Summary(f"{title} ({len(rows):,})"), shown, cut if more > 0 else None])]


def _leads_to(one: NoteAnnotation) -> Component:
    """Its text; whoever points at it or reaches it by the keyboard sees its place in the note."""
    props: dict[str, Any] = {"data-pair": one.id, "data-kind": kind_of(one.label), "tabIndex": "0"}
    return html.Span(one.text, className="found-row", **props)


def _more(attributes: Mapping[str, str]) -> Contents:
    kept = [f"{key.replace('_', ' ')} {value}" for key, value in attributes.items() if key not in _SHOWN_APART]
    return "; ".join(kept) or words.NONE


def _section(kind: str) -> str:
    return kind.replace("_", " ") if kind else words.NONE
