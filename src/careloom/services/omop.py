"""A zone as tables of the OMOP Common Data Model 5.4: views that ship, then people, visits and events by concept.

All tables are made in memory. Those of the identified zone stay there: no table of patients lies in plain text.
"""

import base64
import binascii
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from careloom.errors import Conflict, FormatError, NotFound, QueryError, SetupError
from careloom.fhir import omop_events as events
from careloom.fhir import omop_people as people
from careloom.fhir.views import compile_view
from careloom.runtime import packaged, packaged_names
from careloom.services import view_scan
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.services.search import zone_of
from careloom.services.view import OPERATION, recipe_of, seen, tell
from careloom.store.zone_store import Zone
from careloom.tables.omop import CDM, as_cdm, lacks_required
from careloom.terminology.omop_vocabulary import NOTHING, OmopVocabulary, read_vocabulary

_EVENTS = {
    "condition": "condition_occurrence",
    "procedure": "procedure_occurrence",
    "medication_request": "drug_exposure",
    "medication_administration": "drug_exposure",
    "medication_statement": "drug_exposure",
    "immunization": "drug_exposure",
    "observation": "observation",
}
"""View -> the table that its rows go to, unless the domain of their concept is another one."""
Watch = Callable[[int, int], None]
Frames = dict[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class OmopAsk:
    """Where the tables go, a folder with the vocabularies of Athena, and CSV in place of Parquet."""

    out: Path
    vocabulary: Path | None = None
    is_csv: bool = False


@dataclass(slots=True)
class OmopReport:
    """What was made.

    tables      table -> rows
    mapped      table -> rows whose code maps to a standard concept
    left_out    what -> how many: patients without a year of birth, events of no person or without a day, ...
    vocabulary  whether concepts were loaded; without them every concept of a code is 0
    """

    tables: dict[str, int] = field(default_factory=dict)
    mapped: dict[str, int] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    vocabulary: bool = False

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "left_out": dict(sorted(self.left_out.items()))
        }


def make_omop(
    platform: Platform, who: Principal, zone_name: str, ask: OmopAsk, watch: Watch | None = None
) -> OmopReport:
    """Writes one file for each table of the model into a new folder.

    raises  AccessError; QueryError for the identified zone; Conflict if the folder is there; NotFound, FormatError for
            the vocabulary; SetupError if the disk does not take it
    """
    if zone_of(zone_name) == "identified":
        raise QueryError("tables of identified patients would lie in plain text", "Take the research zone.")
    if ask.out.exists():
        raise Conflict("the folder is there already", "Name a new one.")
    tables, report = omop_tables(platform, who, zone_name, ask.vocabulary, watch)
    try:
        ask.out.mkdir(mode=0o700, parents=True)
        for name, frame in tables.items():
            _write(frame, ask.out / name, is_csv=ask.is_csv)
    except OSError as error:
        raise SetupError(f"the tables could not be written ({type(error).__name__})", "Name another folder.") from None
    return report


def _write(frame: pl.DataFrame, place: Path, *, is_csv: bool) -> None:
    file = place.with_suffix(".csv" if is_csv else ".parquet")
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        frame.write_csv(stream) if is_csv else frame.write_parquet(stream)
        stream.flush()
        os.fsync(stream.fileno())


def omop_tables(
    platform: Platform, who: Principal, zone_name: str, vocabulary: Path | None = None, watch: Watch | None = None
) -> tuple[Frames, OmopReport]:
    """The tables of the model in memory, by name, and how they came to be.

    raises  AccessError; NotFound, FormatError for the vocabulary
    """
    zone, known = zone_of(zone_name), load_vocabulary(vocabulary)
    admit(platform, who, "search", zone, operation=OPERATION)
    report = OmopReport(vocabulary=bool(known.codes.height))
    found: Frames = {}
    names = [Path(name).stem for name in packaged_names("fhir", "omop_views", ".json")]
    for at, name in enumerate(names):
        found[name] = pl.concat(_rows(platform, who, zone, name, report))
        if watch is not None:
            watch(at + 1, len(names))
    tables = _tables(found, known, report)
    note(platform, who, OPERATION, zone, detail={"omop": report.tables})
    return tables, report


def load_vocabulary(folder: Path | None) -> OmopVocabulary:
    """What CONCEPT.csv and, where it is there, CONCEPT_RELATIONSHIP.csv of a folder say; nothing without a folder.

    raises  NotFound without CONCEPT.csv; FormatError for files of other columns
    """
    if folder is None:
        return NOTHING
    concepts = _vocabulary_file(folder, "CONCEPT")
    if concepts is None:
        raise NotFound("the vocabulary has no CONCEPT.csv", "Name the folder of a download from athena.ohdsi.org.")
    try:
        return read_vocabulary(concepts, _vocabulary_file(folder, "CONCEPT_RELATIONSHIP"))
    except pl.exceptions.PolarsError as error:
        raise FormatError(
            f"the vocabulary cannot be read ({type(error).__name__})", "Download it again from athena.ohdsi.org."
        ) from None


def _vocabulary_file(folder: Path, name: str) -> pl.LazyFrame | None:
    """A table of a vocabulary: divided by tabs as Athena writes it, or by commas, plain or packed by gzip."""
    places = [folder / f"{one}.csv{packed}" for one in (name, name.lower()) for packed in ("", ".gz")]
    place = next((one for one in places if one.is_file()), None)
    if place is None:
        return None
    frame = pl.scan_csv(place, separator="\t", quote_char=None, infer_schema=False)
    try:
        is_tabbed = len(frame.collect_schema().names()) > 1
    except pl.exceptions.PolarsError as error:
        raise FormatError(
            f"{name} of the vocabulary is no table ({type(error).__name__})", "Download it again."
        ) from None
    return frame if is_tabbed else pl.scan_csv(place, infer_schema=False)


def _rows(platform: Platform, who: Principal, zone: Zone, name: str, report: OmopReport) -> Iterator[pl.DataFrame]:
    definition = orjson.loads(packaged("fhir", f"omop_views/{name}.json"))
    compiled, store = compile_view(definition), platform.store(zone)
    yield pl.DataFrame(schema=compiled.schema())
    with store.connect() as connection:
        state = seen(platform, who, zone, connection, compiled.resource)
    recipe = recipe_of(platform, zone, definition, state.as_of)
    cores = view_scan.usable_cores()
    for piece in view_scan.pieces(recipe, state.rows, cores, store.connect, size=view_scan.BATCH):
        tell(platform, who, zone, compiled, piece)
        if piece.refused:
            report.left_out[f"{compiled.resource} that do not fit their view"] += piece.refused
        yield piece.opened()


def _tables(found: Frames, vocabulary: OmopVocabulary, report: OmopReport) -> Frames:
    """The tables of the model from the rows of the views."""
    kind = vocabulary.concept("Type Concept", "EHR")
    places = people.locations(found["patient"], found["organization"])
    sites, staff = people.care_sites(found["organization"], places), people.providers(found["practitioner"])
    who = people.people_of(found["patient"])
    keys = people.Keys(
        who, people.visits_of(found["encounter"], who), staff.select("key", pl.col("provider_id").cast(pl.Int32)),
        sites.select("key", pl.col("care_site_id").cast(pl.Int32)),
    )  # fmt: skip
    person, unborn = people.persons(found["patient"], places, keys, vocabulary)
    visits = people.visits(found["encounter"], keys, kind)
    told = {
        name: (events.with_drugs(found[name], found["medication"]), table) for name, table in _EVENTS.items()
    }  # fmt: skip
    happened, left_out = events.placed(events.mapped(events.gathered(told), vocabulary), keys, visits)
    made = events.event_tables(happened, vocabulary, kind)
    spans = [
        visits.select("person_id", pl.col("visit_start_date").alias("first"), pl.col("visit_end_date").alias("last")),
        happened.select(
            "person_id", pl.col("start_date").alias("first"), pl.coalesce("end_date", "start_date").alias("last")
        ),
    ]
    documents = found["document_reference"]
    made |= {
        "person": person, "visit_occurrence": visits, "location": places, "care_site": sites, "provider": staff,
        "observation_period": people.observation_periods(spans, kind),
        "death": people.deaths(found["patient"], who, kind),
        "note": events.notes(documents, map(_text_of, documents.iter_rows(named=True)), keys, kind),
    }  # fmt: skip
    report.left_out.update(left_out)
    report.left_out["patients without a year of birth"] += unborn
    report.left_out["encounters that are no visit"] += found["encounter"].height - visits.height
    report.left_out["documents without their text"] += documents.height - made["note"].height
    return {name: _checked(name, as_cdm(name, made[name]), report) for name in CDM}


def _checked(name: str, frame: pl.DataFrame, report: OmopReport) -> pl.DataFrame:
    """The table without rows that lack what the model requires; counted."""
    kept = frame.filter(~lacks_required(name))
    report.left_out[f"{name} without what the model requires"] += frame.height - kept.height
    report.left_out = +report.left_out  # without zeros
    report.tables[name] = kept.height
    concept = events.CONCEPTS.get(name)
    if concept is not None:
        report.mapped[name] = kept.filter(pl.col(concept) > 0).height
    return kept


def _text_of(row: dict[str, Any]) -> str | None:
    """The text of a document that holds it as plain text; None for others."""
    if not row["data"] or not str(row["content_type"] or "").startswith("text/plain"):
        return None
    try:
        return base64.b64decode(row["data"], validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
