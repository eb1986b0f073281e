"""A request that names itself is done once: its answer is kept sealed for a day, and given again.

source  draft-ietf-httpapi-idempotency-key-header-07 (2025)
"""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Literal

import orjson

from careloom.crypto.envelope import context_of, seal, unseal
from careloom.errors import Conflict, Unprocessable
from careloom.services.access import Principal
from careloom.services.admission import note
from careloom.services.platform import Platform

KEEP_HOURS = 24
UNDER_WAY_SECONDS = 120
"""So long a request without an answer is taken to be under way; after that nobody knows what became of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to do a request; whoever holds it tells what became of it."""

    name: bytes
    asked: bytes


class UnderWay(Conflict):
    """The first request of this name has no answer yet: it can be asked for again soon."""


def begin(platform: Platform, who: Principal, key: str, request: Sequence[str | bytes]) -> Ticket | Answer:
    """The right to do a request, or the answer that its first one got, which is audited.

    key      what the client calls it; another client's is another one
    request  what it asks for: route, address, body; who asks with other rights asks for something else
    raises   Unprocessable where the key stood for another request; UnderWay while the first one is; Conflict where
             that ended without an answer
    """
    secret = platform.keys.derive("idempotency", "requests")
    ticket = Ticket(_keyed(secret, ["key", who.name, key]), _keyed(secret, ["request", *_rights(who), *request]))
    now = platform.runtime.now()
    known = platform.kept_answers.begin(ticket.name, ticket.asked, now + timedelta(hours=KEEP_HOURS))
    if known is None:
        return ticket
    if not hmac.compare_digest(known.asked, ticket.asked):
        raise Unprocessable(
            "this Idempotency-Key stood for another request", "Give each request a key of its own, and repeat it whole."
        )
    if known.answer is None:
        raise _without_answer((now - known.begun).total_seconds())
    note(platform, who, "answer-again", "landing", detail={"route": _text(request[0])})
    return _opened(platform, ticket, known.answer)


def settle(platform: Platform, ticket: Ticket, answer: Answer) -> Literal["kept", "released", "unknown"]:
    """Keeps an answer of success; forgets a refusal, which did nothing; leaves open what became of a defect."""
    if 200 <= answer.status < 300:
        told = [answer.status, answer.headers, base64.b64encode(answer.body).decode()]
        context = context_of(["idempotency", ticket.asked.hex()])
        key = platform.keys.derive("idempotency", "answers")
        platform.kept_answers.keep(ticket.name, seal(key, orjson.dumps(told), context, platform.runtime.random_bytes))
        return "kept"
    if answer.status < 500 or answer.status == 503:
        platform.kept_answers.release(ticket.name)
        return "released"
    return "unknown"


def _opened(platform: Platform, ticket: Ticket, sealed: bytes) -> Answer:
    context = context_of(["idempotency", ticket.asked.hex()])
    status, headers, body = orjson.loads(unseal(platform.keys.derive("idempotency", "answers"), sealed, context))
    return Answer(status, headers, base64.b64decode(body))


def _without_answer(age_seconds: float) -> Conflict:
    if age_seconds < UNDER_WAY_SECONDS:
        return UnderWay("the first request with this Idempotency-Key is under way", "Send it again in a moment.")
    return Conflict(
        "the first request with this Idempotency-Key ended without an answer",
        "Look whether it took effect; if not, send it with a new key.",
    )


def _rights(who: Principal) -> list[str]:
    scopes = "all" if who.scopes is None else " ".join(sorted(map(str, who.scopes)))
    return [" ".join(sorted(who.roles)), " ".join(sorted(who.zones)), scopes, who.patient]


def _keyed(secret: bytes, parts: Sequence[str | bytes]) -> bytes:
    """A keyed hash of parts without ambiguity: bodies may be guessed, so that a plain hash would tell them."""
    mac = hmac.new(secret, digestmod=sha256)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        mac.update(len(raw).to_bytes(8, "big") + raw)
    return mac.digest()


def _text(part: str | bytes) -> str:
    return part if isinstance(part, str) else part.decode("latin-1")
