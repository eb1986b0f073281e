"""What is uploaded: files, folders, bytes and open streams as the body of one request, in constant memory."""

import io
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeGuard, cast
from uuid import uuid4

from careloom.errors import InputError, NotFound

CHUNK_BYTES = 256 * 1024

Source = str | Path | bytes | bytearray | memoryview | BinaryIO
"""A path of a file or folder, the bytes themselves, or a stream that is open for reading bytes."""

Watch = Callable[[int, int], None]
"""(bytes done, bytes in all); the second is 0 where nobody knows."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of an upload.

    name              as the platform will keep it, sealed; empty for bytes and unnamed streams
    size_bytes        None where it is not known before the end
    is_new_each_time  False for a stream that can be read once
    """

    name: str
    size_bytes: int | None
    is_new_each_time: bool
    opened: Callable[[], AbstractContextManager[BinaryIO]]


def parts_of(what: Source | Iterable[Source]) -> list[Part]:
    """Every file in what is given; of a folder those below it in the order of their names, but for hidden ones.

    raises  NotFound if a path is not there; InputError if it is no file or folder, is not readable, or nothing is left.
            Files are numbered in errors: their names may name a patient
    """
    sources = [what] if _is_one(what) else list(cast("Iterable[Source]", what))
    parts = [part for number, source in enumerate(sources, 1) for part in _parts(source, number)]
    if not parts:
        raise InputError("there is no file to upload", "Name a file, or a folder with files.")
    return parts


def _is_one(what: Source | Iterable[Source]) -> TypeGuard[Source]:
    return isinstance(what, str | Path | bytes | bytearray | memoryview) or hasattr(what, "read")


def _parts(source: Source, number: int) -> Iterator[Part]:
    if isinstance(source, str | Path):
        yield from _of_path(Path(source), number)
    elif isinstance(source, bytes | bytearray | memoryview):
        content = bytes(source)
        yield Part("", len(content), True, lambda: io.BytesIO(content))
    else:
        yield _of_stream(source, number)


def _of_path(path: Path, number: int) -> Iterator[Part]:
    try:
        if path.is_dir():
            for below in sorted(path.rglob("*")):
                name = below.relative_to(path)
                if below.is_file() and not any(part.startswith(".") for part in name.parts):
                    yield _of_file(below, name.as_posix())
        elif path.is_file():
            yield _of_file(path, path.name)
        elif path.exists():
            raise InputError(f"path {number} is neither file nor folder", "Name regular files or folders.")
        else:
            raise NotFound(f"path {number} is not there", "Check its spelling.")
    except OSError as error:
        raise _unreadable(f"path {number}", error) from None


def _of_file(path: Path, name: str) -> Part:
    return Part(name, path.stat().st_size, True, lambda: path.open("rb"))


def _of_stream(stream: BinaryIO, number: int) -> Part:
    if not hasattr(stream, "read") or hasattr(stream, "encoding"):  # what has an encoding gives letters
        raise InputError(f"source {number} gives no bytes", "Open it for reading bytes, as open(path, 'rb') does.")
    named = getattr(stream, "name", "")
    name = Path(named).name if isinstance(named, str) else ""
    if not stream.seekable():
        return Part(name, None, False, lambda: nullcontext(stream))
    start = stream.tell()
    size_bytes = stream.seek(0, io.SEEK_END) - start
    stream.seek(start)

    def rewound() -> AbstractContextManager[BinaryIO]:
        stream.seek(start)
        return nullcontext(stream)

    return Part(name, size_bytes, True, rewound)


class Upload:
    """The body of an upload: the bytes alone for one unnamed source, a form of files otherwise (RFC 7578, 2015)."""

    def __init__(self, parts: list[Part], watch: Watch | None) -> None:
        self._parts = parts
        self._watch = watch
        self._boundary = uuid4().hex
        self._is_form = len(parts) > 1 or parts[0].name != ""
        self.is_new_each_time = all(part.is_new_each_time for part in parts)

    def headers(self) -> dict[str, str]:
        """Content-Type, and Content-Length where every part's length is known."""
        kind = f"multipart/form-data; boundary={self._boundary}" if self._is_form else "application/octet-stream"
        size_bytes = self._size_bytes()
        if size_bytes is None:
            return {"Content-Type": kind}
        if self._is_form:
            size_bytes += sum(len(self._head(number)) + 2 for number in range(len(self._parts))) + len(self._end())
        return {"Content-Type": kind, "Content-Length": str(size_bytes)}

    def chunks(self) -> Iterator[bytes]:
        """The whole body. raises InputError if a file is not as long as it was when the upload began."""
        done, total = 0, self._size_bytes() or 0
        for number, part in enumerate(self._parts):
            if self._is_form:
                yield self._head(number)
            for chunk in _content(part, number + 1):
                yield chunk
                done += len(chunk)
                if self._watch:
                    self._watch(done, total)
            if self._is_form:
                yield b"\r\n"
        if self._is_form:
            yield self._end()

    def _size_bytes(self) -> int | None:
        sizes = [part.size_bytes for part in self._parts]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def _head(self, number: int) -> bytes:
        name = self._parts[number].name or str(number + 1)
        for letter, written in (("\\", "%5C"), ("\r", "%0D"), ("\n", "%0A"), ('"', "%22")):
            name = name.replace(letter, written)
        return (
            f'--{self._boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode(errors="replace")

    def _end(self) -> bytes:
        return f"--{self._boundary}--\r\n".encode()


def _content(part: Part, number: int) -> Iterator[bytes]:
    read = 0
    try:
        with part.opened() as stream:
            while chunk := stream.read(CHUNK_BYTES):
                read += len(chunk)
                if part.size_bytes is not None and read > part.size_bytes:
                    break
                yield chunk
    except OSError as error:
        raise _unreadable(f"file {number}", error) from None
    if part.size_bytes is not None and read != part.size_bytes:
        raise InputError(f"file {number} changed while it was sent", "Send it again when nothing writes to it.")


def _unreadable(what: str, error: OSError) -> InputError:
    return InputError(f"{what} cannot be read ({type(error).__name__})", "Check its owner and mode.")


class JsonBody:
    """One JSON document, of a media type of its own where it has one."""

    is_new_each_time = True

    def __init__(self, value: object, media_type: str = "application/json") -> None:
        self._content = json.dumps(value).encode()
        self._media_type = media_type

    def headers(self) -> dict[str, str]:
        """Content-Type and Content-Length."""
        return {"Content-Type": self._media_type, "Content-Length": str(len(self._content))}

    def chunks(self) -> Iterator[bytes]:
        """The bytes, as one piece."""
        yield self._content
