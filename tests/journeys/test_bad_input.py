"""Bad files get one clear reason each and stop nothing else."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.journeys.hospital import CommandLine

CANARY = "Zebulonia"
GOOD = {"resourceType": "Patient", "id": "good", "name": [{"family": "Fine"}]}
BAD = {"resourceType": "Patient", "id": "bad", "name": [{"family": CANARY}]}


def zipped(name: str, content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, content)
    return held.getvalue()


def text(value: object) -> bytes:
    return json.dumps(value).encode()


def bundle(*entries: object) -> dict[str, object]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": entry} for entry in entries]}


def nested(depth: int) -> object:
    inner: object = BAD
    for _ in range(depth):
        inner = bundle(inner)
    return inner


BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    b'<Patient xmlns="http://hl7.org/fhir"><name><family value="Zebulonia&b;"/></name></Patient>'
)

CASES = [
    ("truncated.json.gz", gzip.compress(text(BAD) * 50)[:-40], "ingest.gzip-truncated"),
    ("unsafe.zip", zipped("../../escape.json", text(BAD)), "ingest.zip-unsafe-name"),
    ("nul.json", text(BAD).replace(b"Zeb", b"Z\x00b"), ""),
    ("latin.json", '{"resourceType":"Patient","name":[{"family":"Zebulonia\u00e9"}]}'.encode("latin-1"), ""),
    ("utf16.json", json.dumps(BAD).encode("utf-16"), "ingest.json-not-utf8"),
    ("bomb.xml", BILLION_LAUGHS, "xml.doctype"),
    ("status.json", text(BAD | {"gender": CANARY}), "fhir.binding"),
    ("date.json", text(BAD | {"birthDate": "1951-02-31"}), ""),
    ("unknown.json", text(BAD | {CANARY: 1}), "fhir.unknown-element"),
    ("kind.json", text({"resourceType": CANARY, "id": "x"}), ""),
    ("recursive.json", text(nested(30)), ""),
    ("deep.json", b'{"resourceType":"Patient","extension":' + b"[" * 5000 + b"]" * 5000 + b"}", ""),
    ("noheader.hl7", b"PID|1||1^^^H^MR||ZEBULONIA\rPV1|1|I\r", "ingest.hl7v2-no-msh"),
    ("strange.csv", b"alpha,beta,gamma\n1,Zebulonia,3\n2,x,4\n", "ingest.csv-unknown-header"),
    ("empty.json", b"", "ingest.empty-file"),
    ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(200), "ingest.image-not-read"),
]


@pytest.mark.parametrize(("name", "content", "code"), CASES, ids=[case[0] for case in CASES])
def test_a_bad_file_is_quarantined_with_its_reason_and_the_good_one_beside_it_is_stored(
    tmp_path: Path, name: str, content: bytes, code: str
) -> None:
    line = CommandLine(tmp_path)
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    (feeds / name).write_bytes(content)
    (feeds / "zz-good.json").write_bytes(text(GOOD))
    done = line.run("ingest", feeds, "--json")
    report = json.loads(done.stdout)
    codes = {issue["code"] for issue in report["issues"] if issue["severity"] in ("fatal", "error")}
    assert code in codes if code else codes
    assert sum(file["quarantined"] for file in report["files"]) >= 1
    assert line.json("search", "Patient?name=Fine&_summary=count")["total"] == 1
    listed = line.json("quarantine", "list")
    assert listed
    assert all(row["reason"] and row["remedy"] for row in listed)
    shown = line.json("quarantine", "show", listed[0]["record"])
    assert all(issue["remedy"] for issue in shown["issues"] if issue["severity"] in ("fatal", "error"))
    spoken = done.stdout + done.stderr + json.dumps(listed)
    kept = b"".join(path.read_bytes() for path in line.data.rglob("*") if path.is_file())
    assert CANARY.lower() not in spoken.lower()
    assert CANARY.lower().encode() not in kept.lower()
    assert not (tmp_path.parent / "escape.json").exists()


def test_a_record_of_200_megabytes_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    huge = tmp_path / "huge.ndjson"
    with huge.open("wb") as stream:
        stream.write(text(GOOD) + b"\n")
        stream.write(b'{"resourceType":"Patient","id":"' + b"x" * 200_000_000 + b'"}\n')
        stream.write(text(GOOD | {"id": "after"}) + b"\n")
    report = line.json("ingest", huge)
    assert "ingest.record-too-long" in {issue["code"] for issue in report["issues"]}
    assert line.json("search", "Patient?_summary=count")["total"] == 2


def test_what_was_refused_can_be_shown_and_driven_again(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    (tmp_path / "own.csv").write_text("mrn;sex;born\n12;f;1990-01-02\n")
    report = line.json("ingest", tmp_path / "own.csv")
    assert sum(file["quarantined"] for file in report["files"]) >= 1
    refused = line.json("quarantine", "list")
    shown = line.json("quarantine", "show", refused[0]["record"], "--raw")
    assert shown["raw"].startswith("mrn;sex;born")
    again = line.json("quarantine", "redrive")
    assert again["tried"] == len(refused)
    assert again["refused"] == len(refused)
    assert line.json("quarantine", "list")[0]["attempts"] == 2


def test_a_file_that_the_system_does_not_let_be_read_is_told_and_stops_nothing(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    (feeds / f"{CANARY}.json").symlink_to("/proc/self/mem")  # a regular file whose first byte gives an I/O error
    (feeds / "zz-good.json").write_bytes(text(GOOD))
    done = line.run("ingest", feeds, "--json")
    report = json.loads(done.stdout)
    assert [file["state"] for file in report["files"]] == ["unreadable", "complete"]
    assert [issue["code"] for issue in report["issues"]] == ["ingest.file-unreadable"]
    assert CANARY not in done.stdout + done.stderr
    assert line.json("search", "Patient?name=Fine&_summary=count")["total"] == 1


def test_a_mapping_that_is_no_file_is_the_callers_fault(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_bytes(text(GOOD))
    assert (
        "cannot be read"
        in CommandLine(tmp_path).run("ingest", tmp_path / "good.json", "--mapping", tmp_path, expect=2).stderr
    )


def test_raw_bytes_of_a_feed_do_not_drive_the_terminal(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    (tmp_path / "bad.hl7").write_bytes(b"MSH|^~\\&|A|B|C|D|20240101||XXX^Z99|\x1b[2J[b]1|P|9.9\rPID|1\r")
    line.json("ingest", tmp_path / "bad.hl7", "--format", "fhir")
    record = line.json("quarantine", "list")[0]["record"]
    shown = line.run("quarantine", "show", record, "--raw").stdout
    assert "\x1b" not in shown
    assert "\\x1b[2J[b]1|P" in shown


def test_brackets_of_a_feed_are_text_in_a_table(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    odd = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "[/b] pulse [red]"}}
    (tmp_path / "odd.json").write_bytes(text(odd))
    line.json("ingest", tmp_path / "odd.json")
    assert "[/b] pulse [red]" in line.run("search", "Observation").stdout
