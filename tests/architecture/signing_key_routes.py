"""Example requests of the routes of signing keys, for `test_routes`, and what they name."""

from typing import Any

from careloom.services.signing_keys import list_keys, revoke_key, rotate_keys
from tests.api.kit import Installation

BASE = "/api/v1/signing-keys"
EXAMPLES: dict[str, dict[str, Any]] = {
    f"GET {BASE}": {"path": BASE, "verb": "administer"},
    f"POST {BASE}/rotate": {
        "path": f"{BASE}/rotate", "verb": "administer", "more": {"json": {"use": "<free_use>"}},
    },
    f"POST {BASE}/{{kid}}/revoke": {"path": f"{BASE}/{{next key}}/revoke", "verb": "administer"},
}  # fmt: skip


def free_use(made: Installation) -> str:
    """A use of keys of which none waits: those that do are revoked."""
    for one in list_keys(made.platform, made.operator):
        if one.state == "next":
            revoke_key(made.platform, made.operator, one.kid)
    return "all"


def next_key(made: Installation) -> str:
    """The kid of a key that waits."""
    waiting = [one for one in list_keys(made.platform, made.operator) if one.state == "next"]
    return (waiting or [one for one in rotate_keys(made.platform, made.operator) if one.state == "next"])[0].kid
