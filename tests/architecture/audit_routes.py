"""Example requests of the routes of the audit chains, for `test_routes`."""

from typing import Any

from careloom.api.audit_schemas import CHECKPOINT
from careloom.services.audit_events import submit_verification
from tests.api.kit import Installation

BASE = "/api/v1/audit"
EXAMPLES: dict[str, dict[str, Any]] = {
    f"GET {BASE}/events": {"path": f"{BASE}/events", "verb": "audit"},
    f"POST {BASE}/verifications": {
        "path": f"{BASE}/verifications", "verb": "audit", "statuses": (202,), "more": {"json": {"zone": "identified"}},
    },
    f"GET {BASE}/verifications/{{run_id}}": {"path": f"{BASE}/verifications/{{queued check}}", "verb": "audit"},
    f"GET {BASE}/checkpoint": {"path": f"{BASE}/checkpoint", "verb": "audit"},
    f"POST {BASE}/proofs": {
        "path": f"{BASE}/proofs", "verb": "audit", "more": {"json": {"zone": "identified", "seq": 1}},
    },
    f"POST {BASE}/checks": {"path": f"{BASE}/checks", "verb": "audit", "more": {"json": {"checkpoint": CHECKPOINT}}},
}  # fmt: skip


def queued(made: Installation) -> str:
    """The id of a new check of the identified zone's chain."""
    found: str = submit_verification(made.platform, made.operator, "identified")["id"]
    return found
