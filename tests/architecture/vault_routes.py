"""Example requests of the routes of the pseudonym vault, for `test_routes`, and what they name."""

from typing import Any

from careloom.services.access import ZONES, Principal
from careloom.services.vault import Question, ask, decide
from tests.api.kit import Installation

BASE = "/api/v1/reidentifications"
PURPOSE = {"reason": "a critical value", "purpose": "TREAT"}
EXAMPLES: dict[str, dict[str, Any]] = {
    f"POST {BASE}": {
        "path": BASE, "verb": "inquire", "statuses": (201,),
        "more": {"json": {"names": ["<pseudonym>"], **PURPOSE}},
    },
    f"GET {BASE}": {"path": BASE, "verb": "inquire"},
    f"GET {BASE}/{{request_id}}": {"path": f"{BASE}/{{own_question}}", "verb": "inquire"},
    f"POST {BASE}/{{request_id}}/decisions": {
        "path": f"{BASE}/{{question}}/decisions", "verb": "reidentify", "more": {"json": {"decision": "approve"}},
    },
    f"POST {BASE}/{{request_id}}/reveal": {"path": f"{BASE}/{{own_question}}/reveal", "verb": "inquire"},
}  # fmt: skip


def question(made: Installation, name: str, actor: str = "") -> str:
    """The id of a new request; one that was approved, and is of `actor`, if there is one."""
    asked: str = ask(made.platform, made.operator, Question((name,), **PURPOSE))["id"]
    if actor:
        officer = Principal("officer", frozenset({"privacy-officer"}), ZONES)
        decide(made.platform, officer, asked, "approve")
        with made.platform.store("identified").connect() as connection:
            connection.exec_driver_sql("UPDATE vault_request SET actor = ? WHERE request = ?", (actor, asked))
            connection.commit()
    return asked
