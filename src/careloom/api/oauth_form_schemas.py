"""What the pages of sign-in take, as the OpenAPI document shows it."""

from typing import Any

FORM_TYPE = "application/x-www-form-urlencoded"
_ASKED = {
    "response_type": ("code", "Always code."),
    "client_id": ("growth-chart", "The application, as it was registered."),
    "redirect_uri": ("https://growth.example.org/after", "Where the answer goes, letter by letter as registered."),
    "scope": ("openid fhirUser launch/patient patient/Observation.rs", "What is asked for, divided by spaces."),
    "state": ("0hJc1S9O4oW54XuY", "Comes back as it was."),
    "nonce": ("n-0S6_WzA2Mj", "Comes back in the id_token."),
    "aud": ("https://careloom.example.org/fhir/identified", "The FHIR base that the token is for."),
    "code_challenge": ("YPXe7B8ghKrj8PsT4L6ltupgI12NQJ5vblB07F4rGaw", "PKCE, by S256."),
    "code_challenge_method": ("S256", "Always S256."),
    "prompt": ("login", "OpenID Connect: none, login or consent."),
    "max_age": ("3600", "Seconds since the person signed in, at most."),
}
_FORMS: dict[str, dict[str, tuple[str, str]]] = {
    "authorize": _ASKED,
    "password": {"name": ("mara.lind", "Who signs in."), "password": ("...", "The password.")},
    "code": {"code": ("287082", "Of the authenticator, or a recovery code.")},
    "consent": {"decision": ("allow", "allow, or deny."), "patient": ("Patient/730014", "Whom it is about.")},
    "accept": {
        "name": ("mara.lind", "Who was invited."), "invitation": ("mfrg-gzdf-mzqw-c2lo", "Its code."),
        "password": ("...", "A new one."), "again": ("...", "The same again."),
    },
    "confirm": {"code": ("287082", "Of the new authenticator.")},
    "sign_out": {},
    "passkey": {"answer": ("{}", "What the passkey answered, as JSON (WebAuthn, AuthenticationResponseJSON).")},
    "add_passkey": {
        "name": ("Phone", "What the person calls it."),
        "answer": ("{}", "What the passkey answered, as JSON (WebAuthn, RegistrationResponseJSON)."),
    },
    "remove_passkey": {"passkey": ("mfrggzdfmzqwc2lomfrggzdfmz", "The id of the passkey.")},
    "begin": {"name": ("mara.lind", "Who was invited."), "invitation": ("mfrg-gzdf-mzqw-c2lo", "Its code.")},
}  # fmt: skip
_OURS = {"form": ("...", "Proof that the page gave this form."), "request": ("...", "What the form carries along.")}


def form_of(name: str) -> dict[str, Any]:
    """The body of a form, as OpenAPI writes it; only a form that a page of ours gave is taken."""
    fields = _FORMS[name] if name == "authorize" else _FORMS[name] | _OURS
    schema = {"type": "object", "properties": {one: _text(words) for one, (_, words) in fields.items()}}
    example = {one: shown for one, (shown, _) in fields.items()}
    return {"requestBody": {"required": False, "content": {FORM_TYPE: {"schema": schema, "example": example}}}}


def _text(words: str) -> dict[str, str]:
    return {"type": "string", "description": words}


def _in_address(asked: dict[str, tuple[str, str]]) -> dict[str, Any]:
    parameters = [
        {
            "name": name, "in": "query", "required": False, "description": words, "schema": {"type": "string"},
            "example": shown,
        }
        for name, (shown, words) in asked.items()
    ]  # fmt: skip
    return {"openapi_extensions": {"parameters": parameters}}


AUTHORIZE = _in_address(_ASKED)
"""The parameters of the authorization endpoint."""
ANSWERED = _in_address(
    {
        "state": ("0hJc1S9O4oW54XuY", "Of the sign-in that began in this browser."),
        "code": ("SplxlOBeZQQYbYS6WxSbIA", "For the token endpoint of the provider."),
        "iss": ("https://idp.example.org", "Who answers (RFC 9207)."),
        "error": ("access_denied", "Why there is no code."),
    }
)
"""The parameters of a provider's answer."""
