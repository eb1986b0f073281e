"""Example requests of the routes for operators, for `test_routes`."""

from typing import Any

EXAMPLES: dict[str, dict[str, Any]] = {
    "GET /api/v1/health": {"path": "/api/v1/health", "verb": "monitor", "zones": ("landing",)},
    "GET /api/v1/usage": {"path": "/api/v1/usage", "verb": "operate", "zones": ("landing",)},
    "GET /api/v1/costs": {"path": "/api/v1/costs", "verb": "operate", "zones": ("landing",)},
    "GET /api/v1/deployment": {"path": "/api/v1/deployment", "verb": "monitor", "zones": ("landing",)},
    "GET /api/v1/deployment/evidence": {
        "path": "/api/v1/deployment/evidence",
        "verb": "audit",
        "zones": ("identified", "research", "synthetic"),
    },
    "GET /api/v1/logs": {"path": "/api/v1/logs?level=warning", "verb": "operate", "zones": ("landing",)},
}
