"""Every route of the API asks who comes, decides whether they may, writes it down, and stands in the document.

The rules come from the application itself: a new route fails here until it has an example, a decision and an event.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import count
from typing import Any

import pytest
from werkzeug.test import TestResponse

from careloom.api import gate
from careloom.api.problems import FHIR_TYPE, PROBLEM_TYPE
from careloom.services import annotations
from careloom.services.access import ROLES, ZONES
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate
from careloom.services.deidentifications import submit as begin
from careloom.services.deidentify import Project, deidentify
from careloom.services.normalizations import submit
from careloom.services.normalize import NormalizeAsk, normalize
from careloom.services.quality import QualityAsk, quality
from careloom.services.tokens import issue
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.architecture import (
    access_routes,
    audit_routes,
    bulk_routes,
    client_routes,
    forecast_routes,
    jobs_routes,
    lake_routes,
    linkage_routes,
    models_routes,
    monitoring_routes,
    operation_routes,
    report_routes,
    risk_routes,
    score_routes,
    signing_key_routes,
    subject_routes,
    synthetic_routes,
    users_routes,
    vault_routes,
    write_routes,
)
from tests.architecture.route_examples import EXAMPLES, NOTE, UPLOAD, Example
from tests.architecture.routes import ROUTES, Route
from tests.architecture.source import ROOT
from tests.every import every

NEW = count(1)
OPEN = {
    "health.live", "health.ready", "oauth.token", "oauth.revoke", "oauth.introspect", "oauth.openid_discovery",
    "people", "providers", "oauth.keys", "oauth.discovery", "fhir.metadata", "fhir.metadata_of_all",
    "fhir.smart_configuration", "openapi", "swagger", "passkeys",
}  # fmt: skip
"""What anybody may reach. A change here is a decision: say why in docs/reference/clients.md, which lists them too."""

WHOEVER_HAS_A_TOKEN = {"GET /api/v1/me"}
"""Closed routes that ask for no verb: they tell callers about themselves."""

SIGNING_IN = {"POST /oauth2/token", "POST /oauth2/revoke", "POST /oauth2/introspect"}
"""Open routes where a client proves who it is; their errors are those of OAuth (RFC 6749, section 5.2)."""

CLOSED = [route for route in ROUTES if not gate.is_open(route.endpoint)]
DECIDED = [route for route in CLOSED if route.name not in WHOEVER_HAS_A_TOKEN]


def named(route: Route) -> str:
    """How pytest shows a route."""
    return route.name


@dataclass
class Served:
    """An installation with something in it, and what examples name."""

    made: Installation
    facts: dict[str, str]
    last_caller: str = ""

    @cached_property
    def allowed(self) -> dict[str, str]:
        """The header of requests of somebody who may do everything."""
        return self.caller()[1]

    @cached_property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document, as served."""
        found: dict[str, Any] = self.made.client.get("/openapi/openapi.json").json
        return found

    def ask(
        self, route: Route, headers: Mapping[str, str] | None = None, method: str = "", **more: Any
    ) -> TestResponse:
        """Sends a route's example."""
        example = EXAMPLES[route.name]
        more = {**example.more, **more}
        if more.get("auth") == "client":
            client = self.made.register()
            more["auth"] = (client.client.id, client.secret)
            if "token" in more["data"]:
                more["data"] = {"token": issue(self.made.platform, client.client).token}
        path = re.sub(r"\{([\w ]+)\}", lambda name: self.fact(name[1]), example.path)
        if "json" in more:
            more["json"] = json.loads(re.sub(r"<(\w+)>", lambda name: self.fact(name[1]), json.dumps(more["json"])))
        sent = {**more.pop("headers", {}), **(headers or {})}
        return self.made.client.open(path, method=method or route.method, headers=sent, **more)

    def fact(self, name: str) -> str:
        made = {
            "waiting": self.waiting_upload,
            "fresh": lambda: write_routes.fresh(self.made),
            "queued": lambda: str(submit(self.made.platform, self.made.operator, is_rehearsal=True)["id"]),
            "queued deidentification": lambda: str(begin(self.made.platform, self.made.operator)["id"]),
            "queued annotation": self.queued_annotation,
            "person": lambda: users_routes.person(self.made),
            "person with passkey": lambda: users_routes.with_passkey(self.made),
            "new_person": users_routes.new_person,
            "refresh": lambda: lake_routes.refresh(self.made),
            "queued look": lambda: monitoring_routes.queued(self.made),
            "emergency": lambda: access_routes.emergency(self.made, self.facts["patient"]),
            "queued check": lambda: audit_routes.queued(self.made),
            **{name: partial(make, self.made) for name, make in subject_routes.MADE.items()},
            "question": lambda: vault_routes.question(self.made, self.facts["pseudonym"]),
            "own_export": lambda: bulk_routes.whole(self.made, self.last_caller),
            "own_view_export": lambda: operation_routes.own_export(self.made, self.last_caller),
            "done_import": lambda: bulk_routes.done_import(self.made, self.last_caller),
            "own_scoring": lambda: score_routes.own_scoring(self.made, self.last_caller),
            **{name: partial(make, self.made, self.last_caller) for name, make in report_routes.MADE.items()},
            "own_import": lambda: bulk_routes.waiting_import(self.made, self.last_caller),
            "other client": lambda: client_routes.other(self.made),
            "new_client": lambda: f"new-{next(NEW)}",
            "free_use": lambda: signing_key_routes.free_use(self.made),
            "next key": lambda: signing_key_routes.next_key(self.made),
            "waiting_job": lambda: jobs_routes.waiting(self.made),
            "failed_job": lambda: jobs_routes.failed(self.made),
            "own_question": lambda: vault_routes.question(self.made, self.facts["pseudonym"], self.last_caller),
        }
        return made[name]() if name in made else self.facts[name]

    def queued_annotation(self) -> str:
        """The id of a new annotation that no worker has touched."""
        found: str = annotations.submit(self.made.platform, self.made.operator, AnnotateAsk())["id"]
        return found

    def waiting_upload(self) -> str:
        """The id of a new upload that no worker has touched."""
        answer = self.made.client.post("/api/v1/ingestions", headers=self.made.bearer(), **UPLOAD)
        assert answer.status_code == 202, answer.text
        found: str = answer.json["id"]
        return found

    def caller(self, **ask: Any) -> tuple[str, dict[str, str]]:
        """The name of a new client, and the header of its requests."""
        client = self.made.register(**ask).client
        self.last_caller = client.name
        return client.name, {"Authorization": f"Bearer {issue(self.made.platform, client).token}"}

    def uses_by(self, name: str) -> list[dict[str, Any]]:
        """What the audit chains hold of a client's requests; that it got its token is no use of it."""
        zones = [zone for zone in ("identified", "research", "synthetic") if self.made.platform.has_store(zone)]
        events = [event for zone in zones for event in self.made.events(zone) if event["actor"] == name]
        return [event for event in events if event["operation"] != "issue-token"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Installation(tmp_path_factory.mktemp("routes")) as made:
        run = made.ingest([PATIENT, OBSERVATION, NOTE, bulk_routes.GROUP, operation_routes.ENCOUNTER])
        annotate(made.platform, made.operator, AnnotateAsk())
        deidentified = deidentify(made.platform, made.operator).run_id
        patient = made.stored_id("Patient", "p1")
        normalization = normalize(made.platform, made.operator, NormalizeAsk(is_rehearsal=True))["run_id"]
        lake_routes.table(made)
        look = quality(made.platform, made.operator, QualityAsk())["run_id"]
        forecast_routes.stays(made)
        forecast_routes.session(made)
        risk_routes.made(made)
        (record, *_) = made.platform.store("identified").records_of("Patient", patient)
        facts = {"patient": patient, "run": run.run_id, "record": record, "look": look, "normalization": normalization}
        facts |= {"redrive": jobs_routes.redriven(made), "encounter": made.stored_id("Encounter", "e1")}
        facts |= {"group": made.stored_id("Group", "g1"), "note": made.stored_id("DocumentReference", "n1")}
        renamed = f"Patient/{Project(made.platform).rename('Patient', patient)}"
        facts |= {"deidentification": deidentified, "pseudonym": renamed} | monitoring_routes.watched(made, patient)
        yield Served(made, facts | models_routes.made(made) | linkage_routes.linked(made) | synthetic_routes.made(made))


def rights(example: Example) -> dict[str, Any]:
    """The fewest rights that an example needs: one role, its zones, one scope."""
    roles = [role for role, verbs in ROLES.items() if set(example.zones) <= verbs.get(example.verb, frozenset())]
    return {
        "roles": roles[:1],
        "zones": (*example.zones, *example.also_in),
        "scopes": f"{scope_of(example.verb)} {example.also}".strip(),
    }


def scope_of(verb: str) -> str:
    letters = {"create": "c", "read": "r", "update": "u", "delete": "d", "search": "s"}
    return f"system/*.{letters[verb]}" if verb in letters else f"careloom/{verb}"


def without_scope(example: Example) -> dict[str, Any]:
    """Every role and zone, and a token for something else."""
    return {"scopes": "careloom/erase" if example.verb != "erase" else "careloom/audit"}


def without_role(example: Example) -> dict[str, Any]:
    """Every zone, and a role that has nothing to do with it."""
    strangers = [role for role, verbs in ROLES.items() if example.zones[0] not in verbs.get(example.verb, ())]
    return {"roles": strangers[:1]}


def without_zone(example: Example) -> dict[str, Any]:
    """Every role, and all zones but the one that it is about."""
    return {"zones": sorted(ZONES - {example.zones[0]})}


Lacking = Callable[[Example], dict[str, Any]]
LACKING: dict[str, Lacking] = {"scope": without_scope, "role": without_role, "zone": without_zone}


def is_problem(answer: TestResponse, status: int, path: str) -> bool:
    """True for a problem document of that status; OperationOutcome under /fhir."""
    body = answer.get_json(force=True)
    if path.startswith("/fhir/"):
        return answer.mimetype == FHIR_TYPE and body["resourceType"] == "OperationOutcome"
    return answer.mimetype == PROBLEM_TYPE and body["status"] == status and bool(body["code"])


def test_every_route_has_an_example_and_every_example_a_route() -> None:
    assert {route.name for route in ROUTES} == set(EXAMPLES)


def test_what_anybody_may_reach_is_listed_here_and_on_the_page() -> None:
    assert set(gate.OPEN) == OPEN
    page = (ROOT / "docs" / "reference" / "clients.md").read_text("utf-8")
    open_names = {route.name for route in ROUTES} - {route.name for route in CLOSED}
    assert {
        name for name in re.findall(r"^\| `([A-Z]+ /\S*)` \|", page, re.MULTILINE) if name not in open_names
    } == set()


@pytest.mark.parametrize("route", ROUTES, ids=named)
def test_who_brings_no_token_or_a_false_one_finds_out_nothing(served: Served, route: Route) -> None:
    if route in CLOSED:
        for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic eDp5"}):
            answer = served.ask(route, headers)
            assert answer.status_code == 401
            assert is_problem(answer, 401, route.path)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    else:
        assert served.ask(route).status_code in EXAMPLES[route.name].statuses


@pytest.mark.parametrize(
    ("route", "lacking"),
    [
        pytest.param(route, lacking, id=f"{route.name} without {lacking}")
        for route in DECIDED
        if route.name in EXAMPLES
        for lacking in EXAMPLES[route.name].lacking
    ],
)
def test_who_lacks_a_scope_a_role_or_a_zone_is_refused_and_the_refusal_is_audited(
    served: Served, route: Route, lacking: str
) -> None:
    name, headers = served.caller(**LACKING[lacking](EXAMPLES[route.name]))
    answer = served.ask(route, headers)
    assert answer.status_code == 403, answer.text
    assert is_problem(answer, 403, route.path)
    assert [event["outcome"] for event in served.uses_by(name)] == ["refused"]


def test_the_overview_leaves_out_what_the_caller_may_not_monitor(served: Served) -> None:
    name, headers = served.caller(roles=["clinician"], zones=["identified"])
    shown = served.ask(Route("GET /api/v1/overview", "overview.shown"), headers).json
    assert [zone["zone"] for zone in shown["zones"]] == ["identified"]
    assert {part: shown[part] for part in ("arrivals", "refused", "quality", "jobs")} == dict.fromkeys(
        ("arrivals", "refused", "quality", "jobs")
    )
    assert [event["outcome"] for event in served.uses_by(name)] == ["success"]


@pytest.mark.parametrize("route", CLOSED, ids=named)
def test_who_may_is_served_and_audited(served: Served, route: Route) -> None:
    example = EXAMPLES[route.name]
    name, headers = served.caller(**(rights(example) if example.verb else {}))
    answer = served.ask(route, headers)
    assert answer.status_code in example.statuses, answer.text
    events = served.uses_by(name)
    assert events
    assert {event["outcome"] for event in events} == {"success"}
    assert {event["detail"]["request"] for event in events} == {answer.headers["X-Request-Id"]}


NAMES_NO_JOB = {"POST /api/v1/synthetic/samples/{run_id}/release"}
"""Its answer is the sample, which has a name of its own."""
QUEUING = [
    route
    for route in CLOSED
    if 202 in EXAMPLES[route.name].statuses and route.method != "DELETE" and route.name not in NAMES_NO_JOB
]


@pytest.mark.parametrize("route", QUEUING, ids=named)
def test_queued_work_is_found_among_the_jobs(served: Served, route: Route) -> None:
    _, headers = served.caller()
    answer = served.ask(route, headers)
    assert answer.status_code == 202
    found = re.search(r"<([^>]+)>; rel=\"monitor\"", ", ".join(answer.headers.getlist("Link")))
    assert found, dict(answer.headers)
    shown = served.made.client.get(found[1], headers=headers)
    assert (shown.status_code, shown.json["state"]) == (200, "waiting")


@pytest.mark.parametrize("route", [route for route in ROUTES if route.name in SIGNING_IN], ids=named)
def test_signing_in_and_out_is_decided_and_audited(served: Served, route: Route) -> None:
    wrong = (served.made.register().client.id, "a-guess")
    for auth, status, outcome in ((wrong, 401, "refused"), ("client", EXAMPLES[route.name].statuses[0], "success")):
        answer = served.ask(route, auth=auth)
        assert answer.status_code == status
        last = served.made.events()[-1]
        assert (last["outcome"], last["detail"]["request"]) == (outcome, answer.headers["X-Request-Id"])
        if status == 401:
            assert answer.mimetype == "application/json"
            assert answer.json["error"] == "invalid_client"


@pytest.mark.parametrize("route", [route for route in CLOSED if route.method == "GET"], ids=named)
def test_head_is_get_without_a_body_and_audited_as_get_is(served: Served, route: Route) -> None:
    example = EXAMPLES[route.name]
    assert served.ask(route, method="HEAD").status_code == 401
    name, headers = served.caller(**(rights(example) if example.verb else {}))
    answer = served.ask(route, headers, method="HEAD")
    assert (answer.status_code, answer.data) == (200, b"")
    assert served.uses_by(name)


OTHERS = [
    (route, method)
    for route in ROUTES
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS")
    if f"{method} {route.path}" not in {other.name for other in ROUTES}
]
"""Each route with each method that its address does not know."""


def test_another_method_is_405_and_the_right_ones_are_named(served: Served) -> None:
    def check(asked: tuple[Route, str]) -> None:
        route, method = asked
        answer = served.ask(route, served.allowed, method=method)
        assert answer.status_code == 405
        assert is_problem(answer, 405, route.path)
        assert route.method in answer.headers["Allow"].split(", ")

    every(OTHERS, check, lambda asked: f"{asked[1]} instead of {asked[0].name}")


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/api/v2/me", "/fhir/identified/a/b/c/d", "/admin", "/.env", "/%2e%2e/"]
)
def test_an_unknown_address_is_a_404_problem(served: Served, path: str) -> None:
    for headers in ({}, served.allowed):
        answer = served.made.client.get(path, headers=headers)
        assert answer.status_code == 404
        assert is_problem(answer, 404, path)


def test_the_document_tells_of_every_route(served: Served) -> None:
    def check(route: Route) -> None:
        told = served.document["paths"][route.path][route.method.lower()]
        assert told["summary"]
        example = EXAMPLES[route.name]
        scopes = [scope for need in told.get("security", []) for scope in need["oauth2"]]
        assert bool(told.get("security")) == (route in CLOSED)
        if example.verb:
            own = example.told or scope_of(example.verb)
            assert scopes == [own, *([example.also] if example.also_in else [])]
        answers = told["responses"]
        assert {str(status) for status in example.statuses} <= set(answers)
        if route in CLOSED:
            assert "401" in answers
        if route in DECIDED:
            assert "403" in answers

    every(ROUTES, check, named)


def test_the_document_tells_of_nothing_else(served: Served) -> None:
    paths = served.document["paths"]
    told = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert told - {f"HEAD {route.path}" for route in ROUTES} == {route.name for route in ROUTES}
