"""Research tables over HTTP and by the SDK: a codebook, the table by it in three forms, and what is refused."""

import io
import json
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from careloom.api import research
from careloom.client.careloom import Careloom
from careloom.errors import AccessError, Conflict, NotFound, TooLarge
from careloom.services.deidentify import deidentify
from careloom.services.encode import EncodeAsk, codebook_of
from careloom.tables.encoding import SMALLEST_CELL
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.api.test_sdk import client_of

ROUTE = "/api/v1/research"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("research")) as made:
        made.ingest([PATIENT, *(OBSERVATION | {"id": f"o{number}"} for number in range(3))])
        deidentify(made.platform, made.operator)
        yield made


@pytest.fixture(scope="module")
def api(made: Installation) -> Iterator[Careloom]:
    with client_of(made, roles=["data-scientist"], zones=["research"]) as api:
        yield api


@pytest.fixture(scope="module")
def book(api: Careloom) -> dict[str, Any]:
    return api.research.codebook("observations", smallest=1)


def test_a_codebook_names_the_categories_of_enough_patients_alone(api: Careloom, book: dict[str, Any]) -> None:
    columns = {one["name"]: one for one in book["columns"]}
    assert (book["table"], columns["code"]["categories"]) == ("silver/observations", ["8867-4"])
    assert research.SMALLEST_CELL == SMALLEST_CELL
    rare = {one["name"]: one for one in api.research.codebook("observations")["columns"]}
    assert rare["code"]["categories"] == []


def test_a_table_comes_in_three_forms_that_say_the_same(api: Careloom, book: dict[str, Any]) -> None:
    parquet = pl.read_parquet(io.BytesIO(api.research.encoded("observations", book)))
    csv = pl.read_csv(io.BytesIO(api.research.encoded("observations", book, "csv")))
    told = json.loads(api.research.encoded("observations", book, "json"))
    assert parquet["code"].to_list() == csv["code"].to_list() == told["columns"]["code"] == [1, 1, 1]
    assert (told["table"], told["rows"], list(told["columns"])) == ("silver/observations", 3, parquet.columns)
    assert parquet["value_number"].to_list() == told["columns"]["value_number"] == [71.0, 71.0, 71.0]
    assert told["columns"]["encounter_id"] == [None, None, None]


def test_a_codebook_of_the_command_line_is_taken(made: Installation, api: Careloom, book: dict[str, Any]) -> None:
    answer = made.client.get(f"{ROUTE}/observations/codebook?smallest=1", headers=made.bearer())
    assert json.loads(answer.text) == book
    answer = made.client.post(f"{ROUTE}/observations/encoded", headers=made.bearer(), json={"codebook": book})
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="observations.csv"'


def test_what_is_not_there_and_what_does_not_fit_is_told(api: Careloom, book: dict[str, Any]) -> None:
    with pytest.raises(NotFound):
        api.research.codebook("nothing")
    with pytest.raises(NotFound):
        api.research.encoded("nothing", book)
    with pytest.raises(Conflict):
        api.research.encoded("patients", book)


def test_before_there_is_a_research_zone_there_is_no_table(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Installation(tmp_path_factory.mktemp("empty")) as made, client_of(made) as api, pytest.raises(NotFound):
        api.research.codebook("patients")


def test_a_table_that_is_too_large_for_an_answer_is_refused(made: Installation, api: Careloom) -> None:
    with pytest.raises(TooLarge):
        codebook_of(made.platform, made.operator, "observations", EncodeAsk(most_rows=2))
    assert codebook_of(made.platform, made.operator, "observations", EncodeAsk(most_rows=3))


def test_who_may_not_read_the_research_zone_gets_no_number(made: Installation, book: dict[str, Any]) -> None:
    with client_of(made, roles=["clinician"], zones=["identified"]) as clinician:
        with pytest.raises(AccessError):
            clinician.research.codebook("observations")
        with pytest.raises(AccessError):
            clinician.research.encoded("observations", book)


BAD: list[Any] = [
    {},
    {"codebook": {}},
    {"codebook": {"version": 2, "table": "silver/patients", "smallest": 1, "unknown": 0, "missing": -1, "columns": []}},
    {"format": "xlsx"},
]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_a_body_that_breaks_the_schema_is_refused(made: Installation, book: dict[str, Any], body: Any) -> None:
    if "format" in body:
        body = {**body, "codebook": book}
    answer = made.client.post(f"{ROUTE}/patients/encoded", headers=made.bearer(), json=body)
    assert (answer.status_code, answer.json["code"].startswith("input")) == (400, True)
