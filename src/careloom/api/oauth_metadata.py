"""What this authorization server tells of itself: no more and no less than what works."""

from typing import Any

from careloom.api.oauth_server import METHODS
from careloom.crypto.id_tokens import ALGORITHM
from careloom.services.apps import CONTEXT
from careloom.services.client_keys import ALGORITHMS
from careloom.services.scopes import SUPPORTED
from careloom.services.tokens import TOKEN_PATH


def server_metadata(base: str) -> dict[str, Any]:
    """The metadata of RFC 8414 of the installation that clients call `base`."""
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/oauth2/authorize",
        "token_endpoint": base + TOKEN_PATH,
        "revocation_endpoint": f"{base}/oauth2/revoke",
        "introspection_endpoint": f"{base}/oauth2/introspect",
        "jwks_uri": f"{base}/oauth2/jwks",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "scopes_supported": [*CONTEXT, *SUPPORTED],
        "token_endpoint_auth_methods_supported": ["none", *METHODS],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": ["none", *METHODS],
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
    }


def openid_configuration(base: str) -> dict[str, Any]:
    """The same as OpenID Connect Discovery 1.0 has it."""
    return {
        **server_metadata(base),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "amr", "nonce", "fhirUser"],
        "prompt_values_supported": ["none", "login", "consent"],
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
    }


def smart_configuration(base: str) -> dict[str, Any]:
    """What ``.well-known/smart-configuration`` says of the installation that clients call `base`.

    source  SMART App Launch 2.2 (2024), conformance
    """
    return {
        "issuer": base,
        "jwks_uri": f"{base}/oauth2/jwks",
        "authorization_endpoint": f"{base}/oauth2/authorize",
        "token_endpoint": base + TOKEN_PATH,
        "revocation_endpoint": f"{base}/oauth2/revoke",
        "introspection_endpoint": f"{base}/oauth2/introspect",
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "response_types_supported": ["code"],
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "scopes_supported": [*CONTEXT, *SUPPORTED],
        "code_challenge_methods_supported": ["S256"],
        "capabilities": [
            "launch-standalone",
            "authorize-post",
            "client-public",
            "client-confidential-asymmetric",
            "client-confidential-symmetric",
            "sso-openid-connect",
            "context-standalone-patient",
            "permission-offline",
            "permission-v1",
            "permission-v2",
            "permission-patient",
            "permission-user",
        ],
    }
