import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom import errors
from careloom.api.problems import STATUS
from careloom.client.problems import CODES, LONGEST_TEXT, error_of, problem_of
from careloom.errors import CareloomError


def kinds() -> list[type[CareloomError]]:
    found = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, CareloomError)]
    return [kind for kind in found if kind is not CareloomError]


@pytest.mark.parametrize("kind", kinds())
def test_every_error_of_the_tree_comes_back_as_itself(kind: type[CareloomError]) -> None:
    assert CODES[kind.code] is kind
    status = next(STATUS[each] for each in kind.__mro__ if each in STATUS)
    error = error_of(httpx.Response(status, json={"code": kind.code, "detail": "here", "remedy": "do this"}))
    assert type(error) is kind
    assert (error.where, error.remedy) == ("here", "do this")


def outcome(code: str, text: str = "here", diagnostics: str = "do this") -> dict[str, object]:
    details = {"coding": [{"system": "urn:careloom:problem", "code": code}], "text": text}
    issue = {"severity": "error", "code": "invalid", "details": details, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


SAID = [  # status, document, expected class, expected code
    (400, {"code": "input.schema", "detail": "x"}, errors.InputError, "input.schema"),
    (403, {"code": "access.scope.missing", "detail": "x"}, errors.AccessError, "access.scope.missing"),
    (400, {"code": "input.query", "detail": "x"}, errors.QueryError, "input.query"),
    (405, {"code": "http.method-not-allowed", "detail": "x"}, errors.InputError, "http.method-not-allowed"),
    (429, {"code": "http.too-many-requests", "detail": "x"}, errors.StateError, "http.too-many-requests"),
    (500, {"code": "internal", "detail": "x"}, errors.SetupError, "internal"),
    (404, outcome("input.not-found"), errors.NotFound, "input.not-found"),
    (410, outcome("state.erased"), errors.Erased, "state.erased"),
    (
        404,
        {"resourceType": "OperationOutcome", "issue": [{"code": "not-found", "diagnostics": "gone"}]},
        errors.NotFound,
        "http.404",
    ),
    (404, {"resourceType": "OperationOutcome"}, errors.NotFound, "http.404"),
    (404, {"resourceType": "OperationOutcome", "issue": ["text"]}, errors.NotFound, "http.404"),
    (400, {"resourceType": "OperationOutcome", "issue": [{"details": 7}]}, errors.InputError, "http.400"),
    (401, {"error": "invalid_client"}, errors.Unauthenticated, "oauth.invalid_client"),
    (400, {"error": "invalid_scope", "error_description": "x"}, errors.AccessError, "oauth.invalid_scope"),
    (400, {"error": "unsupported_grant_type"}, errors.InputError, "oauth.unsupported_grant_type"),
    (400, {"error": "invalid_request", "error_description": 7}, errors.InputError, "oauth.invalid_request"),
    (401, [], errors.Unauthenticated, "http.401"),
    (418, "text", errors.InputError, "http.418"),
    (502, None, errors.SetupError, "http.502"),
    (302, None, errors.SetupError, "http.302"),
    (413, {"code": 7, "detail": "x"}, errors.TooLarge, "http.413"),
]


@pytest.mark.parametrize(("status", "document", "kind", "code"), SAID)
def test_an_answer_says_whose_fault_it_is(status: int, document: object, kind: type[CareloomError], code: str) -> None:
    error = error_of(httpx.Response(status, json=document))
    assert type(error) is kind
    problem = problem_of(error)
    assert problem
    assert (problem.status, problem.code) == (status, code)
    assert error.where


@pytest.mark.parametrize("body", [b"", b"<html>bad gateway</html>", b"\xff\xfe\xfa", b"[" * 100_000, b'{"code": "in'])
def test_a_refusal_in_no_language_is_told_by_its_status(body: bytes) -> None:
    error = error_of(httpx.Response(503, content=body))
    assert type(error) is errors.SetupError
    assert "503" in str(error)
    assert "html" not in str(error)


def test_the_id_of_the_request_stands_in_the_message() -> None:
    error = error_of(httpx.Response(403, json={"code": "access", "detail": "no"}, headers={"X-Request-Id": "abc123"}))
    assert "abc123" in str(error)
    problem = problem_of(error)
    assert problem
    assert problem.request_id == "abc123"


def test_an_error_that_no_answer_caused_has_no_problem() -> None:
    assert problem_of(errors.SetupError("no connection", "")) is None


@given(st.text(), st.text(), st.text())
def test_a_message_obeys_no_control_character_and_keeps_its_length(code: str, detail: str, remedy: str) -> None:
    body = json.dumps({"code": code, "detail": detail, "remedy": remedy}).encode()
    error = error_of(httpx.Response(400, content=body))
    assert all(letter.isprintable() for letter in error.where + error.remedy)
    assert len(error.where) <= LONGEST_TEXT
    assert error.where


def test_what_is_secret_is_hidden_wherever_an_answer_repeats_it() -> None:
    document = {"code": "input.t0ken", "detail": "the token t0ken is bad", "remedy": "not t0ken"}
    response = httpx.Response(400, json=document, headers={"X-Request-Id": "t0ken"})
    error = error_of(response, hide=("t0ken", ""))
    assert "t0ken" not in str(error) + str(error.__cause__) + repr(vars(problem_of(error)))
