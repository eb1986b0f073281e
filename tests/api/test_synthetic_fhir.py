"""Whole records and notes over HTTP and by the SDK: fitted, drawn, refused, let out, fetched as files, closed."""

from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import orjson
import polars as pl
import pytest

from careloom.client.careloom import Careloom
from careloom.dashboard.synthetic_notes import first_notes
from careloom.errors import AccessError, InputError, QueryError, Withheld
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate
from careloom.services.deidentify import deidentify
from careloom.services.jobs import work
from careloom.services.platform import STORED_ZONES
from careloom.services.privacy_ledger import BudgetAsk, set_budget
from careloom.services.synthesize import files_of
from careloom.services.synthesize_notes_draw import alone, laid_by
from careloom.services.synthesize_release import ReleaseAsk, release
from careloom.services.view import ViewAsk, view_zone
from careloom.synth.notes_facts import NoteRecord, medication, problem
from careloom.synth.notes_manner import Written as Note
from tests.api.kit import Installation
from tests.api.test_sdk import client_of
from tests.later import Later, has
from tests.notes_kit import DRUGS, PROBLEMS, TINY, line
from tests.unit.services.test_synthesize_records import OPEN

pytestmark = pytest.mark.skipif(not has("torch"), reason="the extra ml is not installed: make ml")
torch = Later("torch")
PATIENTS = 30
"""So many that five are on either side whatever the lots say, but once in ten thousand times."""
LOOSE = """
version = 1
name = "loose"
meaning = "Of a test."
valid_days = 30
small_cell = 2
verdict = 0.01
is_internal = true
[[rule]]
measure = "patients"
at_least = 3
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """On busy machines threads that wait for each other take many times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def patient(number: int) -> list[dict[str, Any]]:
    """A patient with a visit, a diagnosis and a note."""
    own = {"reference": f"Patient/p{number}"}
    visit = {"reference": f"Encounter/e{number}"}
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "195967001", "display": "Asthma"}]}
    text, day = line(number, 0)["text"].encode(), f"2024-02-{1 + number % 20:02d}"
    return [
        {"resourceType": "Patient", "id": f"p{number}", "gender": "female" if number % 2 else "male",
         "birthDate": "1961-04-05"},
        {"resourceType": "Encounter", "id": f"e{number}", "status": "finished", "subject": own,
         "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
         "period": {"start": f"{day}T09:00:00Z", "end": f"{day}T10:00:00Z"}},
        {"resourceType": "Condition", "id": f"c{number}", "subject": own, "encounter": visit, "code": code,
         "onsetDateTime": f"{day}T09:00:00Z"},
        {"resourceType": "DocumentReference", "id": f"d{number}", "status": "current", "subject": own,
         "type": {"coding": [{"system": "http://loinc.org", "code": "11506-3"}]}, "date": "2024-02-09T09:00:00Z",
         "content": [{"attachment": {"contentType": "text/plain; charset=utf-8", "data": b64encode(text).decode()}}]},
    ]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("fhir")) as one:
        one.ingest([each for number in range(PATIENTS) for each in patient(number)])
        deidentify(one.platform, one.operator, "safe-harbor")
        annotate(one.platform, one.operator, AnnotateAsk("research"))
        set_budget(one.platform, one.operator, BudgetAsk("research", 4.0, 1e-5))
        yield one


@pytest.fixture
def api(made: Installation) -> Iterator[Careloom]:
    with client_of(made) as api:
        yield api


def test_records_of_the_research_zone_are_fitted_drawn_and_refused(made: Installation, api: Careloom) -> None:
    asked = api.synthetic.fit_records(name="hospital", options=OPEN)
    assert (asked.state, asked.engine) == ("waiting", "records")
    work(made.platform, once=True)
    model = api.synthetic.wait(asked.id)
    assert (model.patients or 0) + (model.control_patients or 0) == PATIENTS
    drawn = api.synthetic.sample_records(model.id, 4, kinds=["records"]).id
    work(made.platform, once=True)
    seen = api.synthetic.judged(drawn, timeout=1)
    assert (seen.kind, seen.patients, seen.notes) == ("records", 4, None)
    assert {"courses_excess", "invalid_resources"} <= {one.name for one in seen.measures}
    api.synthetic._post(f"/samples/{drawn}/release", {"table": "hospital"})
    work(made.platform, once=True)
    assert [(one.id, one.state) for one in api.synthetic.samples() if one.id == drawn] == [(drawn, "refused")]
    for look in (api.synthetic.data, api.synthetic.released):
        with pytest.raises(Exception, match="no such release"):
            look(drawn)
    with pytest.raises(QueryError):
        api.synthetic.sample_notes(model.id, 3)


def test_notes_are_let_out_and_fetched_in_three_formats_until_they_are_withdrawn(
    made: Installation, api: Careloom
) -> None:
    asked = api.synthetic.fit_notes(name="notes", options=TINY, control_share=0.5)
    work(made.platform, once=True)
    model = api.synthetic.wait(asked.id)
    assert (model.engine, model.title) == ("notes", "notes")
    drawn = api.synthetic.sample_notes(model.id, 4, kinds=["verbatim"]).id
    work(made.platform, once=True)
    seen = api.synthetic.judged(drawn, timeout=1)
    assert (seen.state, seen.kind, seen.notes) == ("judged", "notes", 4)
    rewritten(made, drawn)
    with client_of(made, roles=["data-scientist"]) as scientist:
        scientist.synthetic._post(f"/samples/{drawn}/release", {"table": "notes_out"})
        work(made.platform, once=True)
        assert scientist.synthetic.drawn(drawn).state == "refused"
    judge_again(made, drawn)
    let_out = release(made.platform, made.operator, ReleaseAsk(drawn, "notes_out", own=LOOSE))["release"]
    lines = [orjson.loads(one) for one in api.synthetic.data(let_out).splitlines()]
    assert [one["resourceType"] for one in lines] == ["Patient", "DocumentReference"] * 4
    assert [one.text.count("ASSESSMENT") for one in first_notes(api.synthetic.data(let_out))] == [1, 1, 1]
    assert len(api.synthetic.data(let_out, part="Patient").splitlines()) == 4
    table = pl.read_parquet(BytesIO(api.synthetic.data(let_out, "parquet", "notes")))
    assert table.height == pl.read_csv(BytesIO(api.synthetic.data(let_out, "csv", "notes"))).height == 4
    assert table["text"].str.contains("ASSESSMENT").all()
    (found,) = [one for one in api.synthetic.releases() if one.release == let_out]
    assert (found.kind, found.state) == ("notes", "open")
    assert len(list(api.fhir("synthetic").all("DocumentReference"))) == 4
    views = {zone: view_zone(made.platform, made.operator, zone, ViewAsk("patient", limit=99)) for zone in STORED_ZONES}
    assert [view.rows for view in views.values()] == [PATIENTS, PATIENTS, 4]
    assert views["identified"].columns == views["research"].columns == views["synthetic"].columns
    with client_of(made, roles=["auditor"]) as other, pytest.raises(AccessError):
        other.synthetic.data(let_out)
    nobody_writes_over(api, lines[0])
    assert [orjson.loads(one) for one in api.synthetic.data(let_out).splitlines()] == lines
    api.synthetic.withdraw(let_out)
    with pytest.raises(Withheld):
        api.synthetic.data(let_out)
    assert list(api.fhir("synthetic").all("DocumentReference")) == []


def nobody_writes_over(api: Careloom, patient: dict[str, Any]) -> None:
    """Whatever roles a client has: what was let out is read-only."""
    zone, own = api.fhir("synthetic"), f"Patient/{patient['id']}"
    other = {**patient, "gender": "unknown"}
    entry = {"resource": other, "request": {"method": "PUT", "url": own}}
    for write in (
        lambda: zone.update(other),
        lambda: zone.create({"resourceType": "Basic", "code": {"text": "more"}, "subject": {"reference": own}}),
        lambda: zone.patch("Patient", patient["id"], [{"op": "remove", "path": "/gender"}]),
        lambda: zone.delete("Patient", patient["id"]),
        lambda: zone.delete_where("Patient", [("_id", patient["id"])]),
        lambda: zone.submit({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}),
    ):
        with pytest.raises(AccessError, match="synthetic zone") as refused:
            write()
        assert "withdraw the release" in refused.value.remedy


def rewritten(made: Installation, drawn: str) -> None:
    """Notes that agree with their records, in the place of those of a tiny net."""
    notes = []
    for number in range(4):
        record = NoteRecord((medication(DRUGS[number % 3]), problem(PROBLEMS[number % 2])), 60, "female")
        text = f"MEDICATIONS\n{DRUGS[number % 3].capitalize()}.\n\nASSESSMENT\n{PROBLEMS[number % 2].capitalize()}."
        notes.append((f"{drawn}-{number}", Note("research.note", "progress", text, record, ())))
    resources = [each for own, note in notes for each in alone(own, note)]
    files_of(made.platform).write(f"staging/{drawn}", laid_by(resources, notes))


def judge_again(made: Installation, drawn: str) -> None:
    from careloom.services.synthesize_judge import FhirJudgeAsk
    from careloom.services.synthesize_notes_judge import judge_notes

    judge_notes(made.platform, made.operator, FhirJudgeAsk(drawn))


def test_what_is_no_ask_is_refused_before_it_is_queued(made: Installation, api: Careloom) -> None:
    for kind in ("records", "notes"):
        for width in ("wide", 2**90, -(10**10), True):
            with pytest.raises(InputError):
                api.synthetic._post(f"/{kind}/models", {"options": {"width": width}})
    with client_of(made, roles=["auditor"]) as other:
        with pytest.raises(AccessError):
            other.synthetic.fit_records()
        assert isinstance(other.synthetic.samples(), tuple)


@pytest.mark.long
def test_a_private_fit_over_http_takes_its_words_of_simulated_patients(made: Installation) -> None:
    with client_of(made) as api:
        options = {**TINY, "steps": 2, "blocks": 2, "symbols": 32}
        asked = api.synthetic.fit_notes(epsilon=2.0, public_patients=10, options=options)
        work(made.platform, once=True)
        assert 0 < (api.synthetic.wait(asked.id).epsilon or 9) <= 2.0
    assert not list((made.folder / "data" / "synthetic" / "public").glob("*"))
