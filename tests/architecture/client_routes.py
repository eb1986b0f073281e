"""Example requests of the routes of clients, for `test_routes`, and what they name."""

from typing import Any

from tests.api.kit import Installation

BASE = "/api/v1/clients"
_ONE = f"{BASE}/{{other client}}"
_GRANTS = {"roles": ["clinician"], "zones": ["identified"]}
EXAMPLES: dict[str, dict[str, Any]] = {
    f"GET {BASE}": {"path": f"{BASE}?state=active", "verb": "administer"},
    f"POST {BASE}": {
        "path": BASE, "verb": "administer", "statuses": (201,),
        "more": {"json": {"name": "<new_client>", **_GRANTS}},
    },
    f"GET {BASE}/{{name}}": {"path": _ONE, "verb": "administer"},
    f"POST {BASE}/{{name}}/rotate": {"path": f"{_ONE}/rotate", "verb": "administer", "more": {"json": {}}},
    f"POST {BASE}/{{name}}/disable": {"path": f"{_ONE}/disable", "verb": "administer"},
    f"POST {BASE}/{{name}}/enable": {"path": f"{_ONE}/enable", "verb": "administer"},
    f"GET {BASE}/{{name}}/grants": {"path": f"{_ONE}/grants", "verb": "administer"},
    f"PUT {BASE}/{{name}}/grants": {"path": f"{_ONE}/grants", "verb": "administer", "more": {"json": _GRANTS}},
    "GET /api/v1/roles": {"path": "/api/v1/roles", "verb": "administer"},
}  # fmt: skip


def other(made: Installation) -> str:
    """The name of a new client."""
    return made.register(roles=["clinician"], zones=["identified"]).client.name
