"""One model as a microservice: rows in, probabilities out, as clients of MLflow ask a model.

POST /invocations takes ``dataframe_split``, ``dataframe_records`` or ``instances``, and answers ``predictions``;
GET /ping and /health, /version, /metrics beside it. No patient is known here, and no value is in an error or a log.

source  MLflow 3, "Accepted Input Formats" of a scoring server; RFC 9457 (2023), Problem Details for HTTP APIs
"""

import hashlib
import hmac
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

import orjson
from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from werkzeug.exceptions import HTTPException

import careloom
from careloom.api.problems import HTTP_WORDS, PROBLEM_TYPE, status_of
from careloom.api.step_numbers import SHARED_FOLDER
from careloom.errors import CareloomError, InputError, Unauthenticated
from careloom.risk.models_features import ModelFeature
from careloom.services.score_serving import Serving

MOST_ROWS = 10_000
MOST_BYTES = 16 << 20
OPEN = frozenset({"ping", "health"})
"""Addresses that need no token: they say that the service lives, and nothing else."""
SECONDS = (0.001, 0.002, 0.004, 0.006, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_FORMS = ("dataframe_split", "dataframe_records", "instances")
_EXTENSION = "careloom-model"
Json = dict[str, Any]
Row = Mapping[str, Any]


class _Numbers:
    """Counters of one process; with the shared folder set, of all."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names, held = ("model", "status"), self.registry
        self.requests = Counter("careloom_model_requests", "Requests answered.", names, registry=held)
        self.rows = Counter("careloom_model_rows", "Rows scored.", ("model",), registry=held)
        self.seconds = Histogram("careloom_model_request_seconds", "Time to answer.", ("model",), buckets=SECONDS,
                                 registry=held)  # fmt: skip
        self.scores = Histogram("careloom_model_scores", "Probabilities answered.", ("model",), registry=held,
                                buckets=tuple(step / 20 for step in range(1, 21)))  # fmt: skip


def create_model_app(serving: Serving, token: str = "") -> Flask:
    """The application.

    token  what a request has to show as a bearer token; empty: nothing, for a server that this machine alone reaches
    """
    app = Flask("careloom.model", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.extensions[_EXTENSION] = (serving, _Numbers())
    digest = hashlib.sha256(token.encode()).digest() if token else b""

    def authenticate() -> None:
        g.started = time.perf_counter()
        if not digest or request.endpoint is None or request.endpoint in OPEN:
            return
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        given = hashlib.sha256(shown.strip().encode("utf-8", "replace")).digest()
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, digest):
            raise Unauthenticated("this address needs the service's bearer token", "Send Authorization: Bearer ....")

    app.before_request(authenticate)
    app.after_request(_finish)
    for path, view, methods in (
        ("/invocations", invocations, ["POST"]), ("/ping", ping, ["GET"]), ("/health", ping, ["GET"]),
        ("/version", version, ["GET"]), ("/metrics", metrics, ["GET"]),
    ):  # fmt: skip
        app.add_url_rule(path, path.removeprefix("/"), view, methods=methods)
    app.register_error_handler(CareloomError, _of_error)
    app.register_error_handler(HTTPException, _of_http)
    app.register_error_handler(Exception, _of_surprise)
    return app


def _serving() -> Serving:
    found: Serving = current_app.extensions[_EXTENSION][0]
    return found


def _numbers() -> _Numbers:
    found: _Numbers = current_app.extensions[_EXTENSION][1]
    return found


def invocations() -> Response:
    """The probability of each row, in order."""
    serving = _serving()
    rows = rows_of(request.get_data(cache=False), serving.current.model.features)
    one, found = serving.scores(rows)
    g.model, numbers = one.label, _numbers()
    numbers.rows.labels(one.label).inc(len(found))
    for score in found[:100]:
        numbers.scores.labels(one.label).observe(score)
    answer = _json({"predictions": found})
    answer.headers["X-Model"] = one.label
    return answer


def ping() -> Response:
    """Answers while the service lives, as MLflow's does."""
    return Response("\n", content_type="text/plain")


def version() -> Response:
    """Which version answers, and what it has to be told."""
    one = _serving().current
    features = [
        {"name": each.name, "type": each.type, "unit": each.unit, "nullable": each.nullable, "levels": each.levels}
        for each in one.model.features
    ]
    return _json(
        {
            "model": one.label, "digest": one.digest, "kind": one.model.kind, "outcome": one.model.outcome,
            "horizon_days": one.model.horizon_days, "features": features, "careloom": careloom.__version__,
        }
    )  # fmt: skip


def metrics() -> Response:
    """The numbers of all processes, for Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    if os.environ.get(SHARED_FOLDER):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry = _numbers().registry
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=content_type)


def rows_of(body: bytes, features: Sequence[ModelFeature]) -> list[Row]:
    """The rows of a request.

    features  in whose order the values of a plain list stand
    raises    InputError that says what is wrong and where, never a value
    """
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InputError("the body is no JSON", f"Send one of {', '.join(_FORMS)}.") from None
    named = [name for name in _FORMS if isinstance(told, dict) and name in told]
    if len(named) != 1 or set(told) - {*_FORMS, "params"}:
        raise InputError("the body is of no form that is known", f"Send exactly one of {', '.join(_FORMS)}.")
    form = named[0]
    rows = _split(told[form]) if form == "dataframe_split" else _listed(form, told[form], features)
    if len(rows) > MOST_ROWS:
        raise InputError(f"{form}: too many rows", f"Send at most {MOST_ROWS:,} at once.")
    return rows


def _split(told: Any) -> list[Row]:
    where = "dataframe_split"
    columns, data = (told.get("columns"), told.get("data")) if isinstance(told, dict) else (None, None)
    if not _is_list(columns) or not _is_list(data) or not all(isinstance(one, str) for one in columns):
        raise InputError(where, "Write columns, a list of names, and data, a list of rows.")
    if len(set(columns)) != len(columns):
        raise InputError(f"{where}: two columns have one name", "Name each feature once.")
    for place, row in enumerate(data):
        if not _is_list(row) or len(row) != len(columns):
            raise InputError(f"{where}: row {place} does not fit the columns", f"Write {len(columns)} values.")
    return [dict(zip(columns, row, strict=True)) for row in data]


def _listed(form: str, told: Any, features: Sequence[ModelFeature]) -> list[Row]:
    if not _is_list(told):
        raise InputError(form, "Write a list of rows.")
    names = [one.name for one in features]
    found: list[Row] = []
    for place, row in enumerate(told):
        if isinstance(row, dict):
            found.append(row)
        elif form == "instances" and _is_list(row) and len(row) == len(names):
            found.append(dict(zip(names, row, strict=True)))
        else:
            raise InputError(f"{form}: row {place} is no row", f"Write an object of {len(names)} features.")
    return found


def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _json(told: Json, status: int = 200) -> Response:
    return Response(orjson.dumps(told), status, content_type="application/json")


def _problem(status: int, code: str, where: str, remedy: str) -> Response:
    """A problem document, with the two members that clients of MLflow read."""
    told = {
        "type": f"urn:careloom:problem:{code}", "title": code.replace(".", ": ").replace("-", " "), "status": status,
        "detail": where, "code": code, "remedy": remedy, "message": f"{where}: {remedy}" if remedy else where,
        "error_code": "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR",
    }  # fmt: skip
    answer = Response(orjson.dumps(told), status, content_type=PROBLEM_TYPE)
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="careloom-model"'
    return answer


def _of_error(error: CareloomError) -> Response:
    return _problem(status_of(error), error.code, error.where, error.remedy)


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    words = HTTP_WORDS.get(status, "the request cannot be answered")
    answer = _problem(status, f"http.{error.name.lower().replace(' ', '-')}", words, "")
    for name, value in error.get_headers():
        if name.lower() == "allow":
            answer.headers[name] = value
    return answer


def _of_surprise(_: Exception) -> Response:
    return _problem(500, "internal", "something unexpected happened", "Tell the operator when it was.")


def _finish(response: Response) -> Response:
    headers = response.headers
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    if request.endpoint == "invocations":
        label = g.get("model", "none")
        numbers = _numbers()
        numbers.requests.labels(label, str(response.status_code)).inc()
        numbers.seconds.labels(label).observe(time.perf_counter() - g.get("started", time.perf_counter()))
    return response
