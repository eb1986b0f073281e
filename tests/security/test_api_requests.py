"""The abuses of OWASP's API Security Top 10 of 2023 by requests, each tried at every route: API3, API4, API7 to API9.

Routes come from the application, their requests from `tests.architecture.route_examples`: a new route is abused, too.
API10 is tried where other services are called: docs/security/api-top-10.md names the tests.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import SetupError
from careloom.services.monitor_alerts import post
from careloom.settings import Monitor
from tests.api.kit import Installation
from tests.architecture.route_examples import EXAMPLES
from tests.architecture.routes import ROUTES, Route
from tests.architecture.test_routes import CLOSED, DECIDED, Served, is_problem, served
from tests.every import every

__all__ = ["served"]


def named(route: Route) -> str:
    """How a failure shows a route."""
    return route.name


# --- API3: members of objects


BODIES = [route for route in CLOSED if isinstance(EXAMPLES[route.name].more.get("json"), dict)]


def test_a_member_that_nobody_asked_for_is_refused(served: Served) -> None:
    def check(route: Route) -> None:
        body = {**EXAMPLES[route.name].more["json"], "roles": ["administrator"], "owner": "somebody"}
        answer = served.ask(route, served.caller()[1], json=body)
        assert answer.status_code in (400, 422), answer.text
        assert is_problem(answer, answer.status_code, route.path)

    closed = [route for route in BODIES if not OPEN_BODIES.search(route.path)]
    assert len(closed) > 20
    every(closed, check, named)


OPEN_BODIES = re.compile(r"^/cds-services/|^/fhir/.*\$export$")
"""Bodies of a standard that lets senders add members: they are passed over. (In the Parameters of an export a parameter
that means nothing is refused: tests/api/test_bulk.py.)"""


def extra(value: Any, schema: Mapping[str, Any], components: Mapping[str, Any], at: str = "") -> list[str]:
    """Members of a value that its schema does not name, wherever the schema is one closed object."""
    if "$ref" in schema:
        return extra(value, components[schema["$ref"].rsplit("/", 1)[1]], components, at)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [found for one in value for found in extra(one, schema["items"], components, f"{at}[]")]
    if not isinstance(value, dict) or "properties" not in schema or schema.get("additionalProperties"):
        return []
    known = schema["properties"]
    own = [f"{at}.{name}" for name in value if name not in known]
    return own + [
        found
        for name in value
        if name in known
        for found in extra(value[name], known[name], components, f"{at}.{name}")
    ]


def test_an_answer_has_no_member_that_the_document_does_not_name(served: Served) -> None:
    components = served.document["components"]["schemas"]
    looked: list[str] = []

    def check(route: Route) -> None:
        answer = served.ask(route, served.caller()[1])
        told = served.document["paths"][route.path][route.method.lower()]["responses"].get(str(answer.status_code), {})
        schema = told.get("content", {}).get(answer.mimetype, {}).get("schema")
        if schema and answer.mimetype == "application/json":
            looked.append(route.name)
            assert extra(answer.json, schema, components) == []

    every([route for route in CLOSED if route.path.startswith("/api/v1/")], check, named)
    assert len(looked) > 60


# --- API4: resources without end


DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000


def test_a_body_that_nests_without_end_is_refused(served: Served) -> None:
    def check(route: Route) -> None:
        answer = served.ask(route, served.caller()[1], json=None, data=DEEP, content_type="application/json")
        assert answer.status_code in (400, 413, 415, 422), answer.status_code

    every([route for route in CLOSED if takes_json(route) and route.name not in KEPT], check, named)


KEPT = {"POST /api/v1/ingestions", "POST /fhir/{zone}/$import"}
"""Uploads are kept as they come; what nests too deeply in them is quarantined (tests/unit/fhir/test_validate.py)."""


def takes_json(route: Route) -> bool:
    """True when an example brings JSON."""
    more = EXAMPLES[route.name].more
    return "json" in more or "json" in str(more.get("content_type", ""))


def test_a_body_above_the_limit_is_refused(served: Served) -> None:
    large = json.dumps({"a": "x" * served.made.platform.settings.api.max_body_bytes}).encode()

    def check(route: Route) -> None:
        answer = served.ask(route, served.caller()[1], json=None, data=large, content_type="application/json")
        assert answer.status_code == 413, answer.status_code

    every([route for route in BODIES if route.path.startswith("/api/v1/")], check, named)


def test_no_list_is_longer_than_its_bound(served: Served) -> None:
    paths = served.document["paths"]

    def check(route: Route) -> None:
        for name, most in limits(paths[route.path]["get"]).items():
            answer = served.made.client.get(f"{path_of(served, route)}{name}={most + 1}", headers=served.allowed)
            assert answer.status_code == 400, f"{name}={most + 1}: {answer.status_code}"

    every([route for route in DECIDED if route.method == "GET" and limits(paths[route.path]["get"])], check, named)


def path_of(served: Served, route: Route) -> str:
    """The address of a route's example, ready for one more parameter."""
    path = re.sub(r"\{([\w ]+)\}", lambda name: served.fact(name[1]), EXAMPLES[route.name].path)
    return re.sub(r"limit=\d+&?", "", path) + ("&" if "?" in path else "?")


def limits(operation: Mapping[str, Any]) -> dict[str, int]:
    """The parameters of an operation that say how many, with the most that they may say."""
    told = {one["name"]: one["schema"] for one in operation.get("parameters", []) if one["name"] == "limit"}
    return {name: max(one.get("maximum", 0) for one in [of, *of.get("anyOf", [])]) for name, of in told.items()}


# --- API7: addresses that the server would call


CALLS = {"issuer", "jwks_uri", "redirect_uri", "redirect_uris", "fhirServer", "url"}
"""Members of requests that hold an address: none is called but where a test of its own says how. `url` is of an entry
of a Bundle, which is read as a route of ours."""


def test_no_body_names_an_address_that_nobody_knows_of(served: Served) -> None:
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            for name, told in node.get("properties", {}).items():
                is_address = told.get("format") in ("uri", "url") or re.search(
                    r"(^|_)(url|uri|webhook|callback)s?$", name
                )
                found.update({name} if is_address else ())
            for inner in node.values():
                walk(inner)
        elif isinstance(node, list):
            for inner in node:
                walk(inner)

    for path in served.document["paths"].values():
        for operation in path.values():
            walk(resolved(operation.get("requestBody", {}), served.document["components"]["schemas"]))
    assert found <= CALLS


def resolved(node: Any, components: Mapping[str, Any], seen: frozenset[str] = frozenset()) -> Any:
    """A part of the document with what it refers to in its place."""
    if isinstance(node, list):
        return [resolved(one, components, seen) for one in node]
    if not isinstance(node, dict):
        return node
    name = str(node.get("$ref", "")).rsplit("/", 1)[-1]
    if name and name not in seen:
        return resolved(components.get(name, {}), components, seen | {name})
    return {key: resolved(value, components, seen) for key, value in node.items()}


@pytest.mark.parametrize(
    "address",
    [
        "http://hook.example.org/", "https://169.254.169.254/latest/meta-data", "https://[::1]/", "https://0.0.0.0/", "https://2130706433/",
        "https://hook.example.org@127.0.0.1/", "https://hook.example.org.evil.test/", "file:///etc/passwd", "gopher://hook.example.org/",
    ],
)  # fmt: skip
def test_an_address_that_was_not_allowed_is_not_called(address: str) -> None:
    settings = Monitor(webhook=address, webhook_hosts=("hook.example.org",))
    with pytest.raises(SetupError):
        post(settings, b"{}", look=lambda host, port: ["203.0.113.7"] if host != "hook.example.org" else ["127.0.0.1"])


def test_an_import_fetches_no_address(served: Served) -> None:
    body = {"inputFormat": "application/fhir+ndjson", "input": [{"type": "Patient", "url": "http://169.254.169.254/x"}]}
    headers = {**served.allowed, "Prefer": "respond-async"}
    answer = served.made.client.post("/fhir/identified/$import", json=body, headers=headers)
    assert answer.status_code in (400, 415)


# --- API8: what was set wrongly


def test_every_answer_has_the_headers_and_tells_nothing_of_the_machine(served: Served) -> None:
    def check(route: Route) -> None:
        for headers in ({}, served.caller()[1]):
            answer = served.ask(route, headers)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Cache-Control"]
            assert "X-Powered-By" not in answer.headers
            assert not re.search(
                r"Traceback|site-packages|sqlalchemy|File \"", answer.get_data().decode(errors="replace")
            )

    every(ROUTES, check, named)


ORIGINS = ["https://evil.example", "null", "http://127.0.0.1:8080.evil.example"]


@pytest.mark.parametrize("origin", ORIGINS)
def test_another_origin_is_told_nothing(served: Served, origin: str) -> None:
    def check(route: Route) -> None:
        asked = {"Origin": origin, "Access-Control-Request-Method": route.method}
        for answer in (served.ask(route, asked), served.ask(route, asked, method="OPTIONS")):
            assert [name for name in answer.headers.keys() if name.lower() == "access-control-allow-origin"] == []  # noqa: SIM118

    every(ROUTES, check, named)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP"])
def test_a_caller_cannot_say_from_where_it_comes(tmp_path: Path, header: str) -> None:
    with Installation(tmp_path, api={"sign_in_rate": "2/minute"}) as made:
        asks = [
            made.client.post("/oauth2/token", data={"grant_type": "x"}, headers={header: f"for=10.0.0.{number}"})
            for number in range(3)
        ]
        assert [answer.status_code == 429 for answer in asks] == [False, False, True]


# --- API9: what nobody remembers


def test_every_address_has_a_version_or_that_of_its_standard() -> None:
    known = re.compile(r"^/(api/v1|fhir|oauth2|cds-services|\.well-known)(/|$)|^/(healthz|readyz|metrics)$")
    assert [route.name for route in ROUTES if not known.match(route.path)] == []


@pytest.mark.parametrize(
    "path", ["/api/v0/me", "/api/me", "/api/v1/debug", "/swagger.json", "/actuator", "/console", "/.git/HEAD"]
)
def test_no_forgotten_address_answers(served: Served, path: str) -> None:
    assert served.made.client.get(path, headers=served.allowed).status_code == 404


def test_the_document_names_each_route_and_nothing_else(served: Served) -> None:
    told = {f"{method.upper()} {path}" for path, methods in served.document["paths"].items() for method in methods}
    assert {route.name for route in ROUTES} <= told
