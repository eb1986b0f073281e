"""What pages say, drawn from the real API within this process, for people with different rights."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from flask import Flask
from plotly.utils import PlotlyJSONEncoder

from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.client.reports import DayCount, FormatCount
from careloom.dashboard import overview, session
from careloom.dashboard.address import read
from careloom.dashboard.routing import page_at
from careloom.dashboard.session import Person
from careloom.errors import AccessError, CareloomError, NotFound
from careloom.runtime import Runtime
from tests.api.kit import BASE_URL, Installation
from tests.journeys.small_hospital import FAMILY, feed


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("pages")) as made:
        made.ingest(feed())
        yield made


@pytest.fixture(autouse=True)
def _context() -> Iterator[None]:
    app = Flask("pages")
    session.install(app, b"x", seconds=60, is_secure=False, runtime=Runtime())
    with app.app_context():
        yield


def drawn(installation: Installation, path: str, search: str = "", roles: tuple[str, ...] = (), **ask: Any) -> str:
    """Everything that a page says, as text, to somebody with these roles (by default all of them)."""
    token = installation.token(roles, **ask) if roles else installation.token(**ask)
    with Careloom(BASE_URL, Bearer(token), transport=httpx.WSGITransport(app=installation.app)) as api:
        me = api.me()
        person = Person(me.name, me.zones, frozenset(me.scopes), datetime.now(UTC) + timedelta(hours=1), token)
        page = page_at(api, person, read(f"/dashboard{path}", search))
    return json.dumps([page.title, page.trail, page.content], cls=PlotlyJSONEncoder, ensure_ascii=False)


def run_id(installation: Installation) -> str:
    found = re.search(r"/dashboard/runs/([0-9A-Za-z-]+)", drawn(installation, "/runs"))
    assert found
    return found.group(1)


def test_the_overview_tells_what_arrived_and_what_was_refused(installation: Installation) -> None:
    said = drawn(installation, "/")
    for words in ("Arrivals by day", "By format", "Refused by reason", "Resources by zone", "fhir.", "Observation"):
        assert words in said


def test_the_overview_of_who_may_not_see_arrivals_shows_zones_alone(installation: Installation) -> None:
    said = drawn(installation, "/", roles=("clinician",))
    assert "Resources by zone" in said
    assert "Arrivals" not in said


def test_a_run_tells_what_became_of_its_records_and_why(installation: Installation) -> None:
    said = drawn(installation, f"/runs/{run_id(installation)}")
    for words in ("Refused records", "Quarantined", "Files", "What to do", "About this run"):
        assert words in said


def test_who_may_only_monitor_is_told_that_refused_records_are_not_shown(installation: Installation) -> None:
    said = drawn(installation, f"/runs/{run_id(installation)}", roles=("administrator",))
    assert "may not quarantine" in said
    assert "Files" in said


def test_a_patient_is_shown_with_events_from_their_source_records(installation: Installation) -> None:
    said = drawn(installation, f"/patients/identified/{installation.stored_id('Patient', 'oda')}")
    for words in (FAMILY, "35 events in 5 lanes", "Latest measurements", "urn:careloom:record:"):
        assert words in said


def test_the_title_of_a_patients_page_names_nobody(installation: Installation) -> None:
    said = drawn(installation, f"/patients/identified/{installation.stored_id('Patient', 'oda')}")
    assert json.loads(said)[0] == "Patient"


REFUSED: list[tuple[str, str, tuple[str, ...], type[CareloomError]]] = [
    ("/runs", "", ("clinician",), AccessError),
    ("/patients", "?zone=research", ("clinician",), AccessError),
    ("/patients", "", ("administrator",), AccessError),
    ("/patients/identified/x1", "", ("data-scientist",), AccessError),
    ("/patients/identified/x1", "", (), NotFound),
    ("/runs/20261122T010203Z-abcdef", "", (), NotFound),
    ("/runs/..%2f..", "", (), CareloomError),
    ("/nowhere", "", (), NotFound),
    ("/patients/a/b/c", "", (), NotFound),
]


@pytest.mark.parametrize(("path", "search", "roles", "error"), REFUSED)
def test_what_the_api_refuses_no_page_shows(
    installation: Installation, path: str, search: str, roles: tuple[str, ...], error: type[CareloomError]
) -> None:
    with pytest.raises(error):
        drawn(installation, path, search, roles)


def test_days_without_arrivals_are_filled_in() -> None:
    days = overview.filled((DayCount("2026-11-20", 5, 0), DayCount("2026-11-22", 7, 1)))
    assert [(each.day, each.stored) for each in days[-3:]] == [("2026-11-20", 5), ("2026-11-21", 0), ("2026-11-22", 7)]
    assert len(days) == overview.FEWEST_DAYS


def test_only_the_last_days_are_drawn() -> None:
    days = overview.filled((DayCount("2020-01-01", 5, 0), DayCount("2026-11-22", 7, 1)))
    assert (len(days), days[-1].day) == (overview.DAYS_SHOWN, "2026-11-22")


def test_what_is_not_read_is_one_row_at_the_end() -> None:
    formats = (
        FormatCount("image", 1, 1),
        FormatCount("csv", 2, 0),
        FormatCount("xml", 3, 3),
        FormatCount("fhir", 9, 0),
    )
    assert overview.by_format(formats) == [
        FormatCount("fhir", 9, 0),
        FormatCount("csv", 2, 0),
        FormatCount("", 4, 4),
    ]
