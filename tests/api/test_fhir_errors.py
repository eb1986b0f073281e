"""Every error below /fhir is an OperationOutcome: valid, with a code that stays and a remedy, and without a value."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson
import pytest
from werkzeug.test import TestResponse

from careloom.fhir.validate import check
from careloom.services.changes import Change
from careloom.services.write import write
from tests.api.kit import OBSERVATION, PATIENT, Installation

FHIR = "application/fhir+json"
SECRET = "Zephyrine"  # pragma: allowlist secret
NEW = {"resourceType": "Organization", "name": SECRET}


class Case(NamedTuple):
    """One request that is refused."""

    method: str
    path: str
    status: int
    issue: str
    body: Any = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    kind: str = FHIR


CASES = [
    Case("GET", "/fhir", 404, "not-found"),
    Case("GET", "/fhir/", 404, "not-found"),
    Case("GET", "/fhir/elsewhere/Patient", 404, "not-found"),
    Case("GET", f"/fhir/identified/{SECRET}", 404, "not-found"),
    Case("GET", f"/fhir/identified/Patient/{SECRET}", 404, "not-found"),
    Case("GET", f"/fhir/identified/Patient/1/$wish-{SECRET}", 404, "not-found"),
    Case("GET", "/fhir/identified/$wish", 404, "not-found"),
    Case("GET", "/fhir/identified/a/b/c/d/e", 404, "not-found"),
    Case("GET", f"/fhir/identified/Patient?wish={SECRET}", 400, "invalid"),
    Case("GET", f"/fhir/identified/Patient?birthdate={SECRET}", 400, "invalid"),
    Case("GET", "/fhir/identified/Patient?_format=xml", 406, "not-supported"),
    Case("GET", "/fhir/identified/Patient", 406, "not-supported", headers={"Accept": "text/turtle"}),
    Case("DELETE", "/fhir/identified/metadata", 405, "not-supported"),
    Case("DELETE", "/fhir/identified/$export", 405, "not-supported"),
    Case("PUT", f"/fhir/identified/Organization/{SECRET}", 405, "not-supported", NEW | {"id": SECRET}),
    Case("POST", "/fhir/identified/Patient/1/$docref", 404, "not-found", NEW),
    Case("POST", "/fhir/identified/Organization", 415, "not-supported", SECRET.encode(), kind="text/plain"),
    Case("POST", "/fhir/identified/Organization", 400, "invalid", f'{{"{SECRET}'.encode()),
    Case("POST", "/fhir/identified/Organization", 400, "invalid", NEW | {"wish": SECRET}),
    Case("POST", "/fhir/identified/Organization", 400, "invalid", f"<{SECRET}".encode(), kind="application/fhir+xml"),
    Case("POST", "/fhir/identified", 413, "too-long", b" " * 200_000),
    Case("POST", "/fhir/identified/Patient/_search", 415, "not-supported", SECRET.encode(), kind="text/plain"),
    Case("PATCH", "/fhir/identified/Organization/{lab}", 422, "processing",
         [{"op": "remove", "path": f"/{SECRET}"}], kind="application/json-patch+json"),
    Case("PATCH", "/fhir/identified/Organization/{lab}", 412, "conflict",
         [{"op": "replace", "path": "/name", "value": SECRET}], {"If-Match": 'W/"9"'}, "application/json-patch+json"),
    Case("POST", "/fhir/identified/Observation", 422, "processing",
         OBSERVATION | {"subject": {"reference": f"Patient/{SECRET}"}}),
    Case("DELETE", "/fhir/identified/Patient/{patient}", 409, "conflict"),
    Case("GET", "/fhir/identified/Organization/{gone}", 410, "deleted"),
    Case("POST", "/fhir/research/Organization", 403, "forbidden", NEW),
    Case("GET", "/fhir/identified/Patient", 401, "login", headers={"Authorization": "Bearer x.y.z"}),
    Case("GET", "/fhir/terminology/CodeSystem/$lookup", 400, "invalid"),
    Case("GET", "/fhir/terminology/wish", 404, "not-found"),
]  # fmt: skip


class Ward:
    """An installation with a patient, a laboratory, and one that was deleted."""

    def __init__(self, made: Installation) -> None:
        self.made, self.headers = made, made.bearer()
        made.ingest([PATIENT, OBSERVATION])
        lab, gone = (self._new() for _ in range(2))
        write(made.platform, made.operator, "identified", Change("delete", "Organization", gone))
        self.facts = {"patient": made.stored_id("Patient", "p1"), "lab": lab, "gone": gone}

    def _new(self) -> str:
        change = Change("create", "Organization", resource={"resourceType": "Organization", "name": "Lab"})
        return write(self.made.platform, self.made.operator, "identified", change).id

    def ask(self, case: Case, method: str = "") -> TestResponse:
        raw = case.body if isinstance(case.body, bytes) else orjson.dumps(case.body)
        more: dict[str, Any] = {} if case.body is None else {"data": raw, "content_type": case.kind}
        path = case.path.format(**self.facts) if "{" in case.path else case.path
        headers = {**self.headers, **case.headers}
        return self.made.client.open(path, method=method or case.method, headers=headers, **more)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with Installation(tmp_path_factory.mktemp("errors"), fhir={"max_bundle_bytes": 100_000}) as made:
        yield Ward(made)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.method} {case.path} {case.status}")
def test_an_error_is_an_operation_outcome(ward: Ward, case: Case) -> None:
    answer = ward.ask(case)
    assert (answer.status_code, answer.mimetype) == (case.status, FHIR), answer.text
    outcome = answer.get_json(force=True)
    assert (outcome["resourceType"], check(outcome)) == ("OperationOutcome", [])
    assert outcome["issue"][0]["code"] == case.issue
    assert all(one["details"]["coding"][0]["code"] and one["diagnostics"] for one in outcome["issue"])
    assert SECRET not in answer.text
    if case.status == 405:
        assert answer.headers["Allow"]


def test_whoever_asks_too_often_is_told_so_as_an_outcome(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Installation(tmp_path_factory.mktemp("errors-rate"), api={"client_rate": "3/minute"}) as made:
        headers = made.bearer()
        answers = [made.client.get("/fhir/identified/Patient", headers=headers) for _ in range(8)]
        refused = answers[-1]
        assert (refused.status_code, refused.mimetype) == (429, FHIR)
        assert refused.get_json(force=True)["issue"][0]["code"] == "throttled"
        assert int(refused.headers["Retry-After"]) > 0


PREFERRED = [
    ("return=minimal", None), ("return=representation", "Organization"),
    ("return=OperationOutcome", "OperationOutcome"),
    ("", "Organization"), ("return=minimal, handling=lenient", None), ("wait=5; return=minimal", None),
    ('return="minimal"', None), ("return=wish", "Organization"),
]  # fmt: skip


@pytest.mark.parametrize(("prefer", "kind"), PREFERRED)
def test_what_comes_back_of_a_write_is_what_prefer_says(ward: Ward, prefer: str, kind: str | None) -> None:
    headers = {"Prefer": prefer} if prefer else {}
    created = ward.ask(Case("POST", "/fhir/identified/Organization", 201, "", {**NEW, "name": "Lab"}, headers))
    assert created.status_code == 201
    assert created.headers["Location"]
    assert (created.get_json(force=True)["resourceType"] if created.data else None) == kind


HANDLED = (
    "/fhir/identified/Patient?wish=1",
    "/fhir/identified?_type=Patient&wish=1",
    "/fhir/identified/Patient/{patient}?wish=1",
    "/fhir/identified/Patient/{patient}/$everything?wish=1",
    "/fhir/identified/DocumentReference/$docref?patient={patient}&wish=1",
    "/fhir/identified/Patient/{patient}/$validate?wish=1",
    "/fhir/identified/ViewDefinition/patient/$run?wish=1",
)


@pytest.mark.parametrize("path", HANDLED)
def test_who_is_lenient_has_unknown_parameters_left_out_and_who_is_strict_is_refused(ward: Ward, path: str) -> None:
    for prefer, expected in (("handling=strict", 400), ("", 400), ("handling=lenient", 200)):
        answer = ward.ask(Case("GET", path, expected, "", headers={"Prefer": prefer} if prefer else {}))
        assert answer.status_code == expected, (path, prefer)
