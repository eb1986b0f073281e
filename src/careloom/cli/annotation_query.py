"""Commands that query stored notes: what they say, and notes by their words."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careloom.cli.annotation import Zone
from careloom.cli.options import Json

if TYPE_CHECKING:
    from careloom.services.note_query import NotePage

Concepts = Annotated[
    list[str] | None, typer.Option("--concept", help="One of these codes, as SNOMED|73211009. May be repeated.")
]
Exact = Annotated[bool, typer.Option("--exact", help="Not what is a kind of the concept.")]
Candidates = Annotated[bool, typer.Option("--candidates", help="Also codes that may be meant, not only the likeliest.")]
Presence = Annotated[
    list[str] | None, typer.Option(help="present, absent, possible, conditional or hypothetical. May be repeated.")
]
Since = Annotated[str, typer.Option(help="From the start of this time on, as 2024-05.")]
Until = Annotated[str, typer.Option(help="Before the start of this time.")]
Patients = Annotated[list[str] | None, typer.Option("--patient", help="By stored id. May be repeated: a cohort.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="End after so many.")]
Cursor = Annotated[str, typer.Option(help="Where the page before ended: its `next`.")]


def register(annotate: typer.Typer) -> None:
    """Adds the commands to those of annotation."""
    annotate.command("facts")(annotate_facts)
    annotate.command("search")(annotate_search)


def annotate_facts(
    concept: Concepts = None,
    exact: Exact = False,
    candidates: Candidates = False,
    label: Annotated[list[str] | None, typer.Option(help="As PROBLEM or MEDICATION. May be repeated.")] = None,
    presence: Presence = None,
    temporality: Annotated[
        list[str] | None, typer.Option(help="current, historical or future. May be repeated.")
    ] = None,
    experiencer: Annotated[list[str] | None, typer.Option(help="patient, family or other. May be repeated.")] = None,
    section: Annotated[list[str] | None, typer.Option(help="Kind of section. May be repeated.")] = None,
    since: Since = "",
    until: Until = "",
    led: Annotated[bool, typer.Option("--led", help="Only what became a fact, or stands in the record.")] = False,
    patient: Patients = None,
    zone: Zone = "identified",
    limit: Limit = 50,
    cursor: Cursor = "",
    json: Json = False,
) -> None:
    """Find what notes say: by concept and what is a kind of it, label, assertion, section, time and patient.

    Example: careloom annotate facts --concept 'ICD-10-CM|E11' --presence present --since 2025
    """
    from careloom.cli.render_annotation import facts as show
    from careloom.services.note_facts import FactsAsk, facts
    from careloom.services.note_query import ConceptAsk, NoteScope, Period

    meant = ConceptAsk(tuple(concept), not exact, candidates) if concept else ConceptAsk()
    labels, told, when, whom, parts = (tuple(one or ()) for one in (label, presence, temporality, experiencer, section))

    def page(platform: Any, who: Any, most: int, place: str) -> "NotePage":
        scope = NoteScope(zone, tuple(patient or ()), most, place)
        return facts(platform, who, FactsAsk(scope, meant, labels, told, when, whom, parts, Period(since, until), led))

    _give(page, limit, cursor, show, as_json=json)


def annotate_search(
    text: Annotated[
        str, typer.Argument(help="Words, whatever their case and accents; dysp* is how a word begins.")
    ] = "",
    phrase: Annotated[bool, typer.Option("--phrase", help="The words one after the other.")] = False,
    concept: Concepts = None,
    exact: Exact = False,
    candidates: Candidates = False,
    presence: Presence = None,
    since: Since = "",
    until: Until = "",
    patient: Patients = None,
    zone: Zone = "identified",
    limit: Limit = 20,
    cursor: Cursor = "",
    json: Json = False,
) -> None:
    """Find notes by their words, by a concept that was found in them, or both.

    Example: careloom annotate search 'short of breath' --phrase --concept 'ICD-10-CM|I50'
    """
    from careloom.cli.render_annotation import notes as show
    from careloom.services.note_query import ConceptAsk, NoteScope, Period
    from careloom.services.note_search import NoteSearchAsk, search_notes

    meant = ConceptAsk(tuple(concept), not exact, candidates) if concept else ConceptAsk()

    def page(platform: Any, who: Any, most: int, place: str) -> "NotePage":
        scope = NoteScope(zone, tuple(patient or ()), most, place)
        asked = NoteSearchAsk(scope, text, phrase, meant, tuple(presence or ()), Period(since, until))
        return search_notes(platform, who, asked)

    _give(page, limit, cursor, show, as_json=json)


def _give(
    page: "Callable[[Any, Any, int, str], NotePage]",
    limit: int,
    cursor: str,
    show: Callable[[dict[str, Any]], None],
    *,
    as_json: bool,
) -> None:
    """Pages one after the other until so many items are found or all notes were opened."""
    from careloom.cli import output
    from careloom.cli.session import opened

    with opened() as (platform, who), output.progress("Looking", quiet=as_json, unit="notes") as tell:
        one = page(platform, who, limit, cursor)
        items, scanned = list(one.items), one.scanned
        while one.next is not None and len(items) < limit:
            if tell:
                tell(scanned, max(scanned, one.notes))
            one = page(platform, who, limit - len(items), one.next)
            items, scanned = items + list(one.items), scanned + one.scanned
    found = {"items": items, "next": one.next, "scanned": scanned, "notes": one.notes}
    output.give(found, as_json=as_json, show=show)
