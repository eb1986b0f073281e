"""Bodies of uploads, piece by piece as they come: never whole in memory, and no plain byte in a file.

A body may be one file, or a form with several (RFC 7578). One packed by the sender (``Content-Encoding: gzip``) stays
packed: it is a gzip file then, which ingestion opens within its limits.
"""

from collections.abc import Iterator
from typing import BinaryIO

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, RequestTimeout, UnsupportedMediaType
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData, Preamble
from werkzeug.wrappers import Request

from careloom.api.pace import Pace, Watchdog
from careloom.errors import FormatError, InputError, TooLarge

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
_HEADER_BYTES = 1 << 20
"""What may stand between the files of a form."""
_LONGEST_BOUNDARY = 70  # RFC 2046, section 5.1.1


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
        raise TooLarge(f"the upload is larger than {most_bytes} bytes", "Send it in several, or packed.")
    with Watchdog(sent.environ.get("gunicorn.socket"), pace):
        pieces = _pieces(sent, pace)
        if is_form:
            yield from _form(pieces, options.get("boundary", ""))
        else:
            yield "", pieces


def _pieces(sent: Request, pace: Pace) -> Iterator[bytes]:
    """The body as it comes. A body that ends before its announced length is none."""
    stream, left = sent.environ["wsgi.input"], sent.content_length
    if left is None and not sent.environ.get("wsgi.input_terminated"):
        return
    while left is None or left > 0:
        piece = _read(stream, pace.size_bytes if left is None else min(left, pace.size_bytes), pace)
        if not piece and left is None:
            return
        if not piece:
            raise ClientDisconnected
        left = None if left is None else left - len(piece)
        yield piece


def _read(stream: BinaryIO, size_bytes: int, pace: Pace) -> bytes:
    try:
        piece = pace.read(stream.read, size_bytes)
    except Exception:  # noqa: BLE001 each server has errors of its own for a body that breaks off
        if pace.is_too_slow:
            raise RequestTimeout from None
        raise ClientDisconnected from None
    if pace.is_too_slow:
        raise RequestTimeout
    return piece


def _form(pieces: Iterator[bytes], boundary: str) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The files of a form. A part is one if it has a file name or is called `FILE_FIELD`; no other part is taken."""
    if not boundary.isascii() or not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise FormatError("the form names no boundary", "Send it as multipart/form-data; boundary=...")
    events = _events(pieces, MultipartDecoder(boundary.encode(), max_form_memory_size=_HEADER_BYTES))
    for event in events:
        if isinstance(event, File) or (isinstance(event, Field) and event.name == FILE_FIELD):
            yield getattr(event, "filename", ""), _data(events)
        elif isinstance(event, Field):
            raise InputError(
                f"a part of the form is no file called {FILE_FIELD}", "Format and source stand in the URL."
            )


def _data(events: Iterator[Event]) -> Iterator[bytes]:
    """The bytes of the part that was just begun."""
    for event in events:
        if isinstance(event, Data):
            yield event.data
            if not event.more_data:
                return


def _events(pieces: Iterator[bytes], decoder: MultipartDecoder) -> Iterator[Event]:
    while True:
        try:
            event = decoder.next_event()
            if isinstance(event, NeedData):
                decoder.receive_data(next(pieces, None))
                continue
        except (RequestEntityTooLarge, ValueError):
            raise FormatError("the form cannot be taken apart", "See RFC 7578, and check its boundary.") from None
        if isinstance(event, Epilogue):
            return
        if not isinstance(event, Preamble):
            yield event
