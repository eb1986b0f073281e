"""gunicorn's threaded worker, made patient: a connection costs a thread only once the head of a request is there.

Without it sixteen clients that connect and say nothing hold every thread of a server for seconds at a time.
"""

import errno
import logging
import re
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from selectors import EVENT_READ
from typing import Any

import orjson
from gunicorn.http.errors import ParseException
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import TConn, ThreadWorker

from careloom.api.problems import FHIR_TYPE, PROBLEM_TYPE, outcome
from careloom.logs import log

HEAD_SECONDS = 10.0
"""How long the head of a request may take to arrive; then the connection is closed."""
REQUEST_SECONDS = 30.0
"""How long one request may take from its head to the end of its answer; uploads have a least speed instead."""
SILENCE_SECONDS = {socket.SO_RCVTIMEO: 30, socket.SO_SNDTIMEO: 10}
"""How long a body, and the reader of an answer, may pause."""
MOST_AWAITED_BYTES = 16384
"""A body up to this length is awaited without a thread, like a head."""
UPLOADS = "/api/v1/ingestions"
MOST_HEAD_BYTES = 65536
"""A longer head goes to the parser, which refuses it."""
LINGER_SECONDS = 2.0
"""How long a client may go on sending after the last answer, so that it can read that (RFC 9112, section 9.6)."""
MOST_LINGERING = 1000
STATUS = {
    "LimitRequestLine": 414,
    "LimitRequestHeaders": 431,
    "ExpectationFailed": 417,
    "UnsupportedTransferCoding": 501,
}
"""gunicorn's name of what is wrong with a request -> HTTP status; 400 for the others."""
_CODE = "http.unreadable"
REMEDIES = {411: "Say the length of the body in Content-Length."}
_TICK_SECONDS = 0.01
_DRAIN_SECONDS = 0.05
_FHIR = re.compile(rb"[A-Z]+ +(?:https?://[^/ ]*)?/fhir(?:[/? ]|\Z)")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)[ \t]*(?:\r\n|\Z)", re.IGNORECASE)


class _Request(Request):  # type: ignore[misc]
    """A request of which it is known whether it was one of FHIR, also where it cannot be read."""

    def __init__(self, cfg: Any, unreader: Any, *more: Any, **named: Any) -> None:
        """raises ParseException, with `is_fhir`"""
        begun = unreader.read()
        unreader.unread(begun)
        try:
            super().__init__(cfg, unreader, *more, **named)
        except ParseException as error:
            error.is_fhir = _FHIR.match(begun) is not None
            raise


class _Connection(TConn):  # type: ignore[misc]
    """Closes without making anybody wait: what lingers is handed to the worker."""

    lingers: Callable[["_Connection"], None]

    def init(self) -> None:
        """Makes the parser."""
        super().init()
        if isinstance(self.parser, RequestParser):
            self.parser.mesg_class = _Request

    def close(self, graceful: bool = False) -> None:
        """Closes now, or when the client has read the answer."""
        if graceful:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)
                self.sock.setblocking(False)
                self.lingers(self)
                return
        super().close()


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """Waits for heads in the poller; under TLS for the first byte only, and the rest is bounded by silence."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._trickling: list[TConn] = []
        self._next_look = 0.0
        self._busy: dict[TConn, float] = {}
        self._lingering: deque[_Connection] = deque()

    def accept(self, listener: socket.socket) -> None:
        """Takes a connection; it waits in the poller."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        for option, seconds in SILENCE_SECONDS.items():
            client.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", seconds, 0))
        self.nr_conns += 1
        conn = _Connection(self.cfg, client, address, listener.getsockname())
        conn.lingers = self._linger
        self._wait(conn)

    def handle(self, conn: TConn) -> Any:
        """Serves a connection in a thread, for so long as its head, its request and its answer may take."""
        self._busy[conn] = time.monotonic() + HEAD_SECONDS
        try:
            return super().handle(conn)
        finally:
            self._busy.pop(conn, None)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Serves one request; a body that does not say its length is for uploads only."""
        if req.path == UPLOADS and req.method == "POST":
            self._busy.pop(conn, None)
        else:
            self._busy[conn] = time.monotonic() + REQUEST_SECONDS
            if any(name == "TRANSFER-ENCODING" for name, _ in req.headers):
                self._answer(conn.sock, 411, is_fhir=req.path == "/fhir" or req.path.startswith("/fhir/"))
                return False
        return super().handle_request(req, conn)

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """A kept-alive connection has bytes: it waits for the rest of the head like a new one."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        if self._has_head(conn):
            self.enqueue_req(conn)
        else:
            self._wait(conn)

    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """A waiting connection has bytes: to a thread with it if the head is whole, else another look later."""
        if self._has_head(conn):
            super().on_pending_socket_readable(conn, client)
        else:
            self.poller.unregister(client)
            self._trickling.append(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """As gunicorn does, with a look at unfinished heads every hundredth of a second."""
        if self._trickling and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _TICK_SECONDS
            waiting, self._trickling = self._trickling, []
            for conn in waiting:
                if conn in self.pending_conns:  # it may have run out of time
                    self._watch(conn)
        self._end_the_overdue()
        super().wait_for_and_dispatch_events(_TICK_SECONDS if self._trickling or self._lingering else timeout)
        for _ in range(len(self._lingering)):
            conn = self._lingering.popleft()
            if _is_over(conn):
                conn.close()
            else:
                self._lingering.append(conn)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answers what never became a request: the kind of fault, and nothing of what was sent."""
        status = STATUS.get(type(exc).__name__, 400 if isinstance(exc, ParseException) else 500)
        level = logging.WARNING if status < 500 else logging.ERROR
        log(__name__, "a request could not be read", level=level, error_code=type(exc).__name__, status=status)
        self._answer(client, status, is_fhir=getattr(exc, "is_fhir", False))

    def _answer(self, client: socket.socket, status: int, *, is_fhir: bool = False) -> None:
        """An OperationOutcome or a problem document from outside the application; what cannot be sent is not."""
        where = "the request is not well-formed HTTP" if status < 500 else "something unexpected happened"
        remedy = REMEDIES.get(status, "Send HTTP/1.1 with at most 100 headers and 8,190 bytes in each line.")
        told: dict[str, Any] = {
            "type": f"urn:careloom:problem:{_CODE}", "title": "http: unreadable", "status": status, "detail": where,
            "code": _CODE, "remedy": remedy,
        }  # fmt: skip
        body = orjson.dumps(outcome(status, _CODE, where, remedy) if is_fhir else told)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n"
            f"Content-Type: {FHIR_TYPE if is_fhir else PROBLEM_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with suppress(OSError):
            client.sendall(head.encode() + body)

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        """A connection whose body nobody read is closed, unless the rest of it is there at once."""
        return bool(keepalive and conn.parser.finish_body(deadline=time.monotonic() + _DRAIN_SECONDS))

    def _linger(self, conn: _Connection) -> None:
        conn.timeout = time.monotonic() + LINGER_SECONDS
        self._lingering.append(conn)
        if len(self._lingering) > MOST_LINGERING:
            self._lingering.popleft().close()

    def _end_the_overdue(self) -> None:
        """Takes the connection from threads that have served it for too long; what they wait for ends at once."""
        now = time.monotonic()
        for conn, end in list(self._busy.items()):
            if now > end and self._busy.pop(conn, None) is not None:
                with suppress(OSError):
                    socket.socket.shutdown(conn.sock, socket.SHUT_RDWR)  # of the plain socket, also under TLS

    def _wait(self, conn: TConn) -> None:
        conn.timeout = time.monotonic() + HEAD_SECONDS
        self.pending_conns.append(conn)
        self._watch(conn)

    def _watch(self, conn: TConn) -> None:
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _has_head(self, conn: TConn) -> bool:
        """True when a whole head waits in the socket, or its end, or anything at all under TLS."""
        if self.cfg.is_ssl:
            return True
        try:
            waiting = conn.sock.recv(MOST_HEAD_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return not waiting or len(waiting) == MOST_HEAD_BYTES or _is_whole(waiting)


def _is_whole(waiting: bytes) -> bool:
    """True when a head is there, and with it the body if that is short."""
    head, end, rest = waiting.partition(b"\r\n\r\n")
    if not end:
        return False
    length = _LENGTH.search(head)
    awaited = int(length[1]) if length and len(length[1]) < 8 else 0
    return not len(rest) < awaited <= MOST_AWAITED_BYTES or b"\r\nexpect:" in head.lower()


def _is_over(conn: TConn) -> bool:
    """Throws away what has arrived; True when the client has closed, or its time is over."""
    try:
        while waiting := conn.sock.recv(MOST_HEAD_BYTES):
            if time.monotonic() > conn.timeout:
                return True
            del waiting
    except BlockingIOError:
        return time.monotonic() > float(conn.timeout)
    except OSError:
        return True
    return True
