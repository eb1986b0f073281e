"""Example requests of the routes of exploring, for `test_routes`."""

from typing import Any

AT = "/api/v1/explore"
SEARCH: dict[str, Any] = {"verb": "search", "zones": ("identified",)}
EXAMPLES: dict[str, dict[str, Any]] = {
    f"GET {AT}/{{zone}}/sources": {"path": f"{AT}/identified/sources", **SEARCH},
    f"POST {AT}/{{zone}}": {
        "path": f"{AT}/identified", **SEARCH,
        "more": {"json": {"source": "patient", "charts": [{"kind": "distribution", "column": "gender"}]}},
    },
    f"POST {AT}/{{zone}}/rows": {"path": f"{AT}/identified/rows", **SEARCH, "more": {"json": {"source": "patient"}}},
}  # fmt: skip
