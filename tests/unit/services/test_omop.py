"""A zone as OMOP CDM 5.4: columns of the model, people and visits, events by the domain of their concept."""

import base64
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from careloom.errors import Conflict, FormatError, NotFound, QueryError
from careloom.services.omop import OmopAsk, load_vocabulary, make_omop, omop_tables
from careloom.store.rows import Write, canonical
from careloom.tables.omop import CDM
from tests.api.kit import Installation
from tests.store_kit import event, put

LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
BEGUN = datetime(2020, 1, 2, 3, 4, 5)  # noqa: DTZ001 - the model has moments without a zone
HEAD = (
    "concept_id",
    "concept_name",
    "domain_id",
    "vocabulary_id",
    "concept_class_id",
    "standard_concept",
    "concept_code",
)
CONCEPTS = """101\tBody weight\tMeasurement\tLOINC\tx\tS\t29463-7\t
102\tkilogram\tUnit\tUCUM\tx\tS\tkg\t
103\tOld finding\tCondition\tSNOMED\tx\t\t111\tU
104\tNew finding\tCondition\tSNOMED\tx\tS\t222\t
105\tOther finding\tObservation\tSNOMED\tx\tS\t333\t
106\tEHR\tType Concept\tType Concept\tx\tS\tOMOP1\t
107\tA "quoted" name\tObservation\tSNOMED\tx\tS\t444\t
108\tWound\tCondition\tICD10CM\tx\t\tT14\t
109\tNative Hawaiian or Other Pacific Islander\tRace\tRace\tx\tS\t4\t
110\tAspirin\tDrug\tRxNorm\tx\tS\t1191\t
"""
RELATIONS = """concept_id_1\tconcept_id_2\trelationship_id\tinvalid_reason
103\t104\tMaps to\t
103\t105\tMaps to\t
108\t104\tMaps to\tD
101\t104\tIs a\t
"""


def coded(system: str, code: str, *others: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": one, "code": two} for one, two in ((system, code), *others)], "text": "as told"}


def patient(number: int, **more: Any) -> Write:
    return put("Patient", f"p{number}", (f"p{number}",), **{"birthDate": "1961-04-05", "gender": "female", **more})


def of(kind: str, name: str, whom: str = "p1", **more: Any) -> Write:
    key = "patient" if kind == "Immunization" else "subject"
    return put(kind, name, (whom,), **{key: {"reference": f"Patient/{whom}"}, **more})


def about_nobody(kind: str, name: str, more: dict[str, Any]) -> Write:
    resource = {"resourceType": kind, "id": name, **more}
    return Write(kind, name, canonical(resource), (), None, "put", resource)


RACE = {"url": CORE + "race", "extension": [{"url": "ombCategory", "valueCoding": {"code": "2076-8"}}]}
WRITES = [
    patient(1, extension=[RACE], address=[{"city": "Town", "state": "MA"}], deceasedDateTime="2021-05-06T07:08:09Z"),
    patient(2, birthDate="1950", gender="other"),
    put("Patient", "p3", ("p3",)),
    about_nobody("Organization", "g1", {"name": "Clinic", "address": [{"city": "Town", "state": "MA"}]}),
    about_nobody("Practitioner", "d1", {"name": [{"family": "Doe", "given": ["Jo"]}], "gender": "male"}),
    of("Encounter", "e1", status="finished", **{"class": {"code": "IMP"}},
       period={"start": "2020-01-02T03:04:05+02:00", "end": "2020-01-05"},
       serviceProvider={"reference": "Organization/g1"},
       participant=[{"individual": {"reference": "Practitioner/d1"}}]),
    of("Encounter", "e2", status="finished", **{"class": {"code": "EMER"}}, period={"start": "2021-02-03"}),
    of("Encounter", "e3", status="planned", **{"class": {"code": "AMB"}}, period={"start": "2029-01-01"}),
    of("Condition", "c1", code=coded(SNOMED, "111"), onsetDateTime="2020-01", abatementDateTime="2020-03-01",
       encounter={"reference": "Encounter/e1"}),
    of("Condition", "c2", code=coded("urn:own", "x", (SNOMED, "333")), recordedDate="2020-02-02"),
    of("Condition", "c3", code=coded(SNOMED, "111"), onsetDateTime="2020-01-01",
       verificationStatus={"coding": [{"code": "entered-in-error"}]}),
    of("Condition", "c4", code={"text": "only told"}, encounter={"reference": "Encounter/e2"}),
    of("Condition", "c5", code=coded(SNOMED, "222")),
    of("Condition", "c6", "p3", code=coded(SNOMED, "222"), onsetDateTime="2020-01-01"),
    of("Condition", "c7", code=coded("http://hl7.org/fhir/sid/icd-10-cm", "T14"), onsetDateTime="2020-01-01"),
    of("Observation", "o1", status="final", code=coded(LOINC, "29463-7"), effectiveDateTime="2020-01-02T10:00:00Z",
       valueQuantity={"value": 70.5, "unit": "kilo", "system": UCUM, "code": "kg"},
       referenceRange=[{"low": {"value": 50}, "high": {"value": 90}}]),
    of("Observation", "o2", status="final", code=coded(LOINC, "85354-9"), effectiveDateTime="2020-01-02",
       category=[{"coding": [{"code": "vital-signs"}]}],
       component=[{"code": coded(LOINC, "8480-6"), "valueQuantity": {"value": 120, "comparator": "<"}},
                  {"code": coded(LOINC, "8462-4"), "valueQuantity": {"value": 80}}]),
    of("Observation", "o3", status="final", code=coded(LOINC, "1"), effectiveDateTime="2020-01-02",
       valueCodeableConcept=coded(SNOMED, "444")),
    put("Medication", "m1", code=coded("http://www.nlm.nih.gov/research/umls/rxnorm", "1191")),
    of("MedicationRequest", "r1", status="active", authoredOn="2020-01-02",
       medicationReference={"reference": "Medication/m1"},
       dispenseRequest={"expectedSupplyDuration": {"value": 30, "code": "d"}, "numberOfRepeatsAllowed": 2}),
    of("Immunization", "i1", status="completed", vaccineCode=coded("http://hl7.org/fhir/sid/cvx", "140"),
       occurrenceDateTime="2020-10-01"),
    of("Procedure", "x1", status="completed", code=coded(SNOMED, "9"), performedPeriod={"start": "2020-01-03"}),
    of("DocumentReference", "n1", status="current", date="2020-01-03T00:00:00Z",
       content=[{"attachment": {"contentType": "text/plain", "data": base64.b64encode(b"Well.").decode()}}]),
    of("DocumentReference", "n2", status="current", date="2020-01-03T00:00:00Z",
       content=[{"attachment": {"contentType": "application/pdf", "data": "AAAA"}}]),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("omop")) as installation:
        with installation.platform.store("synthetic").transaction(event(zone="synthetic")) as transaction:
            transaction.write(list(WRITES))
        yield installation


@pytest.fixture(scope="module")
def athena(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("athena")
    (folder / "CONCEPT.csv").write_text("\t".join((*HEAD, "invalid_reason")) + "\n" + CONCEPTS)
    (folder / "CONCEPT_RELATIONSHIP.csv").write_text(RELATIONS)
    return folder


def tables(made: Installation, vocabulary: Path | None = None) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
    found, report = omop_tables(made.platform, made.operator, "synthetic", vocabulary)
    return found, report.as_json()


def test_every_table_has_the_columns_and_types_of_the_model(made: Installation) -> None:
    found, _ = tables(made)
    assert set(found) == set(CDM)
    for name, frame in found.items():
        assert [(one.name, one.dtype) for one in CDM[name]] == list(frame.schema.items())
        for column in CDM[name]:
            assert not (column.is_required and frame[column.name].null_count()), (name, column.name)


def test_people_visits_and_places_refer_to_each_other(made: Installation, athena: Path) -> None:
    found, report = tables(made, athena)
    first, second = found["person"].to_dicts()
    assert (first["gender_concept_id"], first["race_concept_id"], first["race_source_value"]) == (8532, 109, "2076-8")
    assert (first["year_of_birth"], first["month_of_birth"], first["day_of_birth"]) == (1961, 4, 5)
    assert (second["gender_concept_id"], second["year_of_birth"], second["month_of_birth"]) == (0, 1950, None)
    assert report["left_out"]["patients without a year of birth"] == 1
    inpatient, emergency = found["visit_occurrence"].to_dicts()
    assert (inpatient["visit_concept_id"], inpatient["visit_start_datetime"]) == (9201, BEGUN)
    assert (inpatient["care_site_id"], inpatient["provider_id"], inpatient["visit_type_concept_id"]) == (1, 1, 106)
    assert (emergency["visit_concept_id"], emergency["visit_end_date"]) == (9203, date(2021, 2, 3))
    assert emergency["preceding_visit_occurrence_id"] == inpatient["visit_occurrence_id"]
    assert found["location"]["city"].to_list() == ["Town"]
    assert found["care_site"]["location_id"].to_list() == [1]
    assert found["provider"]["provider_name"].to_list() == ["Jo Doe"]
    assert found["death"].select("person_id", "death_date").rows() == [(1, date(2021, 5, 6))]
    assert found["observation_period"].select(pl.col("^.*_date$")).rows() == [(date(2020, 1, 1), date(2021, 2, 3))]


def test_without_a_vocabulary_events_go_by_their_resource_and_every_concept_is_nothing(made: Installation) -> None:
    found, report = tables(made)
    assert set(found["condition_occurrence"]["condition_source_value"]) == {"111", "333", "only told", "T14"}
    assert set(found["condition_occurrence"]["condition_concept_id"]) == {0}
    assert set(found["measurement"]["measurement_source_value"]) == {"8480-6", "8462-4"}
    assert set(found["observation"]["observation_source_value"]) == {"29463-7", "1"}
    assert report["mapped"]["condition_occurrence"] == 0
    assert report["left_out"]["of no person"] == 1
    assert report["left_out"]["without a day"] == 1


def test_a_concept_decides_the_table_and_a_code_may_map_to_several(made: Installation, athena: Path) -> None:
    found, _ = tables(made, athena)
    conditions = found["condition_occurrence"].sort("condition_occurrence_id").to_dicts()
    told = {(one["condition_source_value"], one["condition_concept_id"]) for one in conditions}
    assert told == {("111", 104), ("only told", 0), ("T14", 0)}
    observed = {
        (one["observation_source_value"], one["observation_concept_id"]) for one in found["observation"].to_dicts()
    }
    assert observed == {("111", 105), ("333", 105), ("1", 0)}
    first = next(one for one in conditions if one["condition_source_value"] == "111")
    assert (first["condition_start_date"], first["condition_end_date"]) == (date(2020, 1, 1), date(2020, 3, 1))
    assert (first["condition_source_concept_id"], first["visit_occurrence_id"]) == (103, 1)
    late = next(one for one in conditions if one["condition_source_value"] == "only told")
    assert late["condition_start_date"] == date(2021, 2, 3)  # that of its visit


def test_a_value_keeps_its_number_unit_range_and_code(made: Installation, athena: Path) -> None:
    found, _ = tables(made, athena)
    weight = found["measurement"].filter(measurement_source_value="29463-7").to_dicts()[0]
    assert (weight["measurement_concept_id"], weight["value_as_number"], weight["unit_concept_id"]) == (101, 70.5, 102)
    assert (weight["unit_source_value"], weight["range_low"], weight["range_high"]) == ("kg", 50.0, 90.0)
    systolic = found["measurement"].filter(measurement_source_value="8480-6").to_dicts()[0]
    assert (systolic["value_as_number"], systolic["value_source_value"]) == (120.0, "<120.0")
    assert "85354-9" not in found["measurement"]["measurement_source_value"].to_list()  # holds its components only
    answer = found["observation"].filter(observation_source_value="1").to_dicts()[0]
    assert (answer["value_as_concept_id"], answer["value_source_value"]) == (107, "444")


def test_drugs_by_reference_have_codes_and_last_as_long_as_their_supply(made: Installation, athena: Path) -> None:
    drugs = tables(made, athena)[0]["drug_exposure"].to_dicts()
    request = next(one for one in drugs if one["drug_source_value"] == "1191")
    assert (request["drug_concept_id"], request["days_supply"], request["refills"]) == (110, 30, 2)
    assert request["drug_exposure_end_date"] == date(2020, 1, 31)
    assert {one["drug_source_value"] for one in drugs} == {"1191", "140"}


def test_notes_hold_text_or_are_left_out(made: Installation) -> None:
    found, report = tables(made)
    assert found["note"]["note_text"].to_list() == ["Well."]
    assert report["left_out"]["documents without their text"] == 1


def test_files_are_written_once_and_never_of_the_identified_zone(made: Installation, tmp_path: Path) -> None:
    ask = OmopAsk(tmp_path / "cdm")
    report = make_omop(made.platform, made.operator, "synthetic", ask)
    assert sorted(file.stem for file in (tmp_path / "cdm").iterdir()) == sorted(CDM)
    assert pl.read_parquet(tmp_path / "cdm" / "person.parquet").height == report.tables["person"] == 2
    with pytest.raises(Conflict):
        make_omop(made.platform, made.operator, "synthetic", ask)
    make_omop(made.platform, made.operator, "synthetic", OmopAsk(tmp_path / "text", is_csv=True))
    assert (tmp_path / "text" / "person.csv").read_text().startswith("person_id,gender_concept_id,")
    with pytest.raises(QueryError):
        make_omop(made.platform, made.operator, "identified", OmopAsk(tmp_path / "never"))
    assert not (tmp_path / "never").exists()


def test_a_vocabulary_that_is_none_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        load_vocabulary(tmp_path)
    (tmp_path / "CONCEPT.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FormatError):
        load_vocabulary(tmp_path)
    (tmp_path / "CONCEPT.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(FormatError):
        load_vocabulary(tmp_path)
