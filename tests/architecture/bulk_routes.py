"""Example requests of the routes of bulk exports, for `test_routes`, and what they name."""

import sqlite3
from contextlib import closing
from functools import partial
from typing import Any

from careloom.services import exports
from careloom.services.export_ask import ExportAsk
from careloom.services.job_requests import sealed
from careloom.store.jobs import Jobs
from careloom.store.jobs_tables import FILE_NAME
from tests.api.kit import Installation

GROUP = {
    "resourceType": "Group", "id": "g1", "type": "person", "actual": True,
    "member": [{"entity": {"reference": "Patient/p1"}}],
}  # fmt: skip
AT = "/fhir/{zone}/$export/{export_id}"
OWN = "/fhir/identified/$export/{own_export}"
EXAMPLES: dict[str, dict[str, Any]] = {
    **{
        f"GET /fhir/{{zone}}/{below}$export": {
            "path": f"/fhir/identified/{at}$export", "verb": "read", "statuses": (202,),
            "also": "system/*.s", "also_in": ("identified",), "more": {"headers": {"Prefer": "respond-async"}},
        }
        for below, at in (("", ""), ("Patient/", "Patient/"), ("Group/{id}/", "Group/{group}/"))
    },
    f"GET {AT}": {"path": OWN, "verb": "read"},
    f"DELETE {AT}": {"path": OWN, "verb": "read", "statuses": (202,)},
    f"GET {AT}/{{file}}": {"path": f"{OWN}/Patient.1.ndjson", "verb": "read"},
}  # fmt: skip


def whole(made: Installation, actor: str) -> str:
    """The id of a new export of everything that is done, as if `actor` had asked for it."""
    platform, export_id = made.platform, made.platform.run_id()
    request = sealed(platform, {"ask": ExportAsk("identified").as_json()}) | {"zone": "identified"}
    jobs = Jobs(platform.settings.data.directory / "jobs", platform.runtime, immediate=True)
    jobs.register(exports.KIND, partial(exports.work_off, platform, jobs))
    jobs.submit(exports.KIND, request, actor="worker", job_id=export_id)
    jobs.close()
    with closing(sqlite3.connect(platform.settings.data.directory / "jobs" / FILE_NAME)) as queue, queue:
        queue.execute("UPDATE job SET actor = ? WHERE id = ?", (actor, export_id))
    return export_id
