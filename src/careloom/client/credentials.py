"""Who asks: a client's secret, its private key or a token; and the tokens that the platform gives for them.

source  RFC 6749 (2012) 4.4 client credentials; RFC 7523 (2015) and SMART App Launch 2.2 for assertions; RFC 7009 (2013)
"""

import re
import threading
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote_plus, urlencode
from uuid import uuid4

import httpx

from careloom.client.decoding import document_of
from careloom.client.problems import clean, error_of
from careloom.client.sign_ins import SignIn, SignIns
from careloom.client.transport import Ask, Wire
from careloom.errors import AccessError, InputError, SetupError, StateError, Unauthenticated

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 120
"""How long a signed assertion holds; SMART App Launch allows 300 at most."""

ALGORITHMS: dict[str, Literal["RSA", "EC"]] = {"RS384": "RSA", "ES384": "EC"}
EARLY_SECONDS = 30.0
"""A token is renewed this long before it ends, or a quarter of its life where that is less."""

LOCK_SECONDS = 0.1
LOCK_TRIES = 300
"""How often to look, and how many times, whether another program is done that renews the same sign-in."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{1,16384}=*")


@dataclass(frozen=True, slots=True)
class Proof:
    """What a client adds to a request at the token endpoint to show who it is."""

    fields: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)

    @property
    def hidden(self) -> tuple[str, ...]:
        """What no error may hold."""
        return (*self.fields.values(), *(value.rpartition(" ")[2] for value in self.headers.values()))


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A client that shows its secret.

    scope  what to ask for, as in ``system/Patient.rs careloom/ingest``; empty asks for all that is registered
    """

    client_id: str
    secret: str = field(repr=False)
    scope: str = ""

    def __post_init__(self) -> None:
        if not self.client_id or not self.secret:
            raise InputError("the client's name or its secret is empty", "Both came from `careloom clients add`.")

    def proof(self, token_url: str, issued_at: float) -> Proof:
        """The secret as HTTP Basic credentials (RFC 6749, 2.3.1)."""
        both = f"{quote_plus(self.client_id)}:{quote_plus(self.secret)}"
        return Proof({}, {"Authorization": f"Basic {b64encode(both.encode()).decode()}"})

    @property
    def hidden(self) -> tuple[str, ...]:
        """What no error may hold."""
        return (self.secret,)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A client that signs with a private key, whose public half the platform knows.

    pem  PKCS #8 or the older PEM forms, without a password
    kid  the key's id in the registered key set
    alg  ``ES384`` (elliptic curve P-384) or ``RS384`` (RSA)
    """

    client_id: str
    pem: str = field(repr=False)
    kid: str
    alg: str = "ES384"
    scope: str = ""

    def __post_init__(self) -> None:
        if not self.client_id or not self.kid:
            raise InputError("the client's name or its key's id is empty", "The registered key set holds the id.")
        if self.alg not in ALGORITHMS:
            raise InputError("that algorithm is not offered", f"Sign with one of {', '.join(ALGORITHMS)}.")

    def proof(self, token_url: str, issued_at: float) -> Proof:
        """A signed assertion for the token endpoint, good for one use."""
        from joserfc import jwk, jwt  # noqa: PLC0415 - only clients with keys pay for it

        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": token_url,
            "jti": uuid4().hex,
            "iat": int(issued_at),
            "exp": int(issued_at) + ASSERTION_SECONDS,
        }
        header = {"alg": self.alg, "kid": self.kid, "typ": "JWT"}
        try:
            key = jwk.import_key(self.pem, ALGORITHMS[self.alg])
            assertion = jwt.encode(header, claims, key, algorithms=[self.alg])
        except Exception as error:  # noqa: BLE001 - the key libraries raise a dozen kinds, some repeat the key
            kind = type(error).__name__
            raise InputError(f"the private key cannot sign with {self.alg} ({kind})", "Give a PEM key of it.") from None
        return Proof({"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}, {})

    @property
    def hidden(self) -> tuple[str, ...]:
        """What no error may hold."""
        return (self.pem,)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token from elsewhere; it is used until the platform refuses it."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.token):
            raise InputError("that is no token", "Give the access token alone, without the word Bearer.")

    @property
    def hidden(self) -> tuple[str, ...]:
        """What no error may hold."""
        return (self.token,)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person whom ``careloom login`` signed in at this platform, on this machine.

    folder  where that is kept, if not where the command keeps it
    """

    folder: Path | None = None

    @property
    def hidden(self) -> tuple[str, ...]:
        """What no error may hold."""
        return ()


@dataclass(frozen=True, slots=True)
class SignInCode:
    """What a person's sign-in in an application ended with: good once, within a minute.

    client_id  of the application, which is public
    redirect   the address to which the code came
    verifier   of PKCE
    """

    client_id: str
    code: str = field(repr=False)
    redirect: str
    verifier: str = field(repr=False)

    def proof(self) -> Proof:
        """The code and what shows that the sign-in began here (RFC 7636)."""
        told = {"client_id": self.client_id, "code": self.code, "redirect_uri": self.redirect}
        return Proof({**told, "code_verifier": self.verifier}, {})

    @property
    def hidden(self) -> tuple[str, ...]:
        """What no error may hold."""
        return (self.code, self.verifier)


Credential = ClientSecret | PrivateKey | Bearer | SignedIn | SignInCode


@dataclass(frozen=True, slots=True)
class Token:
    """An access token.

    scopes      what it allows
    expires_in  seconds from its making until it ends; None where nobody said
    identity    the id_token that came with it; empty where none did
    """

    text: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    expires_in: int | None = None
    identity: str = field(default="", repr=False)


_LOG_IN = "Sign in with careloom login."


class Fields:
    """A form as the body of a request."""

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self._content = urlencode(list(fields)).encode()
        self.is_new_each_time = True

    def headers(self) -> dict[str, str]:
        """The type and length of a form."""
        return {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(self._content))}

    def chunks(self) -> Iterable[bytes]:
        """The form at once."""
        return (self._content,)


class Tokens:
    """The token of one credential: fetched when first needed, renewed before it ends; may be shared by threads."""

    def __init__(self, wire: Wire, credential: Credential) -> None:
        self._wire = wire
        self._credential = credential
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0
        self._is_redeemed = False

    def __repr__(self) -> str:
        return f"Tokens({self._credential!r})"

    @property
    def hidden(self) -> tuple[str, ...]:
        """What no error may hold."""
        token = self._token
        return self._credential.hidden + ((token.text,) if token else ())

    def current(self) -> Token:
        """A token that should hold.

        raises  Unauthenticated if the credential does not hold; AccessError if it may not have the scope
        """
        if isinstance(self._credential, Bearer):
            return Token(self._credential.token)
        with self._lock:
            if self._token is None or self._wire.pace.now() >= self._renew_at:
                self._fetch(self._credential)
            return self._held()

    def after(self, refused: Token) -> Token | None:
        """The token to try once more with when one was refused; None where there is no other."""
        if isinstance(self._credential, Bearer):
            return None
        with self._lock:
            if self._token is None or self._token.text == refused.text:
                self._fetch(self._credential, refused.text)
            return self._held()

    def revoke(self) -> None:
        """Tells the platform to refuse the token from now on, and forgets it."""
        with self._lock:
            if isinstance(self._credential, SignedIn):
                self._sign_out(self._credential)
                return
            if isinstance(self._credential, Bearer):
                token = self._credential.token
                proof = Proof({}, {"Authorization": f"Bearer {token}"})
            elif self._token is None:
                return
            elif isinstance(self._credential, SignInCode):
                token = self._token.text
                proof = Proof({}, {"Authorization": f"Bearer {token}"})
            else:
                token = self._token.text
                proof = self._proof(self._credential)
            self._post("/oauth2/revoke", {"token": token, "token_type_hint": "access_token"}, proof)
            self._token = None

    def _held(self) -> Token:
        if self._token is None:
            raise Unauthenticated("there is no token", "Sign in.")
        return self._token

    def _fetch(self, credential: ClientSecret | PrivateKey | SignedIn | SignInCode, refused: str = "") -> None:
        if isinstance(credential, SignInCode):
            self._redeem(credential)
            return
        self._token = None
        if isinstance(credential, SignedIn):
            self._take_up(credential, refused)
            return
        proof = self._proof(credential)
        fields = {"grant_type": "client_credentials"} | ({"scope": credential.scope} if credential.scope else {})
        asked_at = self._wire.pace.now()
        response = self._post("/oauth2/token", fields, proof)
        self._use(token_in(response), asked_at)

    def _redeem(self, credential: SignInCode) -> None:
        """The one token that a code is good for. raises Unauthenticated where it was redeemed before"""
        if self._token is not None or self._is_redeemed:
            raise Unauthenticated("the sign-in has ended", "Sign in again.")
        self._is_redeemed = True
        asked_at = self._wire.pace.now()
        response = self._post("/oauth2/token", {"grant_type": "authorization_code"}, credential.proof())
        self._use(token_in(response), asked_at)

    def _use(self, token: Token, asked_at: float) -> None:
        life = token.expires_in
        self._token = token
        self._renew_at = float("inf") if life is None else asked_at + life - min(EARLY_SECONDS, life / 4)

    def _take_up(self, credential: SignedIn, refused: str) -> None:
        """The token of the person's sign-in, renewed if it must be, by one program at a time."""
        kept = SignIns(credential.folder)
        tries = 0
        while not kept.take():
            tries += 1
            if tries >= LOCK_TRIES:
                raise StateError("another program renews the sign-in and does not end", "Look for it, and try again.")
            self._wire.pace.sleep(LOCK_SECONDS)
        try:
            held, left = kept.held(self._wire.base), 0.0
            if held is not None:
                left = held.expires - self._wire.pace.wall()
            if held is None or (left <= 0 and not held.refresh_token):
                raise Unauthenticated("nobody is signed in at this platform here", _LOG_IN)
            if held.access_token != refused and left > EARLY_SECONDS:
                self._use(Token(held.access_token, tuple(held.scope.split()), int(left)), self._wire.pace.now())
            else:
                self._renew(kept, held)
        finally:
            kept.release()

    def _renew(self, kept: SignIns, held: SignIn) -> None:
        if not held.refresh_token:
            raise Unauthenticated("the sign-in has ended", _LOG_IN)
        proof = Proof({"client_id": held.client_id, "refresh_token": held.refresh_token}, {})
        asked_at = self._wire.pace.now()
        try:
            response = self._post("/oauth2/token", {"grant_type": "refresh_token"}, proof)
        except (InputError, AccessError) as error:
            kept.forget(self._wire.base)
            raise Unauthenticated(f"the sign-in has ended: {error.where}", _LOG_IN) from None
        kept.keep(self._wire.base, sign_in_of(response, held.client_id, self._wire.pace.wall(), held.refresh_token))
        self._use(token_in(response), asked_at)

    def _sign_out(self, credential: SignedIn) -> None:
        kept = SignIns(credential.folder)
        held = kept.held(self._wire.base)
        self._token = None
        if held is not None:
            kept.forget(self._wire.base)
            proof = Proof({"client_id": held.client_id, "token": held.refresh_token or held.access_token}, {})
            self._post("/oauth2/revoke", {}, proof)

    def _proof(self, credential: ClientSecret | PrivateKey) -> Proof:
        return credential.proof(f"{self._wire.base}/oauth2/token", self._wire.pace.wall())

    def _post(self, path: str, fields: dict[str, str], proof: Proof) -> httpx.Response:
        # An assertion and a refresh token hold once, so a request that carries one is not sent again.
        is_repeatable = proof.fields.keys().isdisjoint(("client_assertion", "refresh_token", "code"))
        body = Fields((fields | proof.fields).items())
        ask = Ask(method="POST", url=f"{self._wire.base}{path}", body=body, is_repeatable=is_repeatable)
        response = self._wire.send(ask, proof.headers)
        if response.status_code != 200:
            raise error_of(response, hide=(*self.hidden, *proof.hidden))
        return response


def token_in(response: httpx.Response) -> Token:
    """The token in an answer of the token endpoint (RFC 6749, 5.1). raises SetupError if there is none."""
    document = document_of(response)
    text, kind = document.get("access_token"), document.get("token_type")
    life, scope = document.get("expires_in"), document.get("scope", "")
    is_token = isinstance(text, str) and _TOKEN.fullmatch(text) and isinstance(kind, str) and kind.lower() == "bearer"
    if not isinstance(text, str) or not is_token:
        raise SetupError("the answer to the sign-in holds no bearer token", "Look at the base URL.")
    seconds = life if isinstance(life, int) and not isinstance(life, bool) and life >= 0 else None
    identity = document.get("id_token")
    return Token(text, tuple(clean(scope).split()), seconds, identity if isinstance(identity, str) else "")


def sign_in_of(response: httpx.Response, client_id: str, now: float, refresh_token: str = "") -> SignIn:
    """The sign-in in an answer of the token endpoint. raises SetupError if there is none

    now            seconds since 1970
    refresh_token  that goes on to hold where the answer has none
    """
    token, told = token_in(response), document_of(response).get("refresh_token")
    life = token.expires_in if token.expires_in is not None else 0
    return SignIn(
        client_id, token.text, told if isinstance(told, str) else refresh_token, now + life, " ".join(token.scopes)
    )
