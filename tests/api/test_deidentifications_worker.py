"""The worker amid a de-identification: killed. Nothing is missing, written or counted twice."""

import contextlib
import json
import signal
import sqlite3
from pathlib import Path
from typing import Any

from careloom.services.audit import verify
from careloom.services.deidentifications import show_run, submit
from careloom.services.jobs import work
from careloom.services.operate import check
from tests.api.test_ingestions_worker import BATCH, Served, wait_for
from tests.journeys.feeds import observation

PATIENTS = 60
RECORDS = 600
FEED = "\n".join(
    json.dumps(one)
    for one in [
        *({"resourceType": "Patient", "id": f"p{n}", "gender": "other"} for n in range(PATIENTS)),
        *(observation(n) for n in range(RECORDS - PATIENTS)),
    ]
).encode()


def passed(served: Served) -> int:
    """The resources that another process can see in the research zone."""
    database = served.platform.settings.data.directory / "research" / "store.db"
    if not database.exists():
        return 0
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as store:
            return int(store.execute("select count(*) from resource").fetchone()[0])
    except sqlite3.OperationalError:  # its tables are being made
        return 0


def shown(served: Served, run_id: str) -> dict[str, Any]:
    return show_run(served.platform, served.operator, run_id)


def test_a_worker_that_is_killed_leaves_the_run_to_the_next(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        served.ingest(FEED)
        run_id = submit(served.platform, served.operator)["id"]
        with served.worker() as running:
            assert wait_for(lambda: passed(served) >= BATCH)
            running.send_signal(signal.SIGKILL)
            running.wait(30)
        told = shown(served, run_id)
        assert (told["state"], told["signed"]) == ("running", None)
        assert 0 < passed(served) < RECORDS
        work(served.platform, once=True)
        told = shown(served, run_id)
        assert (told["state"], told["read"], told["kept"], told["held_back"]) == ("done", RECORDS, RECORDS, 0)
        assert told["signed"] is True
        rows = {one["table"]: one["rows"] for one in told["report"]["tables"]}
        assert (rows["silver/patients"], rows["silver/observations"]) == (PATIENTS, RECORDS - PATIENTS)
        assert {one.version for one in served.platform.store("research").scan()} == {1}
        assert check(served.platform, served.operator, "research")["consistent"]
        assert verify(served.platform, served.operator)["verified"]
