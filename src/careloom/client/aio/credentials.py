"""Who asks: a client's secret, its private key or a token; and the tokens that the platform gives for them.

source  RFC 6749 (2012) 4.4 client credentials; RFC 7523 (2015) and SMART App Launch 2.2 for assertions; RFC 7009 (2013)
"""

import asyncio

import httpx

from careloom.client.aio.transport import AsyncWire, rest
from careloom.client.credentials import (
    _LOG_IN,
    EARLY_SECONDS,
    LOCK_SECONDS,
    LOCK_TRIES,
    Bearer,
    ClientSecret,
    Credential,
    Fields,
    PrivateKey,
    Proof,
    SignedIn,
    SignInCode,
    Token,
    sign_in_of,
    token_in,
)
from careloom.client.problems import error_of
from careloom.client.sign_ins import SignIn, SignIns
from careloom.client.transport import Ask
from careloom.errors import AccessError, InputError, StateError, Unauthenticated


class Tokens:
    """The token of one credential: fetched when first needed, renewed before it ends; may be shared by tasks."""

    def __init__(self, wire: AsyncWire, credential: Credential) -> None:
        self._wire = wire
        self._credential = credential
        self._lock = asyncio.Lock()
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

    async def current(self) -> Token:
        """A token that should hold.

        raises  Unauthenticated if the credential does not hold; AccessError if it may not have the scope
        """
        if isinstance(self._credential, Bearer):
            return Token(self._credential.token)
        async with self._lock:
            if self._token is None or self._wire.pace.now() >= self._renew_at:
                await self._fetch(self._credential)
            return self._held()

    async def after(self, refused: Token) -> Token | None:
        """The token to try once more with when one was refused; None where there is no other."""
        if isinstance(self._credential, Bearer):
            return None
        async with self._lock:
            if self._token is None or self._token.text == refused.text:
                await self._fetch(self._credential, refused.text)
            return self._held()

    async def revoke(self) -> None:
        """Tells the platform to refuse the token from now on, and forgets it."""
        async with self._lock:
            if isinstance(self._credential, SignedIn):
                await self._sign_out(self._credential)
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
            await self._post("/oauth2/revoke", {"token": token, "token_type_hint": "access_token"}, proof)
            self._token = None

    def _held(self) -> Token:
        if self._token is None:
            raise Unauthenticated("there is no token", "Sign in.")
        return self._token

    async def _fetch(self, credential: ClientSecret | PrivateKey | SignedIn | SignInCode, refused: str = "") -> None:
        if isinstance(credential, SignInCode):
            await self._redeem(credential)
            return
        self._token = None
        if isinstance(credential, SignedIn):
            await self._take_up(credential, refused)
            return
        proof = self._proof(credential)
        fields = {"grant_type": "client_credentials"} | ({"scope": credential.scope} if credential.scope else {})
        asked_at = self._wire.pace.now()
        response = await self._post("/oauth2/token", fields, proof)
        self._use(token_in(response), asked_at)

    async def _redeem(self, credential: SignInCode) -> None:
        """The one token that a code is good for. raises Unauthenticated where it was redeemed before"""
        if self._token is not None or self._is_redeemed:
            raise Unauthenticated("the sign-in has ended", "Sign in again.")
        self._is_redeemed = True
        asked_at = self._wire.pace.now()
        response = await self._post("/oauth2/token", {"grant_type": "authorization_code"}, credential.proof())
        self._use(token_in(response), asked_at)

    def _use(self, token: Token, asked_at: float) -> None:
        life = token.expires_in
        self._token = token
        self._renew_at = float("inf") if life is None else asked_at + life - min(EARLY_SECONDS, life / 4)

    async def _take_up(self, credential: SignedIn, refused: str) -> None:
        """The token of the person's sign-in, renewed if it must be, by one program at a time."""
        kept = SignIns(credential.folder)
        tries = 0
        while not kept.take():
            tries += 1
            if tries >= LOCK_TRIES:
                raise StateError("another program renews the sign-in and does not end", "Look for it, and try again.")
            await rest(self._wire.pace, LOCK_SECONDS)
        try:
            held, left = kept.held(self._wire.base), 0.0
            if held is not None:
                left = held.expires - self._wire.pace.wall()
            if held is None or (left <= 0 and not held.refresh_token):
                raise Unauthenticated("nobody is signed in at this platform here", _LOG_IN)
            if held.access_token != refused and left > EARLY_SECONDS:
                self._use(Token(held.access_token, tuple(held.scope.split()), int(left)), self._wire.pace.now())
            else:
                await self._renew(kept, held)
        finally:
            kept.release()

    async def _renew(self, kept: SignIns, held: SignIn) -> None:
        if not held.refresh_token:
            raise Unauthenticated("the sign-in has ended", _LOG_IN)
        proof = Proof({"client_id": held.client_id, "refresh_token": held.refresh_token}, {})
        asked_at = self._wire.pace.now()
        try:
            response = await self._post("/oauth2/token", {"grant_type": "refresh_token"}, proof)
        except (InputError, AccessError) as error:
            kept.forget(self._wire.base)
            raise Unauthenticated(f"the sign-in has ended: {error.where}", _LOG_IN) from None
        kept.keep(self._wire.base, sign_in_of(response, held.client_id, self._wire.pace.wall(), held.refresh_token))
        self._use(token_in(response), asked_at)

    async def _sign_out(self, credential: SignedIn) -> None:
        kept = SignIns(credential.folder)
        held = kept.held(self._wire.base)
        self._token = None
        if held is not None:
            kept.forget(self._wire.base)
            proof = Proof({"client_id": held.client_id, "token": held.refresh_token or held.access_token}, {})
            await self._post("/oauth2/revoke", {}, proof)

    def _proof(self, credential: ClientSecret | PrivateKey) -> Proof:
        return credential.proof(f"{self._wire.base}/oauth2/token", self._wire.pace.wall())

    async def _post(self, path: str, fields: dict[str, str], proof: Proof) -> httpx.Response:
        # An assertion and a refresh token hold once, so a request that carries one is not sent again.
        is_repeatable = proof.fields.keys().isdisjoint(("client_assertion", "refresh_token", "code"))
        body = Fields((fields | proof.fields).items())
        ask = Ask(method="POST", url=f"{self._wire.base}{path}", body=body, is_repeatable=is_repeatable)
        response = await self._wire.send(ask, proof.headers)
        if response.status_code != 200:
            raise error_of(response, hide=(*self.hidden, *proof.hidden))
        return response
