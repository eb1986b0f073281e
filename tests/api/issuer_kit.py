"""An issuer of OpenID Connect, served on this machine; its documents and tokens have the shapes of Entra ID."""

import threading
from typing import Any

from flask import Flask, Response, jsonify
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
AUDIENCE = "11111111-2222-3333-4444-555555555555"
OID = "690222be-ff1a-4d56-abd1-7e4f7d38e474"


class ServedIssuer:
    """Serves until `close`. `asked` counts requests for its keys; `is_down` makes it answer 503.

    keys_at   the address of its keys that its discovery document names, in place of its own
    sends_to  where it redirects who asks for its keys
    """

    def __init__(self) -> None:
        self.keys = [RSAKey.generate_key(2048, {"kid": "k1"})]
        self.asked = 0
        self.is_down = False
        self.claims_to_be = ""
        self.keys_at = ""
        self.sends_to = ""
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}/{TENANT}/v2.0"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _app(self) -> Flask:
        app = Flask("issuer")

        @app.get(f"/{TENANT}/v2.0/.well-known/openid-configuration")
        def discovery() -> Response:
            base = self.issuer.removesuffix("/v2.0")
            return jsonify(
                token_endpoint=f"{base}/oauth2/v2.0/token",
                token_endpoint_auth_methods_supported=["client_secret_post", "private_key_jwt", "client_secret_basic"],
                jwks_uri=self.keys_at or f"{base}/discovery/v2.0/keys",
                response_modes_supported=["query", "fragment", "form_post"],
                subject_types_supported=["pairwise"], id_token_signing_alg_values_supported=["RS256"],
                issuer=self.claims_to_be or self.issuer, tenant_region_scope="NA",
                cloud_instance_name="microsoftonline.com",
            )  # fmt: skip

        @app.get(f"/{TENANT}/discovery/v2.0/keys")
        def keys() -> tuple[Response, int]:
            self.asked += 1
            if self.is_down:
                return Response("later"), 503
            if self.sends_to:
                return Response("there", headers={"Location": self.sends_to}), 302
            shown = [
                {
                    "kty": "RSA", "use": "sig", "kid": key.kid, "x5t": key.kid, "n": key.as_dict(private=False)["n"],
                    "e": "AQAB", "x5c": ["MIIC"], "cloud_instance_name": "microsoftonline.com", "issuer": self.issuer,
                }
                for key in self.keys
            ]  # fmt: skip
            return jsonify(keys=shown), 200

        return app

    def token(self, now: int, *, key: int = -1, header: dict[str, Any] | None = None, **more: Any) -> str:
        """A token of version 2 with the claims that Entra ID puts into one; None takes a claim away."""
        claims = {
            "aud": AUDIENCE, "iss": self.issuer, "iat": now - 5, "nbf": now - 5, "exp": now + 3600,
            "aio": "ATQAy/8TAAAA", "azp": "99999999-8888-7777-6666-555555555555", "azpacr": "1", "name": "Mara Lind",
            "oid": OID, "preferred_username": "mara@example.org", "rh": "0.AbcA", "roles": ["Careloom.Clinician"],
            "scp": "Records.Read", "sid": "s1", "sub": "pairwise-sub", "tid": TENANT, "uti": "u1", "ver": "2.0",
        } | more  # fmt: skip
        held = {name: value for name, value in claims.items() if value is not None}
        signer = self.keys[key]
        head = {"typ": "JWT", "alg": "RS256", "kid": signer.kid} | (header or {})
        return jwt.encode(head, held, signer, algorithms=["RS256", "HS256", "none"])
