"""What the page of a patient says: what was known on a day, what counts for a cohort, the risk with facts behind it."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from flask import Flask
from plotly.utils import PlotlyJSONEncoder

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.client.risk_reports import CohortWhy
from careloom.dashboard import session
from careloom.dashboard.address import Address, read
from careloom.dashboard.events import Event, event_of, known_by
from careloom.dashboard.patient_drugs import bars
from careloom.dashboard.patient_marks import as_of, end_of, kept, marks_of, of_origin
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.dashboard.timeline import figure
from careloom.runtime import Runtime
from tests.api.kit import BASE_URL, Installation
from tests.model_page_kit import scored_patient, two_versions


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("patient")) as made:
        two_versions(made)
        yield made


@pytest.fixture(scope="module")
def stored(installation: Installation) -> str:
    return scored_patient(installation)


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    app = Flask("pages")
    session.install(app, b"x", seconds=60, is_secure=False, runtime=Runtime())
    with app.app_context():
        yield


def shown(made: Installation, stored: str, query: str = "", roles: tuple[str, ...] = (), **ask: Any) -> str:
    token = made.token(roles, **ask) if roles else made.token(**ask)
    api = Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=made.app))
    me = api.me()
    person = Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)
    page = page_at(api, person, read(f"/dashboard/patients/identified/{stored}", query))
    return json.dumps([page.title, page.content], cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_trends_drugs_documents_and_facts_of_notes_stand_there(installation: Installation, stored: str) -> None:
    said = shown(installation, stored)
    for words in ("Trends", "135 to 145", "Newest is low", "Furosemide 40 mg", "goes on", "Discharge summary",
                  "From a note", "Swollen ankles", "/dashboard/notes/identified/"):  # fmt: skip
        assert words in said
    assert "Choose a model." in said, "a risk is told only when it is asked for"
    assert "Holds from" not in said


def test_a_risk_that_is_asked_for_leads_to_its_facts(installation: Installation, stored: str) -> None:
    said = shown(installation, stored, "?risk=readmission-30d")
    for words in ("of 100 patients with such a record: unplanned", "Above the threshold of alerts", "Can be changed",
                  "Care gaps", "Preventive Services Task Force", "Events that count", "Behind the risk"):  # fmt: skip
        assert words in said
    sodium = installation.stored_id("Observation", "sodium6")
    assert f'"#fact-Observation-{sodium}"' in said
    assert f'"fact-Observation-{sodium}"' in said
    assert "Lindgren" in said
    assert "Lindgren" not in "".join(part for part in said.split('"') if part.startswith("/dashboard"))


def test_as_of_a_day_the_record_knows_no_later_fact(installation: Installation, stored: str) -> None:
    day = datetime.now(UTC).date() - timedelta(days=50)
    said = shown(installation, stored, f"?as_of={day}&risk=readmission-30d&cohort=readmission_30_days")
    assert "Each fact counts from when it was issued" in said
    assert "121 mmol/L" not in said
    assert "136 mmol/L" in said
    assert "Swollen ankles" not in said
    assert "In the cohort?" in said
    assert said.count("Every rule holds.") == 1


def test_facts_of_notes_and_structured_facts_are_told_apart(installation: Installation, stored: str) -> None:
    notes = shown(installation, stored, "?origin=note")
    assert "Swollen ankles" in notes
    assert "121 mmol/L" not in notes
    data = shown(installation, stored, "?origin=record")
    assert "Swollen ankles" not in data
    assert "121 mmol/L" in data


def test_a_cohort_that_is_not_there_is_said_and_the_page_stays(installation: Installation, stored: str) -> None:
    said = shown(installation, stored, "?cohort=nobody&risk=nobody")
    assert "In the cohort?" in said
    assert "Timeline" in said


def test_who_may_not_see_models_gets_no_risk(installation: Installation, stored: str) -> None:
    said = shown(installation, stored, "?risk=readmission-30d", scopes="system/*.rs")
    assert "Timeline" in said
    assert "of 100 patients" not in said


@pytest.mark.parametrize(("query", "day"), [
    ({"as_of": "2024-02-20"}, date(2024, 2, 20)), ({"as_of": "2024-02-31"}, None), ({"as_of": "'"}, None), ({}, None),
])  # fmt: skip
def test_a_day_that_no_calendar_has_is_none(query: dict[str, str], day: date | None) -> None:
    assert as_of(Address((), query)) == day


def test_only_known_keys_of_an_address_are_kept() -> None:
    address = Address((), {"risk": "m", "cohort": "c", "name": "x", "as_of": "2024-01-01"})
    assert kept(address, cohort="") == {"risk": "m", "as_of": "2024-01-01"}


def event(name: str, start: str, *, end: str = "", known: str = "", origin: str = "", status: str = "") -> Event:
    return Event("medications", "MedicationRequest", name, start, end, name, "", "", status, "", known, origin)


def test_what_ended_later_goes_on_and_what_was_recorded_later_is_not_known() -> None:
    events = [event("a", "2024-01-01", end="2024-03-01"), event("b", "2024-01-01", known="2024-02-20"),
              event("c", ""), event("d", "2024-02-01", end="2024-02-03")]  # fmt: skip
    found = known_by(events, end_of(date(2024, 2, 10)))
    assert [(one.id, one.end) for one in found] == [("a", ""), ("c", ""), ("d", "2024-02-03")]


def test_an_order_ends_when_its_supply_does_and_a_note_is_marked() -> None:
    told = event_of(
        {
            "resourceType": "MedicationRequest", "id": "m", "authoredOn": "2024-01-01",
            "dispenseRequest": {"validityPeriod": {"end": "2024-02-01"}},
            "meta": {"tag": [{"system": "urn:careloom:origin", "code": "annotation"}]},
        }
    )  # fmt: skip
    assert told is not None
    assert (told.start, told.end, told.known, told.origin) == ("2024-01-01", "2024-02-01", "2024-01-01", "note")
    assert [one.id for one in of_origin([told, event("x", "")], Address((), {"origin": "note"}))] == ["m"]


def test_an_index_event_outranks_a_fact_behind_the_risk() -> None:
    moment = CohortWhy(None, "Encounter/e1", True, None, None, (), False, "", {"rule": ("Condition/c1/_history/2",)})
    out = CohortWhy(None, "Encounter/e2", False, None, None, ("rule",), True, "", {"rule": ("Condition/c2",)})
    facts = [{"resource": f"{kind}/_history/1"} for kind in ("Encounter/e1", "Observation/o1")]
    assessment = {"index": "", "explanation": {"factors": [{"statements": [{"facts": facts}]}]}}
    assert marks_of([moment, out], assessment) == {
        "Encounter/e1": "index", "Observation/o1": "factor", "Condition/c1": "qualifying",
    }  # fmt: skip


def test_a_marked_event_has_a_ring_and_a_fact_of_a_note_a_hollow_shape() -> None:
    events = [event("a", "2024-01-01"), event("b", "2024-01-02", origin="note")]
    drawn = figure(events, None, {"MedicationRequest/a": "index"})
    assert drawn.data[0].name == "Index event"
    symbols = next(
        trace.marker.symbol for trace in drawn.data if trace.name == "Medications" and trace.mode == "markers"
    )
    assert [symbol.endswith("-open-dot") for symbol in symbols] == [False, True]
    assert len(figure(events, None).data) == len(drawn.data) - 1


def test_a_stopped_drug_without_an_end_does_not_go_on() -> None:
    now = datetime(2024, 6, 1, tzinfo=UTC)
    both = [event("a", "2024-01-01", status="stopped"), event("b", "2024-01-01", status="active")]
    said = json.dumps(bars(both, now), cls=PlotlyJSONEncoder)
    assert said.count('"goes on"') == 1
    assert '"b: 2024-01-01 to goes on"' in said
    assert bars([], now) is None
