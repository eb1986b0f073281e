"""An address that is going away says so in answers, in the document and in the SDK."""

import warnings
from datetime import date
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
from flask_openapi3 import OpenAPI

from careloom.api.app import create_app
from careloom.api.deprecation import Deprecated, shipped
from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from tests.api.kit import BASE_URL, Installation

LEAVING = Deprecated(
    route="GET /api/v1/overview", since=date(2027, 1, 1), sunset=date(2027, 7, 1), instead="GET /api/v1/me", why="Old."
)
BY_ID = Deprecated(
    route="GET /api/v1/ingestions/{run_id}", since=date(2027, 1, 1), sunset=date(2027, 7, 1), why="Nobody asks."
)


@pytest.fixture
def app(installation: Installation) -> OpenAPI:
    return create_app(installation.platform, [LEAVING, BY_ID])


def test_an_answer_of_a_leaving_address_says_since_when_and_until_when(
    installation: Installation, app: OpenAPI
) -> None:
    answer = app.test_client().get("/api/v1/overview", headers=installation.bearer())
    assert answer.status_code == 200
    assert answer.headers["Deprecation"] == "@1798761600"
    assert parsedate_to_datetime(answer.headers["Sunset"]).isoformat() == "2027-07-01T00:00:00+00:00"
    assert f'<{BASE_URL}/openapi/swagger>; rel="deprecation"; type="text/html"' in answer.headers["Link"]
    assert f'<{BASE_URL}/api/v1/me>; rel="successor-version"' in answer.headers["Link"]


def test_its_refusals_say_so_too_and_no_link_leads_to_a_template(installation: Installation, app: OpenAPI) -> None:
    client = app.test_client()
    assert client.get("/api/v1/overview").headers["Deprecation"] == "@1798761600"
    missing = client.get("/api/v1/ingestions/20261122T010203Z-abc234", headers=installation.bearer())
    assert (missing.status_code, missing.headers["Deprecation"]) == (404, "@1798761600")
    assert "successor-version" not in missing.headers["Link"]


def test_other_addresses_say_nothing(installation: Installation, app: OpenAPI) -> None:
    answer = app.test_client().get("/api/v1/me", headers=installation.bearer())
    assert not {"Deprecation", "Sunset"} & set(answer.headers.keys())


def test_the_document_marks_it_and_names_what_to_call(app: OpenAPI) -> None:
    paths = app.test_client().get("/openapi/openapi.json").json["paths"]  # type: ignore[index]
    told = paths["/api/v1/overview"]["get"]
    assert told["deprecated"] is True
    assert "2027-07-01" in told["description"]
    assert "`GET /api/v1/me`" in told["description"]
    marked = [path for path, methods in paths.items() for one in methods.values() if one.get("deprecated")]
    assert sorted(marked) == ["/api/v1/ingestions/{run_id}", "/api/v1/overview"]


def test_the_sdk_warns_of_it(installation: Installation, app: OpenAPI) -> None:
    transport = httpx.WSGITransport(app=app)
    with Careloom(BASE_URL, Bearer(installation.token()), transport=transport) as api:
        with pytest.warns(FutureWarning, match="answers until Thu, 01 Jul 2027"):
            api.overview()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            api.me()


def test_nothing_leaves_earlier_than_was_promised() -> None:
    with pytest.raises(ValueError, match="180 days"):
        Deprecated(route="GET /api/v1/me", since=date(2027, 1, 1), sunset=date(2027, 6, 29), why="Old.")


def test_a_row_without_a_route_keeps_the_application_from_being_made(tmp_path: Path) -> None:
    wrong = Deprecated(route="GET /api/v1/nowhere", since=date(2027, 1, 1), sunset=date(2027, 7, 1), why="Old.")
    with Installation(tmp_path) as made, pytest.raises(ValueError, match="GET /api/v1/nowhere"):
        create_app(made.platform, [wrong])


def test_what_ships_is_read_and_holds(installation: Installation) -> None:
    rows = shipped()
    assert len({row.route for row in rows}) == len(rows)
    create_app(installation.platform, rows)
