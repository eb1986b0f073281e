"""The abuses of OWASP's API Security Top 10 of 2023 by callers, each tried at every route: API1, API2, API5, API6.

Routes come from the application, their requests from `tests.architecture.route_examples`: a new route is abused, too.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from careloom.services.access import ROLES, ZONES
from careloom.services.clients import stored_patient
from tests.api.kit import PATIENT, Clock, Installation
from tests.architecture.route_examples import EXAMPLES, Example
from tests.architecture.routes import Route
from tests.architecture.test_routes import CLOSED, DECIDED, Served, is_problem, rights, scope_of, served
from tests.every import every

__all__ = ["served"]
SECRETS = ("Quillfeather", "1961-04-05")
"""What the patient of the examples is known by."""


def named(route: Route) -> str:
    """How a failure shows a route."""
    return route.name


# --- API1: objects of others


TAKE_IDS = [route for route in CLOSED if re.search(r"\{(?!zone|type|layer|name|table|service_id)\w+\}", route.path)]


@pytest.fixture(scope="module")
def stranger(served: Served) -> dict[str, str]:
    """The header of a patient who may see what is about that patient, and asks for what is about another."""
    served.made.ingest([{**PATIENT, "id": "p9", "name": [{"family": "Other"}], "birthDate": "1999-01-01"}])
    own = stored_patient(served.made.platform, "Patient/p9")
    return served.made.bearer(["patient"], ["identified"], patient=f"Patient/{own}")


def test_what_belongs_to_another_is_not_there(served: Served, stranger: dict[str, str]) -> None:
    def check(route: Route) -> None:
        answer = served.ask(route, stranger)
        assert answer.status_code in (400, 403, 404, 412), answer.text
        assert not any(word in answer.text for word in SECRETS)

    assert len(TAKE_IDS) > 60
    every(TAKE_IDS, check, named)


def test_no_list_or_search_shows_what_belongs_to_another(served: Served, stranger: dict[str, str]) -> None:
    def check(route: Route) -> None:
        answer = served.ask(route, stranger)
        assert answer.status_code < 500
        is_named = "{patient}" in EXAMPLES[route.name].path  # then the answer may say what it was asked
        assert is_named or served.facts["patient"] not in answer.text
        assert not any(word in answer.text for word in SECRETS)

    every([route for route in CLOSED if route not in TAKE_IDS], check, named)


OWN = [
    route
    for route in TAKE_IDS
    if "{own_" in EXAMPLES[route.name].path or EXAMPLES[route.name].also == "careloom/operate"
]


def test_who_may_do_the_same_does_not_get_what_another_asked_for(served: Served) -> None:
    def check(route: Route) -> None:
        served.caller()
        example = EXAMPLES[route.name]
        twin = served.made.bearer(**{**rights(example), "scopes": scope_of(example.verb)})
        answer = served.ask(route, twin)
        assert answer.status_code in (403, 404), answer.text

    assert len(OWN) > 10
    every(OWN, check, named)


ZONED = [route for route in TAKE_IDS if route.path.startswith("/fhir/{zone}/{type}/{id}") and route.method == "GET"]


@pytest.mark.parametrize("zone", sorted(ZONES - {"identified", "landing"}))
def test_an_id_of_one_zone_means_nothing_in_another(served: Served, zone: str) -> None:
    def check(route: Route) -> None:
        path = EXAMPLES[route.name].path.replace("{patient}", served.facts["patient"]).replace("identified", zone)
        answer = served.made.client.get(path, headers=served.allowed)
        assert answer.status_code in (404, 405)
        assert not any(word in answer.text for word in SECRETS)

    every(ZONED, check, named)


# --- API2: who somebody is


def test_no_route_takes_a_token_that_is_not_one(served: Served, tmp_path: Path) -> None:
    good = served.made.token()
    _, claims, sign = good.split(".")
    none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0"
    with Installation(tmp_path) as other:
        foreign = other.token()
    tokens = {
        "unsigned": f"{none}.{claims}.", "of another head": f"{none}.{claims}.{sign}", "cut": good[:-2],
        "of another installation": foreign, "a secret": served.made.register().secret, "two": f"{good} {good}",
    }  # fmt: skip

    def check(asked: tuple[Route, str]) -> None:
        route, what = asked
        answer = served.ask(route, {"Authorization": f"Bearer {tokens[what]}"})
        assert answer.status_code == 401
        assert is_problem(answer, 401, route.path)

    every([(route, what) for route in CLOSED for what in tokens], check, lambda asked: f"{asked[0].name}: {asked[1]}")


def test_no_route_takes_a_token_from_its_address(served: Served) -> None:
    token = served.made.token()

    def check(route: Route) -> None:
        path = route.path.replace("{zone}", "identified").replace("{", "").replace("}", "")
        answer = served.made.client.open(f"{path}?access_token={token}", method=route.method)
        assert answer.status_code == 401

    every(CLOSED, check, named)


def test_no_route_takes_a_token_that_is_over(tmp_path: Path) -> None:
    with Installation(tmp_path) as made:
        made.platform.runtime = type(made.platform.runtime)(clock=(clock := Clock()))
        headers = made.bearer()
        assert made.client.get("/api/v1/me", headers=headers).status_code == 200
        clock.move(hours=2)
        late = [route for route in CLOSED if "{" not in route.path]
        every(late, lambda route: _is_over(made.client.open(route.path, method=route.method, headers=headers)), named)


def _is_over(answer: TestResponse) -> None:
    assert answer.status_code == 401


# --- API5: functions of others


def test_no_role_does_what_is_another_roles(served: Served) -> None:
    headers = {role: served.made.bearer([role]) for role in ROLES if role != "patient"}
    asked = [
        (route, role)
        for route in DECIDED
        if "role" in EXAMPLES[route.name].lacking
        for role, verbs in ROLES.items()
        if role in headers and not may(EXAMPLES[route.name], verbs)
    ]

    def check(one: tuple[Route, str]) -> None:
        answer = served.ask(one[0], headers[one[1]])
        allowed = {403, 404} if one[0] in TAKE_IDS else {403}  # what is another's own is not there, whatever the role
        assert answer.status_code in allowed, answer.text

    assert len(asked) > 500
    every(asked, check, lambda one: f"{one[0].name} by {one[1]}")


def may(example: Example, verbs: Mapping[str, frozenset[str]]) -> bool:
    """True when a role's verbs permit an example; what is about no zone is permitted by the verb in any."""
    zones = verbs.get(example.verb, frozenset())
    return example.zones[0] in zones or ("zone" not in example.lacking and bool(zones))


# --- API6: flows of people


def test_who_asks_who_is_behind_a_pseudonym_does_not_approve_it(served: Served) -> None:
    headers = served.caller()[1]
    ask = {"names": [served.facts["pseudonym"]], "reason": "a critical value", "purpose": "TREAT"}
    made = served.made.client.post("/api/v1/reidentifications", json=ask, headers=headers)
    at = f"/api/v1/reidentifications/{made.json['id']}"
    assert served.made.client.post(f"{at}/reveal", headers=headers).status_code in (403, 409)
    own = served.made.client.post(f"{at}/decisions", json={"decision": "approve"}, headers=headers)
    assert own.status_code == 403
