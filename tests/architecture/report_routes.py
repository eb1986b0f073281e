"""Example requests of the routes of reports, for `test_routes`, and what they name."""

from typing import Any

from careloom.services.reports import Ask, erasures, keep_file, schedule, schedules
from careloom.services.scopes import parse
from careloom.services.tokens import principal_for
from tests.api.kit import Installation

REPORTS, SCHEDULES = "/api/v1/reports", "/api/v1/report-schedules"
_ANY: dict[str, Any] = {"verb": "monitor", "zones": ("identified",), "lacking": ("scope",)}
"""Whoever may watch a zone has reports: who lacks one zone or role of several is let in by another."""
_HASH = "0" * 64
EXAMPLES: dict[str, dict[str, Any]] = {
    f"GET {REPORTS}": {"path": REPORTS, **_ANY},
    f"POST {REPORTS}": {
        "path": REPORTS, **_ANY, "statuses": (201,),
        "more": {"json": {"page": "quality", "content": _HASH, "file": _HASH}},
    },
    f"GET {REPORTS}/{{report_id}}": {"path": f"{REPORTS}/{{own_report}}", **_ANY},
    f"DELETE {REPORTS}/{{report_id}}": {"path": f"{REPORTS}/{{own_report}}", **_ANY},
    f"GET {SCHEDULES}": {"path": SCHEDULES, **_ANY},
    f"POST {SCHEDULES}": {
        "path": SCHEDULES, **_ANY, "statuses": (201,),
        "more": {"json": {"page": "quality?zone=identified", "cadence": "weekly", "hour": 6, "keep": 2}},
    },
    f"PUT {SCHEDULES}/{{schedule_id}}/paused": {
        "path": f"{SCHEDULES}/{{own_schedule}}/paused", **_ANY, "more": {"json": {"paused": True}}
    },
    f"DELETE {SCHEDULES}/{{schedule_id}}": {"path": f"{SCHEDULES}/{{own_schedule}}", **_ANY},
}  # fmt: skip


def own_schedule(made: Installation, caller: str) -> str:
    """The id of a new schedule, as if the caller had made it."""
    client = made.register().client
    name = str(
        schedule(made.platform, principal_for(client, parse(client.scopes)), Ask("quality", "daily", 6, 2))["id"]
    )
    schedules(made.platform).keep(_kept(made, name) | {"by": caller or client.name}, most=10**6)
    return name


def own_report(made: Installation, caller: str) -> str:
    """The id of a report that a schedule of this client has made."""
    kept, since = _kept(made, own_schedule(made, caller)), erasures(made.platform)
    return str(keep_file(made.platform, kept, b"%PDF-1.4", _HASH, since=since)["id"])


def _kept(made: Installation, name: str) -> dict[str, Any]:
    found = schedules(made.platform).find(name)
    assert found is not None
    return found


MADE = {"own_report": own_report, "own_schedule": own_schedule}
"""What examples name -> what makes it for a caller."""
