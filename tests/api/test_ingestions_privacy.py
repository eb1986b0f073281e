"""What was sent never lies on the disk in plain bytes, and an erasure reaches what is still kept of it."""

import base64
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from careloom.services.erase import erase
from careloom.services.jobs import restart_job, work
from tests.api.kit import Installation
from tests.api.test_ingestions import ROUTE, get, kept, sent, zipped
from tests.journeys.two_patients import ALDA, BRAM, CSV_HEADER, csv_row, hl7_message, ndjson_lines, secrets

ALDA_FEED = "\n".join(ndjson_lines(ALDA)).encode()
BRAM_FEED = "\n".join(ndjson_lines(BRAM)).encode()
WORDS = secrets(ALDA)


def files(installation: Installation) -> list[Path]:
    return [path for path in installation.platform.settings.data.directory.rglob("*") if path.is_file()]


def told(installation: Installation, words: list[bytes]) -> list[tuple[str, bytes]]:
    """Where one of the words stands, whole or as base64."""
    coded = [base64.b64encode(word)[:-4] for word in words if len(word) > 8]
    return [(path.name, word) for path in files(installation) for word in [*words, *coded] if word in path.read_bytes()]


def fail(installation: Installation, *run_ids: str) -> None:
    """Lets the jobs fail once, so that what was sent is kept for another try."""
    folder = installation.platform.settings.data.directory / "uploads"
    for run_id in run_ids:
        (folder / run_id).rename(installation.folder / run_id)
    work(installation.platform, once=True)
    for run_id in run_ids:
        (installation.folder / run_id).rename(folder / run_id)
        assert get(installation, f"/{run_id}").json["state"] == "failed"


def test_nothing_lies_in_plain_bytes_at_any_time(installation: Installation) -> None:
    named = [(io.BytesIO(ALDA_FEED), f"{ALDA['family']}.ndjson")]
    answer = installation.client.post(ROUTE, data={"file": named}, headers=installation.bearer())
    run_id = answer.json["id"]
    assert told(installation, WORDS) == []
    fail(installation, run_id)
    assert told(installation, WORDS) == []
    restart_job(installation.platform, installation.operator, run_id)
    work(installation.platform, once=True)
    assert get(installation, f"/{run_id}").json["state"] == "done"
    assert told(installation, WORDS) == []
    said = [get(installation, path).data for path in ("", f"/{run_id}", f"/{run_id}/issues")]
    assert [word for word in WORDS for text in said if word in text] == []


def sealed(installation: Installation) -> dict[str, bytes]:
    """What a job was asked, as it lies in the queue: without it the spool's key is gone."""
    with installation.platform.jobs() as jobs:
        return {job.id: str(job.request["sealed"]).encode() for job in jobs.listed() if "sealed" in job.request}


FEEDS: list[tuple[str, bytes]] = [
    ("NDJSON", ALDA_FEED),
    ("NDJSON in a zip", zipped(**{"a.ndjson": BRAM_FEED, "b.ndjson": ALDA_FEED})),
    ("gzip", gzip.compress(ALDA_FEED)),
    ("HL7 v2", hl7_message(ALDA, "C1").encode()),
    ("CSV", f"{CSV_HEADER}\n{csv_row(BRAM)}\n{csv_row(ALDA)}\n".encode()),
    ("no format at all", b"\0\1\2" * 50 + ALDA["mrn"].encode() + b"\0" * 10),
    ("a name in a zip", zipped(**{f"{ALDA['mrn']}.txt": b"nothing of note"})),
]


@pytest.mark.parametrize(("what", "content"), FEEDS, ids=[row[0] for row in FEEDS])
def test_an_erasure_destroys_failed_uploads_that_name_the_patient_and_no_others(
    installation: Installation, what: str, content: bytes
) -> None:
    installation.ingest(ALDA_FEED)
    doomed, spared = sent(installation, content), sent(installation, BRAM_FEED)
    fail(installation, doomed, spared)
    before = sealed(installation)
    spool = (installation.platform.settings.data.directory / "uploads" / doomed).read_bytes()
    report = erase(installation.platform, installation.operator, f"Patient/fhir-{ALDA['id']}")
    assert report["removed"]["job requests"] == 1
    assert kept(installation) == [spared]
    bytes_left = [path.read_bytes() for path in files(installation)]
    assert [before[doomed] in content for content in bytes_left if before[doomed] in content] == []
    assert [spool[:64] in content for content in bytes_left if spool[:64] in content] == []
    assert told(installation, WORDS) == []
    assert list(sealed(installation)) == [spared]
    restart_job(installation.platform, installation.operator, spared)
    work(installation.platform, once=True)
    assert get(installation, f"/{spared}").json["state"] == "done"


def test_a_file_name_that_names_the_patient_dooms_the_upload(installation: Installation) -> None:
    installation.ingest(ALDA_FEED)
    form = {"file": [(io.BytesIO(b"{}"), f"{ALDA['mrn']}.json")]}
    run_id = installation.client.post(ROUTE, data=form, headers=installation.bearer()).json["id"]
    fail(installation, run_id)
    erase(installation.platform, installation.operator, f"Patient/fhir-{ALDA['id']}")
    assert (kept(installation), sealed(installation)) == ([], {})


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_failed_upload_that_nobody_can_read_goes_with_any_erasure(installation: Installation, damage: str) -> None:
    installation.ingest(ALDA_FEED)
    run_id = sent(installation, BRAM_FEED)
    fail(installation, run_id)
    spool = installation.platform.settings.data.directory / "uploads" / run_id
    spool.unlink() if damage == "gone" else spool.write_bytes(spool.read_bytes()[::-1])
    erase(installation.platform, installation.operator, f"Patient/fhir-{ALDA['id']}")
    assert (kept(installation), sealed(installation)) == ([], {})


def test_an_upload_that_waits_while_a_patient_is_erased_brings_nobody_back(installation: Installation) -> None:
    installation.ingest(ALDA_FEED)
    run_id = sent(installation, ALDA_FEED + b"\n" + BRAM_FEED)
    erase(installation.platform, installation.operator, f"Patient/fhir-{ALDA['id']}")
    assert kept(installation) == [run_id]
    work(installation.platform, once=True)
    totals = get(installation, f"/{run_id}").json["totals"]
    assert (totals["erased"], totals["stored"]) == (2, 2)
    assert (kept(installation), installation.platform.store("identified").count()["Patient"]) == ([], 1)


def test_what_is_done_or_cancelled_keeps_no_key(installation: Installation) -> None:
    run_ids = [sent(installation, ALDA_FEED), sent(installation, BRAM_FEED)]
    keys = list(sealed(installation).values())
    installation.client.post(f"{ROUTE}/{run_ids[0]}/cancel", headers=installation.bearer())
    work(installation.platform, once=True)
    states: list[Any] = [get(installation, f"/{run_id}").json["state"] for run_id in run_ids]
    assert (states, kept(installation), sealed(installation)) == (["cancelled", "done"], [], {})
    assert len(keys) == 2


def test_the_log_and_the_answers_of_bad_uploads_hold_nothing_of_them(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    body = f'--b\r\nContent-Disposition: form-data; name="{ALDA["family"]}"\r\n\r\n{ALDA["ssn"]}\r\n--b--\r\n'
    headers = installation.bearer() | {"Content-Type": "multipart/form-data; boundary=b"}
    answer = installation.client.post(ROUTE, data=body, headers=headers)
    assert answer.status_code == 400
    said = json.dumps(answer.json) + "".join(capsys.readouterr())
    assert [word for word in WORDS if word.decode() in said] == []
    assert told(installation, WORDS) == []
