"""``ViewDefinition/$run``: the rows of a view in every format, whose they are, and what is refused."""

import json
import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import orjson
import polars as pl
import pytest
from werkzeug.test import TestResponse

from tests.api.kit import OBSERVATION, PATIENT, Installation

VIEW: dict[str, Any] = {
    "resourceType": "ViewDefinition", "name": "people", "status": "active", "resource": "Patient",
    "select": [{"column": [{"name": "family", "path": "name.family.first()"}, {"name": "born", "path": "birthDate"}]}],
}  # fmt: skip
LISTS = VIEW | {"select": [{"column": [{"name": "given", "path": "name.given", "collection": True}]}]}
UNFIT = VIEW | {"select": [{"column": [{"name": "given", "path": "name.given"}]}]}
OTHER = PATIENT | {"id": "p2", "name": [{"family": "Sallow", "given": ["Ann", "Bo"]}], "birthDate": "1970"}
ROWS = [{"family": "Quillfeather", "born": "1961-04-05"}, {"family": "Sallow", "born": "1970"}]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("views")) as installation:
        installation.ingest([PATIENT, OTHER, OBSERVATION])
        yield installation


def ask(
    made: Installation, path: str, sent: Any = None, headers: dict[str, str] | None = None, **told: str
) -> TestResponse:
    more: dict[str, Any] = {} if sent is None else {"data": orjson.dumps(sent), "content_type": "application/fhir+json"}
    return made.client.open(
        f"/fhir/identified/ViewDefinition/{path}",
        method="GET" if sent is None else "POST", headers={**(headers or made.bearer()), **told}, **more,
    )  # fmt: skip


def parameters(*parts: tuple[str, Any]) -> dict[str, Any]:
    listed = [{"name": name, ("resource" if isinstance(part, dict) else "valueString"): part} for name, part in parts]
    return {"resourceType": "Parameters", "parameter": listed}


def rows(answer: TestResponse) -> list[dict[str, Any]]:
    """The rows of an answer, whatever its format."""
    assert answer.status_code == 200, answer.text
    if answer.mimetype == "application/json":
        found: list[dict[str, Any]] = answer.get_json()
        return found
    if answer.mimetype == "application/x-ndjson":
        return [json.loads(line) for line in answer.get_data().splitlines()]
    read = pl.read_csv if answer.mimetype == "text/csv" else pl.read_parquet
    return read(BytesIO(answer.get_data())).to_dicts()


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "parquet"])
def test_the_rows_come_in_every_format(made: Installation, form: str) -> None:
    answer = ask(made, f"$run?_format={form}", VIEW | {"select": VIEW["select"]})
    assert rows(answer) == ROWS
    event = made.events()[-1]
    assert (event["operation"], event["outcome"], len(event["subjects"])) == ("view", "success", 2)


def test_accept_names_a_format_too_and_csv_may_go_without_its_first_line(made: Installation) -> None:
    assert ask(made, "$run", VIEW, Accept="text/csv").text == "family,born\nQuillfeather,1961-04-05\nSallow,1970\n"
    sent = parameters(("viewResource", VIEW), ("_format", "csv"), ("header", "false"))
    assert ask(made, "$run", sent).text == "Quillfeather,1961-04-05\nSallow,1970\n"
    assert ask(made, "$run", VIEW, Accept="image/png").status_code == 406
    assert ask(made, "$run?_format=table", VIEW).status_code == 406


def test_views_that_ship_go_by_name(made: Installation) -> None:
    by_path, by_reference = ask(made, "patient/$run"), ask(made, "$run?viewReference=ViewDefinition/patient")
    assert len(rows(by_path)) == 2
    assert by_path.get_json() == by_reference.get_json()
    assert ask(made, "wish/$run").status_code == 404
    assert ask(made, "$run?viewReference=ViewDefinition/wish").status_code == 404


def test_rows_are_narrowed_by_patient_time_and_number(made: Installation) -> None:
    first = made.stored_id("Patient", "p1")
    assert rows(ask(made, f"$run?patient={first}", VIEW)) == ROWS[:1]
    assert rows(ask(made, f"$run?patient=Patient/{first},{made.stored_id('Patient', 'p2')}", VIEW)) == ROWS
    assert rows(ask(made, "$run?_limit=1", VIEW)) == ROWS[:1]
    assert rows(ask(made, "$run?_since=2100-01-01T00:00:00Z", VIEW)) == []
    assert made.events()[-1]["detail"]["count"] == 0
    assert ask(made, "$run?patient=nobody", VIEW).status_code == 404


def test_resources_that_are_sent_are_looked_at_in_place_of_the_zone(made: Installation) -> None:
    sent = parameters(("viewResource", LISTS), ("resource", OTHER), ("resource", OBSERVATION))
    assert rows(ask(made, "$run", sent)) == [{"given": ["Ann", "Bo"]}]
    assert made.events()[-1]["detail"]["sent"] == 2


REFUSED: list[tuple[str, Any, int]] = [
    ("$run?_format=csv", LISTS, 400),
    ("$run", UNFIT, 422),
    ("$run", VIEW | {"select": []}, 400),
    ("$run", {"resourceType": "Patient"}, 400),
    ("$run", parameters(), 400),
    ("$run?viewReference=ViewDefinition/patient", parameters(("viewResource", VIEW)), 400),
    ("$run?_limit=0", VIEW, 400),
    ("$run?_limit=10001", VIEW, 400),
    ("$run?header=maybe", VIEW, 400),
    ("$run?_since=2024", VIEW, 400),
    ("$run?group=Group/1", VIEW, 400),
    ("$run?patient=a/b/c", VIEW, 400),
    ("$run?patient=%1C", VIEW, 400),
]


@pytest.mark.parametrize(("path", "sent", "status"), REFUSED)
def test_what_cannot_be_run_is_told_as_an_outcome(made: Installation, path: str, sent: Any, status: int) -> None:
    answer = ask(made, path, sent)
    assert (answer.status_code, answer.get_json(force=True)["resourceType"]) == (status, "OperationOutcome")
    assert "Ann" not in answer.text


def test_who_may_not_search_the_type_of_the_view_gets_no_row(made: Installation) -> None:
    assert ask(made, "$run", VIEW, made.bearer(scopes="system/Observation.rs")).status_code == 403
    assert made.events()[-1]["outcome"] == "refused"
    assert rows(ask(made, "$run", VIEW, made.bearer(scopes="system/Patient.s"))) == ROWS
    own = made.bearer(
        roles=["patient"], zones=["identified"], scopes="patient/*.rs",
        patient=f"Patient/{made.stored_id('Patient', 'p1')}",
    )  # fmt: skip
    assert ask(made, "$run", VIEW, own).status_code == 403


TWOFOLD = OTHER | {"id": "p3", "identifier": [{"value": "a"}, {"value": "b"}]}


def side_by_side(count: int) -> list[dict[str, Any]]:
    """As many lists, each of two identifiers: two to that power rows of a patient."""
    return [{"forEach": "identifier", "column": [{"name": f"c{at}", "path": "value"}]} for at in range(count)]


@pytest.mark.parametrize(("lists", "status"), [(16, 422), (15, 200)])
def test_a_view_that_multiplies_takes_no_more_than_its_first_rows_need(
    made: Installation, lists: int, status: int
) -> None:
    sent = parameters(("viewResource", VIEW | {"select": side_by_side(lists)}), *[("resource", TWOFOLD)] * 12)
    tracemalloc.start()
    try:
        answer = ask(made, "$run?_limit=1", sent)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (answer.status_code, peak < 40_000_000) == (status, True), answer.text
    assert status != 200 or len(rows(answer)) == 1


def test_the_cells_of_all_resources_together_have_a_bound(made: Installation) -> None:
    wide = {"column": [{"name": f"w{at}", "path": "id"} for at in range(232)]}
    sent = parameters(("viewResource", VIEW | {"select": [*side_by_side(12), wide]}), *[("resource", TWOFOLD)] * 3)
    assert ask(made, "$run?_limit=5000", sent).status_code == 200
    assert ask(made, "$run", sent).status_code == 422
