"""Example requests of the routes of emergencies and of the record of access, for `test_routes`."""

from typing import Any

from careloom.services.emergencies import open_emergency
from tests.api.kit import Installation

BASE = "/api/v1"
OPENING = {"patient": "Patient/<patient>", "reason": "unconscious, allergies unknown"}
EXAMPLES: dict[str, dict[str, Any]] = {
    f"POST {BASE}/emergencies": {
        "path": f"{BASE}/emergencies", "verb": "break-glass", "statuses": (201,), "more": {"json": OPENING},
    },
    f"GET {BASE}/emergencies": {"path": f"{BASE}/emergencies?waiting=true", "verb": "audit"},
    f"POST {BASE}/emergencies/{{emergency_id}}/acknowledge": {
        "path": f"{BASE}/emergencies/{{emergency}}/acknowledge", "verb": "audit",
    },
    f"GET {BASE}/audit/patients/{{patient_id}}/views": {
        "path": f"{BASE}/audit/patients/{{patient}}/views", "verb": "audit",
    },
    f"GET {BASE}/audit/patients/{{patient_id}}/disclosures": {
        "path": f"{BASE}/audit/patients/{{patient}}/disclosures", "verb": "audit",
    },
}  # fmt: skip


def emergency(made: Installation, patient: str) -> str:
    """The id of a new emergency."""
    opened: str = open_emergency(made.platform, made.operator, f"Patient/{patient}", OPENING["reason"])["id"]
    return opened
