"""CSV extracts that the simulator writes: read by the mapping that it writes beside them."""

import csv
import io
import tomllib
from collections import Counter, defaultdict

import pytest

from careloom.fhir.drafts import Resource
from careloom.fhir.validate import check
from careloom.ingest.delimited import MAPPING_OPTION, convert, find_file, load_mapping, recognise
from careloom.pipeline.record import FileContext, Record
from careloom.runtime import packaged
from careloom.simulate.charts import charts
from careloom.simulate.feed_csv import local_codes, mapping_path, style
from careloom.simulate.feed_csv_tables import TABLES
from careloom.simulate.feeds import feed_files, opening_files
from careloom.simulate.history import History, RecordNumber
from careloom.simulate.pieces import FeedOptions
from tests.unit.simulate.history_support import PLACE, rich

_CSV = FeedOptions(1, ("csv",))
SITES = tuple(PLACE.sites)


def everything_at(site_id: str) -> History:
    """The rich history with everything that happened at one site."""
    history = rich()
    for one in [*history.encounters, *history.appointments]:
        one.site_id = site_id
    history.person.record_numbers = [RecordNumber(site_id, "77001")]
    return history


def files(site_id: str) -> dict[str, bytes]:
    """The files of a hospital with one patient."""
    made: dict[str, bytes] = defaultdict(bytes)
    for piece in opening_files(PLACE, _CSV):
        made[piece.path] += piece.data
    for piece in feed_files(everything_at(site_id), PLACE, _CSV)[0]:
        made[piece.path] += piece.data
    return made


def read(site_id: str) -> list[Resource]:
    """What our ingestion makes of a site's extract."""
    made = files(site_id)
    own = made[mapping_path(PLACE.sites[site_id])].decode()
    load_mapping(own)
    found = []
    for table in TABLES:
        raw = made[f"feeds/{site_id}/csv/{table}.csv"]
        how = style(SITES.index(site_id))
        header = tuple(next(csv.reader(io.StringIO(raw.decode(), newline=""), delimiter=how.delimiter)))
        name = recognise(header, own)
        assert name == f"{site_id}/{table}"
        options = {MAPPING_OPTION: own, "delimiter": how.delimiter, "encoding": "utf-8", **find_file(name, own).dialect}
        body = raw.split(b"\r\n", 1)[1].removesuffix(b"\r\n")
        if not body:
            continue
        made_of_it = convert(Record(1, body, "line 2", FileContext("csv", name, header, options=options)))
        assert made_of_it.issues == []
        found += [draft.resource for draft in made_of_it.drafts]
    return found


@pytest.mark.parametrize("site_id", SITES)
def test_every_fact_is_read_again_from_the_extract_of_each_style(site_id: str) -> None:
    found = Counter(one["resourceType"] for one in read(site_id))
    # Blood pressure is told as two values, twice.
    assert found == {
        "Patient": 1, "Encounter": 3, "Condition": 2, "Observation": 16, "DiagnosticReport": 2, "MedicationRequest": 2,
        "AllergyIntolerance": 1, "Immunization": 1, "Procedure": 1, "Appointment": 4,
    }  # fmt: skip


@pytest.mark.parametrize("site_id", SITES)
def test_times_values_and_units_are_those_of_the_history(site_id: str) -> None:
    found = read(site_id)
    (chart,) = charts(everything_at(site_id), PLACE)
    glucose = next(one for one in found if one.get("valueQuantity", {}).get("value") == 214)
    assert glucose["valueQuantity"]["code"] == "mg/dL"
    assert glucose["effectiveDateTime"] in (
        "2024-03-11T08:45:00Z",
        "2024-03-11T08:45:00+00:00",
        "2024-03-11T03:45:00-05:00",
    )
    assert glucose["referenceRange"][0]["high"]["value"] == 99
    patient = next(one for one in found if one["resourceType"] == "Patient")
    assert patient["birthDate"] == "1958-02-28"
    assert patient["name"][0]["family"] == chart.person.family


def test_a_site_with_codes_of_its_own_says_what_they_mean() -> None:
    found = read("river")
    codings = {
        one["code"]["coding"][0]["code"]: one["code"]["coding"][0]["system"] for one in found if "valueQuantity" in one
    }
    assert codings["GLU"] == f"urn:oid:{PLACE.sites['river'].oid}.9"
    concept_map = local_codes(PLACE.sites["river"], 1)
    assert check(concept_map) == []
    meant = {one["code"]: one["target"][0]["code"] for one in concept_map["group"][0]["element"]}
    assert meant["GLU"] == "2345-7"
    assert len(meant) == len(concept_map["group"][0]["element"])
    assert "mappings/river-conceptmap.json" in files("river")


def test_cells_with_delimiters_quotes_and_line_breaks_come_back() -> None:
    report = next(one for one in read("lake") if one.get("conclusion"))
    assert report["conclusion"] == "Heart size normal.\nNo pneumothorax | no effusion."


def test_every_unit_that_is_measured_is_spelled_by_the_site_with_units_of_its_own() -> None:
    measured = tomllib.loads(packaged("simulate", "measures.toml").decode())
    units = {entry["unit"] for entry in measured.values() if isinstance(entry, dict) and "unit" in entry}
    local = style(1).units
    assert len(units) > 15
    assert units <= set(local)
    assert len(set(local.values())) == len(local)
