"""What was found in a note as tables: annotations, relations, times, social determinants, tone."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.note_reports import NoteAnnotation, NoteConcept, NoteFindings, NoteRelation
from careloom.dashboard import words
from careloom.dashboard.note_marks import asserted, kind_of, said_of
from careloom.dashboard.parts import Column, Content, Contents, Table, badge, card

MOST_ROWS = 300
SYSTEMS = {
    "http://snomed.info/sct": "SNOMED CT",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://loinc.org": "LOINC",
    "http://unitsofmeasure.org": "UCUM",
}
TEMPORAL = {"before": "before", "after": "after", "overlap": "at the time of"}
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
    """A card for each kind of finding there is; nothing for what was not found."""
    by_id = {one.id: one for one in found.annotations}
    social = [one for one in found.annotations if kind_of(one.label) == "social"]
    tone = [one for one in found.annotations if kind_of(one.label) == "tone"]
    return [
        _annotations(found.annotations),
        _relations([one for one in found.relations if one.type not in TEMPORAL], by_id),
        _timeline(found, by_id),
        _social(social),
        _card("Tone", TONE, [(said_of(one.label), one.text, _more(one.attributes)) for one in tone]),
    ]


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


def _annotations(found: Sequence[NoteAnnotation]) -> Component:
    rows = [
        (_leads_to(one), said_of(one.label), said(one), codes(one.codes), _more(one.attributes),
         words.NONE if one.score is None else f"{one.score:.2f}", _section(one.section))
        for one in found[:MOST_ROWS]
    ]  # fmt: skip
    return _card("Annotations", FOUND, rows, _cut(len(found)), name="note-found") or html.Div()


def _relations(found: Sequence[NoteRelation], by_id: Mapping[str, NoteAnnotation]) -> Component | None:
    rows = [
        (by_id[one.head].text, one.type, by_id[one.tail].text, words.NONE if one.score is None else f"{one.score:.2f}")
        for one in found[:MOST_ROWS]
    ]
    return _card("Relations", RELATED, rows, _cut(len(found)))


def _timeline(found: NoteFindings, by_id: Mapping[str, NoteAnnotation]) -> Component | None:
    """Events in order of their time, then times as the text words them, then what lies before what."""
    order = [
        (by_id[one.head].text, TEMPORAL[one.type], by_id[one.tail].text)
        for one in found.relations
        if one.type in TEMPORAL
    ]
    parts = (
        ("", Table("Events, the earliest first", EVENTS, _events(found)[:MOST_ROWS])),
        ("Times in the text", Table("Times, the earliest first", TIMES, _times(found, by_id)[:MOST_ROWS])),
    )
    content: list[Content] = []
    for title, table in parts:
        if table.rows:
            content += [html.H3(title) if title else None, table.shown()]
    if order:
        shown = Table("Events in order", ORDER, order[:MOST_ROWS]).shown()
        content.append(html.Details([html.Summary(f"What lies before what ({len(order):,})"), shown]))
    return card("Timeline", content) if content else None


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


def _social(found: Sequence[NoteAnnotation]) -> Component | None:
    rows = []
    for one in found[:MOST_ROWS]:
        known = one.attributes
        adverse = badge("Adverse", "warn") if known.get("adverse") == "true" else words.NONE
        told = (known.get(name) or words.NONE for name in ("status", "amount", "time"))
        rows.append((said_of(one.label), one.text, *told, adverse))
    return _card("Social determinants", SOCIAL, rows)


def _card(
    title: str, columns: Sequence[Column], rows: Sequence[Sequence[Contents]], cut: Content = None, name: str = ""
) -> Component | None:
    if not rows:
        return None
    props = {"id": name} if name else {}
    return card(title, [Table(title, columns, rows, props).shown(), cut])


def _cut(count: int) -> Content:
    if count <= MOST_ROWS:
        return None
    return html.P(f"The first {MOST_ROWS} of {count:,}; the downloads hold all.", className="hint")


def _leads_to(one: NoteAnnotation) -> Component:
    """Its text; whoever points at it or reaches it by the keyboard sees its place in the note."""
    props: dict[str, Any] = {"data-pair": one.id, "data-kind": kind_of(one.label), "tabIndex": "0"}
    return html.Span(one.text, className="found-row", **props)


def _more(attributes: Mapping[str, str]) -> Contents:
    kept = [f"{key.replace('_', ' ')} {value}" for key, value in attributes.items() if key not in _SHOWN_APART]
    return "; ".join(kept) or words.NONE


def _section(kind: str) -> str:
    return kind.replace("_", " ") if kind else words.NONE
