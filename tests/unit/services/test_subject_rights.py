"""What a patient is entitled to: all that is kept, restriction, objection, rectification."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.errors import AccessError, Erased, NotFound, QueryError
from careloom.services.access import Principal
from careloom.services.erase import erase
from careloom.services.export_ask import ExportAsk
from careloom.services.exports import submit
from careloom.services.history import HistoryOf, history
from careloom.services.jobs import work
from careloom.services.omop import omop_tables
from careloom.services.records import read
from careloom.services.search import search
from careloom.services.sight import view_of
from careloom.services.subject_export import check_export, export_subject
from careloom.services.subject_rectify import RectifyAsk, rectify
from careloom.services.subject_rules import RuleAsk, end_rule, rules, set_rule
from careloom.services.trainings import TrainingAsk, permitted, register, trainings
from careloom.services.vault import ask
from careloom.services.verify import verify
from careloom.services.view import ViewAsk, view_zone
from careloom.store.schema import metadata
from careloom.store.subject_content import TABLES
from tests.rights_kit import CLINICIAN, ENGINEER, OFFICER, SCIENTIST, hospital
from tests.vault_kit import STEWARD, Hospital, pulse

Json = dict[str, Any]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Hospital]:
    with hospital(tmp_path) as installation:
        yield installation


def ids(made: Hospital, who: Principal, query: str, zone: str = "identified") -> set[str]:
    page = search(made.platform, who, zone, query)
    return {f"{one.resource_type}/{one.id}" for one in (*page.found, *page.included)}


def total(made: Hospital, who: Principal, query: str, zone: str = "identified") -> int | None:
    return search(made.platform, who, zone, query).total


def restrict(made: Hospital, kind: str = "restrict") -> Json:
    return set_rule(made.platform, OFFICER, RuleAsk(kind, "Patient/p1", reason="contests the birth date"))  # type: ignore[arg-type]


# --- restriction and objection


def test_a_restricted_patient_is_seen_by_care_and_privacy_alone(made: Hospital) -> None:
    patient = made.stored_id("Patient", "p1")
    everybody = ids(made, ENGINEER, "Patient")
    restrict(made)
    for who in (CLINICIAN, OFFICER, made.operator):
        assert ids(made, who, "Patient") == everybody
    for who in (ENGINEER, STEWARD):
        assert ids(made, who, "Patient") == everybody - {f"Patient/{patient}"}
        assert total(made, who, "Patient?_total=accurate") == 2
        assert total(made, who, "Patient?_summary=count") == 2
        assert ids(made, who, "Observation?code=8867-4&_include=Observation:subject") == {
            f"Observation/{made.stored_id('Observation', 'o2')}", f"Patient/{made.stored_id('Patient', 'p2')}",
        }  # fmt: skip
        with pytest.raises((AccessError, NotFound)):
            read(made.platform, who, "identified", "Patient", patient)
        with pytest.raises((AccessError, NotFound)):
            history(made.platform, who, "identified", HistoryOf("Patient", patient))
        assert patient not in str(history(made.platform, who, "identified", HistoryOf("Patient")))
    assert read(made.platform, CLINICIAN, "identified", "Patient", patient).id == patient
    told = made.platform.store("identified").read("Patient", patient).resource()
    sights = [view_of(made.platform, who, "identified").shows(told) for who in (CLINICIAN, OFFICER, ENGINEER, STEWARD)]
    assert sights == [True, True, False, False]
    shown = view_zone(made.platform, ENGINEER, "identified", ViewAsk("patient")).shown
    assert len(shown) == 2
    for who, is_there in ((CLINICIAN, True), (ENGINEER, False)):
        people = omop_tables(made.platform, who, "identified")[0]["person"]["person_source_value"].to_list()
        assert (f"Patient/{patient}" in people) is is_there


def test_a_restriction_ends_when_it_is_lifted(made: Hospital) -> None:
    everybody = ids(made, ENGINEER, "Patient")
    rule = restrict(made)
    assert rules(made.platform, OFFICER, patient="Patient/p1")[0]["reason"] == "contests the birth date"
    end_rule(made.platform, OFFICER, rule["rule"])
    assert ids(made, ENGINEER, "Patient") == everybody
    assert rules(made.platform, OFFICER) == []


@pytest.mark.parametrize("kind", ["restrict", "object"])
def test_the_research_zone_hides_the_patient_at_once_and_the_next_run_leaves_the_patient_out(
    made: Hospital, kind: str
) -> None:
    name = made.name("Patient", "p1")
    rule = restrict(made, kind)
    assert name in made.research_ids()
    assert name not in ids(made, SCIENTIST, "Patient", "research")
    report = made.deidentify()
    assert report["left_out"] == 2
    assert name not in made.research_ids()
    tables = [made.platform.lake("research").read(one.path) for one in made.platform.lake("research").tables()]
    assert not any(name.partition("/")[2] in str(frame.to_dicts()) for frame in tables)
    end_rule(made.platform, OFFICER, rule["rule"])
    made.deidentify()
    assert name in made.research_ids()


def test_an_objection_to_research_leaves_care_as_it_is(made: Hospital) -> None:
    everybody = ids(made, ENGINEER, "Patient")
    restrict(made, "object")
    assert ids(made, ENGINEER, "Patient") == everybody


def lines(made: Hospital) -> set[str]:
    """The ids in a new export of the identified zone, by the operator, who sees everything."""
    from careloom.services.exports import fetch, show

    made.clock.move(seconds=1)
    job = submit(made.platform, made.operator, ExportAsk(zone="identified", types=("Patient",), address="x"))
    work(made.platform, once=True)
    told = show(made.platform, made.operator, "identified", job["id"], files_at="")
    names = [one["url"].lstrip("/") for one in told["manifest"]["output"]]
    text = b"".join(b"".join(fetch(made.platform, made.operator, "identified", job["id"], n).pieces) for n in names)
    return {orjson.loads(line)["id"] for line in text.splitlines()}


def test_no_export_holds_a_restricted_patient_and_those_that_did_are_withdrawn(made: Hospital) -> None:
    patient = made.stored_id("Patient", "p1")
    assert patient in lines(made)
    assert restrict(made)["exports"] == 1
    assert lines(made) == {made.stored_id("Patient", "p2"), made.stored_id("Patient", "p3")}


@pytest.mark.parametrize("kind", ["restrict", "object"])
def test_no_training_takes_a_patient_who_left_research(made: Hospital, kind: str) -> None:
    store = made.platform.store("identified")
    everybody = [store.pseudonym(made.stored_id("Patient", name)) for name in ("p1", "p2", "p3")]
    register(made.platform, made.operator, TrainingAsk("tagger", "model", "00", everybody))
    assert restrict(made, kind)["trainings"] == [trainings(made.platform, OFFICER, waiting=True)[0]["training"]]
    assert permitted(made.platform, everybody) == sorted(everybody[1:])


def test_nobody_else_sets_or_ends_rules(made: Hospital) -> None:
    with pytest.raises(AccessError):
        set_rule(made.platform, CLINICIAN, RuleAsk("restrict", "Patient/p1", reason="so"))
    with pytest.raises(QueryError):
        set_rule(made.platform, OFFICER, RuleAsk("restrict", "Patient/p1", reason=" "))
    with pytest.raises(QueryError):
        set_rule(made.platform, OFFICER, RuleAsk("restrict", zone="research", reason="so"))
    with pytest.raises(NotFound):
        set_rule(made.platform, OFFICER, RuleAsk("restrict", "Patient/nobody", reason="so"))
    with pytest.raises(NotFound):
        end_rule(made.platform, OFFICER, "none")


# --- export


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def busy(made: Hospital) -> None:
    """A patient of whom every table of the zone holds something."""
    patient, other = made.stored_id("Patient", "p1"), made.stored_id("Patient", "p2")
    made.ingest([pulse("o1", "p1") | {"status": "amended"}])
    made.ingest([{"resourceType": "Observation", "id": "o9", "subject": {"reference": "Patient/p1"}}])
    ask(made.platform, STEWARD, made.question("Patient/p1"))
    restrict(made, "object")
    store = made.platform.store("identified")
    register(made.platform, made.operator, TrainingAsk("tagger", "model", "00", [store.pseudonym(other)]))
    assert patient


def test_an_export_is_signed_adds_up_and_holds_what_arrived_as_it_arrived(made: Hospital) -> None:
    busy(made)
    found = export_subject(made.platform, OFFICER, "Patient/p1")
    told = check_export(found.content, made.platform.keys.public_key())
    assert (told["signed"], told["whole"]) == (True, True)
    files = unpacked(found.content)
    originals = [content for name, content in files.items() if name.startswith("originals/")]
    assert any(b"MRN-730014" in content for content in originals)
    assert b'"Quillfeather"' in files["fhir/Patient.ndjson"]
    assert b'"final"' in files["history/Observation.ndjson"]
    assert b"Ottenbrook" not in b"".join(files.values())
    assert found.inventory["sums"]["bytes"] == sum(map(len, files.values())) - len(files["inventory.json"]) - len(
        files["inventory.sig"]
    )
    assert {"provenance.ndjson", "requests.ndjson", "rules.ndjson", "audit/identified.ndjson"} <= files.keys()
    assert any(name.startswith("research/fhir/") for name in files)
    assert any(name.startswith("research/tables/") for name in files)


def test_an_export_is_complete_against_the_raw_tables(made: Hospital) -> None:
    """Counted here by SQL of its own: every row under a key of the patient is in the inventory, and in a file."""
    busy(made)
    found = export_subject(made.platform, OFFICER, "Patient/p1")
    files = unpacked(found.content)
    for zone, patient in (
        ("identified", made.stored_id("Patient", "p1")), ("research", made.name("Patient", "p1").partition("/")[2]),
    ):  # fmt: skip
        tables, store = found.inventory["tables"][zone], made.platform.store(zone)  # type: ignore[arg-type]
        assert {*tables} - {one for one in tables if one.startswith("table ")} <= set(metadata.tables)
        with store.connect() as connection:

            def count(sql: str, *values: object, connection: Any = connection) -> int:
                return int(connection.exec_driver_sql(sql, values).scalar_one())

            name = store.pseudonym(patient)
            own = f"(SELECT subject FROM subject_key WHERE pseudonym = '{name}' UNION SELECT subject FROM subject_link "
            own += f"WHERE pseudonym = '{name}')"
            for table in ("resource", "resource_history", "record", "subject_key", "vault_request", "rights_rule"):
                rows = count(f"SELECT count(*) FROM {table} WHERE subject IN {own}")
                assert tables[table]["rows"] == rows, table
            for table in ("idx_eq", "idx_range"):
                sql = f"SELECT count(*) FROM {table} WHERE rid IN (SELECT rid FROM resource WHERE subject IN {own})"
                assert tables[table]["rows"] == count(sql)
            refused = f"SELECT count(*) FROM quarantine WHERE rec IN (SELECT rec FROM record WHERE subject IN {own})"
            assert tables["quarantine"]["rows"] == count(refused)
            versions = tables["resource"]["rows"] + tables["resource_history"]["rows"]
            prefix = "" if zone == "identified" else "research/"
            written = sum(
                len(content.splitlines()) for place, content in files.items()
                if place.startswith((f"{prefix}fhir/", f"{prefix}history/"))
            )  # fmt: skip
            assert written == versions == tables["resource"]["written"] + tables["resource_history"]["written"]
            if zone == "identified":
                kept = count(f"SELECT count(*) FROM record WHERE length(body) > 0 AND subject IN {own}")
                assert kept == sum(place.startswith("originals/") for place in files)
                events = count("SELECT count(*) FROM audit WHERE body LIKE ?", f'%"{name}"%')
                assert events == len(files["audit/identified.ndjson"].splitlines()) + 1  # the export's own comes after


def test_every_table_of_a_zone_is_told_of_or_says_why_not() -> None:
    assert set(TABLES) | {"zone_policy"} >= set(metadata.tables) - {"zone_policy"}
    assert set(metadata.tables) - set(TABLES) <= {"zone_policy"}


def test_an_export_that_somebody_changed_does_not_hold(made: Hospital) -> None:
    content = export_subject(made.platform, OFFICER, "Patient/p1").content
    files = unpacked(content)
    files["fhir/Patient.ndjson"] = files["fhir/Patient.ndjson"].replace(b"Quillfeather", b"Somebody")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made_again:
        for name, one in files.items():
            made_again.writestr(name, one)
    assert check_export(stream.getvalue(), made.platform.keys.public_key())["whole"] is False
    assert check_export(content, bytes(32))["signed"] is False


def test_an_export_is_for_the_privacy_officer_and_audited(made: Hospital) -> None:
    for who in (CLINICIAN, ENGINEER):
        with pytest.raises(AccessError):
            export_subject(made.platform, who, "Patient/p1")
    export_subject(made.platform, OFFICER, "Patient/p1")
    assert made.last_event()["operation"] == "subject-export"
    erase(made.platform, OFFICER, "Patient/p1", search=False)
    with pytest.raises(Erased):
        export_subject(made.platform, OFFICER, "Patient/p1")


# --- rectification


def patched(made: Hospital, **more: Any) -> Json:
    change = [{"op": "replace", "path": "/birthDate", "value": "1962-04-05"}]
    told = {"patient": "Patient/p1", "fact": "Patient/p1", "reason": "passport was shown", "patch": change, **more}
    return rectify(made.platform, OFFICER, RectifyAsk(**told))


def test_a_rectified_resource_has_a_provenance_and_keeps_its_old_version(made: Hospital) -> None:
    patient = made.stored_id("Patient", "p1")
    done = patched(made)
    assert (done["before"], done["version"], done["erased"]) == ("1", "2", None)
    store = made.platform.store("identified")
    assert store.read("Patient", patient).resource()["birthDate"] == "1962-04-05"
    assert [one.version for one in store.history("Patient", patient)] == [2, 1]
    told = read(made.platform, OFFICER, "identified", "Provenance", done["provenance"].partition("/")[2]).resource()
    assert told["reason"] == [{"text": "passport was shown"}]
    assert told["entity"][0]["what"]["reference"] == f"Patient/{patient}/_history/1"
    assert told["agent"][0]["who"]["display"] == OFFICER.name
    assert verify(made.platform, made.operator, "identified", f"Patient/{patient}")["verified"]


def test_what_was_wrong_goes_for_good_where_that_is_asked(made: Hospital) -> None:
    patient = made.stored_id("Patient", "p1")
    done = patched(made, erase_old=True)
    assert done["erased"] == {"versions": 1, "records": 1, "kept_records": 0}
    store = made.platform.store("identified")
    assert [one.version for one in store.history("Patient", patient)] == [2]
    files = unpacked(export_subject(made.platform, OFFICER, "Patient/p1").content)
    assert b"1961-04-05" not in b"".join(one for name, one in files.items() if not name.startswith("research"))
    assert store.check().is_whole
    assert ids(made, CLINICIAN, "Patient?birthdate=1961-04-05") == {
        f"Patient/{made.stored_id('Patient', name)}" for name in ("p2", "p3")
    }


def test_only_facts_of_the_patient_are_rectified_and_only_with_a_reason(made: Hospital) -> None:
    with pytest.raises(NotFound):
        patched(made, fact="Observation/o2")
    with pytest.raises(QueryError):
        patched(made, reason="")
    with pytest.raises(QueryError):
        patched(made, patch=None)
    with pytest.raises(AccessError):
        rectify(made.platform, CLINICIAN, RectifyAsk("Patient/p1", "Patient/p1", "so", patch=[]))
