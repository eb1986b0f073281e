"""API10 of OWASP's API Security Top 10 of 2023: what other services answer is not trusted, whatever they answer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from careloom.errors import SetupError
from careloom.services.monitor_otlp import send_numbers

CHUNK = b"x" * 65536
ENDLESS = 4096
"""Chunks of an answer without end: 256 MiB."""


class Hostile(ThreadingHTTPServer):
    """A service that answers by one function, and counts the bytes that went out."""

    sent = 0


@contextmanager
def service(status: int, body: bytes, chunks: int = 1, **headers: str) -> Iterator[Hostile]:
    """A service of this machine that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body) * chunks))
            self.end_headers()
            try:
                for _ in range(chunks):
                    self.wfile.write(body)
                    server.sent += len(body)
            except OSError:
                return  # whoever asked has gone

        def log_message(self, *args: object) -> None:
            pass

    server = Hostile(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def tell(server: Hostile) -> None:
    """Sends no number to a collector of this machine."""
    send_numbers(f"http://127.0.0.1:{server.server_port}", [], datetime(2026, 1, 1, tzinfo=UTC))


def test_an_answer_without_end_is_left_unread() -> None:
    with service(200, CHUNK, ENDLESS) as server:
        tell(server)
    assert server.sent < 16 * 1024 * 1024


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"\xff\xfe"), (200, b"[]"), (200, b'{"partialSuccess": {"rejectedDataPoints": [1]}}')]
)
def test_an_answer_that_makes_no_sense_breaks_nothing(status: int, body: bytes) -> None:
    with service(status, body) as server:
        tell(server)


def test_a_collector_that_sends_elsewhere_gets_nothing_more() -> None:
    with service(200, b"") as other, service(307, b"", Location=f"http://127.0.0.1:{other.server_port}/") as server:
        with pytest.raises(SetupError):
            tell(server)
        assert other.sent == 0
