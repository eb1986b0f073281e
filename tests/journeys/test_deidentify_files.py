"""FHIR files by a Microsoft anonymizer configuration, from the command line: whole files, nothing written over."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.hospital import CommandLine

ALDA: dict[str, Any] = {
    "resourceType": "Patient", "id": "alda-1", "name": [{"family": "Quillfeather"}], "birthDate": "1980-02-03",
    "multipleBirthInteger": 2,
}  # fmt: skip
HEART = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "pulse"},
         "subject": {"reference": "Patient/alda-1"}, "effectiveDateTime": "2020-02-03T10:00:00Z"}  # fmt: skip
RULES = [
    {"path": "nodesByType('HumanName')", "method": "redact"},
    {"path": "Patient.id", "method": "cryptoHash"},
    {"path": "nodesByType('Reference').reference", "method": "cryptoHash"},
    {"path": "nodesByType('date') | nodesByType('dateTime')", "method": "dateShift"},
]


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def configuration(folder: Path, *rules: dict[str, Any], errors: str = "raise", **parameters: Any) -> Path:
    file = folder / "configuration.json"
    file.write_text(json.dumps({"fhirPathRules": rules or RULES, "processingErrors": errors, "parameters": parameters}))
    return file


def feeds(folder: Path) -> Path:
    made = folder / "in"
    (made / "ward").mkdir(parents=True)
    (made / "Quillfeather.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(ALDA).encode())
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": ALDA}, {"resource": HEART}]}
    (made / "ward" / "bundle.json").write_text(json.dumps(bundle))
    (made / "ward" / "all.ndjson").write_text("\n".join(map(json.dumps, [ALDA, HEART])) + "\n\n")
    (made / "note.txt").write_text("Quillfeather")
    return made


def test_a_folder_goes_in_and_the_same_files_come_out(line: CommandLine, tmp_path: Path) -> None:
    rules = configuration(tmp_path, dateShiftKey="d", cryptoHashKey="c")
    out = tmp_path / "out"
    told = line.json("deidentify-files", feeds(tmp_path), out, "--microsoft", rules)
    assert (told["files"], told["files_left"], told["resources"], told["refused"]) == (3, 1, 4, 0)
    assert told["changes"] == {"cryptoHash": 5, "perturb": 5, "redact": 3}
    assert told["keys"] == {"date-shift": "configuration", "crypto-hash": "configuration"}
    files = {place.relative_to(out).as_posix() for place in out.rglob("*") if place.is_file()}
    assert files == {"Quillfeather.json", "ward/bundle.json", "ward/all.ndjson"}
    assert b"Quillfeather" not in b"".join(place.read_bytes() for place in out.rglob("*") if place.is_file())
    patient, heart = map(json.loads, (out / "ward" / "all.ndjson").read_text().splitlines())
    assert heart["subject"]["reference"] == f"Patient/{patient['id']}"
    assert patient["multipleBirthInteger"] == 2, "what no rule names stays"
    assert not line.data.exists(), "no installation was made"


def test_the_same_keys_give_the_same_bytes_and_random_ones_others(line: CommandLine, tmp_path: Path) -> None:
    source = feeds(tmp_path)

    def made(name: str, **keys: str) -> bytes:
        line.run("deidentify-files", source, tmp_path / name, "--microsoft", configuration(tmp_path, **keys))
        return (tmp_path / name / "ward" / "bundle.json").read_bytes()

    assert made("one", cryptoHashKey="c", dateShiftKey="d") == made("two", cryptoHashKey="c", dateShiftKey="d")
    assert made("three") != made("four")


def test_keys_from_the_store_are_the_project_s_and_their_use_is_audited(line: CommandLine, tmp_path: Path) -> None:
    source, rules = feeds(tmp_path), configuration(tmp_path)
    made = []
    for name, project in (("one", "a"), ("two", "a"), ("three", "b")):
        line.environment["CARELOOM__DEIDENTIFY__PROJECT"] = project
        told = line.json("deidentify-files", source, tmp_path / name, "--microsoft", rules, "--keys-from-store")
        assert set(told["keys"].values()) == {"store"}
        made.append((tmp_path / name / "ward" / "bundle.json").read_bytes())
    assert made[0] == made[1] != made[2]
    assert line.run("audit", "report", "--json").stdout.count("deidentify-files") == 3


def test_one_file_goes_to_one_file(line: CommandLine, tmp_path: Path) -> None:
    source = feeds(tmp_path) / "Quillfeather.json"
    line.run("deidentify-files", source, tmp_path / "p.json", "--microsoft", configuration(tmp_path))
    assert "name" not in json.loads((tmp_path / "p.json").read_text())


def test_numbers_keep_their_digits(line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text('{"resourceType":"Observation","valueQuantity":{"value":1.50}}')
    line.run("deidentify-files", tmp_path / "o.json", tmp_path / "out.json", "--microsoft", configuration(tmp_path))
    assert '"value": 1.50' in (tmp_path / "out.json").read_text()


def test_nothing_is_written_over(line: CommandLine, tmp_path: Path) -> None:
    source, rules = feeds(tmp_path), configuration(tmp_path)
    out = tmp_path / "out"
    (out / "ward").mkdir(parents=True)
    (out / "ward" / "all.ndjson").write_text("mine")
    said = line.run("deidentify-files", source, out, "--microsoft", rules, expect=4)
    assert [place for place in out.rglob("*") if place.is_file()] == [out / "ward" / "all.ndjson"]
    assert "Quillfeather" not in said.stderr + said.stdout
    line.run("deidentify-files", source, source / "out", "--microsoft", rules, expect=2)
    line.run("deidentify-files", source / "note.txt", tmp_path / "x", "--microsoft", rules, expect=7)


def test_what_is_no_r4_is_left_out_and_told_by_its_number(line: CommandLine, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    lines = [json.dumps(ALDA), '{"resourceType": "Quillfeather"}', "Quillfeather", json.dumps(ALDA | {"odd": 1})]
    (source / "a.ndjson").write_text("\n".join(lines))
    (source / "b.json").write_text('{"name": "Quillfeather"')
    said = line.run(
        "deidentify-files", source, tmp_path / "out", "--microsoft", configuration(tmp_path), "--json", expect=7
    )
    told = json.loads(said.stdout)
    assert (told["resources"], told["refused"], told["files"]) == (1, 4, 1)
    assert [(one["file"], one["line"]) for one in told["refusals"]] == [(1, 2), (1, 3), (1, 4), (2, 0)]
    assert "Quillfeather" not in said.stdout + said.stderr
    assert [place.name for place in (tmp_path / "out").iterdir()] == ["a.ndjson"]


FAILS = {"path": "Patient.multipleBirth", "method": "generalize", "cases": {"$this > 'x'": "1"}}


def test_a_failing_rule_stops_before_its_file_is_there(line: CommandLine, tmp_path: Path) -> None:
    rules = configuration(tmp_path, FAILS)
    said = line.run("deidentify-files", feeds(tmp_path), tmp_path / "out", "--microsoft", rules, expect=2)
    assert "file 1: " in said.stderr
    assert "fhirPathRules[1]" in said.stderr
    assert "Quillfeather" not in said.stderr
    assert [place for place in (tmp_path / "out").rglob("*") if place.is_file()] == []


def test_a_failing_rule_may_empty_the_resource_instead(line: CommandLine, tmp_path: Path) -> None:
    rules = configuration(tmp_path, FAILS, errors="skip")
    told = line.json("deidentify-files", feeds(tmp_path), tmp_path / "out", "--microsoft", rules)
    assert told["emptied"] == 3
    assert [*json.loads((tmp_path / "out" / "Quillfeather.json").read_text())] == ["resourceType", "meta"]


@pytest.mark.parametrize(
    ("scope", "alike"), [("resource", 2), ("file", 2), ("folder", 1)],
)  # fmt: skip
def test_dates_move_together_within_their_scope(line: CommandLine, tmp_path: Path, scope: str, alike: int) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for name in ("a", "b"):
        (source / f"{name}.json").write_text(json.dumps(HEART | {"id": name}))
    rules = configuration(tmp_path, dateShiftKey="d", dateShiftScope=scope)
    line.run("deidentify-files", source, tmp_path / "out", "--microsoft", rules)
    moved = {json.loads((tmp_path / "out" / f"{name}.json").read_text())["effectiveDateTime"] for name in ("a", "b")}
    assert len(moved) == alike


def test_a_bad_configuration_stops_before_anything(line: CommandLine, tmp_path: Path) -> None:
    rules = configuration(tmp_path, {"path": "Patient.name", "method": "mask"})
    said = line.run("deidentify-files", feeds(tmp_path), tmp_path / "out", "--microsoft", rules, expect=5)
    assert "fhirPathRules[1].method" in said.stderr
    assert not (tmp_path / "out").exists()
    line.run("deidentify-files", tmp_path / "in", tmp_path / "out", "--microsoft", tmp_path / "none.json", expect=2)
    line.run("deidentify-files", tmp_path / "none", tmp_path / "out", "--microsoft", rules, expect=5)


def test_people_are_told_what_a_deny_list_is_and_which_rules_reach_nothing(line: CommandLine, tmp_path: Path) -> None:
    rules = configuration(tmp_path, {"path": "Patient.birthdate", "method": "redact"}, *RULES)
    said = line.run("deidentify-files", feeds(tmp_path), tmp_path / "out", "--microsoft", rules).stdout
    assert "rule 1 (Patient.birthdate) reaches nothing in R4" in said
    assert "deny-list" in said
    assert "was random and is gone" in said
