"""The wire for programs that run on asyncio: sends as `careloom.client.transport` does, and repeats where that does."""

import asyncio
import time
from collections.abc import AsyncIterator
from inspect import isawaitable
from pathlib import Path

import httpx

from careloom.client.pace import Pace
from careloom.client.transport import Ask, Body, Broken, Manners, Refused, proxy_of, trusted_by


async def rest(pace: Pace, seconds: float) -> None:
    """Waits as a pace says; one that sleeps as threads do leaves the loop to others."""
    if pace.sleep is time.sleep:
        await asyncio.sleep(seconds)
        return
    waited: object = pace.sleep(seconds)  # type: ignore[func-returns-value]
    if isawaitable(waited):
        await waited


class AsyncWire(Manners):
    """Sends requests to one platform; may be shared by tasks of one loop.

    transport  used in place of a network connection and left open; None opens connections
    ca         PEM file of the authorities to trust in place of the public ones
    """

    def __init__(
        self,
        base: str,
        *,
        transport: httpx.AsyncBaseTransport | None,
        timeout: float,
        ca: str | Path | None,
        pace: Pace,
    ) -> None:
        super().__init__(base, timeout, pace)
        self._is_own = transport is None
        self._transport = transport or httpx.AsyncHTTPTransport(verify=trusted_by(ca), proxy=proxy_of(httpx.URL(base)))

    async def close(self) -> None:
        """Closes the connections that this wire opened."""
        if self._is_own:
            await self._transport.aclose()

    async def send(self, ask: Ask, headers: dict[str, str]) -> httpx.Response:
        """The whole answer, whatever its status.

        raises  SetupError if none came, or not all of it
        """
        attempts_made = 0
        while True:
            came = await self._attempt(ask, headers)
            attempts_made += 1
            wait_seconds = self.wait_seconds(ask, came, attempts_made)
            if wait_seconds is None:
                if isinstance(came, Broken):
                    raise came.error
                return came
            await rest(self.pace, wait_seconds)

    async def lines(self, ask: Ask, headers: dict[str, str], refused: Refused) -> AsyncIterator[str]:
        """The lines of an answer as they come, asked for once.

        raises  what `refused` makes of an answer that is none of success; SetupError if the connection breaks
        """
        try:
            response = await self._transport.handle_async_request(self.request(ask, headers, content=None))
            try:
                if not response.is_success:
                    await response.aread()
                    raise refused(response)
                async for line in response.aiter_lines():
                    yield line
            finally:
                await response.aclose()
        except httpx.RequestError as error:
            raise self.broken(ask, error).error from None

    async def _attempt(self, ask: Ask, headers: dict[str, str]) -> httpx.Response | Broken:
        request = self.request(ask, headers, content=_pieces(ask.body) if ask.body else None)
        try:
            response = await self._transport.handle_async_request(request)
            try:
                await response.aread()
            finally:
                await response.aclose()
        except httpx.RequestError as error:
            return self.broken(ask, error)
        return response


async def _pieces(body: Body) -> AsyncIterator[bytes]:
    """The body piece by piece; files are read in a thread, so that a slow disk holds up nobody else."""
    pieces, ended = iter(body.chunks()), object()
    while (piece := await asyncio.to_thread(next, pieces, ended)) is not ended:
        yield piece  # type: ignore[misc]
