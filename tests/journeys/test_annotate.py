"""Notes become facts beside the record; every fact leads to its words, and goes with its note, or its patient."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from careloom.fhir.validate import check
from careloom.pipeline.registry import REGISTRY
from tests.journeys.hospital import CommandLine
from tests.nlp_kit import Words

ODA, PER = "p-oda", "p-per"
PLANTED = "Quillfeather plays the theremin"
FIRST = f"Diabetes clinic: {PLANTED}.\r\nHas diabetes and migraine. Metformin: metformin 500 mg."
NEXT = "Caf\u0065\u0301 \U0001f600 chest pain. No pneumonia. Still diabetes, hypertension."
NOTES = {
    "n-first": (ODA, "2026-01-05T10:00:00Z", FIRST),
    "n-next": (ODA, "2026-02-05T10:00:00Z", NEXT),
    "n-per": (PER, "2026-01-06T10:00:00Z", "Has migraine, pulse 61."),
}


def patient(name: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "gender": "female", "birthDate": "1961-04-05"}


def condition(name: str, code: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition", "id": name, "subject": {"reference": f"Patient/{ODA}"},
        "clinicalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
        },
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]},
    } | more  # fmt: skip


def document(name: str, whose: str, date: str, text: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference", "id": name, "status": "current",
        "subject": {"reference": f"Patient/{whose}"}, "date": date,
        "content": [
            {"attachment": {"contentType": "text/plain; charset=utf-8", "data": b64encode(text.encode()).decode()}}
        ],
    }  # fmt: skip


def ingest(line: CommandLine, *resources: dict[str, Any]) -> None:
    (line.folder / "feed.ndjson").write_text("".join(json.dumps(one) + "\n" for one in resources))
    report = line.json("ingest", "feed.ndjson", "--source", "north")
    assert sum(file["quarantined"] for file in report["files"]) == 0


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
    made = CommandLine(tmp_path)
    denied = {
        "verificationStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "refuted"}]
        }
    }
    refuted = {key: value for key, value in condition("c-htn", "I10", **denied).items() if key != "clinicalStatus"}
    ingest(
        made, patient(ODA), patient(PER), condition("c-dm", "E11.9"), refuted,
        *(document(name, *one) for name, one in NOTES.items()),
    )  # fmt: skip
    return made


def found(line: CommandLine, query: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in line.json("search", query).get("entry", [])]


def facts(line: CommandLine) -> dict[str, dict[str, Any]]:
    kinds = ("Condition", "MedicationStatement", "Observation")
    every = [one for kind in kinds for one in found(line, f"{kind}?_tag=urn:careloom:origin|annotation")]
    return {(one.get("code") or one["medicationCodeableConcept"])["text"]: one for one in every}


def test_notes_become_facts_beside_the_record(line: CommandLine) -> None:
    report = line.json("annotate")
    assert report["notes"] == {"read": 3, "skipped": 0, "refused": 0}
    assert report["facts"] == {"new": 5, "agree": 1, "conflict": 1, "retired": 0}
    assert [one["reason"] for one in report["conflicts"]] == ["verification"]
    made = facts(line)
    assert set(made) == {"migraine", "chest pain", "metformin", "pulse"}
    assert all(check(one) == [] for one in made.values())
    assert made["metformin"]["dosage"][0]["doseAndRate"][0]["doseQuantity"]["value"] == 500
    assert PLANTED not in json.dumps(report)
    for kind in ("Basic", "Provenance"):
        assert all(check(one) == [] for one in found(line, f"{kind}?_lastUpdated=gt2020"))
    assert line.json("audit", "verify")["verified"]


def test_every_fact_leads_to_its_words(line: CommandLine) -> None:
    line.run("annotate")
    proof = line.json("annotate", "verify")
    assert (proof["provenances"], proof["facts"], proof["spans"], proof["verified"]) == (3, 7, 9, 9)
    chest = facts(line)["chest pain"]
    told = line.json("verify", f"Condition/{chest['id']}")
    assert told["verified"]
    assert [step["step"] for step in told["steps"]] == ["unseal", "record", "manifest", "span"]
    (proven,) = [
        one for one in found(line, f"Provenance?target=Condition/{chest['id']}") if one["activity"].get("text")
    ]
    (target,) = [one for one in proven["target"] if one["reference"] == f"Condition/{chest['id']}"]
    (span,) = [one["extension"] for one in target["extension"]]
    place = {part["url"]: part for part in span}
    source = NOTES["n-next"][2]
    assert source[place["start"]["valueInteger"] : place["end"]["valueInteger"]] == "chest pain"


def test_what_notes_say_is_found_by_concept_and_notes_by_their_words(line: CommandLine) -> None:
    line.run("annotate")
    told = line.json("annotate", "facts", "--concept", "ICD-10-CM|E11", "--label", "PROBLEM", "--until", "2026-02")
    assert [(one["text"], one["time"][:10]) for one in told["items"]] == [("diabetes", "2026-01-05")]
    assert told["next"] is None
    notes = line.json("annotate", "search", "CAFE chest", "--concept", "ICD-10-CM|I10")
    (one,) = notes["items"]
    assert "chest pain" in one["snippets"][0]["text"]
    part = line.json("annotate", "facts", "--limit", "2")
    rest = line.json("annotate", "facts", "--limit", "100", "--cursor", part["next"])
    assert len(part["items"] + rest["items"]) == len(line.json("annotate", "facts")["items"])
    assert "chest pain" in line.run("annotate", "facts", "--label", "SYMPTOM").stdout


def test_a_note_that_changes_takes_its_facts_along_and_others_are_not_read_again(line: CommandLine) -> None:
    line.run("annotate")
    assert line.json("annotate", "--incremental")["notes"] == {"read": 0, "skipped": 3, "refused": 0}
    ingest(line, document("n-first", ODA, NOTES["n-first"][1], "Has diabetes."))
    report = line.json("annotate", "--incremental")
    assert report["notes"] == {"read": 1, "skipped": 2, "refused": 0}
    assert report["facts"]["retired"] == 2
    assert set(facts(line)) == {"migraine", "chest pain", "pulse"}  # the migraine of the other patient
    assert line.json("annotate", "verify")["whole"]


def test_a_new_version_of_the_reader_reads_again(line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    line.run("annotate")
    before = {name: one["meta"]["versionId"] for name, one in facts(line).items()}
    monkeypatch.setattr(Words, "version", "2")
    monkeypatch.setattr(Words.__init__, "__defaults__", ("words", "2"))
    assert line.json("annotate", "--incremental")["notes"]["read"] == 3
    assert {name: one["meta"]["versionId"] for name, one in facts(line).items()} == before


def test_reading_twice_changes_nothing(line: CommandLine) -> None:
    line.run("annotate")
    before = line.json("store", "check")["content_hash"]
    line.run("annotate")
    assert line.json("store", "check")["content_hash"] == before


def test_what_is_absent_is_written_where_it_is_asked(line: CommandLine) -> None:
    line.run("annotate", "--refuted")
    status = facts(line)["pneumonia"]["verificationStatus"]["coding"][0]["code"]
    assert status == "refuted"


def test_a_person_speaks_in_place_of_the_reader(line: CommandLine) -> None:
    line.run("annotate")
    (note,) = [one for one in found(line, "DocumentReference?_lastUpdated=gt2020") if "06T10" in one["date"]]
    told = line.run("annotate", "note", note["id"], "--format", "brat").stdout
    assert told.startswith("T1\tPROBLEM 4 12\tmigraine\n")
    corrected = told.replace("T1\tPROBLEM", "T1\tSYMPTOM") + "A9\tPresence T1 possible\n"
    (line.folder / "note.ann").write_text(corrected)
    report = line.json("annotate", "correct", note["id"], "note.ann")
    assert report["notes"]["read"] == 0
    concerns = [
        one
        for one in found(line, "Condition?_tag=urn:careloom:origin|annotation")
        if one["category"][0]["coding"][0]["code"] == "health-concern"
    ]
    (migraine,) = [one for one in concerns if one["code"]["text"] == "migraine"]
    assert migraine["verificationStatus"]["coding"][0]["code"] == "provisional"
    held = line.json("annotate", "note", note["id"])
    assert (held["origin"], held["current"]) == ("correction", True)
    assert line.json("annotate", "--incremental")["notes"]["read"] == 0
    assert line.json("annotate")["facts"]["retired"] == 0
    assert line.json("annotate", "verify")["whole"]
    (one,) = [
        json.loads(row)
        for row in line.run("annotate", "export", "--corrections", "--zone", "identified").stdout.splitlines()
    ]
    assert one["text"] == NOTES["n-per"][2]
    assert [each["label"] for each in one["annotations"]] == ["SYMPTOM", "TEST", "TEST_VALUE"]
    assert [each["label"] for each in one["found"]] == ["PROBLEM", "TEST", "TEST_VALUE"]
    line.run("annotate", "export", "--corrections", "--zone", "identified", "--brat", "corrected")
    pair = {file.suffix: file.read_text("utf-8") for file in (line.folder / "corrected").iterdir()}
    assert pair[".txt"] == NOTES["n-per"][2]
    assert "T1\tSYMPTOM 4 12\tmigraine\n" in pair[".ann"]
    (line.folder / "bad.ann").write_text("T1\tPROBLEM 4 12\tdiabetes\n")
    refusal = line.run("annotate", "correct", note["id"], "bad.ann", expect=2)
    assert "diabetes" not in refusal.stderr


def test_an_erased_patient_takes_annotations_and_facts_along(line: CommandLine) -> None:
    line.run("annotate")
    line.run("erase", f"Patient/{ODA}", "--source", "north", "--yes")
    assert set(facts(line)) == {"migraine", "pulse"}
    assert len(found(line, "Basic?_lastUpdated=gt2020")) == 1
    assert line.json("annotate", "verify")["whole"]
    assert line.json("annotate", "--incremental")["notes"] == {"read": 0, "skipped": 1, "refused": 0}
    files = [file.read_bytes() for file in line.data.rglob("*") if file.is_file()]
    assert not any(b"theremin" in raw or b"chest pain" in raw for raw in files)


def test_a_note_that_is_gone_takes_its_facts_along(line: CommandLine) -> None:
    line.run("annotate")
    gone = document("n-per", PER, NOTES["n-per"][1], "x") | {"status": "entered-in-error"}
    ingest(line, gone)
    report = line.json("annotate", "--incremental")
    assert report["facts"]["retired"] == 2
    assert len(found(line, "Basic?_lastUpdated=gt2020")) == 2


def test_notes_of_the_research_zone_are_read_there(line: CommandLine) -> None:
    line.run("deidentify", "--policy", "safe-harbor")
    report = line.json("annotate", "--zone", "research")
    assert report["notes"]["read"] == 3
    assert report["facts"]["agree"] == 1
    assert line.json("annotate", "verify", "--zone", "research")["whole"]
    assert line.json("annotate", "--zone", "research", "--incremental")["notes"]["skipped"] == 3


def test_facts_pass_deidentification_as_the_record_does_and_documents_do_not(line: CommandLine) -> None:
    line.run("annotate")
    line.run("deidentify", "--policy", "safe-harbor")
    research = [entry["resource"] for entry in line.json("search", "--zone", "research", "Condition")["entry"]]
    assert len(research) == len(found(line, "Condition"))
    for kind in ("Basic", "Provenance"):
        assert line.json("search", "--zone", "research", f"{kind}?_summary=count")["total"] == 0
    report = line.json("annotate", "--zone", "research")
    assert (report["facts"]["retired"], report["notes"]["read"]) == (0, 3)
    assert report["facts"]["agree"] >= 1  # words of a concept do not pass, codes do
    assert line.json("audit", "leaks")["found"] == []


def test_a_queued_annotation_is_done_by_the_worker(line: CommandLine) -> None:
    job = line.json("annotate", "--queue")
    line.run("worker", "--once")
    shown = line.json("annotate", "reports", job["id"])
    assert (shown["state"], shown["notes"]["read"]) == ("done", 3)
    assert line.json("annotate", "reports")["items"][0]["id"] == job["id"]


def test_notes_without_text_are_left_out_with_an_issue(line: CommandLine) -> None:
    picture = document("n-pdf", PER, "2026-01-07T10:00:00Z", "x")
    picture["content"][0]["attachment"]["contentType"] = "application/pdf"
    ingest(line, picture, document("n-bytes", PER, "2026-01-07T10:00:00Z", "\x01\x02\x03ab"))
    report = line.json("annotate")
    assert report["notes"]["refused"] == 2
    assert report["issues"] == {"nlp.no-text": 2}


def test_no_word_of_a_note_reaches_audit_reports_or_errors(line: CommandLine) -> None:
    said = line.run("annotate").stdout + line.run("annotate", "reports").stdout
    said += line.run("annotate", "note", "nobody", expect=2).stderr
    exported = line.run("audit", "report", "--json").stdout
    kept = b"".join(file.read_bytes() for file in (line.data / "annotations").iterdir())
    for word in ("theremin", "migraine", "chest pain", "metformin"):
        assert word not in said + exported
        assert word.encode() not in kept
