"""A client may use so much in a while: dear requests count more, answers say what is left, Redis counts for all."""

from pathlib import Path
from typing import Any

import pytest

from careloom.api.rates import PASSWORD, Rates, costs
from careloom.errors import SetupError
from tests.api.kit import Installation
from tests.architecture.routes import ROUTES
from tests.redis_kit import redis_server

ME = "/api/v1/me"


def limited(folder: Path, rate: str = "10/hour", storage: str = "") -> Installation:
    return Installation(folder, api={"client_rate": rate, "rate_storage": storage})


def left(answer: Any) -> int:
    """What RateLimit says is left."""
    parts = dict(part.split("=") for part in answer.headers["RateLimit"].split(";")[1:])
    assert 0 < int(parts["t"]) <= 3600
    return int(parts["r"])


def test_every_answer_says_what_is_left_and_the_last_is_refused(tmp_path: Path) -> None:
    with limited(tmp_path, "3/hour") as made:
        headers = made.bearer()
        answers = [made.client.get(ME, headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [left(answer) for answer in answers] == [2, 1, 0, 0]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"client";q=3;w=3600'}
    assert answers[-1].json["code"] == "http.too-many-requests"  # type: ignore[index]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600


def test_a_dear_request_costs_what_the_table_says(tmp_path: Path) -> None:
    with limited(tmp_path, "1000/hour") as made:
        headers = made.bearer()
        assert left(made.client.get(ME, headers=headers)) == 999
        looked = made.client.post("/api/v1/quality/looks", headers=headers, json={"zone": "identified"})
        assert left(looked) == 999 - costs()["POST /api/v1/quality/looks"]


def test_what_is_refused_starts_nothing(tmp_path: Path) -> None:
    with limited(tmp_path, "50/hour") as made:
        refused = made.client.post("/api/v1/quality/looks", headers=made.bearer(), json={"zone": "identified"})
        assert refused.status_code == 429
        assert not made.platform.has_jobs()


def test_each_client_has_an_account_of_its_own(tmp_path: Path) -> None:
    with limited(tmp_path, "1/hour") as made:
        first, second = made.bearer(), made.bearer()
        statuses = [made.client.get(ME, headers=headers).status_code for headers in (first, second, first, second)]
    assert statuses == [200, 200, 429, 429]


def test_who_is_unknown_uses_up_nobodys_account(tmp_path: Path) -> None:
    with limited(tmp_path, "1/hour") as made:
        for _ in range(3):
            assert made.client.get(ME, headers={"Authorization": "Bearer x"}).status_code == 401
        answer = made.client.get("/healthz")
        assert "RateLimit" not in answer.headers
        assert made.client.get(ME, headers=made.bearer()).status_code == 200


def test_without_a_rate_nothing_is_counted(tmp_path: Path) -> None:
    with limited(tmp_path, "") as made:
        assert "RateLimit" not in made.client.get(ME, headers=made.bearer()).headers


def test_redis_counts_for_all_processes_together(tmp_path: Path) -> None:
    with redis_server(tmp_path) as address:
        one, other = Rates("5/hour", address), Rates("5/hour", address)
        found = [rates.take("ward", 2) for rates in (one, other, one)]
    assert [(account.is_over, account.remaining) for account in found] == [(False, 3), (False, 1), (True, 0)]


def test_an_installation_counts_in_redis(tmp_path: Path) -> None:
    with redis_server(tmp_path) as address, limited(tmp_path, "2/hour", address) as made:
        headers = made.bearer()
        assert [made.client.get(ME, headers=headers).status_code for _ in range(3)] == [200, 200, 429]


def test_the_password_of_redis_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "a-password-of-a-test")
    with redis_server(tmp_path, password="a-password-of-a-test") as address:  # pragma: allowlist secret
        Rates("5/hour", address).take("ward", 2)
        assert Rates("5/hour", address).take("ward", 1).remaining == 2


def test_where_redis_is_gone_each_process_counts_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with redis_server(tmp_path) as address:
        rates = Rates("2/hour", address)
        rates.take("ward", 1)
    found = [rates.take("ward", 1).is_over for _ in range(3)]
    assert found == [False, False, True]
    assert any("counted by each process alone" in record.msg for record in caplog.records)


WRONG = [("often", ""), ("5", ""), ("1/minute;2/hour", ""), ("1/hour", "http://x"), ("1/hour", "redis://:secret@x:1/0")]


@pytest.mark.parametrize(("rate", "storage"), WRONG)
def test_settings_that_limit_nothing_keep_the_server_from_starting(rate: str, storage: str) -> None:
    with pytest.raises(SetupError) as told:
        Rates(rate, storage)
    assert "secret" not in str(told.value)


def test_every_name_in_the_table_is_a_route_and_costs_more_than_one() -> None:
    assert set(costs()) - {route.name for route in ROUTES} == set()
    assert min(costs().values()) > 1
