import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from careloom.client.payload import Upload, parts_of
from careloom.errors import CareloomError, InputError, NotFound, Unauthenticated
from tests.unit.client.scripted import Scripted, answer
from tests.unit.client.test_ingestions import ingestion

TAKEN = answer(ingestion("waiting"), 202)


def files_in(request: httpx.Request) -> list[tuple[str, bytes]]:
    """The files of a form as the platform's own library reads them."""
    environ = EnvironBuilder(
        method="POST", input_stream=io.BytesIO(request.content), headers=list(request.headers.items())
    ).get_environ()
    with Request(environ) as form:
        return [(file.filename or "", file.read()) for file in form.files.getlist("file")]


def sent(what: Any) -> httpx.Request:
    platform = Scripted(TAKEN)
    platform.client().ingestions.upload(what)
    return platform.requests[0]


RAW: list[tuple[str, Any]] = [
    ("bytes", b"abc"),
    ("a byte array", bytearray(b"abc")),
    ("a view of memory", memoryview(b"abc")),
    ("a stream in memory", io.BytesIO(b"abc")),
]


@pytest.mark.parametrize(("what", "source"), RAW, ids=[row[0] for row in RAW])
def test_one_source_without_a_name_is_the_body_itself(what: str, source: Any) -> None:
    request = sent(source)
    assert request.content == b"abc"
    assert request.headers["Content-Type"] == "application/octet-stream"
    assert request.headers["Content-Length"] == "3"


NAMES = [  # on this machine, as it arrives
    ("a.ndjson", "a.ndjson"),
    ("two words.csv", "two words.csv"),
    ('quote".hl7', 'quote".hl7'),
    ("Zuñiga.txt", "Zuñiga.txt"),
    ("semi;colon=.json", "semi;colon=.json"),
    ("back\\slash.json", "back%5Cslash.json"),
    ("line\r\nbreak", "line%0D%0Abreak"),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_a_file_is_sent_with_its_name(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / name).write_bytes(b"MSH|")
    assert files_in(sent(tmp_path / name)) == [(expected, b"MSH|")]
    assert files_in(sent(str(tmp_path / name))) == [(expected, b"MSH|")]
    with (tmp_path / name).open("rb") as stream:
        assert files_in(sent(stream)) == [(expected, b"MSH|")]


def test_a_folder_is_sent_whole_in_order_and_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.csv", "a/z.csv", "a/y.csv", ".hidden", ".git/x", "a/.DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert files_in(sent(tmp_path)) == [(name, name.encode()) for name in ("a/y.csv", "a/z.csv", "b.csv")]


def test_sources_of_every_kind_go_together(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1")
    assert files_in(sent([tmp_path / "a.csv", b"2", io.BytesIO(b"3")])) == [("a.csv", b"1"), ("2", b"2"), ("3", b"3")]


@given(st.lists(st.binary(max_size=300), min_size=2, max_size=5))
def test_every_byte_arrives_and_the_length_is_told_beforehand(contents: list[bytes]) -> None:
    request = sent(contents)
    assert [content for _, content in files_in(request)] == contents
    assert int(request.headers["Content-Length"]) == len(request.content)


def test_a_stream_is_sent_from_where_it_stands() -> None:
    stream = io.BytesIO(b"header,body")
    stream.seek(7)
    assert sent(stream).content == b"body"


def test_progress_is_told_in_bytes_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 300_000)
    (tmp_path / "b").write_bytes(b"y" * 10)
    seen: list[tuple[int, int]] = []
    Scripted(TAKEN).client().ingestions.upload(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(262_144, 300_010), (300_000, 300_010), (300_010, 300_010)]


def test_a_watcher_that_raises_ends_the_upload() -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    platform = Scripted(TAKEN)
    with pytest.raises(KeyboardInterrupt):
        platform.client().ingestions.upload(b"abc", progress=stop)
    assert platform.requests == []


@pytest.fixture
def pipe() -> Iterator[BinaryIO]:
    """A stream that is read once and whose length nobody knows."""
    reading, writing = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(writing, b"through a pipe"), os.close(writing)))
    writer.start()
    with os.fdopen(reading, "rb") as stream:
        yield stream
    writer.join()


def test_a_stream_without_a_length_is_sent_in_chunks(pipe: BinaryIO) -> None:
    platform, seen = Scripted(TAKEN), []
    platform.client().ingestions.upload(pipe, progress=lambda done, total: seen.append((done, total)))
    assert platform.requests[0].content == b"through a pipe"
    assert platform.requests[0].headers["Transfer-Encoding"] == "chunked"
    assert seen == [(14, 0)]


def test_an_upload_whose_token_is_refused_is_sent_again_from_its_start(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 300_000)
    platform = Scripted(TAKEN)
    api = platform.client()
    api.sign_in()
    platform.revoked = {"t1"}
    api.ingestions.upload([tmp_path / "a", io.BytesIO(b"y")])
    assert platform.authorizations == ["Bearer t1", "Bearer t2"]
    assert [len(content) for _, content in files_in(platform.requests[1])] == [300_000, 1]


def test_a_stream_that_is_read_once_is_not_sent_half_when_the_token_is_refused(pipe: BinaryIO) -> None:
    platform = Scripted(TAKEN)
    api = platform.client()
    api.sign_in()
    platform.revoked = {"t1"}
    with pytest.raises(Unauthenticated):
        api.ingestions.upload(pipe)
    assert len(platform.requests) == 1


@pytest.mark.parametrize("change", [b"", b"longer than it was before"], ids=["shorter", "longer"])
def test_a_file_that_changes_while_it_is_sent_is_refused(tmp_path: Path, change: bytes) -> None:
    file = tmp_path / "Abernathy.csv"
    file.write_bytes(b"as it was")
    upload = Upload(parts_of(file), None)
    file.write_bytes(change)
    with pytest.raises(InputError) as caught:
        list(upload.chunks())
    assert "Abernathy" not in str(caught.value)


def nothing(folder: Path) -> Any:
    return folder / "Abernathy.csv"


def empty(folder: Path) -> Any:
    (folder / "Abernathy").mkdir()
    return folder / "Abernathy"


def device(folder: Path) -> Any:
    return Path(os.devnull)


USELESS: list[tuple[str, Any, type[CareloomError]]] = [
    ("no file", nothing, NotFound),
    ("an empty folder", empty, InputError),
    ("a device", device, InputError),
    ("no source", lambda folder: [], InputError),
    ("text", lambda folder: io.StringIO("text"), InputError),
    ("a number", lambda folder: [7], InputError),
]


@pytest.mark.parametrize(("what", "make", "kind"), USELESS, ids=[row[0] for row in USELESS])
def test_what_cannot_be_sent_is_refused_before_anything_is(
    tmp_path: Path, what: str, make: Any, kind: type[CareloomError]
) -> None:
    platform = Scripted(TAKEN)
    with pytest.raises(kind) as caught:
        platform.client().ingestions.upload(make(tmp_path))
    assert platform.requests == []
    assert "Abernathy" not in str(caught.value)


def test_a_file_that_vanishes_is_an_error_without_its_name(tmp_path: Path) -> None:
    file = tmp_path / "Abernathy.csv"
    file.write_bytes(b"x")
    upload = Upload(parts_of(file), None)
    file.unlink()
    with pytest.raises(InputError) as caught:
        list(upload.chunks())
    assert "Abernathy" not in str(caught.value)
