"""A scan for leaks: nothing of the patients stands outside the seals, and what is planted is found wherever it is."""

import base64
import contextlib
import gzip
import json
import os
import re
import sqlite3
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import pytest
import zstandard

from careloom.deid.policy import packaged_policy
from careloom.errors import AccessError, FormatError, NotFound
from careloom.services.access import Principal
from careloom.services.deidentify import Project, deidentify
from careloom.services.leak_scan import ScanAsk, ScanReport, scan_for_leaks
from careloom.services.normalize import NormalizeAsk, normalize
from careloom.services.platform import Platform
from careloom.services.quality import QualityAsk, quality
from careloom.services.research_policy import mark_of
from careloom.services.synthesize import files_of
from careloom.store.rows import Write, canonical
from tests.api.kit import Installation
from tests.store_kit import event

Json = dict[str, Any]
NAME, MAIL, PHONE, SSN, STREET = (
    "Aldasine Qwyrfeather",
    "aq@mail.example",
    "617-555-0142",
    "987-65-4320",
    "12 Elm Street",
)
MRN, SHORT = "00471199", "MR7731"
NOTE = (
    f"Mrs. {NAME} (MRN {MRN}, born 04/03/1961, SSN {SSN}) of {STREET} called from {PHONE}, mails to {MAIL}. "
    "Hypertension since 2014; metformin 500 mg."
)
SAID = [NAME, "QWYRFEATHER, ALDASINE", MAIL, PHONE, "(617) 555 0142", "+16175550142", "1-617-555-0142", SSN,
        "987654320", STREET, MRN, SHORT, "1961-04-03", "04/03/1961", "April 3, 1961", "3 Apr 1961",
        "Qwyrfeather"]  # fmt: skip


def feed() -> list[Json]:
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "name": [{"family": "Qwyrfeather", "given": ["Aldasine"]}],
        "identifier": [{"value": MRN}, {"value": SHORT}, {"system": "http://hl7.org/fhir/sid/us-ssn", "value": SSN}],
        "telecom": [{"system": "phone", "value": PHONE}, {"system": "email", "value": MAIL}],
        "address": [{"line": [STREET], "city": "Hill", "state": "MA", "postalCode": "01970"}],
        "birthDate": "1961-04-03",
    }
    note = {
        "resourceType": "DocumentReference",
        "id": "n",
        "status": "current",
        "subject": {"reference": "Patient/p"},
        "date": "2024-03-05T10:00:00Z",
        "content": [{"attachment": {"contentType": "text/plain", "data": base64.b64encode(NOTE.encode()).decode()}}],
    }
    pulse = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate of Hill"}]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2026-01-02T03:04:05Z",
    }
    return [patient, note, pulse]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation that has done everything there is to do, under the policy that lets texts pass."""
    with Installation(tmp_path_factory.mktemp("scan")) as installation:
        installation.ingest(feed())
        quality(installation.platform, installation.operator, QualityAsk())
        normalize(installation.platform, installation.operator, NormalizeAsk())
        deidentify(installation.platform, installation.operator, "safe-harbor")
        yield installation


def scan(made: Installation) -> ScanReport:
    return scan_for_leaks(made.platform, made.operator, ScanAsk())


def test_nothing_of_a_patient_stands_anywhere_under_the_data_directory(made: Installation) -> None:
    report = scan(made)
    assert dict(report.found) == {}
    assert report.people == 1
    assert set(report.looked_for) == {"NAME", "MRN", "SSN", "PHONE", "EMAIL", "LOCATION", "BIRTH_DATE"}
    assert report.left_out["town, state or ZIP code: of many people"] == 2
    assert report.files > 10
    assert report.resources >= 3


def put(content: bytes | Callable[[str], bytes]) -> Callable[[Path, str], None]:
    return lambda place, text: (place.write_bytes(content(text) if callable(content) else content), None)[1]


def in_zip(place: Path, text: str) -> None:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("page.html", f"<p>{text}</p>")


def in_table(place: Path, text: str) -> None:
    pl.DataFrame({"patient_id": ["x"] * 900, "note": ["-"] * 899 + [text]}).write_parquet(place, compression="zstd")


def in_statistics(place: Path, text: str) -> None:
    pl.DataFrame({"note": [text]}).write_parquet(place, compression="snappy", statistics=True)


def in_database(place: Path, text: str) -> None:
    with contextlib.closing(sqlite3.connect(place)) as database:
        database.execute("CREATE TABLE job (request TEXT, result BLOB)")
        database.execute("INSERT INTO job VALUES (?, ?)", ("x" * 5000, gzip.compress(text.encode())))
        database.commit()


def in_number(place: Path, text: str) -> None:
    """A telephone number as a whole number, of which no byte of the file shows a digit."""
    with contextlib.closing(sqlite3.connect(place)) as database:
        database.execute("CREATE TABLE call (number INTEGER)")
        database.execute("INSERT INTO call VALUES (?)", (int(PHONE.replace("-", "")),))
        database.commit()


def in_log_of_database(place: Path, text: str) -> None:
    """What is only in the write-ahead log, as after a process was killed."""
    made = place.with_suffix(".made")
    with contextlib.closing(sqlite3.connect(made)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE job (request TEXT)")
        database.execute("INSERT INTO job VALUES (?)", (text,))
        database.commit()
        place.write_bytes(made.with_name(made.name + "-wal").read_bytes())
    made.unlink()


WAYS: dict[str, Callable[[Path, str], None]] = {
    "careloom.log": put(lambda text: json.dumps({"level": "error", "message": f"cannot read {text}"}).encode()),
    "report.html": put(lambda text: f"<td>{text}</td>".encode()),
    "spaced.txt": put(lambda text: " ".join(text).encode()),
    "utf-16.csv": put(lambda text: text.encode("utf-16")),
    "url.txt": put(lambda text: f"https://x.example/?q={quote(text, safe='')}".encode()),
    "escaped.json": put(lambda text: ('"' + "".join(f"\\u{ord(one):04x}" for one in text) + '"').encode()),
    "rows.gz": put(lambda text: gzip.compress(f"id,name\n1,{text}".encode())),
    "rows.zst": put(lambda text: zstandard.compress(f"id,name\n1,{text}".encode())),
    "base64.json": put(lambda text: b'{"data":"' + base64.b64encode(b"ab " + text.encode()) + b'"}'),
    "lines.txt": put(lambda text: base64.encodebytes(b"x" * 100 + text.encode() + b"y" * 100)),
    "gzip-in-base64.json": put(lambda text: b'{"d":"' + base64.b64encode(gzip.compress(text.encode() * 3)) + b'"}'),
    "hexadecimal.json": put(lambda text: b'{"d":"' + text.encode().hex().encode() + b'"}'),
    "full-width.txt": put(lambda text: text.translate({code: code + 0xFEE0 for code in range(33, 127)}).encode()),
    "tags.html": put(lambda text: "<b>".join(text).replace("<b>", "<b class='x'>").encode() + b"</b>"),
    "cells.html": put(lambda text: text.replace(" ", "</td><td>").encode()),
    "archive.zip": in_zip,
    "rows.parquet": in_table,
    "statistics.parquet": in_statistics,
    "queue.db": in_database,
    "numbers.db": in_number,
    "killed.db-wal": in_log_of_database,  # not of queue.db: SQLite would read the one into the other
}  # fmt: skip


def test_what_is_planted_is_found_in_each_kind_of_place(made: Installation) -> None:
    folder = made.platform.settings.data.directory / "mlflow"
    folder.mkdir()
    try:
        for name, write in WAYS.items():
            write(folder / name, f"of {MRN} and {NAME}.")
        (folder / f"{NAME}.txt").write_text("nothing")
        found = {place for place, _ in scan(made).found}
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    missed = [
        name for name in WAYS if not any(re.match(rf"mlflow/{re.escape(name)}(?:$|[,:])", place) for place in found)
    ]
    assert missed == []
    assert any(place.endswith(": its name") for place in found)
    assert not any("Qwyrfeather" in place for place in found), "the report names a patient"


def test_what_is_not_a_file_is_named_and_counted_but_not_read(made: Installation, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "note.txt").write_text(f"of {MRN}")
    folder = made.platform.settings.data.directory / "mlflow"
    folder.mkdir()
    entries = [folder / f"{kind} of {NAME}" for kind in ("folder", "pipe", "link", "linked folder", "dangling")]
    try:
        entries[0].mkdir()
        os.mkfifo(entries[1])
        entries[2].symlink_to(tmp_path / "outside" / "note.txt")
        entries[3].symlink_to(tmp_path / "outside")
        entries[4].symlink_to("nowhere")
        (folder / "target").symlink_to(f"nowhere/{NAME}")
        report = scan(made)
    finally:
        for entry in folder.iterdir():
            entry.rmdir() if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        folder.rmdir()
    named = Counter({place: count for (place, _), count in report.found.items() if place.endswith(": its name")})
    assert named == Counter(f"mlflow/(a name of {len(entry.name)} letters): its name" for entry in entries)
    assert {place for place, _ in report.found if not place.endswith(": its name")} == {"mlflow/target"}
    assert report.unopened == 3, "the pipe and the two links that lead out"


def test_what_could_not_be_read_to_its_end_is_counted(made: Installation) -> None:
    folder = made.platform.settings.data.directory / "mlflow"
    folder.mkdir()
    text = f"of {MRN}".encode()
    files = {
        "large.gz": gzip.compress(bytes(3000) + text),
        "broken.zip": b"PK\x03\x04" + text,
        "broken.db": b"SQLite format 3\0" + text,
        "broken.parquet": b"PAR1" + text,
    }
    try:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        report = scan_for_leaks(made.platform, made.operator, ScanAsk(most_unpacked_bytes=3000))
        in_full = scan(made)
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    assert {place for place, _ in in_full.found} == {f"mlflow/{name}" for name in files}
    assert {place for place, _ in report.found} == {f"mlflow/{name}" for name in files if name != "large.gz"}
    assert in_full.unopened == 3
    assert report.unopened >= 4


def test_every_way_to_write_an_identifier_is_found(made: Installation) -> None:
    folder = made.platform.settings.data.directory / "runs"
    files = {said: folder / f"{number}.said.txt" for number, said in enumerate(SAID)}
    for said, file in files.items():
        file.write_text(f"It was {said} who came.")
    try:
        found = {place for place, _ in scan(made).found}
    finally:
        for file in files.values():
            file.unlink()
    assert [said for said, file in files.items() if f"runs/{file.name}" not in found] == []


TOLD = (f"Mrs. {NAME} came.", "Mrs. Aldasine came at noon.", "Born on April 3, 1961.", f"Of {MRN}, not of Hill.")


def test_a_resource_of_the_research_zone_that_tells_its_patient_is_found(tmp_path: Path) -> None:
    """Sealed, so that no byte of its file shows it; also when it was deleted since."""
    with Installation(tmp_path) as made:
        made.ingest(feed())
        deidentify(made.platform, made.operator, "safe-harbor")
        plant(made)
        found = scan(made).found
        assert dict(found) == {("research zone, resources", label): count for label, count in
                               (("NAME", 3), ("BIRTH_DATE", 1), ("MRN", 1))}  # fmt: skip
        deidentify(made.platform, made.operator, "safe-harbor")
        assert scan(made).found == found


def plant(made: Installation) -> None:
    """Writes into the research zone as no policy would."""
    patient = Project(made.platform).rename("Patient", made.stored_id("Patient", "p"))
    texts = [{"resourceType": "Observation", "id": f"plant{at}", "subject": {"reference": f"Patient/{patient}"},
              "note": [{"text": text}]} for at, text in enumerate(TOLD)]  # fmt: skip
    writes = [Write("Observation", one["id"], canonical(one), (patient,), resource=one) for one in texts]
    policy = mark_of(packaged_policy("safe-harbor"), "run")
    with made.platform.store("research").transaction(event(zone="research"), policy) as step:
        step.write(writes)


def test_a_patient_who_stands_in_the_synthetic_zone_is_found_let_out_or_sealed(tmp_path: Path) -> None:
    with Installation(tmp_path) as made:
        made.ingest(feed())
        resources = [{"resourceType": "Observation", "id": f"plant{at}", "subject": {"reference": "Patient/nobody-0"},
                      "note": [{"text": text}]} for at, text in enumerate(TOLD)]  # fmt: skip
        writes = [Write("Observation", one["id"], canonical(one), ("nobody-0",), resource=one) for one in resources]
        with made.platform.store("synthetic").transaction(event(zone="synthetic")) as step:
            step.write(writes)
        body = {"engine": "records", "account": "research", "training": "", "stride": 1}
        files = files_of(made.platform)
        with made.platform.store("identified").transaction(event()) as step:
            for account in ("research", "identified"):
                step.synthesis.add(f"m-{account}", "model", "", "fitted", {**body, "account": account})
                files.write(f"models/m-{account}/model.json", [f'{{"state":{{"words":["{MAIL}"]}}}}'.encode()])
            step.synthesis.add("s", "sample", "m-research", "staged", body)
            files.write("staging/s", [canonical(one) for one in resources])
            step.synthesis.add("cut", "model", "", "fitted", body)
        cut = files._place("models/cut/model.json")
        cut.parent.mkdir()
        cut.write_bytes(b"not sealed by us")
        report = scan(made)
        told = dict.fromkeys(("NAME", "MRN"), 1)
        sealed = {("synthetic zone, sealed model m-research", "EMAIL"): 1}
        for place in ("synthetic zone, resources", "synthetic zone, sealed sample s"):
            sealed |= {(place, label): count for label, count in told.items()}
        assert dict(report.found) == sealed
        assert report.unopened == 1


def test_numbers_and_names_of_many_are_no_hit(made: Installation) -> None:
    file = made.platform.settings.data.directory / "runs" / "common.txt"
    file.write_text(
        "Hill, MA 01970. 12 elms. 1987654320 and 100471199. Aldasinesson Qwyrfeathers. 2026-11-22 19610403123."
    )
    try:
        assert dict(scan(made).found) == {}
    finally:
        file.unlink()


def key(folder: Path) -> Path:
    """An answer key of what the record knows in part: its own numbers and name again, and those of others in notes."""
    folder.mkdir()
    values = [MRN, SSN, "88442211"]
    said = [("NAME", NAME), ("NAME", "Qwyrfeather, A."), ("NAME", "Tilda Vexmarrow"), ("NAME", "Hill, J."),
            ("MRN", MRN), ("ACCOUNT", "A-5500917"), ("DATE", "03/05/2024"), ("LOCATION", "Hill")]  # fmt: skip
    spans = [{"kind": "phi", "label": label, "text": text} for label, text in said]
    spans.append({"kind": "entity", "label": "drug", "text": "metformin 500 mg"})
    (folder / "identities.ndjson").write_text("".join(json.dumps({"value": one}) + "\n" for one in values))
    (folder / "notes.ndjson").write_text(json.dumps({"spans": spans}) + "\n")
    return folder


def test_an_answer_key_adds_what_the_record_does_not_know(made: Installation, tmp_path: Path) -> None:
    ask = ScanAsk(key(tmp_path / "answers"))
    before, report = scan(made), scan_for_leaks(made.platform, made.operator, ask)
    assert dict(report.found) == {}
    assert report.looked_for - before.looked_for == {"NAME": 1, "ACCOUNT": 1, "OTHER_ID": 1}
    file = made.platform.settings.data.directory / "runs" / "answers.txt"
    file.write_text(f"Vexmarrow, Tilda (88442211) paid for {MRN} from A5500917. Hill J. took metformin 500 mg.")
    try:
        found = scan_for_leaks(made.platform, made.operator, ask).found
        assert dict(found) == {("runs/answers.txt", label): 1 for label in ("NAME", "ACCOUNT", "OTHER_ID", "MRN")}
    finally:
        file.unlink()


def test_an_answer_key_without_notes_is_whole_and_one_that_cannot_be_read_is_told(
    made: Installation, tmp_path: Path
) -> None:
    folder = key(tmp_path / "answers")
    (folder / "notes.ndjson").unlink()
    assert dict(scan_for_leaks(made.platform, made.operator, ScanAsk(folder)).found) == {}
    for line in ('{"system": "x"}', "{", "[1]"):
        (folder / "identities.ndjson").write_text(line)
        with pytest.raises(FormatError):
            scan_for_leaks(made.platform, made.operator, ScanAsk(folder))
    with pytest.raises(NotFound):
        scan_for_leaks(made.platform, made.operator, ScanAsk(tmp_path))


def test_a_data_directory_that_is_named_from_here_is_searched_whole(
    made: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = made.platform.settings.data.directory
    monkeypatch.chdir(directory.parent)
    data = made.platform.settings.data.model_copy(update={"directory": Path(directory.name)})
    with Platform(made.platform.settings.model_copy(update={"data": data})) as here:
        assert dict(scan_for_leaks(here, made.operator, ScanAsk()).found) == {}


def test_only_who_audits_may_scan(made: Installation) -> None:
    scientist = Principal("sid", frozenset({"data-scientist"}), frozenset({"identified", "research"}))
    with pytest.raises(AccessError):
        scan_for_leaks(made.platform, scientist, ScanAsk())
