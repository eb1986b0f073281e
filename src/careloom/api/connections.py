"""gunicorn's threaded worker, made patient: a connection costs a thread only once the head of a request is there.

Without it sixteen clients that connect and say nothing hold every thread of a server for seconds at a time.
"""

import errno
import logging
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
from gunicorn.workers.gthread import TConn, ThreadWorker

from careloom.logs import log

HEAD_SECONDS = 10.0
"""How long the head of a request may take to arrive; then the connection is closed."""
SILENCE_SECONDS = 30
"""How long a body may pause."""
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
_TICK_SECONDS = 0.1
_DRAIN_SECONDS = 0.05


class _Connection(TConn):  # type: ignore[misc]
    """Closes without making anybody wait: what lingers is handed to the worker."""

    lingers: Callable[["_Connection"], None]

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
        self._lingering: deque[_Connection] = deque()

    def accept(self, listener: socket.socket) -> None:
        """Takes a connection; it waits in the poller."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", SILENCE_SECONDS, 0))
        self.nr_conns += 1
        conn = _Connection(self.cfg, client, address, listener.getsockname())
        conn.lingers = self._linger
        self._wait(conn)

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
        """As gunicorn does, with a look at unfinished heads every tenth of a second."""
        if self._trickling and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _TICK_SECONDS
            waiting, self._trickling = self._trickling, []
            for conn in waiting:
                if conn in self.pending_conns:  # it may have run out of time
                    self._watch(conn)
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
        body = orjson.dumps(
            {
                "type": "urn:careloom:problem:http.unreadable",
                "title": "http: unreadable",
                "status": status,
                "detail": "the request is not well-formed HTTP" if status < 500 else "something unexpected happened",
                "code": "http.unreadable",
                "remedy": "Send HTTP/1.1 with at most 100 headers and 8,190 bytes in each line.",
            }
        )
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n"
            f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
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
        return not waiting or b"\r\n\r\n" in waiting or len(waiting) == MOST_HEAD_BYTES


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
