"""Bodies that come packed (Content-Encoding: gzip or zstd) are opened as they are read, up to their limit.

Uploads are not: a packed upload is a file that ingestion opens within limits of its own.

source  RFC 9110 (2022) 8.4 and 15.5.16; RFC 1952 (1996) gzip; RFC 8878 (2021) zstd
"""

import gzip
import io
import zlib
from typing import IO, BinaryIO, cast

import zstandard
from flask import Flask, Response, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from careloom.api.context import platform
from careloom.api.problems import HTTP_WORDS, answer
from careloom.errors import FormatError

UPLOADS = frozenset({"ingestions.upload", "bulk_import.begun", "mappings.suggested"})
"""Endpoints that read packed bodies themselves."""
PLACES = ("/api/v1/", "/fhir/", "/cds-services")
CODINGS = ("gzip", "zstd")
_WINDOW_BYTES = 8 * 1024 * 1024
"""What one zstd frame may make us remember: the least that RFC 8878 asks decoders to take."""
_PIECE_BYTES = 16 * 1024


def install(app: Flask) -> None:
    """Opens packed bodies after the gate, before anything reads them."""
    app.before_request(_open)


def _open() -> Response | None:
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    if coding in ("", "identity") or request.endpoint is None or request.endpoint in UPLOADS:
        return None
    if coding.removeprefix("x-") not in CODINGS or not request.path.startswith(PLACES):
        refused = answer(415, "http.unsupported-media-type", HTTP_WORDS[415], "Pack bodies by gzip or zstd, or not.")
        refused.headers["Accept-Encoding"] = ", ".join(CODINGS)
        return refused
    settings, length = platform().settings, request.content_length or 0
    if length > max(settings.api.max_body_bytes, settings.fhir.max_bundle_bytes, settings.cds.max_call_bytes):
        raise RequestEntityTooLarge
    environ = request.environ
    packed = _Packed(environ["wsgi.input"], length)
    environ["wsgi.input"] = io.BufferedReader(_Unpacked(_reader(coding, packed)), _PIECE_BYTES)
    environ["wsgi.input_terminated"] = True  # its end is known by reading; the limit on bodies holds for what comes out
    environ.pop("CONTENT_LENGTH", None)
    environ.pop("HTTP_CONTENT_ENCODING", None)
    request.__dict__.pop("content_length", None)
    return None


def _reader(coding: str, packed: "_Packed") -> BinaryIO:
    """What gives no more than it is asked for, whatever the packed bytes hold."""
    if "gzip" in coding:
        return cast(BinaryIO, gzip.GzipFile(fileobj=io.BufferedReader(packed, _PIECE_BYTES), mode="rb"))
    opener = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
    return cast(
        BinaryIO, opener.stream_reader(cast(IO[bytes], packed), read_size=_PIECE_BYTES, read_across_frames=True)
    )


class _Packed(io.RawIOBase):
    """The body as it came, up to its announced length. raises 400 where it breaks off"""

    def __init__(self, source: BinaryIO, length: int) -> None:
        self._source = source
        self._left = length

    def readable(self) -> bool:
        """True: it is for reading."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Some bytes, none at the end."""
        piece = self._source.read(min(len(buffer), self._left))
        if not piece and self._left:
            raise ClientDisconnected
        self._left -= len(piece)
        buffer[: len(piece)] = piece
        return len(piece)


class _Unpacked(io.RawIOBase):
    """The body without its packing. raises FormatError where it is not packed as it says, 413 where it is too long

    A limit that is only not to be passed would cut it there, and nobody would know.
    """

    def __init__(self, reader: BinaryIO) -> None:
        self._reader = reader
        self._came = 0

    def readable(self) -> bool:
        """True: it is for reading."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Some bytes, none at the end."""
        most_bytes = request.max_content_length
        try:
            piece = self._reader.read(len(buffer))
            self._came += len(piece)
            if most_bytes is not None and self._came >= most_bytes:
                is_over = self._came > most_bytes or bool(self._reader.read(1))
                if is_over:
                    raise RequestEntityTooLarge
        except (OSError, EOFError, zlib.error, zstandard.ZstdError):
            raise FormatError("the body is not packed as Content-Encoding says", "Pack it anew.") from None
        buffer[: len(piece)] = piece
        return len(piece)
