"""The lake over HTTP and by the SDK: tables, columns, versions, rows page by page, a refresh as a job."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from careloom.client.careloom import Careloom
from careloom.errors import AccessError, NotFound, QueryError
from careloom.services.jobs import work
from careloom.services.lake import lake_snapshot
from careloom.services.view_table import TableAsk, make_table
from tests.api.kit import Installation
from tests.api.test_sdk import client_of
from tests.store_kit import event, put

TABLE = "gold/observation"
ROUTE = f"/api/v1/lake/synthetic/tables/{TABLE}"


def write(made: Installation, *numbers: int) -> None:
    writes = [
        put("Observation", f"o{n}", (f"p{n % 3}",), status="final", subject={"reference": f"Patient/p{n % 3}"},
            valueQuantity={"value": n})
        for n in numbers
    ]  # fmt: skip
    with made.platform.store("synthetic").transaction(event(zone="synthetic")) as transaction:
        transaction.write(writes)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path) as one:
        write(one, *range(9))
        make_table(one.platform, one.operator, "synthetic", TableAsk("observation"))
        yield one


@pytest.fixture
def api(made: Installation) -> Iterator[Careloom]:
    with client_of(made) as api:
        yield api


def test_a_table_tells_its_columns_versions_and_snapshots(made: Installation, api: Careloom) -> None:
    kept = lake_snapshot(made.platform, made.operator, "synthetic", TABLE)["name"]
    (listed,) = api.lake("synthetic").tables()
    assert (listed.path, listed.rows, listed.is_sealed, listed.view) == (TABLE, 9, True, "observation")
    told = api.lake("synthetic").table(TABLE)
    columns = {one.name: one for one in told.columns}
    assert (columns["patient_key"].phi, columns["value"].phi, columns["value"].type) == ("quasi", "none", "double")
    assert told.versions[-1].number == told.version == listed.version
    assert told.snapshots == (kept,)


def test_rows_come_page_by_page_of_one_version_whatever_is_written_meanwhile(made: Installation, api: Careloom) -> None:
    lake = api.lake("synthetic")
    rows = lake.rows(TABLE, ("value", "resource_key"), page_rows=4)
    first = next(rows)
    write(made, 50, 51)
    make_table(made.platform, made.operator, "synthetic", TableAsk("observation"))
    found = [first, *rows]
    assert list(first) == ["value", "resource_key"]
    assert sorted(one["value"] for one in found) == list(map(float, range(9)))
    assert len(list(lake.rows(TABLE))) == 11
    before = lake.table(TABLE).version - 1
    assert len(list(lake.rows(f"{TABLE}@{before}", start=7))) == 2


@pytest.mark.parametrize("kind", ["ndjson", "csv", "arrow"])
def test_every_way_to_write_rows_holds_the_same(api: Careloom, kind: Any) -> None:
    read = {"ndjson": pl.read_ndjson, "csv": pl.read_csv, "arrow": pl.read_ipc_stream}[kind]
    wanted = ("resource_key", "row_number", "status", "value")
    pages = list(api.lake("synthetic").pages(TABLE, wanted, kind=kind, page_rows=5))
    frames = [read(BytesIO(page)) for page in pages]  # type: ignore[operator]
    assert [one.height for one in frames] == [5, 4]
    found = pl.concat([one.cast({"row_number": pl.Int64}) for one in frames]).sort("value")
    assert found.columns == list(wanted)
    assert found["value"].to_list() == list(map(float, range(9)))


def test_a_refresh_is_a_job_that_tells_what_became_of_the_table(made: Installation, api: Careloom) -> None:
    lake = api.lake("synthetic")
    write(made, 30)
    queued = lake.refresh(TABLE)
    assert (queued.state, queued.table, queued.version) == ("waiting", TABLE, None)
    work(made.platform, once=True)
    done = lake.wait(queued.id)
    assert (done.table, done.done, done.rows) == (TABLE, "refreshed", 10)
    assert done.version == lake.table(TABLE).version
    with pytest.raises(NotFound):
        api.lake("research").refreshed(queued.id)


def test_what_is_not_there_and_what_no_table_is_called_is_refused(made: Installation, api: Careloom) -> None:
    lake = api.lake("synthetic")
    for name in ("gold/nothing", f"{TABLE}@99"):
        with pytest.raises(NotFound):
            next(lake.rows(name))
    with pytest.raises(NotFound):
        next(lake.rows(TABLE, ("nothing",)))
    with pytest.raises(QueryError):
        lake.table("observation")
    answer = made.client.get("/api/v1/lake/identified/tables", headers=made.bearer())
    assert answer.status_code == 400


def test_csv_refuses_lists(made: Installation, tmp_path: Path) -> None:
    view = tmp_path / "lists.json"
    view.write_text(
        '{"resource":"Observation","name":"lists","select":[{"column":'
        '[{"name":"codes","path":"code.coding.code","collection":true}]}]}'
    )
    make_table(made.platform, made.operator, "synthetic", TableAsk(str(view)))
    at = "/api/v1/lake/synthetic/tables/gold/lists"
    told = {one["name"]: one for one in made.client.get(at, headers=made.bearer()).json["columns"]}
    assert told["codes"]["type"] == "array<string>"
    assert made.client.get(f"{at}/rows?format=csv", headers=made.bearer()).status_code == 400
    assert made.client.get(f"{at}/rows", headers=made.bearer()).status_code == 200


def test_who_may_not_search_the_zone_reads_no_table(made: Installation) -> None:
    with client_of(made, roles=("clinician",)) as api, pytest.raises(AccessError):
        api.lake("synthetic").tables()
    answer = made.client.get(f"{ROUTE}/rows", headers=made.bearer(scopes="system/*.r"))
    assert answer.status_code == 403
