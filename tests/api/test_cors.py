"""Pages of other origins: none may read an answer but those that the settings name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from careloom.api.app import create_app
from careloom.errors import SetupError
from tests.api.kit import Installation

APP = "https://app.example.org"
ASKS = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path / "named", api={"origins": [APP, "http://localhost:3000"]}) as made:
        yield made


def cors_of(headers: object) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("Access-Control")}  # type: ignore[attr-defined]


@pytest.mark.parametrize("origin", [APP, "null", "*"])
def test_by_default_no_page_of_another_origin_reads_anything(installation: Installation, origin: str) -> None:
    answer = installation.client.get("/api/v1/me", headers=installation.bearer() | {"Origin": origin})
    preflight = installation.client.options("/api/v1/me", headers={"Origin": origin} | ASKS)
    assert (cors_of(answer.headers), cors_of(preflight.headers), preflight.status_code) == ({}, {}, 405)


def test_a_page_that_is_named_may_ask_and_read(named: Installation) -> None:
    preflight = named.client.options("/api/v1/me", headers={"Origin": APP} | ASKS)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == APP
    assert preflight.headers["Access-Control-Allow-Methods"] == "GET"
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    answer = named.client.get("/api/v1/me", headers=named.bearer() | {"Origin": APP})
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


OTHERS = [
    "https://app.example.org.evil.org", "https://evil.org", "http://app.example.org", "https://app.example.org:8443",
    "https://APP.example.org", "null", f"{APP}/", f"{APP} https://evil.org", "http://localhost:3001",
]  # fmt: skip


@pytest.mark.parametrize("origin", OTHERS)
def test_a_page_of_another_origin_is_not_let_in_beside_it(named: Installation, origin: str) -> None:
    answer = named.client.get("/api/v1/me", headers=named.bearer() | {"Origin": origin})
    preflight = named.client.options("/api/v1/me", headers={"Origin": origin} | ASKS)
    assert (cors_of(answer.headers), cors_of(preflight.headers), preflight.status_code) == ({}, {}, 405)
    assert "Origin" in answer.headers["Vary"]


def test_an_origin_gives_no_right(named: Installation) -> None:
    assert named.client.get("/api/v1/me", headers={"Origin": APP}).status_code == 401


@pytest.mark.parametrize(("path", "method", "status"), [("/api/v1/me", "DELETE", 405), ("/nowhere", "GET", 404)])
def test_a_preflight_for_what_is_not_there_is_refused(named: Installation, path: str, method: str, status: int) -> None:
    asks = {"Origin": APP, "Access-Control-Request-Method": method}
    assert named.client.options(path, headers=asks).status_code == status


@pytest.mark.parametrize("origin", ["*", "https://*.example.org", f"{APP}/", "http://app.example.org", "null"])
def test_an_origin_that_stands_for_many_keeps_the_server_from_starting(tmp_path: Path, origin: str) -> None:
    with Installation(tmp_path, api={"origins": [origin]}) as made, pytest.raises(SetupError):
        create_app(made.platform)
