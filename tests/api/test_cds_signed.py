"""Calls of CDS Hooks that the EHR signs itself: one JWT a call, for its address, of a registered key; else 401."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from careloom.errors import QueryError
from careloom.runtime import Runtime
from tests.api.kit import BASE_URL, Clock, Installation
from tests.api.signing import EC, PUBLIC, RSA, STRANGER, assertion, pieced
from tests.api.test_scores import AT
from tests.store_kit import event, put

ISSUER = "https://fhir-ehr.example.com/"
SIGN = "/cds-services/order-check.order-sign"
SCOPES = ("system/*.r", "careloom/monitor", "careloom/correct")


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock(AT)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("signed"), Runtime(clock=clock)) as one:
        one.register(("clinician",), ("identified",), SCOPES, "ehr", client_id=ISSUER, jwks=PUBLIC)
        with one.platform.store("identified").transaction(event()) as step:
            step.write([put("Patient", "p1", ("p1",), birthDate="1950-03-01", gender="female")])
        yield one


def signed(path: str, **more: Any) -> dict[str, str]:
    """The header of a call that is as it should be, but for `more`: claims, the header and the key."""
    claims = {"iss": ISSUER, "sub": None, "aud": BASE_URL + path, "iat": int(AT.timestamp()), "jti": str(uuid4())}
    return {"Authorization": f"Bearer {assertion(ISSUER, AT, **(claims | more))}"}


def asked(place: Installation, headers: dict[str, str]) -> Any:
    orders = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "ServiceRequest", "id": "s"}}]}
    body = {
        "hook": "order-sign", "hookInstance": str(uuid4()),
        "context": {"userId": "Practitioner/a", "patientId": "p1", "draftOrders": orders},
    }  # fmt: skip
    return place.client.post(SIGN, json=body, headers=headers)


@pytest.mark.parametrize("key", [EC, RSA], ids=["ES384", "RS384"])
def test_a_call_that_its_client_signed_is_answered(place: Installation, key: Any) -> None:
    assert asked(place, signed(SIGN, key=key)).json == {"cards": []}
    assert place.client.get("/cds-services", headers=signed("/cds-services", key=key)).status_code == 200


def test_a_jwt_may_have_its_address_in_a_list_and_name_where_its_keys_are(place: Installation) -> None:
    assert asked(place, signed(SIGN, aud=[BASE_URL + SIGN])).status_code == 200
    assert asked(place, signed(SIGN, header={"jku": "https://evil.example/keys"}, tenant="x")).status_code == 200


def test_feedback_is_signed_for_its_own_address_or_for_the_service(place: Installation) -> None:
    told = {"card": str(uuid4()), "outcome": "accepted", "outcomeTimestamp": "2024-02-25T10:00:00Z"}
    for address in (SIGN, f"{SIGN}/feedback"):
        answer = place.client.post(f"{SIGN}/feedback", json={"feedback": [told]}, headers=signed(address))
        assert answer.json == {"answers": 0, "unknown": 1}


def test_a_jwt_is_used_once(place: Installation) -> None:
    headers = signed(SIGN)
    assert asked(place, headers).status_code == 200
    again = asked(place, headers)
    assert (again.status_code, again.json["code"]) == (401, "access.unauthenticated")
    assert "was used before" in again.json["detail"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"key": STRANGER}, "no client is registered"), ({"iss": "https://other.example/"}, "no client is registered"),
        ({"header": {"kid": "other"}}, "no client is registered"), ({"header": {"kid": None}}, "header is not"),
        ({"header": {"typ": "at+jwt"}}, "header is not"), ({"header": {"typ": None}}, "header is not"),
        ({"aud": f"{BASE_URL}/cds-services"}, "aud is not"), ({"aud": None}, "aud is not"),
        ({"aud": [BASE_URL + SIGN, "https://other.example"]}, "aud is not"),
        ({"exp": int(AT.timestamp()) - 10}, "expired"), ({"exp": None}, "expired"),
        ({"exp": int(AT.timestamp()) + 400}, "more than five minutes"), ({"iat": None}, "no iat"),
        ({"iat": int(AT.timestamp()) + 60}, "does not hold yet"), ({"jti": None}, "no fitting jti"),
        ({"jti": ""}, "no fitting jti"), ({"iss": None}, "cannot be read"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, dict) else one,
)  # fmt: skip
def test_a_jwt_that_does_not_hold_is_refused_and_says_why(
    place: Installation, change: dict[str, Any], told: str
) -> None:
    answer = asked(place, signed(SIGN, **change))
    assert (answer.status_code, told in answer.json["detail"]) == (401, True), answer.json["detail"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS384", "RS256"])
def test_an_algorithm_that_shares_or_needs_no_key_is_refused(place: Installation, algorithm: str) -> None:
    claims = {
        "iss": ISSUER,
        "aud": BASE_URL + SIGN,
        "exp": int(AT.timestamp()) + 60,
        "iat": int(AT.timestamp()),
        "jti": "x",
    }
    token = pieced({"alg": algorithm, "kid": "ec", "typ": "JWT"}, claims, b"" if algorithm == "none" else b"shared")
    answer = asked(place, {"Authorization": f"Bearer {token}"})
    assert (answer.status_code, "header is not" in answer.json["detail"]) == (401, True)


def test_a_signed_jwt_opens_no_other_address_and_a_token_of_ours_still_opens_this_one(place: Installation) -> None:
    assert (
        place.client.get("/fhir/identified/Patient/p1", headers=signed("/fhir/identified/Patient/p1")).status_code
        == 401
    )
    assert asked(place, place.bearer()).status_code == 200
    assert asked(place, {"Authorization": "Bearer x.y.z"}).status_code == 401
    assert asked(place, {}).status_code == 401


def test_only_what_was_granted_may_be_done(place: Installation) -> None:
    place.register(
        ("clinician",), ("identified",), ("careloom/monitor",), "narrow", client_id=f"{ISSUER}n", jwks=PUBLIC
    )
    assert asked(place, signed(SIGN, iss=f"{ISSUER}n")).status_code == 403


def test_a_refusal_is_audited_only_where_the_client_signed_it(place: Installation) -> None:
    def refusals() -> list[Any]:
        return [one for one in place.events() if one["operation"] == "authenticate"]

    before = len(refusals())
    asked(place, signed(SIGN, key=STRANGER))
    assert len(refusals()) == before
    asked(place, signed(SIGN, exp=int(AT.timestamp()) - 10))
    assert (len(refusals()), refusals()[-1]["actor"]) == (before + 1, "ehr")


def test_an_issuer_is_registered_with_its_keys_and_a_stopped_one_is_not_let_in(
    place: Installation, clock: Clock
) -> None:
    with pytest.raises(QueryError):
        place.register(("clinician",), ("identified",), client_id="https://keyless.example/")
    place.register(
        ("clinician",), ("identified",), client_id=f"{ISSUER}s", jwks=PUBLIC, expires=AT + timedelta(minutes=1)
    )
    clock.move(minutes=2)
    try:
        answer = asked(place, signed(SIGN, iss=f"{ISSUER}s"))
    finally:
        clock.move(minutes=-2)
    assert (answer.status_code, answer.json["detail"]) == (401, "the client is not let in any more")
