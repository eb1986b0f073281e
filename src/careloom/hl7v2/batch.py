"""Files and batches (FHS, BHS, BTS, FTS) to the exact bytes of each message in them."""

import re
from collections.abc import Iterator

from careloom.issues import Issue

# A segment that starts or ends something, at the start of a line; the fourth byte is the field separator.
_MARK = re.compile(rb"(?:^|(?<=[\r\n\x0b\x1c]))[ \t]*(MSH|FHS|BHS|BTS|FTS)(?=[^0-9A-Za-z\r\n]|[\r\n]|$)")
_EDGE = b" \t\r\n\x0b\x0c\x1c\x00"


def split(data: bytes, issues: list[Issue] | None = None) -> Iterator[bytes]:
    """The messages of a file, one after the other, each as its exact bytes.

    Frame bytes, blank lines and the line end after the last segment belong to no message. Text that stands before the
    first header is given as a piece of its own, so that nothing is lost; a reader refuses it.

    issues  gets what the envelope says wrongly, once the last message is taken: a count in BTS-1 or FTS-1 that is not
            the number of messages or batches seen, an envelope that is not closed
    """
    envelope = _Envelope()
    start = len(data) - len(data.lstrip(b"\xef\xbb\xbf")) if data.startswith(b"\xef\xbb\xbf") else 0
    inside = True
    for mark in _MARK.finditer(data, start):
        if inside:
            yield from _piece(data[start : mark.start()])
        kind = mark.group(1)
        end = _line_end(data, mark.start(1))
        inside = True
        start = mark.start(1)
        if kind == b"MSH":
            envelope.messages += 1
        else:
            envelope.take(kind, data[mark.start(1) : end])
            start = end
    yield from _piece(data[start:])
    if issues is not None:
        issues.extend(envelope.close())


def _piece(raw: bytes) -> Iterator[bytes]:
    bare = raw.strip(_EDGE)
    if bare:
        yield bare


def _line_end(data: bytes, start: int) -> int:
    ends = [end for end in (data.find(b"\r", start), data.find(b"\n", start)) if end >= 0]
    return min(ends) if ends else len(data)


class _Envelope:
    """Counts what the trailers claim to count."""

    def __init__(self) -> None:
        self.messages = 0
        self.batches = 0
        self.open: list[str] = []
        self.issues: list[Issue] = []

    def take(self, kind: bytes, line: bytes) -> None:
        """Account for one envelope segment."""
        if kind == b"FHS":
            self.open.append("FHS")
            self.batches = 0
        elif kind == b"BHS":
            self.open.append("BHS")
            self.batches += 1
            self.messages = 0
        elif kind == b"BTS":
            self._check("BTS", "BHS", line, self.messages)
        else:
            self._check("FTS", "FHS", line, self.batches)

    def close(self) -> list[Issue]:
        """What was wrong with the envelope."""
        for name in self.open:
            self._add("hl7v2.batch-not-closed", name, "the file ends before this envelope is closed")
        return self.issues

    def _check(self, trailer: str, header: str, line: bytes, seen: int) -> None:
        if header in self.open:
            self.open.remove(header)
        else:
            self._add("hl7v2.batch-not-opened", trailer, "a trailer without its header")
        claimed = line[4:].split(line[3:4])[0].strip() if len(line) > 4 else b""
        if claimed and (not claimed.isdigit() or int(claimed[:9]) != seen):
            self._add("hl7v2.batch-count", f"{trailer}-1", f"the count given is not the {seen} that arrived")

    def _add(self, code: str, place: str, message: str) -> None:
        remedy = "ask the sender whether the file is complete"
        self.issues.append(Issue(code, "warning", place, message, remedy))
