"""Example requests of the routes of linkage, for `test_routes`, and what they name."""

from typing import Any

from careloom.services.duplicates import look
from careloom.services.linkage import run
from careloom.services.linkage_jobs import submit_run
from careloom.services.linkage_review import list_pairs
from tests.api.kit import Installation

BASE = "/api/v1/linkage"
EXAMPLES: dict[str, dict[str, Any]] = {
    f"POST {BASE}/runs": {"path": f"{BASE}/runs", "verb": "link", "statuses": (202,), "more": {"json": {"full": True}}},
    f"GET {BASE}/runs/{{run_id}}": {"path": f"{BASE}/runs/{{linkage_run}}", "verb": "link"},
    f"GET {BASE}/pairs": {"path": f"{BASE}/pairs?state=linked", "verb": "link"},
    f"GET {BASE}/pairs/{{pair}}": {
        "path": f"{BASE}/pairs/{{pair}}", "verb": "link", "also": "system/*.r", "also_in": ("identified",),
    },
    f"POST {BASE}/pairs/{{pair}}/decisions": {
        "path": f"{BASE}/pairs/{{pair}}/decisions", "verb": "decide", "more": {"json": {"action": "accept"}},
    },
    f"POST {BASE}/duplicates/looks": {"path": f"{BASE}/duplicates/looks", "verb": "link", "statuses": (202,)},
    f"GET {BASE}/duplicates/looks/{{run_id}}": {"path": f"{BASE}/duplicates/looks/{{duplicates}}", "verb": "link"},
    f"GET {BASE}/duplicates/looks/{{run_id}}/export": {
        "path": f"{BASE}/duplicates/looks/{{duplicates}}/export", "verb": "link",
    },
    f"GET {BASE}/duplicates": {"path": f"{BASE}/duplicates?kind=content", "verb": "link"},
    f"GET {BASE}/patients/{{patient_id}}/golden": {"path": f"{BASE}/patients/{{patient}}/golden", "verb": "read"},
}  # fmt: skip


def linked(made: Installation) -> dict[str, str]:
    """A pair of patients who are one, a queued run, and a look for duplicates."""
    born: dict[str, Any] = {"birthDate": "1950-11-23", "name": [{"family": "Brandywine", "given": ["Bram"]}]}
    made.ingest([{"resourceType": "Patient", "id": name, **born} for name in ("twice-1", "twice-2")])
    run(made.platform, made.operator)
    (pair,) = list_pairs(made.platform, made.operator)["items"]
    queued = submit_run(made.platform, made.operator)["id"]
    return {"pair": pair["pair"], "linkage_run": queued, "duplicates": look(made.platform, made.operator)["id"]}
