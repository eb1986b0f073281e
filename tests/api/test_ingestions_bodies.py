"""Bodies that are wrong, too large, too slow or broken off: the right answer, and nothing left of them."""

import contextlib
import io
import random
import socket
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException, RequestTimeout
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request

from careloom.api.bodies import sent_files
from careloom.api.pace import GRACE_SECONDS, MOST_READ_BYTES, Pace, Watchdog
from careloom.errors import InputError
from careloom.services.jobs import list_jobs
from tests.api.kit import PATIENT, Installation
from tests.api.test_ingestions import FEED, ROUTE, done, kept, ndjson, send

BOUNDARY = "x-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def form(*parts: tuple[str, bytes], end: bytes = b"--\r\n") -> bytes:
    """A form of parts, each (what stands in its Content-Disposition, its bytes)."""
    lines = [
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {told}\r\n\r\n".encode() + content + b"\r\n"
        for told, content in parts
    ]
    return b"".join(lines) + f"--{BOUNDARY}".encode() + end


FILE = 'name="file"; filename="a"'
ONE_FILE = form((FILE, FEED))
REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("nothing", {"content": b""}, 400, "input"),
    ("a form without parts", {"content": form(), "kind": FORM}, 400, "input"),
    ("a file without a name", {"content": form(('name="file"', FEED)), "kind": FORM}, 400, "input"),
    ("a form with a field", {"content": form(('name="format"', b"fhir")), "kind": FORM}, 400, "input"),
    ("a form that does not end", {"content": form((FILE, FEED), end=b""), "kind": FORM}, 400, "input.format"),
    ("a form of random bytes", {"content": random.Random(1).randbytes(5000), "kind": FORM}, 400, "input.format"),
    ("a form without boundary", {"content": FEED, "kind": "multipart/form-data"}, 400, "input.format"),
    ("a form of another boundary", {"content": FEED, "kind": "multipart/form-data; boundary=y"}, 400, "input.format"),
    ("a boundary of no letters", {"content": FEED, "kind": "multipart/form-data; boundary=äö"}, 400, "input.format"),
    ("a boundary of 201", {"content": FEED, "kind": "multipart/form-data; boundary=" + "y" * 201}, 400, "input.format"),
    ("a form with endless headers", {"content": form(("a" * 2_000_000, b"")), "kind": FORM}, 400, "input.format"),
    ("too many files", {"content": form(*[(FILE, b"x")] * 1001), "kind": FORM}, 413, "input.too-large"),
    ("a form of bare lines", {"content": ONE_FILE.replace(b"\r", b""), "kind": FORM}, 400, "input.format"),
    ("a part without a name", {"content": ONE_FILE.replace(b"Content-", b"X-"), "kind": FORM}, 400, "input.format"),
    ("a boundary that goes on", {"content": form().replace(b"--\r", b"x\r\n\r"), "kind": FORM}, 400, "input.format"),
    ("a form as forms are", {"kind": "application/x-www-form-urlencoded"}, 415, "http.unsupported-media-type"),
    ("a picture", {"kind": "image/png"}, 415, "http.unsupported-media-type"),
    ("no media type at all", {"kind": "nonsense"}, 415, "http.unsupported-media-type"),
    ("an unknown coding", {"headers": {"Content-Encoding": "br"}}, 415, "http.unsupported-media-type"),
    (
        "a packed form",
        {"content": ONE_FILE, "kind": FORM, "headers": {"Content-Encoding": "gzip"}},
        415,
        "http.unsupported-media-type",
    ),
]  # fmt: skip


def is_clean(installation: Installation) -> bool:
    """True when nothing was kept and nothing queued."""
    return not kept(installation) and not list_jobs(installation.platform, installation.operator)


@pytest.mark.parametrize(("what", "body", "status", "code"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_cannot_be_an_upload_is_refused_and_leaves_nothing(
    installation: Installation, what: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = send(installation, **body)
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
    assert answer.mimetype == "application/problem+json"
    assert is_clean(installation)


def test_a_part_with_a_file_name_is_a_file_whatever_the_field_is_called(installation: Installation) -> None:
    parts = (('name="file"; filename=""', FEED), ('name="lab"; filename="../x"', ndjson(PATIENT)))
    answer = send(installation, form(*parts), FORM)
    assert answer.status_code == 202
    assert done(installation, answer.json["id"])["totals"]["files"] == 2


@pytest.mark.parametrize("length", [70, 72, 200])
def test_a_boundary_longer_than_the_standard_is_read_as_some_clients_send_it(
    installation: Installation, length: int
) -> None:
    longer = "y" * length
    kind = f"multipart/form-data; boundary={longer}"
    answer = send(installation, ONE_FILE.replace(BOUNDARY.encode(), longer.encode()), kind=kind)
    assert answer.status_code == 202


def test_an_empty_file_of_a_form_is_kept_and_refused_by_itself(installation: Installation) -> None:
    answer = send(installation, form(('name="file"; filename="a"', b""), ('name="file"; filename="b"', FEED)), FORM)
    assert answer.status_code == 202
    report = done(installation, answer.json["id"])
    assert (report["totals"]["files"], report["totals"]["quarantined"]) == (2, 1)
    assert [issue["code"] for issue in report["issues"]] == ["ingest.empty-file"]
    alone = send(installation, form(('name="file"; filename="a"', b"")), FORM)
    assert done(installation, alone.json["id"])["totals"]["known"] == 1


def test_a_form_in_which_no_file_was_chosen_is_refused(installation: Installation) -> None:
    answer = send(installation, form(('name="file"; filename=""', b"")), FORM)
    assert (answer.status_code, answer.json["code"]) == (400, "input")
    assert is_clean(installation)


LIMIT = 1000


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path, api={"max_upload_bytes": LIMIT}) as made:
        yield made


def chunked(installation: Installation, stream: object, **environ: object) -> TestResponse:
    """The answer to a body whose length nobody says."""
    told = {"wsgi.input": stream, "wsgi.input_terminated": True, **environ}
    return installation.client.post(
        ROUTE, headers=installation.bearer() | {"Content-Type": "text/plain"}, environ_overrides=told
    )


@pytest.mark.parametrize("size", [LIMIT + 1, 100 * LIMIT])
def test_an_upload_above_the_limit_is_refused_whether_its_length_was_said_or_not(
    small: Installation, size: int
) -> None:
    answers = [
        send(small, bytes(size)),
        send(small, form((FILE, bytes(size))), FORM),
        chunked(small, io.BytesIO(bytes(size))),
    ]
    assert [(answer.status_code, answer.json["code"]) for answer in answers] == [(413, "input.too-large")] * 3
    assert is_clean(small)


def test_an_upload_at_the_limit_is_taken(small: Installation) -> None:
    assert send(small, b"x" * LIMIT).status_code == 202
    assert chunked(small, io.BytesIO(b"x" * LIMIT)).status_code == 202


def test_a_body_without_length_is_taken_when_the_server_knows_its_end(installation: Installation) -> None:
    answer = chunked(installation, io.BytesIO(FEED))
    assert done(installation, answer.json["id"])["totals"]["stored"] == 2


def test_a_body_that_ends_too_early_is_none(installation: Installation) -> None:
    for more in ({}, {"wsgi.input_terminated": True}):
        answer = chunked(installation, io.BytesIO(FEED), CONTENT_LENGTH=str(len(FEED) + 1), **more)
    assert (answer.status_code, is_clean(installation)) == (400, True)


class Breaking(io.RawIOBase):
    """A body that breaks off after some bytes, in the way of one server or another."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.given = False

    def read(self, size: int = -1) -> bytes:
        if self.given:
            raise self.error
        self.given = True
        return b"Quillfeather"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConnectionResetError(), 400),
        (TimeoutError(), 408),
        (BlockingIOError(), 408),
        (ValueError("a broken chunk: Quillfeather"), 400),
    ],
)
def test_a_client_that_goes_away_leaves_nothing(installation: Installation, error: Exception, status: int) -> None:
    answer = chunked(installation, Breaking(error))
    assert (answer.status_code, is_clean(installation)) == (status, True)
    assert "Quillfeather" not in answer.text


NEVER = float("inf")


class Clock:
    """Seconds that pass when somebody says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Dripping:
    """A sender of so many bytes a second, without end."""

    def __init__(self, clock: Clock, bytes_per_second: float) -> None:
        self.clock = clock
        self.bytes_per_second = bytes_per_second

    def read(self, size: int) -> bytes:
        self.clock.now += size / self.bytes_per_second
        return bytes(size)


def paced(bytes_per_second: float, least: int) -> float:
    """Seconds after which a sender is sent away; infinite if it is served for an hour."""
    clock = Clock()
    pace, sender = Pace(least, clock), Dripping(clock, bytes_per_second)
    while clock.now < 3600:
        pace.read(sender.read, pace.size_bytes)
        if pace.is_too_slow:
            return clock.now
    return NEVER


@pytest.mark.parametrize(
    ("bytes_per_second", "least", "seconds"),
    [(1e5, 1024, NEVER), (1025, 1024, NEVER), (1023, 1024, 33), (100, 1024, 164), (2e5, 100_000, NEVER), (9, 1, NEVER)],
)
def test_a_sender_below_the_least_speed_is_sent_away_after_the_grace(
    bytes_per_second: float, least: int, seconds: float
) -> None:
    assert paced(bytes_per_second, least) <= seconds
    assert (paced(bytes_per_second, least) == NEVER) == (seconds == NEVER)


def test_a_sender_that_was_quick_is_not_excused_for_ever() -> None:
    clock = Clock()
    pace, sender = Pace(1024, clock), Dripping(clock, 1e9)
    for _ in range(1000):
        pace.read(sender.read, pace.size_bytes)
    assert pace.size_bytes == MOST_READ_BYTES
    sender.bytes_per_second = 500
    began = clock.now
    while not pace.is_too_slow:
        pace.read(sender.read, pace.size_bytes)
    assert clock.now - began <= MOST_READ_BYTES / 500 + GRACE_SECONDS


def drain(request: Request, pace: Pace) -> None:
    for _, pieces in sent_files(request, most_bytes=10**9, pace=pace):
        for _ in pieces:
            pass


def test_an_upload_that_is_too_slow_is_ended_with_408(installation: Installation) -> None:
    clock = Clock()
    request = Request({"wsgi.input": Dripping(clock, 100), "wsgi.input_terminated": True, "CONTENT_TYPE": "text/csv"})
    with pytest.raises(RequestTimeout):
        drain(request, Pace(1024, clock))


def test_an_upload_that_stands_still_is_ended_and_its_sender_told(installation: Installation) -> None:
    """A real connection, whose reader waits for ever: the watchdog ends the read, and the answer still goes out."""
    ours, theirs = socket.socketpair()
    clock = Clock()
    stream = ours.makefile("rb")
    environ = {"wsgi.input": stream, "wsgi.input_terminated": True, "gunicorn.socket": ours}
    request = Request(environ)
    pace = Pace(1024, clock)
    theirs.sendall(b"only this")
    ended: list[type[Exception]] = []

    def receive() -> None:
        try:
            drain(request, pace)
        except HTTPException as error:
            ended.append(type(error))

    receiver = threading.Thread(target=receive)
    receiver.start()
    time.sleep(0.1)
    clock.now = 1000.0
    receiver.join(5)
    ours.sendall(b"408")
    assert (ended, theirs.recv(3)) == ([RequestTimeout], b"408")
    for opened in (stream, ours, theirs):
        opened.close()


def test_a_watchdog_leaves_a_connection_alone_that_moves() -> None:
    ours, theirs = socket.socketpair()
    pace = Pace(1024)
    with Watchdog(ours, pace, look_seconds=0.01):
        theirs.sendall(b"abc")
        assert pace.read(ours.recv, 3) == b"abc"
        time.sleep(0.05)
    theirs.sendall(b"def")
    assert (ours.recv(3), pace.is_too_slow) == (b"def", False)
    ours.close()
    theirs.close()


def test_memory_does_not_grow_with_the_body(installation: Installation) -> None:
    class Zeros:
        left = 200_000_000

        def read(self, size: int) -> bytes:
            size = min(size, self.left)
            self.left -= size
            return bytes(size)

    tracemalloc.start()
    try:
        assert chunked(installation, Zeros()).status_code == 202
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8_000_000


def files_of(content: bytes, kind: str = FORM, cut: int = 10**9) -> list[tuple[str, bytes]]:
    """What is taken out of a body that comes in pieces of that size at most."""

    class Stream(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, cut))

    environ = {"wsgi.input": Stream(content), "wsgi.input_terminated": True, "CONTENT_TYPE": kind}
    found = sent_files(Request(environ), most_bytes=10**9, pace=Pace(1))
    return [(name, b"".join(pieces)) for name, pieces in found]


NEARLY = [b"\r\n--x-boundar", b"\r\n--", b"\r", b"\n\n--x", b"-" * 70, b"\r\n\r\n", b"--x-boundary"]
CONTENT = st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(NEARLY), max_size=5).map(b"".join))
CONTENT = CONTENT.filter(lambda raw: b"\r\n--x-boundary" not in b"\r\n" + raw)
NAMES = st.sampled_from(["a", "b.json", "ü", "with space"])


@given(st.lists(st.tuples(NAMES, CONTENT), max_size=4), st.integers(1, 80), st.binary(max_size=20))
def test_files_come_out_of_a_form_as_they_went_in_however_it_is_cut(
    parts: list[tuple[str, bytes]], cut: int, around: bytes
) -> None:
    content = form(*[(f'name="file"; filename="{name}"', raw) for name, raw in parts])
    assert files_of(around + b"\r\n" + content + around, cut=cut) == parts


@settings(max_examples=300)
@given(st.binary(max_size=400), st.sampled_from([FORM, "text/plain"]))
def test_any_bytes_are_files_or_refused_with_a_reason(content: bytes, kind: str) -> None:
    head = f"--{BOUNDARY}\r\n".encode()
    for body in (content, head + content, head + b"Content-Disposition: form-data; " + content):
        if kind == FORM:
            with contextlib.suppress(InputError):
                files_of(body, kind)
        else:
            assert files_of(body, kind) == [("", body)]


def test_no_plain_byte_is_written_while_a_form_comes(installation: Installation) -> None:
    """Werkzeug's own parser would put a large part into a temporary file."""
    secret = b"Quillfeather"
    held: list[bytes] = []

    class Watching(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            for opened in Path("/proc/self/fd").iterdir():
                with contextlib.suppress(OSError):
                    if opened.resolve().is_file() and "uploads" in opened.resolve().parts:
                        held.append(opened.read_bytes())
            return super().read(size)

    body = form(('name="file"; filename="Quillfeather.json"', secret * 100_000))
    assert chunked(installation, Watching(body), CONTENT_TYPE=FORM).status_code == 202
    temporary = [
        path for path in Path(tempfile.gettempdir()).iterdir() if path.is_file() and path.name.startswith("tmp")
    ]
    data = installation.platform.settings.data.directory
    files = [*temporary, *(path for path in data.rglob("*") if path.is_file())]
    assert any(held)
    assert [secret in content for content in held if secret in content] == []
    assert [path for path in files if secret in path.read_bytes()] == []
