"""The microservice of one model: rows as clients of MLflow send them, a token, errors without values, aliases."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from careloom.api import model_server
from careloom.api.model_server import ServeAsk, require_safe
from careloom.api.model_service import create_model_app
from careloom.errors import AccessError, NotFound, SetupError
from careloom.mlops.counting import Counts, from_json, p99_ms, together
from careloom.services import score_serving
from careloom.services.access import Principal
from careloom.services.models_kept import Change, set_traffic, traffic_of, write
from careloom.services.score_serving import Serving
from careloom.store.models import listed
from tests.api.kit import Installation
from tests.score_kit import COLUMNS, NAME, model, registered, rows, set_state

TOKEN = "t" * 40
AUTH = {"Authorization": f"Bearer {TOKEN}"}
FRAME, _ = rows(5)
RECORDS = FRAME.to_dicts()
BODY = {"dataframe_records": RECORDS}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("model")) as one:
        registered(one.platform)
        registered(one.platform, model(6.0))
        yield one


@pytest.fixture(scope="module")
def client(place: Installation) -> Iterator[FlaskClient]:
    with Serving(place.platform, place.operator, f"{NAME}@1") as one:
        yield create_model_app(one, TOKEN).test_client()


BODIES: dict[str, Any] = {
    "dataframe_split": {"columns": list(COLUMNS), "data": [list(row) for row in FRAME.iter_rows()], "index": [0]},
    "dataframe_records": RECORDS,
    "instances": RECORDS,
}


@pytest.mark.parametrize("form", list(BODIES))
def test_each_form_of_a_request_gets_the_probabilities_of_the_model(client: FlaskClient, form: str) -> None:
    answer = client.post("/invocations", json={form: BODIES[form], "params": {}}, headers=AUTH)
    assert answer.status_code == 200
    assert answer.json["predictions"] == pytest.approx(model().score(FRAME).tolist(), abs=1e-12)
    assert answer.headers["X-Model"] == f"{NAME}@1"
    in_order = [[row[one.name] for one in model().features] for row in RECORDS]
    plain = client.post("/invocations", json={"instances": in_order}, headers=AUTH)
    assert plain.json == answer.json


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "input"), (b"[]", "input"), (b"{}", "input"), (b'{"inputs": []}', "input"),
        ({"instances": [], "dataframe_records": []}, "input"), ({"instances": 3}, "input"),
        ({"instances": [[1, 2]]}, "input"), ({"dataframe_records": [[1]]}, "input"),
        ({"dataframe_split": {"columns": ["a", "a"], "data": []}}, "input"),
        ({"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}, "input"),
        ({"dataframe_split": {"columns": [1], "data": []}}, "input"),
        ({"dataframe_records": [RECORDS[0] | {"age_years": "Quillfeather"}]}, "schema"),
        ({"dataframe_records": [RECORDS[0] | {"age_years": None}]}, "schema"),
        ({"dataframe_records": [{name: RECORDS[0][name] for name in COLUMNS[1:]}]}, "schema"),
        ({"dataframe_records": [RECORDS[0] | {"is_female": 31415}]}, "schema"),
        ({"instances": [{}] * 10_001}, "input"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_with_place_and_remedy_and_without_a_value(
    client: FlaskClient, body: Any, code: str
) -> None:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    answer = client.post("/invocations", data=raw, headers=AUTH)
    told = answer.json
    assert (answer.status_code, told["error_code"]) == (400, "BAD_REQUEST")
    assert code in told["code"]
    assert told["detail"]
    assert told["remedy"]
    assert b"Quillfeather" not in answer.data
    assert b"31415" not in answer.data


@pytest.mark.parametrize("path", ["/invocations", "/version", "/metrics"])
@pytest.mark.parametrize("header", [{}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Basic {TOKEN}"}])
def test_without_the_token_nothing_answers_but_that_it_lives(
    client: FlaskClient, path: str, header: dict[str, str]
) -> None:
    answer = client.open(path, method="POST" if path == "/invocations" else "GET", headers=header)
    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer.headers
    assert client.get("/ping").status_code == client.get("/health").status_code == 200


def test_it_says_which_version_answers_and_counts_requests_by_it(client: FlaskClient) -> None:
    told = client.get("/version", headers=AUTH).json
    assert (told["model"], told["horizon_days"]) == (f"{NAME}@1", 30)
    assert [one["name"] for one in told["features"]] == [one.name for one in model().features]
    client.post("/invocations", json={"dataframe_records": RECORDS}, headers=AUTH)
    client.post("/invocations", json={"dataframe_records": 1}, headers=AUTH)
    text = client.get("/metrics", headers=AUTH).text
    assert f'careloom_model_requests_total{{model="{NAME}@1",status="200"}}' in text
    assert 'careloom_model_requests_total{model="none",status="400"}' in text
    assert f'careloom_model_request_seconds_bucket{{le="0.004",model="{NAME}@1"}}' in text


@pytest.mark.parametrize(("path", "method", "status"), [("/", "GET", 404), ("/invocations", "GET", 405)])
def test_other_addresses_and_methods_are_problems_too(client: FlaskClient, path: str, method: str, status: int) -> None:
    answer = client.open(path, method=method, headers=AUTH)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


def test_a_body_that_is_too_large_is_refused(client: FlaskClient) -> None:
    assert client.post("/invocations", data=b" " * ((16 << 20) + 1), headers=AUTH).status_code == 413


def _point(place: Installation, number: int | None) -> None:
    """Leads the champion to a version, as a promotion does."""
    after = traffic_of(place.platform, NAME) | {"champion": number}
    write(place.platform, place.operator, Change("test", {}), lambda step: set_traffic(step, NAME, after))


def test_an_alias_is_followed_and_what_was_counted_is_told(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_serving, "FOLLOW_SECONDS", 0.0)
    _point(place, 1)
    with Serving(place.platform, place.operator, f"{NAME}@champion") as one:
        assert one.scores(RECORDS)[0].label == f"{NAME}@1"
        _point(place, 2)
        assert one.scores(RECORDS)[0].label == f"{NAME}@2"
        _point(place, None)
        answer = create_model_app(one, TOKEN).test_client().post("/invocations", json=BODY, headers=AUTH)
        assert answer.status_code == 503  # nobody is champion: nobody answers
        _point(place, 1)
        assert one.scores(RECORDS)[0].label == f"{NAME}@1"
    counted = [event["detail"] for event in place.events() if event["operation"] == "models-count"]
    assert counted[-1]["requests"] == {"1": 10, "2": 5}


def test_a_version_that_is_retired_answers_no_more(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_serving, "FOLLOW_SECONDS", 0.0)
    version = registered(place.platform, model(8.0))
    with Serving(place.platform, place.operator, version) as one:
        client = create_model_app(one, TOKEN).test_client()
        assert client.post("/invocations", json=BODY, headers=AUTH).status_code == 200
        set_state(place.platform, version, "retired")
        assert client.post("/invocations", json=BODY, headers=AUTH).status_code == 503
        assert client.get("/version", headers=AUTH).status_code == 503


def test_a_large_batch_breaks_no_limit_of_time(place: Installation) -> None:
    version = registered(place.platform, model(7.0))
    with Serving(place.platform, place.operator, version) as one:
        one.scores(RECORDS * 2_000)
    counted = looked_at_version(place, int(version.partition("@")[2]))
    assert sum(counted.times) == 10_000
    slowest = p99_ms(counted)
    assert slowest is not None
    assert slowest < 10


def looked_at_version(place: Installation, number: int) -> Counts:
    """All that was counted of a version."""
    with place.platform.store("identified").connect() as connection:
        kept = [one for one in listed(connection, "count", NAME) if one.name.startswith(f"{NAME}@{number}/")]
    return together(from_json(one.body) for one in kept)


def test_who_may_not_see_models_serves_none(place: Installation) -> None:
    with pytest.raises(AccessError):
        Serving(place.platform, Principal("pat", frozenset({"patient"}), frozenset({"identified"})), f"{NAME}@1")
    with pytest.raises(NotFound):
        Serving(place.platform, place.operator, f"{NAME}@9")


@pytest.mark.parametrize(
    ("more", "is_safe"),
    [
        ({}, False),
        ({"token": TOKEN}, True),
        ({"token": "short"}, False),
        ({"open_here": True}, True),
        ({"open_here": True, "host": "0.0.0.0"}, False),
        ({"token": TOKEN, "host": "0.0.0.0"}, False),
        ({"token": TOKEN, "host": "10.0.0.1", "behind_proxy": True}, True),
        ({"token": TOKEN, "certificate": Path("a.pem")}, False),
        ({"token": TOKEN, "host": "m.example", "certificate": Path("a.pem"), "key": Path("b.pem")}, True),
    ],
)
def test_a_server_that_others_could_ask_or_overhear_does_not_start(more: dict[str, Any], is_safe: bool) -> None:
    ask = ServeAsk(f"{NAME}@1", **more)
    if is_safe:
        require_safe(ask)
    else:
        with pytest.raises(SetupError):
            require_safe(ask)


def test_the_server_refuses_before_it_listens(place: Installation) -> None:
    asked = ServeAsk(f"{NAME}@9", token=TOKEN)
    with pytest.raises(NotFound):
        model_server.run(place.platform.settings, place.operator, asked)
    assert "careloom.api.model_service" in sys.modules
