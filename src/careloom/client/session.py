"""Requests with a token: renewed once when it is refused, and refusals raised as errors."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from careloom.client.credentials import Tokens
from careloom.client.decoding import document_of
from careloom.client.deprecation import warn_of
from careloom.client.idempotency import keyed
from careloom.client.problems import error_of
from careloom.client.transport import Ask, Wire


class Session:
    """One client at one platform; may be shared by threads.

    headers  what every request with a token says besides, such as what it is for
    """

    def __init__(self, wire: Wire, tokens: Tokens, headers: Mapping[str, str] | None = None) -> None:
        self.wire = wire
        self.tokens = tokens
        self.headers = dict(headers or {})

    @property
    def base(self) -> str:
        """The platform's address, without a slash at its end."""
        return self.wire.base

    def document(self, ask: Ask, *, is_open: bool = False) -> dict[str, Any]:
        """The JSON object that the platform answers with.

        is_open  the address needs no token, and gets none
        raises   an error of `careloom.errors` by the code of the answer; SetupError if no answer came or it is no JSON
        """
        return document_of(self._answer(ask, is_open=is_open))

    def whole(self, url: str) -> dict[str, Any]:
        """The list at an address with the items of all its pages, fetched one after the other. raises as `document`."""
        told = self.document(Ask(method="GET", url=url))
        items, cursor = list(told["items"]), told.get("next")
        while cursor:
            mark = "&" if "?" in url else "?"
            told = self.document(Ask(method="GET", url=f"{url}{mark}{urlencode({'cursor': cursor})}"))
            items, cursor = [*items, *told["items"]], told.get("next")
        return told | {"items": items}

    def content(self, ask: Ask) -> bytes:
        """The bytes that the platform answers with. raises as `document`."""
        return self._answer(ask, is_open=False).content

    def answer(self, ask: Ask) -> httpx.Response:
        """The answer whose headers matter too. raises as `document`."""
        return self._answer(ask, is_open=False)

    def lines(self, ask: Ask) -> Iterator[str]:
        """The lines of a long answer, as they come. raises as `document`."""
        token = self.tokens.current()
        headers = {**self.headers, "Authorization": f"Bearer {token.text}"}
        yield from self.wire.lines(ask, headers, self._refused)

    def _refused(self, response: httpx.Response) -> Exception:
        return error_of(response, hide=self.tokens.hidden)

    def _answer(self, ask: Ask, *, is_open: bool) -> httpx.Response:
        if is_open:
            response = self.wire.send(ask, {})
        else:
            token, ask = self.tokens.current(), keyed(ask, self.base)
            response = self.wire.send(ask, {**self.headers, "Authorization": f"Bearer {token.text}"})
            if response.status_code == 401 and (ask.body is None or ask.body.is_new_each_time):
                other = self.tokens.after(token)
                if other is not None:
                    response = self.wire.send(ask, {**self.headers, "Authorization": f"Bearer {other.text}"})
        if not response.is_success:
            raise error_of(response, hide=self.tokens.hidden)
        warn_of(response)
        return response
