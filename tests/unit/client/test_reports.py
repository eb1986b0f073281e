import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from careloom.api import oauth_schemas, schemas
from careloom.client import reports
from careloom.client.decoding import decode, document_of
from careloom.client.reports import IngestionPage, Me, Overview, Page
from careloom.errors import SetupError

ME = {
    "name": "warehouse",
    "kind": "client",
    "roles": ["data-scientist"],
    "zones": ["research"],
    "scopes": ["system/*.rs"],
    "expires": "2026-11-22T12:00:00Z",
    "purpose": "HOPERAT",
}
OVERVIEW: dict[str, Any] = {
    "generated": "2026-11-22T12:00:00+00:00",
    "zones": [{"zone": "research", "total": 3, "resources": {"Patient": 1, "Observation": 2},
               "changed": "2026-11-22T11:59:59.000001+00:00", "alarms": None}],
    "arrivals": {
        "runs": 1, "files": 1, "records": 3, "stored": 1, "kept": 1, "known": 0, "quarantined": 1, "erased": 0,
        "resources": 3, "bytes": 99, "last": None,
        "by_format": [{"format": "fhir", "records": 3, "quarantined": 1}],
        "by_day": [{"day": "2026-11-22", "stored": 1, "quarantined": 1}],
    },
    "refused": {"waiting": 1, "reasons": [{"code": "fhir.required-missing", "count": 1}]},
    "quality": {"accepted_share": 1, "issues": [{"code": "x", "severity": "error", "count": 1}]},
    "jobs": None,
}  # fmt: skip


def test_a_report_holds_what_the_answer_said() -> None:
    me = decode(Me, ME)
    assert me.roles == ("data-scientist",)
    assert me.expires == datetime(2026, 11, 22, 12, tzinfo=UTC)
    overview = decode(Overview, OVERVIEW)
    assert overview.jobs is None
    assert overview.arrivals
    assert overview.arrivals.last is None
    assert overview.zones[0].resources == {"Patient": 1, "Observation": 2}
    assert overview.quality
    assert isinstance(overview.quality.accepted_share, float)


SHAPES: list[tuple[Any, type]] = [  # what the platform promises, what the client reads it into
    (oauth_schemas.Me, reports.Me),
    (schemas.Overview, reports.Overview),
    (schemas.ArrivalCount, reports.Arrivals),
    (schemas.Ingestion, reports.Ingestion),
    (schemas.IngestionDetail, reports.IngestionReport),
    (schemas.File, reports.FileReport),
    (schemas.Totals, reports.Totals),
    (schemas.IngestionPage, reports.IngestionPage),
    (schemas.IssuePage, reports.IssuePage),
    (schemas.Refused, reports.RefusedRecord),
]


@pytest.mark.parametrize(("promised", "kind"), SHAPES, ids=[row[1].__name__ for row in SHAPES])
def test_a_report_has_every_field_that_the_platform_promises_and_no_other(promised: Any, kind: type) -> None:
    assert set(promised.model_fields) == {field.name for field in fields(kind)}


@pytest.mark.parametrize(("promised", "kind"), SHAPES, ids=[row[1].__name__ for row in SHAPES])
def test_the_examples_of_the_platform_are_understood(promised: Any, kind: type) -> None:
    example = (promised.model_config.get("json_schema_extra") or {}).get("example")
    if example is not None:
        assert isinstance(decode(kind, example), kind)


def test_fields_of_a_later_platform_are_passed_over() -> None:
    assert decode(Me, ME | {"nickname": "x"}) == decode(Me, ME)


@pytest.mark.parametrize("name", ME)
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(SetupError, match=rf"Me\.{name}"):
        decode(Me, {key: value for key, value in ME.items() if key != name})


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": 7}, "Me.name"),
    ({"name": None}, "Me.name"),
    ({"roles": "data-scientist"}, "Me.roles"),
    ({"roles": ["a", 7]}, r"Me.roles\[1\]"),
    ({"expires": "tomorrow"}, "Me.expires"),
    ({"expires": "2026-11-22T12:00:00"}, "Me.expires"),
    ({"expires": 1}, "Me.expires"),
]


@pytest.mark.parametrize(("change", "place"), WRONG)
def test_a_field_of_another_kind_is_named_and_its_value_is_not(change: dict[str, Any], place: str) -> None:
    with pytest.raises(SetupError, match=place) as caught:
        decode(Me, ME | change)
    assert "tomorrow" not in str(caught.value)


def test_a_truth_value_is_no_number() -> None:
    spoiled = json.loads(json.dumps(OVERVIEW))
    spoiled["arrivals"]["runs"] = True
    with pytest.raises(SetupError, match=r"Overview\.arrivals\.runs"):
        decode(Overview, spoiled)


@pytest.mark.parametrize("document", [[], "text", None, 7])
def test_what_is_no_object_is_no_report(document: object) -> None:
    with pytest.raises(SetupError):
        decode(IngestionPage, document)


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000, b"<html>"])
def test_an_answer_that_is_no_json_object_is_told_and_not_repeated(body: bytes) -> None:
    with pytest.raises(SetupError) as caught:
        document_of(httpx.Response(200, content=body))
    assert "html" not in str(caught.value)


def test_a_page_shows_no_resource_when_it_is_printed() -> None:
    patient = {"resourceType": "Patient", "name": [{"family": "Abernathy"}]}
    page = Page({"entry": [{"resource": patient}]}, (patient,), 1, "")
    assert "Abernathy" not in repr(page)
