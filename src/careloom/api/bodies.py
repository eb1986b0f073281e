"""Bodies of uploads, piece by piece as they come: never whole in memory, and no plain byte in a file.

A body may be one file, or a form with several (RFC 7578). One packed by the sender (``Content-Encoding: gzip``) stays
packed: it is a gzip file then, which ingestion opens within its limits.
"""

from collections.abc import Iterator
from typing import BinaryIO

from werkzeug.exceptions import ClientDisconnected, RequestTimeout, UnsupportedMediaType
from werkzeug.http import parse_options_header
from werkzeug.wrappers import Request

from careloom.api.forms import Form
from careloom.api.pace import Pace, Watchdog
from careloom.errors import InputError, TooLarge

FORM_TYPE = "multipart/form-data"
MEDIA_TYPES = (
    "application/octet-stream",
    "application/fhir+ndjson",
    "application/fhir+json",
    "application/json",
    "application/x-ndjson",
    "application/zip",
    "application/gzip",
    "x-application/hl7-v2+er7",
    "text/plain",
    "text/csv",
)
"""What a body of one file may call itself, beside any other ``text/``. It is read by its content, whatever it says."""
FILE_FIELD = "file"
_CODINGS = ("", "identity", "gzip", "x-gzip")


def sent_files(sent: Request, *, most_bytes: int, pace: Pace) -> Iterator[tuple[str, Iterator[bytes]]]:
    """(name, bytes in pieces) of each file of the body; read one to its end before asking for the next.

    raises  415, 408 and 400 as HTTP errors; TooLarge; FormatError if a form cannot be taken apart
    """
    kind, options = parse_options_header(sent.content_type or MEDIA_TYPES[0])
    kind, coding = kind.lower(), sent.headers.get("Content-Encoding", "").strip().lower()
    is_form = kind == FORM_TYPE
    if not is_form and kind not in MEDIA_TYPES and not kind.startswith("text/"):
        raise UnsupportedMediaType
    if coding not in _CODINGS[:2] if is_form else coding not in _CODINGS:
        raise UnsupportedMediaType
    if sent.content_length is not None and sent.content_length > most_bytes:
        raise _too_large(most_bytes)
    with Watchdog(sent.environ.get("gunicorn.socket"), pace):
        pieces = _pieces(sent, most_bytes, pace)
        if not is_form:
            yield "", pieces
            return
        for part in Form(pieces, options.get("boundary", "")).parts():
            if part.file_name is None:
                raise InputError(
                    "a part of the form is no file", "Give each file a file name; format and source go in the URL."
                )
            yield part.file_name, part.pieces


def _pieces(sent: Request, most_bytes: int, pace: Pace) -> Iterator[bytes]:
    """The body as it comes. One that ends before its announced length is none."""
    stream, length, arrived = sent.environ["wsgi.input"], sent.content_length, 0
    if length is None and not sent.environ.get("wsgi.input_terminated"):
        return
    while length is None or arrived < length:
        piece = _read(stream, pace.size_bytes if length is None else min(length - arrived, pace.size_bytes), pace)
        arrived += len(piece)
        if arrived > most_bytes:
            raise _too_large(most_bytes)
        if not piece and length is None:
            return
        if not piece:
            raise ClientDisconnected
        yield piece


def _read(stream: BinaryIO, size_bytes: int, pace: Pace) -> bytes:
    try:
        piece = pace.read(stream.read, size_bytes)
    except Exception as error:  # noqa: BLE001 each server has errors of its own for a body that breaks off
        if pace.is_too_slow or isinstance(error, TimeoutError | BlockingIOError):
            raise RequestTimeout from None  # the second is what a timeout of the socket's own (SO_RCVTIMEO) gives
        raise ClientDisconnected from None
    if pace.is_too_slow:
        raise RequestTimeout
    return piece


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(f"the upload is larger than {most_bytes} bytes", "Send it in several, or packed.")
