"""All notes of a zone together: what they say how often, and when, in counts of which small cells are left out.

Counted is what is held of the notes: a person's word where there is one, else what the reader found. It is as new as
the last run of `careloom annotate`; a note that has changed since counts as it was read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from careloom.errors import CareloomError, QueryError
from careloom.fhir.references import patients_of
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.annotate import ZONES
from careloom.services.annotate_documents import KIND, PERSON, READER, Kept, kept_of
from careloom.services.export import policy_mark
from careloom.services.note_corpus_counts import Narrowed, counted
from careloom.services.note_corpus_rows import SAID, Corpus, Mark, corpus_of, month_of
from careloom.services.note_facts import LABELS
from careloom.services.note_query import asserted, require_known
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.services.sight import View, view_of
from careloom.services.stored_notes import TYPE
from careloom.store.database import counters
from careloom.store.zone_store import Zone
from careloom.tables.encoding import SMALLEST_CELL

OPERATION = "annotate-corpus"
MOST_NOTES = 20_000
"""Notes that one request looks at: those with the first ids."""
MOST_CONCEPTS = 50
_MONTH = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2]))?", re.ASCII)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CorpusAsk:
    """What counts: what fits everything that is named. What is empty narrows nothing.

    labels        of mentions, as ``PROBLEM``
    said          how they are said: of `careloom.services.note_corpus_rows.SAID`
    since, until  when notes were written, as ``2026`` or ``2026-03``, half-open
    concepts      named at most, the commonest
    """

    zone: str = "research"
    labels: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    concepts: int = 30


def corpus(platform: Platform, who: Principal, ask: CorpusAsk) -> Json:
    """Counts over the notes of a zone, as far as `who` may know of them.

    returns  ``notes``, ``patients``, ``looked_at``, ``of``, ``smallest_cell``; ``concepts``: system, code, display,
             label, notes, patients, mentions, and patients by how it is ``said``; ``left_out``: concepts of too few
             patients; ``pairs``: two places in ``concepts``, notes and patients with both, ``lift`` (1: as by chance);
             ``step`` and ``periods``, notes ``written`` in each, ``trends`` of the first concepts; ``assertions``:
             mentions of each label by how they are said; ``types``: notes of each kind of document. None is left out
    raises   AccessError; QueryError; StateError if the research zone is not of one policy
    """
    zone = zone_of(ask.zone)
    if zone not in ZONES:
        raise QueryError(f"notes of the {zone} zone are not annotated", f"Choose one of {', '.join(ZONES)}.")
    admit(platform, who, "search", zone, TYPE, operation=OPERATION)
    try:
        narrowed = _narrowed(ask)
        found = _read(platform, view_of(platform, who, zone, verb="search"), zone)
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise
    made = counted(found, narrowed, SMALLEST_CELL)
    subjects = map(platform.store(zone).pseudonym, found.people) if zone == "identified" else ()
    note(platform, who, OPERATION, zone, subjects=subjects, detail={"notes": len(found.patient)})
    return {"zone": zone, **made}


def _narrowed(ask: CorpusAsk) -> Narrowed:
    require_known("labels", ask.labels, LABELS)
    require_known("said", ask.said, SAID)
    if not 0 < ask.concepts <= MOST_CONCEPTS:
        raise QueryError(f"1 to {MOST_CONCEPTS} concepts can be named", "Ask for so many.")
    for month in (ask.since, ask.until):
        if month and _MONTH.fullmatch(month) is None:
            raise QueryError("a month is not one", "Write it as 2026 or 2026-03.")
    since, until = (month_of(month) if month else None for month in (ask.since, ask.until))
    return Narrowed(ask.labels, ask.said, since, until, ask.concepts)


def _read(platform: Platform, view: View, zone: Zone) -> Corpus:
    """The corpus; of the research zone that which is held, where it is of what is there now and all of it is seen."""
    if zone != "research" or not view.sight.is_whole:
        return corpus_of(_documents(platform, view, zone), MOST_NOTES, asserted)
    return platform.note_corpora.get(
        zone, _mark(platform, zone), lambda: corpus_of(_documents(platform, view, zone), MOST_NOTES, asserted)
    )


def _mark(platform: Platform, zone: Zone) -> Mark:
    """What tells a zone as it is from what it becomes by any write or erasure."""
    with platform.store(zone).connect() as connection:
        return policy_mark(connection, zone), tuple(sorted(counters(connection).items()))


def _documents(platform: Platform, view: View, zone: Zone) -> Iterator[tuple[Kept, str]]:
    """What is held of notes that may be known of, each with its patient."""
    for stored in platform.store(zone).scan([KIND]):
        kept = kept_of(stored)
        if kept is None or kept.origin not in (READER, PERSON):
            continue
        resource = stored.resource()
        patient = next(iter(patients_of(resource)), "")
        if patient and (view.sight.is_whole or view.shows(resource)):
            yield kept, patient
