"""Where a generator of whole records learns: the research zone's store, or a folder of FHIR resources and Bundles.

Controls are set aside by patient as `careloom.services.synthesize_source` does it: of the research zone the same ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from careloom.errors import FormatError, InputError, NotFound
from careloom.fhir.drafts import Resource
from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.sight import view_of
from careloom.services.synthesize_source import Source, split
from careloom.services.trainings import people_behind
from careloom.synth import records_fhir_read
from careloom.synth.records import Records, metadata

TYPES = ("Patient", "Encounter", "Condition", "Observation", "MedicationRequest", "Procedure")
_TYPE = "Patient/"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class RecordsSource:
    """What was read.

    records   of patients who have an encounter and whom research may learn from
    source    its patients as a table, for the split and the books
    """

    records: Records
    source: Source


@dataclass(frozen=True, slots=True, eq=False)
class RecordsSplit:
    """Records to learn, and those of patients whom no generator sees.

    told    counts, as `careloom.services.synthesize_source.split` tells them; rows are those of all tables
    learnt  keyed pseudonyms of the patients to learn; none of a folder
    """

    members: Records
    controls: Records
    told: Json
    learnt: tuple[str, ...]


def read_store(platform: Platform, who: Principal) -> RecordsSource:
    """The records of the research zone that `who` may see; the caller has asked for admission.

    Left out are patients without an encounter, and whom consents, objections or erasures keep from learning.
    """
    store, view = platform.store("research"), view_of(platform, who, "research")
    seen = (stored.resource() for stored in store.scan(TYPES))
    found = _with_encounters(records_fhir_read.read(one for one in seen if view.shows(one)))
    people = people_behind(platform, "research", _bare(found.patients["patient_id"]).to_list())
    chosen = found.of(pl.Series([f"{_TYPE}{one}" for one in people], dtype=pl.String))
    left_out = found.patients.height - chosen.patients.height
    return _source(platform, chosen, {"zone": "research"}, (people, left_out), "research")


def read_folder(platform: Platform, folder: Path, zone: str) -> RecordsSource:
    """The records of every ``*.ndjson`` and ``*.json`` below a folder. raises NotFound without one; FormatError"""
    return _source(platform, records_of(folder), {}, ({}, 0), zone)


def records_of(folder: Path) -> Records:
    """The records that files tell, of patients who have an encounter. raises NotFound; FormatError"""
    files = sorted([*folder.rglob("*.ndjson"), *folder.rglob("*.json")])
    if not files:
        raise NotFound("there is no NDJSON or JSON file in the folder", "Name a folder of FHIR resources or Bundles.")
    try:
        return _with_encounters(records_fhir_read.read(_linked(one) for one in _lines(files)))
    except (AttributeError, KeyError, TypeError, IndexError, pl.exceptions.PolarsError):
        raise FormatError(
            "some resources in the folder are no valid FHIR R4", "Ingest them first, or mend them."
        ) from None


def divide(platform: Platform, given: RecordsSource, zone: str, share: float) -> RecordsSplit:
    """The records by whether their patient is set aside. raises InputError where one side would have nobody"""
    parts = split(platform, given.source, zone, share)
    names = _bare(given.records.patients["patient_id"])
    is_member = names.is_in(parts.members["patient_id"].implode())
    patients = given.records.patients["patient_id"]
    members, controls = given.records.of(patients.filter(is_member)), given.records.of(patients.filter(~is_member))
    told = parts.told | {"rows": _rows(members), "control_rows": _rows(controls)}
    people = given.source.people
    return RecordsSplit(members, controls, told, tuple(people[one] for one in names.filter(is_member) if people))


def _lines(files: Sequence[Path]) -> Iterator[Resource]:
    for file in files:
        number = 0  # of the line
        try:
            with file.open("rb") as stream:
                for line in stream if file.suffix == ".ndjson" else [stream.read()]:
                    number += 1
                    if line.strip():
                        yield orjson.loads(line)
        except orjson.JSONDecodeError:
            raise FormatError(f"{file.name}, line {number}: this is no JSON", "Give one resource a line.") from None
        except OSError as error:
            raise NotFound(f"{file.name} cannot be read ({type(error).__name__})", "Check its path.") from None


def _linked(one: Resource) -> Resource:
    """A Bundle whose entries name patients and encounters by ``fullUrl``, with ``Type/id`` in their place."""
    made = [
        entry["resource"] | {"fullUrl": entry.get("fullUrl")} for entry in one.get("entry", []) if "resource" in entry
    ]
    named = {each["fullUrl"]: f"{each['resourceType']}/{each.get('id')}" for each in made if each["fullUrl"]}
    for each in made:
        for link in ("subject", "encounter"):
            if (url := each.get(link, {}).get("reference")) in named:
                each[link] = {"reference": named[url]}
    return one | {"entry": [{"resource": each} for each in made]} if made else one


def _with_encounters(given: Records) -> Records:
    return given.of(given.encounters["patient_id"].unique(maintain_order=True))


def _source(
    platform: Platform, given: Records, told: Json, known: tuple[dict[str, str], int], zone: str
) -> RecordsSource:  # fmt: skip
    if given.patients.is_empty():
        raise InputError("there are no patients with encounters", "Make the research zone, or name another folder.")
    people, left_out = known
    digest = blake2b(key=platform.keys.derive("synthesis source", zone), digest_size=16)
    for name, frame in given.tables():
        digest.update(name.encode() + frame.write_csv().encode())
    table = replace(metadata(given.statics).table("patients"), name="records")
    frame = given.patients.with_columns(_bare(given.patients["patient_id"]))
    return RecordsSource(given, Source(table, frame, told | {"digest": digest.hexdigest()}, people, left_out))


def _bare(names: pl.Series) -> pl.Series:
    """Ids of patients without the type, as the tables of the lake have them."""
    return names.str.strip_prefix(_TYPE)


def _rows(given: Records) -> int:
    return sum(frame.height for _, frame in given.tables())
