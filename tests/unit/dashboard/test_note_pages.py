"""Pages of stored notes: who sees what of them, what a form asks for, and a correction of what is no longer so."""

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from plotly.utils import PlotlyJSONEncoder

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.dashboard import note_page
from careloom.dashboard.address import read
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import Conflict, NotFound
from careloom.pipeline.registry import REGISTRY
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate
from tests.api.kit import BASE_URL, Installation

PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Quillfeather"}]}


def note(text: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference", "id": "n1", "status": "current", "subject": {"reference": "Patient/p1"},
        "type": {"coding": [{"system": "http://loinc.org", "code": "18842-5"}]}, "date": "2026-03-05T10:00:00Z",
        "content": [{"attachment": {"contentType": "text/plain", "data": b64encode(text.encode()).decode()}}],
    }  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
        with Installation(Path(tmp_path_factory.mktemp("notes"))) as installation:
            installation.ingest([PATIENT, note("Has diabetes, no pneumonia.")])
            annotate(installation.platform, installation.operator, AnnotateAsk())
            yield installation


def client(made: Installation, role: str) -> tuple[Careloom, Person]:
    token = made.token([role], zones=("identified", "research"))
    api = Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))
    me = api.me()
    return api, Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)


def shown(made: Installation, role: str, path: str, query: str = "") -> str:
    api, person = client(made, role)
    page = page_at(api, person, read(f"/dashboard/{path}", query))
    return json.dumps([page.ahead, page.content], cls=PlotlyJSONEncoder, ensure_ascii=False)


def address(made: Installation) -> str:
    return f"notes/identified/{made.stored_id('DocumentReference', 'n1')}"


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("", True),
        ("?type=problem&said=present", True),
        ("?type=drug", False),
        ("?concept=ICD-10-CM|E11", True),
        ("?concept=ICD-10-CM|I10", False),
        ("?since=2026-03&until=2026-04", True),
        ("?until=2026-01", False),
    ],
)
def test_notes_are_found_by_what_the_address_asks_for(made: Installation, query: str, is_found: bool) -> None:
    said = shown(made, "clinician", "notes/find", query)
    assert (address(made) in said) is is_found
    assert ("No note of this zone says so" in said) is not is_found


def test_what_is_no_concept_or_time_is_said_with_the_remedy(made: Installation) -> None:
    assert "Write it as SNOMED|73211009" in shown(made, "clinician", "notes/find", "?concept=diabetes")
    assert "Write it as 2024" in shown(made, "clinician", "notes/find", "?since=yesterday")


def test_who_corrects_gets_the_fields_and_who_only_reads_does_not(made: Installation) -> None:
    said = shown(made, "clinician", address(made))
    assert '"correction": "note-correction"' in said
    for word in ("Discharge summary", "A fact of the record", "Said to be absent", "/dashboard/patients/identified/"):
        assert word in said
    assert "Without identity" not in said
    reads = shown(made, "data-engineer", address(made))
    assert '"correction": ""' in reads


def test_a_correction_of_what_is_no_longer_so_is_refused(made: Installation) -> None:
    api, _ = client(made, "clinician")
    note_id = made.stored_id("DocumentReference", "n1")
    held = api.nlp.export_note("identified", note_id, "json")
    document = {name: held[name] for name in ("annotations", "relations", "sections", "sentences")}
    assert note_page.kept(api, "identified", note_id, document).facts.retired == 0
    assert api.nlp.note("identified", note_id).origin == "correction"
    assert "Said by" in shown(made, "clinician", address(made))
    document["annotations"][0]["text"] = "asthma"
    with pytest.raises(Conflict):
        note_page.kept(api, "identified", note_id, document)
    made.ingest([note("Has had diabetes, no pneumonia.")])
    assert "The note has changed since it was read" in shown(made, "clinician", address(made))
    with pytest.raises(Conflict):
        note_page.kept(api, "identified", note_id, document)


def test_a_note_that_is_not_there_is_not_found(made: Installation) -> None:
    api, person = client(made, "clinician")
    for path in ("notes/identified/none", "notes/landing/none", "notes/identified"):
        with pytest.raises(NotFound):
            page_at(api, person, read(f"/dashboard/{path}", ""))
