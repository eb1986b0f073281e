"""A page of names and texts as PDF, by the format's own fonts: no picture, no script, nothing to load.

source  ISO 32000-1:2008 (PDF 1.7): objects, cross-reference table, simple fonts with WinAnsiEncoding
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

_WIDTH, _HEIGHT, _MARGIN = 595, 842, 56
"""Points of A4."""
_LINE, _LETTERS, _INDENT = 13, 66, 150
_ROWS = (_HEIGHT - 2 * _MARGIN) // _LINE


def pdf(title: str, lines: Iterable[tuple[str, str]]) -> bytes:
    """A document: its title, and (name, text) one below the other; an empty text makes the name a heading.

    Letters that Windows-1252 lacks become a question mark.
    """
    drawn = [*_drawn([(title, "")]), *(one for line in lines for one in _drawn([line]))]
    pages = [drawn[at : at + _ROWS] for at in range(0, len(drawn), _ROWS)]
    objects = [b"<< /Type /Catalog /Pages 2 0 R /Lang (en) >>", b""]
    objects += [_font("Helvetica"), _font("Helvetica-Bold"), _font("Courier")]
    kids = []
    for page in pages:
        content = _content(page)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R "
            b"/Resources << /Font << /R 3 0 R /B 4 0 R /M 5 0 R >> >> >>" % (_WIDTH, _HEIGHT, len(objects))
        )
        kids.append(len(objects))
    listed = b" ".join(b"%d 0 R" % number for number in kids)
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (listed, len(kids))
    objects.append(b"<< /Title (%s) /Producer (Careloom) >>" % _text(title))
    return _file(objects)


def _drawn(lines: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """(font, name, text) of each line on paper."""
    for name, value in lines:
        if not value:
            yield ("R", "", "")
            yield ("B", name, "")
            continue
        is_code = len(value) >= 40 and value.isalnum()
        names, texts = textwrap.wrap(name, 26), textwrap.wrap(value, 56 if is_code else _LETTERS)
        for at in range(max(len(names), len(texts))):
            left, right = (part[at] if at < len(part) else "" for part in (names, texts))
            yield ("M" if is_code else "R", left, right)


def _content(page: Sequence[tuple[str, str, str]]) -> bytes:
    parts = []
    for row, (font, name, value) in enumerate(page):
        at = _HEIGHT - _MARGIN - row * _LINE
        if name:
            bold, size = (b"B", 12) if font == "B" else (b"R", 9)
            parts.append(b"BT /%s %d Tf %d %d Td (%s) Tj ET" % (bold, size, _MARGIN, at, _text(name)))
        if value:
            face, size = (b"M", 7) if font == "M" else (b"R", 9)
            parts.append(b"BT /%s %d Tf %d %d Td (%s) Tj ET" % (face, size, _MARGIN + _INDENT, at, _text(value)))
    return b"\n".join(parts)


def _font(name: str) -> bytes:
    return f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode()


def _text(value: str) -> bytes:
    raw = value.encode("cp1252", "replace")
    return raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _file(objects: Sequence[bytes]) -> bytes:
    """The objects, the last of which is the document's information, with their places."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    size, last = len(objects) + 1, len(objects)
    return bytes(out) + b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        size, last, start,
    )  # fmt: skip
