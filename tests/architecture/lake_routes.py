"""Example requests of the routes of the lake, for `test_routes`, and what they name."""

from typing import Any

from careloom.services.lake_jobs import submit_refresh
from careloom.services.view_table import TableAsk, make_table
from tests.api.kit import Installation

AT = "/api/v1/lake/{zone}"
TABLE = f"{AT}/tables/{{layer}}/{{name}}"
HERE = "/api/v1/lake/research"
SEARCH = {"verb": "search", "zones": ("research",)}
EXAMPLES: dict[str, dict[str, Any]] = {
    f"GET {AT}/tables": {"path": f"{HERE}/tables", **SEARCH},
    f"GET {TABLE}": {"path": f"{HERE}/tables/silver/patients", **SEARCH},
    f"GET {TABLE}/rows": {"path": f"{HERE}/tables/silver/patients/rows?limit=5&format=csv", **SEARCH},
    f"POST {TABLE}/refresh": {"path": f"{HERE}/tables/gold/patient/refresh", "statuses": (202,), **SEARCH},
    f"GET {AT}/refreshes/{{run_id}}": {"path": f"{HERE}/refreshes/{{refresh}}", **SEARCH},
}


def table(made: Installation) -> None:
    """Makes a table that can be refreshed."""
    make_table(made.platform, made.operator, "research", TableAsk("patient"))


def refresh(made: Installation) -> str:
    """The id of a new refresh that no worker has touched."""
    found: str = submit_refresh(made.platform, made.operator, "research", "gold/patient")["id"]
    return found
