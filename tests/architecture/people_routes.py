"""Example requests of the pages of sign-in, for `test_routes`: each asks for a form that a page gave."""

from typing import Any

_AT = "/oauth2"
_TAKE_FORMS = (
    "sign-in", "second-factor", "consent", "welcome", "enrol", "sign-out", "passkey", "passkeys", "passkeys/remove",
    "passkeys/again",
)  # fmt: skip
EXAMPLES: dict[str, dict[str, Any]] = {
    f"GET {_AT}/sign-in": {"path": f"{_AT}/sign-in"},
    f"GET {_AT}/passkeys": {"path": f"{_AT}/passkeys"},
    f"GET {_AT}/passkey.js": {"path": f"{_AT}/passkey.js"},
    f"GET {_AT}/welcome": {"path": f"{_AT}/welcome"},
    f"GET {_AT}/authorize": {"path": f"{_AT}/authorize?client_id=nobody", "statuses": (403,)},
    f"POST {_AT}/authorize": {"path": f"{_AT}/authorize", "statuses": (403,), "more": {"data": {"client_id": "x"}}},
    **{
        f"POST {_AT}/{name}": {"path": f"{_AT}/{name}", "statuses": (403,), "more": {"data": {"form": "x"}}}
        for name in _TAKE_FORMS
    },
    f"POST {_AT}/provider/{{provider}}": {
        "path": f"{_AT}/provider/entra",
        "statuses": (403,),
        "more": {"data": {"form": "x"}},
    },
    f"GET {_AT}/provider/{{provider}}/answer": {"path": f"{_AT}/provider/entra/answer", "statuses": (403,)},
    "POST /oauth2/introspect": {"path": "/oauth2/introspect", "more": {"data": {"token": "x"}, "auth": "client"}},
    "GET /.well-known/openid-configuration": {"path": "/.well-known/openid-configuration"},
}
"""As keywords of `tests.architecture.route_examples.Example`."""
