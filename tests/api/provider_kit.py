"""A provider of OpenID Connect over HTTP on this machine, by Authlib's server; it can be told to lie."""

import os
import re
import threading
import time
from base64 import b32decode
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from authlib.integrations.flask_oauth2 import AuthorizationServer  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749 import ClientMixin, grants  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.models import AuthorizationCodeMixin  # type: ignore[import-untyped]
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion  # type: ignore[import-untyped]
from authlib.oauth2.rfc7636 import CodeChallenge  # type: ignore[import-untyped]
from authlib.oidc.core.grants import OpenIDCode  # type: ignore[import-untyped]
from authlib.oidc.core.util import create_half_hash  # type: ignore[import-untyped]
from flask import Flask, Response, jsonify, request
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from werkzeug.serving import make_server

from careloom.crypto import one_time_codes
from careloom.services import people
from careloom.services.clients import ClientAsk
from tests.api.kit import BASE_URL, Clock, Installation
from tests.api.people_kit import Person, Web, at

CLIENT, SECRET = "careloom-here", "a secret that only two know"  # pragma: allowlist secret
KEY, EC_KEY = RSAKey.generate_key(2048, {"kid": "k1"}), ECKey.generate_key("P-256", {"kid": "k2"})
OWN_KEY = RSAKey.generate_key(2048, {"kid": "ours"})
"""With which the installation proves who it is."""


class _Client(ClientMixin):  # type: ignore[misc]
    client_id = CLIENT

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in {f"{BASE_URL}/oauth2/provider/{name}/answer" for name in ("idp", "other")}

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return True

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class _Code(AuthorizationCodeMixin):  # type: ignore[misc]
    def __init__(self, payload: Any, code: str) -> None:
        self.code, self.told = code, dict(payload.data)
        self.code_challenge = self.told.get("code_challenge")
        self.code_challenge_method = self.told.get("code_challenge_method")

    def get_redirect_uri(self) -> str:
        return str(self.told["redirect_uri"])

    def get_scope(self) -> str:
        return str(self.told["scope"])


class Provider:
    """Serves until `close`.

    clock   seconds since 1970 for its tokens
    claims  of whom it signs in; None takes one away
    header  of its ID tokens
    sign    makes the token of (header, claims)
    document  changes of its discovery document
    asked   paths that were asked for
    signed_out  subjects who signed out there
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # for the server of the provider; this machine alone
        self.clock = clock
        self.claims: dict[str, Any] = {"sub": "subject-1"}
        self.header: dict[str, Any] = {}
        self.document: dict[str, Any] = {}
        self.sign = self._sign
        self.asked: list[str] = []
        self.signed_out: list[str] = []
        self.codes: dict[str, _Code] = {}
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}/realm"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def visit(self, address: str, **instead: str) -> dict[str, str]:
        """What the browser brings back when the person signs in at the address to which it was led."""
        told = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()} | instead
        with httpx.Client() as browser:
            found = browser.get(address.partition("?")[0], params=told)
        assert found.status_code == 302, found.text
        return {name: values[0] for name, values in parse_qs(urlsplit(found.headers["Location"]).query).items()}

    def _sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        return jwt.encode(header, claims, KEY, algorithms=["RS256"])

    def _token(self, told: dict[str, str], access_token: str) -> str:
        now = int(self.clock())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": told.get("nonce"),
            "auth_time": now, "at_hash": create_half_hash(access_token, "RS256").decode(),
        } | self.claims  # fmt: skip
        kept = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "RS256", "kid": "k1", "typ": "JWT"} | self.header
        return self.sign({name: value for name, value in header.items() if value is not None}, kept)

    def _logout(self) -> Response:
        told = jwt.decode(request.args["id_token_hint"], KEY, algorithms=["RS256"]).claims
        assert (told["aud"], request.args["client_id"]) == (CLIENT, CLIENT)
        self.signed_out.append(str(told["sub"]))
        return Response(status=302, headers={"Location": request.args["post_logout_redirect_uri"]})

    def _app(self) -> Flask:
        app, provider = Flask("provider"), self

        class Grant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
            TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")

            def save_authorization_code(self, code: str, request: Any) -> None:
                provider.codes[code] = _Code(request.payload, code)

            def query_authorization_code(self, code: str, client: Any) -> _Code | None:
                return provider.codes.get(code)

            def delete_authorization_code(self, code: _Code) -> None:
                del provider.codes[code.code]

            def authenticate_user(self, code: _Code) -> str:
                return "somebody"

        class Identity(OpenIDCode):  # type: ignore[misc]
            def exists_nonce(self, nonce: str, request: Any) -> bool:
                return any(one.told.get("nonce") == nonce for one in provider.codes.values())

            def encode_id_token(self, token: dict[str, Any], request: Any) -> str:
                return provider._token(request.authorization_code.told, token["access_token"])

        class Assertion(JWTBearerClientAssertion):  # type: ignore[misc]
            def validate_jti(self, claims: Any, jti: str) -> bool:
                return bool(jti)

            def resolve_client_public_key(self, client: Any) -> Any:
                return OWN_KEY

            def get_audiences(self) -> list[str]:
                return [f"{provider.issuer}/token"]

        server = AuthorizationServer(app, query_client=lambda one: _Client() if one == CLIENT else None,
                                     save_token=lambda token, request: None)  # fmt: skip
        server.register_grant(Grant, [CodeChallenge(required=True), Identity(require_nonce=True)])
        # The clock of a test is not the one that Authlib looks at.
        server.register_client_auth_method("private_key_jwt", Assertion(leeway=10**9))

        @app.before_request
        def asked() -> None:
            provider.asked.append(request.path)

        @app.get("/realm/authorize")
        def authorize() -> Any:
            grant = server.get_consent_grant(end_user="somebody")
            return server.create_authorization_response(grant=grant, grant_user="somebody")

        @app.post("/realm/token")
        def token() -> Any:
            return server.create_token_response()

        @app.get("/realm/.well-known/openid-configuration")
        def discovery() -> Response:
            base = provider.issuer
            told = {
                "issuer": base, "authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token",
                "jwks_uri": f"{base}/keys", "end_session_endpoint": f"{base}/logout",
            }  # fmt: skip
            return jsonify(told | provider.document)

        app.get("/realm/logout")(self._logout)

        @app.get("/realm/keys")
        def keys() -> Response:
            shown = [{**key.as_dict(private=False), "use": "sig"} for key in (KEY, EC_KEY)]
            return jsonify(keys=shown)

        return app


class Made(Installation):
    """An installation with the provider `idp`, and more lines of its section."""

    def __init__(self, folder: Path, clock: Clock, idp: Provider, more: str = "", secret: str = SECRET) -> None:
        (folder / "secret").write_text(secret)
        file = folder / "providers.toml"
        head = f'[idp]\ntitle = "The hospital"\nissuer = "{idp.issuer}"\nclient_id = "{CLIENT}"\n'
        file.write_text(f"{head}{'' if 'none' in more else 'proof_file = ' + chr(34) + 'secret' + chr(34)}\n{more}")
        super().__init__(folder, at(clock), access={"providers": file})

    def reason(self) -> str:
        """Why the last event was refused."""
        last = self.events()[-1]
        assert last["outcome"] == "refused"
        return str(last["detail"]["reason"])


def address(web: Web) -> str:
    """Where the page leads the browser."""
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', web.page.text)
    assert found, web.page.text
    return unescape(found[1])


def leave(web: Web, **typed: str) -> str:
    """Presses the button of the provider on the page at hand; where it leads."""
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', web.page.text))
    data = {name: unescape(value) for name, value in hidden.items()} | typed
    web.page = web.client.post("/oauth2/provider/idp", data=data)
    return address(web)


def come_back(web: Web, idp: Provider, to: str, **instead: str) -> int:
    """Signs in at the provider, and brings its answer; what our page answers."""
    told = idp.visit(to) | instead
    return web.get("/oauth2/provider/idp/answer", **{name: value for name, value in told.items() if value}).status_code


def sign_in(web: Web, idp: Provider, **instead: str) -> int:
    web.get("/oauth2/sign-in")
    return come_back(web, idp, leave(web), **instead)


def linked(made: Made, clock: Clock, idp: Provider, name: str = "mara.lind", **ask: Any) -> Person:
    """A person who accepted the invitation by the provider, with a second factor of ours if it is asked for."""
    asked = {"roles": ["clinician"], "zones": ["identified"], "actors": ["Practitioner/d1"]} | ask
    invitation = people.invite(made.platform, made.operator, ClientAsk(name, kind="person", **asked)).code
    web = Web(made)
    web.get("/oauth2/welcome")
    status = come_back(web, idp, leave(web, name=name, invitation=invitation))
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", web.page.text)
    if secret is None:
        assert status == 303, web.page.text
        return Person(made, clock, name, b"", [])
    raw = b32decode(secret[1].replace(" ", ""))
    assert web.send(code=one_time_codes.code_at(raw, int(clock.now.timestamp()))).status_code == 200
    return Person(made, clock, name, raw, [])
