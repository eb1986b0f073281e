"""The worker amid a normalization: killed, asked to stop, told to cancel. Nothing is done or counted twice."""

import contextlib
import json
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from careloom.services.jobs import work
from careloom.services.normalizations import cancel_run, show_run, submit
from tests.api.test_ingestions_worker import Served, wait_for
from tests.journeys.feeds import observation

RECORDS = 1500
BATCH = 100
PATIENTS = 97
FEED = "\n".join(
    json.dumps(one)
    for one in [
        *({"resourceType": "Patient", "id": f"p{n}", "name": [{"family": f"F{n}"}]} for n in range(PATIENTS)),
        *(
            observation(n) | {"valueQuantity": {"value": n, "unit": "bpm" if n % 5 else "cubits"}}
            for n in range(RECORDS - PATIENTS)
        ),
    ]
).encode()


def rewritten(served: Served) -> int:
    """The new versions that another process can see in the store."""
    database = served.platform.settings.data.directory / "identified" / "store.db"
    with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as store:
        return int(store.execute("select count(*) from resource where version > 1").fetchone()[0])


def shown(served: Served, run_id: str) -> dict[str, Any]:
    return show_run(served.platform, served.operator, run_id)


def counts(told: dict[str, Any]) -> dict[str, int]:
    return {one["code"]: one["count"] for one in (*told["changes"], *told["warnings"])}


def checked(served: Served, run_id: str) -> None:
    """It is done, and as if nothing had happened."""
    told = shown(served, run_id)
    left = sum(not n % 5 for n in range(RECORDS - PATIENTS))
    coded = RECORDS - PATIENTS - left
    assert (told["state"], told["changed"], told["refused"]) == ("done", coded, 0)
    assert counts(told) == {"normalize.unit-coded": coded, "normalize.unit-unknown": left}
    assert rewritten(served) == coded
    assert {one.version for one in served.platform.store("identified").scan(["Observation"])} == {1, 2}
    served.state()


@pytest.mark.parametrize(("how", "after"), [(signal.SIGKILL, RECORDS // 3), (signal.SIGTERM, 1)])
def test_a_worker_that_is_killed_or_stopped_leaves_the_rest_to_the_next(
    tmp_path: Path, how: signal.Signals, after: int
) -> None:
    with Served(tmp_path) as served:
        served.ingest(FEED)
        run_id = submit(served.platform, served.operator, is_rehearsal=False)["id"]
        with served.worker() as running:
            assert wait_for(lambda: rewritten(served) >= after)
            running.send_signal(how)
            running.wait(30)
        told = shown(served, run_id)
        assert told["state"] == ("running" if how == signal.SIGKILL else "waiting")
        assert 0 < rewritten(served) < RECORDS - PATIENTS
        work(served.platform, once=True)
        checked(served, run_id)


def test_a_running_one_is_cancelled_and_tells_what_it_had_done(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        served.ingest(FEED)
        run_id = submit(served.platform, served.operator, is_rehearsal=False)["id"]
        with served.worker():
            assert wait_for(lambda: shown(served, run_id)["changed"] > 0)
            assert cancel_run(served.platform, served.operator, run_id)["state"] == "cancelled"
            until = rewritten(served) + 2 * BATCH
            assert not wait_for(lambda: rewritten(served) > until, seconds=1.0)
        told = shown(served, run_id)
        assert told["state"] == "cancelled"
        assert 0 < told["changed"] <= rewritten(served) < RECORDS - PATIENTS
