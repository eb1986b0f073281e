"""Forms with files, taken apart while they come: each file is handed on in pieces, and nothing is kept.

Werkzeug's own parser writes large files to the disk in plain bytes, and a piece that ends between the two bytes of a
line break confuses its decoder (3.1.9).

source  RFC 7578 (2015), Returning Values from Forms; RFC 2046 (1996), section 5.1.1, for the grammar of boundaries
"""

from collections.abc import Iterator
from typing import NamedTuple

from werkzeug.http import parse_options_header

from careloom.errors import FormatError

LONGEST_BOUNDARY = 200  # RFC 2046 says 70, which some clients pass by a few (Werkzeug writes up to 72)
MOST_HEADER_BYTES = 64 * 1024


class FormPart(NamedTuple):
    """One part: the field's name, the file's (None without one) and the bytes, to be read before the next part."""

    field: str
    file_name: str | None
    pieces: Iterator[bytes]


class Form:
    """A form's parts from the pieces of a body, however it is cut.

    raises  FormatError if it is no form of this boundary, or breaks off
    """

    def __init__(self, pieces: Iterator[bytes], boundary: str) -> None:
        if not boundary.isascii() or not 0 < len(boundary) <= LONGEST_BOUNDARY:
            raise FormatError(
                "the form names no boundary, or none of 1 to 200 ASCII characters",
                "Send it as multipart/form-data; boundary=...",
            )
        self._pieces = pieces
        self._delimiter = b"\r\n--" + boundary.encode()
        self._held = b"\r\n"  # the first boundary needs no line before it

    def parts(self) -> Iterator[FormPart]:
        """The parts, in order."""
        for _ in self._data():
            pass  # what stands before the first part
        while self._peek(2) != b"--":
            yield FormPart(*self._names(), self._data())
        for _ in self._pieces:
            pass  # what stands behind the last part

    def _data(self) -> Iterator[bytes]:
        """What stands before the next boundary."""
        keep = len(self._delimiter) - 1
        while (at := self._held.find(self._delimiter)) < 0:
            ready, self._held = self._held[:-keep], self._held[-keep:]
            if ready:
                yield ready
            self._more()
        ready, self._held = self._held[:at], self._held[at + len(self._delimiter) :]
        if ready:
            yield ready

    def _names(self) -> tuple[str, str | None]:
        """The field's and the file's name out of a part's headers, which end with an empty line."""
        while (end := self._held.find(b"\r\n\r\n")) < 0:
            if len(self._held) > MOST_HEADER_BYTES:
                raise _no_form()
            self._more()
        padding, *lines = self._held[:end].split(b"\r\n")
        self._held = self._held[end + 4 :]
        if padding.strip(b" \t"):
            raise _no_form()
        for line in lines:
            name, _, value = line.decode("utf-8", "replace").partition(":")
            if name.strip().lower() == "content-disposition":
                options = parse_options_header(value)[1]
                return options.get("name", ""), options.get("filename")
        raise _no_form()

    def _peek(self, size: int) -> bytes:
        while len(self._held) < size:
            self._more()
        return self._held[:size]

    def _more(self) -> None:
        piece = next(self._pieces, None)
        if piece is None:
            raise _no_form()
        self._held += piece


def _no_form() -> FormatError:
    return FormatError("the form cannot be taken apart", "See RFC 7578, and check its boundary and its end.")
