"""Whatever way a patient came in, after an erasure nothing that still opens names the patient."""

import json
from pathlib import Path
from typing import Any

import pytest

from careloom.services.platform import Platform
from careloom.settings import load
from tests.journeys.hospital import CommandLine

Json = dict[str, Any]
ALDA = "p-alda-7731"
WORDS = (ALDA, "Quillfeather", "MRN7731")


def patient(name: str = ALDA, family: str = "Quillfeather", **fields: object) -> Json:
    named = [{"family": family, "given": ["Aldasine"]}]
    return {"resourceType": "Patient", "id": name, "name": named, **fields}


BRAM = patient("p-bram-4402", "Brandywine")


def about(reference: str, name: str = "o1", **fields: object) -> Json:
    subject = {"subject": {"reference": reference}}
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"}, **subject, **fields}


def bundle(*entries: Json) -> Json:
    return {"resourceType": "Bundle", "type": "collection", "entry": list(entries)}


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def send(line: CommandLine, *resources: Json, name: str = "feed.ndjson") -> Json:
    file = line.folder / name
    file.write_text("\n".join(map(json.dumps, resources)) + "\n")
    return line.json("ingest", file)


def stored(line: CommandLine, family: str = "Quillfeather") -> str:
    (entry,) = line.json("search", f"Patient?name={family}")["entry"]
    return f"Patient/{entry['resource']['id']}"


def still_opens(line: CommandLine) -> list[bytes]:
    """Every record, resource version and file name that can still be unsealed."""
    found = []
    with Platform(load(environment=line.environment)) as platform:
        store = platform.store("identified")
        with store.connect() as connection:
            records = [row[0] for row in connection.exec_driver_sql("SELECT record_id FROM record")]
            named = list(connection.exec_driver_sql("SELECT type, id FROM resource"))
        for record_id in records:
            found += [store.raw_record(record_id).raw, store.quarantine_context(record_id)]
        for kind, name in named:
            found += [version.content for version in store.history(kind, name)]
    return found


def left(line: CommandLine, *words: str) -> list[bytes]:
    return [raw for raw in still_opens(line) for word in words or WORDS if word.encode() in raw.replace(b"\0", b"")]


def test_a_refused_record_about_two_patients_goes_with_either(line: CommandLine) -> None:
    inner = bundle({"resource": patient()}, {"resource": BRAM | {"gender": "unheard-of"}})
    report = send(line, bundle({"resource": inner}), name="nested.json")
    assert sum(file["quarantined"] for file in report["files"]) == 1
    send(line, patient(family="Renamed"), patient("p-3", "Third"))
    line.json("erase", stored(line, "Renamed"), "--yes")
    assert left(line) == []


def test_what_was_deleted_before_goes_too_with_the_record_that_deleted_it(line: CommandLine) -> None:
    send(line, patient(), about(f"Patient/{ALDA}"), BRAM)
    known = stored(line)
    fact = line.json("search", f"Observation?patient={known}")["entry"][0]["resource"]["id"]
    gone = [{"request": {"method": "DELETE", "url": url}} for url in (f"Patient/{ALDA}", "Observation/o1")]
    send(line, {"resourceType": "Bundle", "type": "transaction", "entry": gone}, name="gone.json")
    line.json("erase", known, "--yes")
    assert left(line, ALDA, "Observation/o1") == []
    kept = b"".join(path.read_bytes() for path in line.data.rglob("*") if path.is_file())
    assert known.removeprefix("Patient/").encode() not in kept
    assert fact.encode() not in kept


REFERENCES = ["Patient?identifier=urn:mrn|MRN7731", f"http://other.example/fhir/Patient/{ALDA}"]


@pytest.mark.parametrize("reference", REFERENCES, ids=["by an identifier", "to another server"])
def test_a_fact_goes_whose_reference_could_not_be_resolved(line: CommandLine, reference: str) -> None:
    send(line, patient(identifier=[{"system": "urn:mrn", "value": "MRN7731"}]), about(reference), BRAM)
    line.json("erase", stored(line), "--yes")
    assert left(line) == []
    assert line.json("search", "Observation?_summary=count")["total"] == 0
    assert line.json("verify", stored(line, "Brandywine"))["verified"] is True


def test_what_is_in_no_compartment_goes_with_the_patient_it_names(line: CommandLine) -> None:
    task = {"resourceType": "Task", "id": "t1", "status": "requested", "intent": "order"}
    send(line, patient(), task | {"for": {"reference": f"Patient/{ALDA}"}}, BRAM)
    line.json("erase", stored(line), "--yes")
    assert left(line) == []


def test_refused_records_go_that_name_the_patient_by_the_id_of_their_source(line: CommandLine) -> None:
    send(line, patient(), BRAM)
    for name, content in (
        ("bad-id.json", json.dumps(about(f"Patient/{ALDA}", "no id")).encode()),
        ("wide.json", json.dumps(patient("other")).encode("utf-16")),
        ("note.txt", f"Patient-ID: {ALDA}\nDate: never\n\nSlept well.".encode()),
        (f"{ALDA}.json", b'{"resourceType": "Patient", "id": "'),
    ):
        (line.folder / name).write_bytes(content)
        (file,) = line.json("ingest", line.folder / name)["files"]
        assert file["quarantined"] == 1
    line.json("erase", stored(line), "--yes")
    assert left(line) == []


def test_a_refused_record_stays_that_only_holds_such_words_inside_others(line: CommandLine) -> None:
    others = {"resourceType": "Patient", "id": "no id", "name": [{"family": "Lindner", "given": ["Anna"]}]}
    short = {"resourceType": "Patient", "id": "short", "name": [{"family": "Lin", "given": ["An"]}]}
    send(line, short | {"identifier": [{"value": "12345"}]}, others | {"identifier": [{"value": "912345"}]})
    line.json("erase", stored(line, "Lin&given=An"), "--yes")
    assert len(line.json("quarantine", "list")) == 1


@pytest.mark.parametrize(
    "only", [patient(gender="unheard-of"), about(f"Patient/{ALDA}"), about(f"Patient/{ALDA}", "no id")],
    ids=["refused", "referred to", "referred to by what was refused"],
)  # fmt: skip
def test_a_patient_who_was_never_stored_can_be_erased(line: CommandLine, only: Json) -> None:
    send(line, only, BRAM)
    line.json("erase", f"Patient/{ALDA}", "--yes")
    assert left(line) == []
    assert send(line, only, BRAM, name="again.ndjson")["files"][0]["records"] == 2
    assert line.json("search", "Observation?_summary=count")["total"] == 0
    line.json("erase", f"Patient/{ALDA}", "--yes")
    assert left(line) == []


def test_a_name_that_nothing_knows_is_not_erased(line: CommandLine) -> None:
    send(line, BRAM)
    line.run("erase", f"Patient/{ALDA}", "--yes", expect=2)
    done = [event["subtype"][0]["code"] for event in line.json("audit", "report")]
    assert "erase" not in done


def test_the_ids_of_any_source_system_count(line: CommandLine) -> None:
    resources = [patient(), about(f"Patient/{ALDA}", "no id"), BRAM]
    (line.folder / "lab.ndjson").write_text("\n".join(map(json.dumps, resources)))
    line.json("ingest", line.folder / "lab.ndjson", "--source", "lab")
    line.json("erase", stored(line), "--yes")
    assert left(line, ALDA) == []


def test_no_id_of_a_fact_that_was_verified_stays_in_the_audit_chain(line: CommandLine) -> None:
    send(line, patient(), about(f"Patient/{ALDA}"), BRAM)
    known = stored(line)
    fact = line.json("search", f"Observation?patient={known}")["entry"][0]["resource"]["id"]
    line.json("verify", f"Observation/{fact}")
    line.json("verify", known)
    line.json("erase", known, "--yes")
    kept = b"".join(path.read_bytes() for path in line.data.rglob("*") if path.is_file())
    assert fact.encode() not in kept
    assert known.removeprefix("Patient/").encode() not in kept


def test_the_same_id_of_another_source_is_another_patient(line: CommandLine) -> None:
    send(line, about(f"Patient/{ALDA}", "no id"))
    for source in ("lab", "ward"):
        (line.folder / f"{source}.json").write_text(json.dumps(patient(family=source)))
        line.json("ingest", line.folder / f"{source}.json", "--source", source)
    line.json("erase", stored(line, "lab"), "--yes")
    assert len(left(line, ALDA)) == 2
    line.json("verify", stored(line, "ward"))


def requests(line: CommandLine) -> list[bool]:
    with Platform(load(environment=line.environment)) as platform, platform.jobs() as jobs:
        return ["sealed" in job.request for job in jobs.listed()]


def test_what_jobs_were_asked_goes_when_they_are_done_or_their_file_names_the_patient(line: CommandLine) -> None:
    send(line, patient(), BRAM)
    file = line.folder / "Quillfeather_Aldasine.json"
    file.write_text(json.dumps(patient()))
    other = line.folder / "other.json"
    other.write_text(json.dumps(BRAM))
    line.run("ingest", other, "--queue")
    line.run("worker", "--once")
    assert requests(line) == [False]
    for path in (file, other):
        job = json.loads(line.run("ingest", path, "--queue", "--json").stdout)["job_id"]
        line.run("jobs", "cancel", job)
    with Platform(load(environment=line.environment)) as platform, platform.jobs() as jobs:
        (sealed, _) = [job.request["sealed"].encode() for job in jobs.listed() if "sealed" in job.request][::-1]
    assert line.json("erase", stored(line), "--yes")["removed"]["job requests"] == 1
    assert sorted(requests(line)) == [False, False, True]
    assert sealed not in b"".join(path.read_bytes() for path in (line.data / "jobs").iterdir())


def test_a_practitioner_of_the_same_name_stays_and_verifies(line: CommandLine) -> None:
    doctor = {"resourceType": "Practitioner", "id": "dr-1", "name": [{"family": "Quillfeather", "given": ["Aldasine"]}]}
    send(line, patient(), doctor, BRAM)
    line.json("erase", stored(line), "--yes")
    assert line.json("verify", "Practitioner/dr-1")["verified"] is True
