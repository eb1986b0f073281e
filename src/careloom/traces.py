"""Spans: what a request or a job did, step by step, and how long it took; nothing is made while nobody collects them.

Names and attributes come from an allow-list, so that nothing of a patient can reach a trace: route templates, kinds of
jobs, names of zones and codes of errors.

source  W3C Trace Context (2021): traceparent
"""

import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from threading import Condition, Lock, Thread
from typing import Literal

Kind = Literal["server", "internal", "consumer"]
ALLOWED = frozenset(
    {
        "http.request.method", "http.route", "http.response.status_code", "error.type", "careloom.zone",
        "careloom.job.kind", "careloom.job.id", "careloom.request.id",
    }
)  # fmt: skip
MOST_WAITING = 4096
"""Spans that wait to be sent; more are dropped."""
MOST_AT_ONCE = 512
EVERY_SECONDS = 2.0
_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


@dataclass(slots=True)
class Span:
    """One step of a trace; times are nanoseconds since 1970."""

    name: str
    kind: Kind
    trace_id: str
    span_id: str
    parent_id: str
    started: int
    ended: int = 0
    attributes: dict[str, str | int] = field(default_factory=dict)
    is_failed: bool = False
    queued_by: tuple[str, str] | None = None
    """(trace, span) that asked for this work, which was done later."""

    def tell(self, name: str, value: str | int) -> None:
        """Adds an attribute. raises KeyError for one that may not leave"""
        if name not in ALLOWED:
            raise KeyError(name)
        self.attributes[name] = value

    @property
    def traceparent(self) -> str:
        """What a service that is called is told."""
        return f"00-{self.trace_id}-{self.span_id}-01"


Send = Callable[[Sequence[Span]], None]
_current: ContextVar[Span | None] = ContextVar("careloom_span", default=None)


class Collector:
    """Sends ended spans in batches from a thread of its own; a full queue drops, a failing receiver loses."""

    def __init__(self, send: Send, share: float = 1.0) -> None:
        """share  of the traces that begin here, between 0 and 1; what a caller traces goes on"""
        self.share = share
        self._send = send
        self._waiting: list[Span] = []
        self._news = Condition(Lock())
        self._owner = 0

    def take(self, span: Span) -> None:
        """Keeps a span that ended until it is sent."""
        if self._owner != os.getpid():
            self._begin()
        with self._news:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(span)
            if len(self._waiting) >= MOST_AT_ONCE:
                self._news.notify()

    def flush(self) -> None:
        """Sends what waits, now."""
        with self._news:
            batch, self._waiting = self._waiting, []
        for start in range(0, len(batch), MOST_AT_ONCE):
            self._send(batch[start : start + MOST_AT_ONCE])

    def _begin(self) -> None:
        """A forked process has no threads but its own, and none of its parent's spans."""
        self._news, self._waiting, self._owner = Condition(Lock()), [], os.getpid()
        Thread(target=self._run, name="traces", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait(EVERY_SECONDS)
            self.flush()


_collector: Collector | None = None


def collect(collector: Collector | None) -> None:
    """Spans go there from now on; None makes none."""
    global _collector  # noqa: PLW0603 as with logging: spans begin in every room
    _collector = collector


def is_collected() -> bool:
    """True while spans are made."""
    return _collector is not None


def traceparent() -> str:
    """What work that is done later is told, so that it goes on in this trace; empty outside a span."""
    span = _current.get()
    return "" if span is None else span.traceparent


def begin(name: str, kind: Kind = "internal", parent: str = "") -> tuple[Span, Token[Span | None]] | None:
    """A span below the current one, which it becomes; None while nobody collects, or where this trace is left out.

    parent  traceparent of who called; passed over where it is none
    """
    if _collector is None:
        return None
    above, told = _current.get(), _PARENT.fullmatch(parent)
    if above is not None:
        trace_id, parent_id = above.trace_id, above.span_id
    elif kind == "internal":
        return None  # a step of what nobody traces
    elif told is not None and int(told[1], 16) and int(told[2], 16):
        if not int(told[3], 16) & 1:
            return None
        trace_id, parent_id = told[1], told[2]
    elif secrets.randbelow(1_000_000) >= _collector.share * 1_000_000:
        return None
    else:
        trace_id, parent_id = secrets.token_hex(16), ""
    span = Span(name, kind, trace_id, secrets.token_hex(8), parent_id, time.time_ns())
    if kind == "consumer" and above is None and parent_id:
        span.queued_by = (trace_id, parent_id)
    return span, _current.set(span)


def end(made: tuple[Span, Token[Span | None]] | None) -> None:
    """Ends a span, and goes back to the one above."""
    if made is not None:
        span, token = made
        span.ended = time.time_ns()
        _current.reset(token)
        if _collector is not None:
            _collector.take(span)


Observe = Callable[[str, float], None]
_observe: Observe | None = None


def observe(taken: Observe | None) -> None:
    """(name, seconds) of every step goes there from now on, whether or not spans are collected."""
    global _observe  # noqa: PLW0603 as with the collector
    _observe = taken


def took(name: str, began: float) -> None:
    """Tells how long a step took that makes no span; `began` as `time.perf_counter` gave it."""
    lasted(name, time.perf_counter() - began)


def lasted(name: str, seconds: float) -> None:
    """Tells that something took so long."""
    if _observe is not None:
        _observe(name, seconds)


@contextmanager
def step(name: str, kind: Kind = "internal", parent: str = "", **attributes: str) -> Iterator[Span | None]:
    """A span as long as the block takes; an error marks it by its class.

    parent      as for `begin`
    attributes  names of `ALLOWED` with ``_`` for ``.``
    """
    began, made = time.perf_counter(), begin(name, kind, parent)
    if made is None:
        try:
            yield None
        finally:
            took(name, began)
        return
    for key, value in attributes.items():
        made[0].tell(key.replace("_", "."), value)
    try:
        yield made[0]
    except BaseException as error:
        made[0].is_failed = True
        made[0].tell("error.type", type(error).__name__)
        raise
    finally:
        end(made)
        took(name, began)
