"""Example requests of the routes of people, for `test_routes`."""

from itertools import count
from typing import Any

from careloom.services.clients import ClientAsk
from careloom.services.people import invite
from tests.api.kit import Installation

_AT = "/api/v1/users"
_RIGHTS = {"roles": ["clinician"], "zones": ["identified"]}
_numbers = count(1)
EXAMPLES: dict[str, dict[str, Any]] = {
    f"GET {_AT}": {"path": _AT, "verb": "administer"},
    f"POST {_AT}": {
        "path": _AT, "verb": "administer", "statuses": (201,), "more": {"json": _RIGHTS | {"name": "<new_person>"}},
    },
    f"GET {_AT}/{{name}}": {"path": f"{_AT}/{{person}}", "verb": "administer"},
    **{
        f"POST {_AT}/{{name}}/{act}": {"path": f"{_AT}/{{person}}/{act}", "verb": "administer"}
        for act in ("reset", "unlock")
    },
    f"GET {_AT}/{{name}}/sign-ins": {"path": f"{_AT}/{{person}}/sign-ins", "verb": "administer"},
    f"DELETE {_AT}/{{name}}/sign-ins": {"path": f"{_AT}/{{person}}/sign-ins", "verb": "administer"},
}  # fmt: skip


def new_person() -> str:
    """A name that nobody has."""
    return f"person-{next(_numbers)}"


def person(made: Installation) -> str:
    """The name of a new person."""
    name = new_person()
    invite(made.platform, made.operator, ClientAsk(name, ["clinician"], ["identified"], kind="person"))
    return name
