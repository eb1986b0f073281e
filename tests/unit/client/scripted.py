"""A platform that answers as a test tells it to, and a clock that a test moves."""

from collections.abc import Callable
from typing import Any

import httpx

from careloom.client.careloom import Careloom
from careloom.client.credentials import ClientSecret, Credential
from careloom.client.pace import Pace

BASE = "https://careloom.example.org"
SECRET = ClientSecret("warehouse", "planted-in-a-test")

Answer = httpx.Response | httpx.RequestError | Callable[[httpx.Request], httpx.Response]


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.naps: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds


class Scripted:
    """Hands out tokens t1, t2, ... and the given answers to everything else, the last one for ever.

    A token is refused when it is in `revoked`.
    """

    def __init__(self, *answers: Answer, token_seconds: int | None = 300) -> None:
        self.answers = list(answers)
        self.token_seconds = token_seconds
        self.clock = Clock()
        self.revoked: set[str] = set()
        self.requests: list[httpx.Request] = []
        self.tokens_given = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth2/token":
            return self._token()
        self.requests.append(request)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") in self.revoked:
            return refusal(401, "access.unauthenticated", "the token does not hold", "Sign in again.")
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, httpx.RequestError):
            raise answer
        if callable(answer):
            return answer(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def _token(self) -> httpx.Response:
        self.tokens_given += 1
        life = {} if self.token_seconds is None else {"expires_in": self.token_seconds}
        body = {"access_token": f"t{self.tokens_given}", "token_type": "Bearer", "scope": "system/*.rs"}
        return httpx.Response(200, json=body | life)

    def client(self, credential: Credential = SECRET, **pace: Any) -> Careloom:
        """A client of it that waits by its clock."""
        own = Pace(now=self.clock.now, sleep=self.clock.sleep, draw=lambda: 0.0, **pace)
        return Careloom(BASE, credential, transport=httpx.MockTransport(self), pace=own)

    @property
    def authorizations(self) -> list[str]:
        """The credential of each request but those for tokens."""
        return [request.headers.get("Authorization", "") for request in self.requests]


def answer(document: object, status: int = 200, **headers: str) -> httpx.Response:
    """An answer with a JSON document."""
    return httpx.Response(status, json=document, headers=headers)


def refusal(status: int, code: str, detail: str = "no", remedy: str = "", **headers: str) -> httpx.Response:
    """An answer with a problem document."""
    return answer({"status": status, "code": code, "detail": detail, "remedy": remedy}, status, **headers)


PATIENT = {"resourceType": "Patient", "id": "p1"}
