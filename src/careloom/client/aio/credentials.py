"""Who asks: a client's secret, its private key or a token; and the tokens that the platform gives for them.

source  RFC 6749 (2012) 4.4 client credentials; RFC 7523 (2015) and SMART App Launch 2.2 for assertions; RFC 7009 (2013)
"""

import asyncio

import httpx

from careloom.client.aio.transport import AsyncWire
from careloom.client.credentials import (
    EARLY_SECONDS,
    Bearer,
    ClientSecret,
    Credential,
    Fields,
    PrivateKey,
    Proof,
    Token,
    token_in,
)
from careloom.client.problems import error_of
from careloom.client.transport import Ask
from careloom.errors import Unauthenticated


class Tokens:
    """The token of one credential: fetched when first needed, renewed before it ends; may be shared by tasks."""

    def __init__(self, wire: AsyncWire, credential: Credential) -> None:
        self._wire = wire
        self._credential = credential
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._renew_at = 0.0

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
                await self._fetch(self._credential)
            return self._held()

    async def revoke(self) -> None:
        """Tells the platform to refuse the token from now on, and forgets it."""
        async with self._lock:
            if isinstance(self._credential, Bearer):
                token = self._credential.token
                proof = Proof({}, {"Authorization": f"Bearer {token}"})
            elif self._token is None:
                return
            else:
                token = self._token.text
                proof = self._proof(self._credential)
            await self._post("/oauth2/revoke", {"token": token, "token_type_hint": "access_token"}, proof)
            self._token = None

    def _held(self) -> Token:
        if self._token is None:
            raise Unauthenticated("there is no token", "Sign in.")
        return self._token

    async def _fetch(self, credential: ClientSecret | PrivateKey) -> None:
        self._token = None
        proof = self._proof(credential)
        fields = {"grant_type": "client_credentials"} | ({"scope": credential.scope} if credential.scope else {})
        asked_at = self._wire.pace.now()
        response = await self._post("/oauth2/token", fields, proof)
        self._token = token_in(response)
        life = self._token.expires_in
        self._renew_at = float("inf") if life is None else asked_at + life - min(EARLY_SECONDS, life / 4)

    def _proof(self, credential: ClientSecret | PrivateKey) -> Proof:
        return credential.proof(f"{self._wire.base}/oauth2/token", self._wire.pace.wall())

    async def _post(self, path: str, fields: dict[str, str], proof: Proof) -> httpx.Response:
        # An assertion holds once, so a request that carries one is not sent again.
        is_repeatable = "client_assertion" not in proof.fields
        body = Fields((fields | proof.fields).items())
        ask = Ask(method="POST", url=f"{self._wire.base}{path}", body=body, is_repeatable=is_repeatable)
        response = await self._wire.send(ask, proof.headers)
        if response.status_code != 200:
            raise error_of(response, hide=(*self.hidden, *proof.hidden))
        return response
