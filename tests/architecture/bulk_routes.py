"""Example requests of the routes of bulk exports and imports, for `test_routes`, and what they name."""

import sqlite3
from contextlib import closing
from functools import partial
from typing import Any

from careloom.services import exports, imports, reconciliation
from careloom.services.export_ask import ExportAsk
from careloom.services.job_requests import sealed
from careloom.services.jobs import KIND
from careloom.store.jobs import Jobs
from careloom.store.jobs_tables import FILE_NAME
from tests.api.kit import Installation

GROUP = {
    "resourceType": "Group", "id": "g1", "type": "person", "actual": True,
    "member": [{"entity": {"reference": "Patient/p1"}}],
}  # fmt: skip
AT = "/fhir/{zone}/$export/{export_id}"
OWN = "/fhir/identified/$export/{own_export}"
IMPORT = "/fhir/{zone}/$import/{import_id}"
OWN_IMPORT = "/fhir/identified/$import/{own_import}"
LINE = b'{"resourceType":"Patient","id":"later","name":[{"family":"Later"}]}\n'
EXAMPLES: dict[str, dict[str, Any]] = {
    **{
        f"GET /fhir/{{zone}}/{below}$export": {
            "path": f"/fhir/identified/{at}$export", "verb": "read", "statuses": (202,),
            "also": "system/*.s", "also_in": ("identified",), "more": {"headers": {"Prefer": "respond-async"}},
        }
        for below, at in (("", ""), ("Patient/", "Patient/"), ("Group/{id}/", "Group/{group}/"))
    },
    **{
        f"POST /fhir/{{zone}}/{below}$export": {
            "path": f"/fhir/identified/{at}$export", "verb": "read", "statuses": (202,),
            "also": "system/*.s", "also_in": ("identified",),
            "more": {"json": {"resourceType": "Parameters"}, "headers": {"Prefer": "respond-async"}},
        }
        for below, at in (("", ""), ("Patient/", "Patient/"), ("Group/{id}/", "Group/{group}/"))
    },
    f"GET {AT}": {"path": OWN, "verb": "read"},
    f"DELETE {AT}": {"path": OWN, "verb": "read", "statuses": (202,)},
    f"GET {AT}/{{file}}": {"path": f"{OWN}/Patient.1.ndjson", "verb": "read"},
    "POST /fhir/{zone}/$import": {
        "path": "/fhir/identified/$import", "verb": "ingest", "zones": ("landing", "identified"), "statuses": (202,),
        "more": {"data": LINE, "content_type": "application/fhir+ndjson", "headers": {"Prefer": "respond-async"}},
    },
    f"GET {IMPORT}": {
        "path": "/fhir/identified/$import/{done_import}", "verb": "ingest", "zones": ("landing", "identified"),
    },
    f"DELETE {IMPORT}": {
        "path": OWN_IMPORT, "verb": "ingest", "zones": ("landing", "identified"), "statuses": (202,),
    },
    f"GET {IMPORT}/errors": {
        "path": f"{OWN_IMPORT}/errors", "verb": "ingest", "zones": ("landing", "identified"),
        "also": "careloom/quarantine", "also_in": ("landing",),
    },
}  # fmt: skip


def waiting_import(made: Installation, actor: str) -> str:
    """The id of a new import that no worker has touched, as if `actor` had sent it."""
    found: str = imports.submit(made.platform, made.operator, [("one.ndjson", [LINE])])["id"]
    belongs_to(made, found, actor)
    return found


def done_import(made: Installation, actor: str) -> str:
    """The id of a new import that is done and reconciled, as if `actor` had sent it."""
    platform, run_id = made.platform, made.ingest(LINE).run_id
    reconciliation.kept(platform, made.operator, run_id)
    jobs = Jobs(platform.settings.data.directory / "jobs", platform.runtime, immediate=True)
    jobs.register(KIND, lambda _progress, _request: {"import": True})
    jobs.submit(KIND, {}, actor=actor, job_id=run_id)
    jobs.close()
    return run_id


def belongs_to(made: Installation, job_id: str, actor: str) -> None:
    with closing(sqlite3.connect(made.platform.settings.data.directory / "jobs" / FILE_NAME)) as queue, queue:
        queue.execute("UPDATE job SET actor = ? WHERE id = ?", (actor, job_id))


def whole(made: Installation, actor: str, ask: ExportAsk | None = None) -> str:
    """The id of a new export that is done, of everything where none is asked, as if `actor` had asked for it."""
    platform, export_id = made.platform, made.platform.run_id()
    request = sealed(platform, {"ask": (ask or ExportAsk("identified")).as_json()}) | {"zone": "identified"}
    jobs = Jobs(platform.settings.data.directory / "jobs", platform.runtime, immediate=True)
    jobs.register(exports.KIND, partial(exports.work_off, platform, jobs))
    jobs.submit(exports.KIND, request, actor="worker", job_id=export_id)
    jobs.close()
    belongs_to(made, export_id, actor)
    return export_id
