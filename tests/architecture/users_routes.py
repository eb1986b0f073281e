"""Example requests of the routes of people, for `test_routes`."""

from itertools import count
from secrets import token_bytes
from typing import Any

from careloom.crypto.pseudonyms import name_of
from careloom.services.clients import ClientAsk
from careloom.services.people import invite
from careloom.store.passkeys import Passkey, add
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
    f"GET {_AT}/{{name}}/passkeys": {"path": f"{_AT}/{{person}}/passkeys", "verb": "administer"},
    f"DELETE {_AT}/{{name}}/passkeys/{{passkey}}": {"path": f"{_AT}/{{person with passkey}}", "verb": "administer"},
}  # fmt: skip


def new_person() -> str:
    """A name that nobody has."""
    return f"person-{next(_numbers)}"


def with_passkey(made: Installation) -> str:
    """``NAME/passkeys/ID`` of a new person with one passkey."""
    name, key, sealed = person(made), name_of(token_bytes(16)), "of no use"
    with made.platform.accounts.writing() as connection:
        add(connection, Passkey(key, name, "Phone", key.encode(), sealed, 0, False, made.platform.runtime.now()))
    return f"{name}/passkeys/{key}"


def person(made: Installation) -> str:
    """The name of a new person."""
    name = new_person()
    invite(made.platform, made.operator, ClientAsk(name, ["clinician"], ["identified"], kind="person"))
    return name
