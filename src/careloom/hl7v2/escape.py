"""Escape sequences of HL7 v2 text, both ways (chapter 2, section 2.7)."""

import re
from collections.abc import Callable
from functools import lru_cache

from careloom.hl7v2.delimiters import Delimiters

# What may stand between two escape characters; anything else stays as it was sent (a Windows path is no escape).
_BODY = (
    r"(?:[FSTREPHNL]|X(?:[0-9A-Fa-f]{2})+|C[0-9A-Fa-f]{4}|M[0-9A-Fa-f]{4}(?:[0-9A-Fa-f]{2})?|Z[0-9A-Za-z]*"
    r"|\.(?:br|sp|in|ti|fi|nf|ce|sk)\s?[+-]?\d*)"
)
_UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SHIFT = re.compile(r"[CM][0-9A-Fa-f]{4,6}")


@lru_cache(maxsize=64)
def _reader(delimiters: Delimiters, codec: str) -> Callable[[str], str]:
    mark = re.escape(delimiters.escape)
    pattern = re.compile(f"{mark}({_BODY}){mark}")
    shifted = re.compile(f"{mark}[CM][0-9A-Fa-f]{{4,6}}{mark}")
    plain = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "P": delimiters.truncation or "#",
        "L": "",
        "H": "",
        "N": "",
    }

    def replace(match: re.Match[str]) -> str:
        body = match.group(1)
        known = plain.get(body)
        if known is not None:
            return known
        if body[0] == "X":
            return _hex(body[1:], codec)
        if body[0] == ".":
            return _format(body[1:3], body[3:].strip())
        return ""

    def read(text: str) -> str:
        if shifted.search(text):
            text = _unshift(text, delimiters.escape, pattern)
        return pattern.sub(replace, text)

    return read


def unescape(text: str, delimiters: Delimiters, codec: str = "utf-8") -> str:
    """Text as it was meant: delimiters, line breaks and hexadecimal data put in, highlighting taken out.

    codec  of the message, for ``\\Xdd..\\``; bytes that it cannot read become U+FFFD, control characters are dropped
    """
    if not delimiters.escape or delimiters.escape not in text:
        return text
    return _reader(delimiters, codec)(text)


def escape(text: str, delimiters: Delimiters) -> str:
    """Text that can stand inside a field: delimiters and control characters as escape sequences."""
    return text.translate(_table(delimiters))


@lru_cache(maxsize=64)
def _table(delimiters: Delimiters) -> dict[int, str]:
    mark = delimiters.escape
    letters = {
        delimiters.field: "F",
        delimiters.component: "S",
        delimiters.subcomponent: "T",
        delimiters.repetition: "R",
        delimiters.escape: "E",
    }
    if delimiters.truncation:
        letters[delimiters.truncation] = "P"
    table = {code: f"{mark}X{code:02X}{mark}" for code in range(0x20)}
    table[0x0A] = f"{mark}.br{mark}"
    table.update({ord(character): f"{mark}{letter}{mark}" for character, letter in letters.items()})
    return table


def _hex(digits: str, codec: str) -> str:
    text = bytes.fromhex(digits).decode(codec, "replace").replace("\r\n", "\n").replace("\r", "\n")
    return _UNWANTED.sub("", text)


def _format(command: str, amount: str) -> str:
    if command in ("sp", "sk"):
        count = min(abs(int(amount)), 100) if amount.lstrip("+-").isdigit() else 1
        return "\n" * count if command == "sp" else " " * count
    return "\n" if command in ("br", "ce") else ""


def _unshift(text: str, mark: str, pattern: re.Pattern[str]) -> str:
    """Text whose ``\\Cxxyy\\`` and ``\\Mxxyyzz\\`` sequences switch character sets, read as ISO 2022."""
    out = bytearray()
    rest: list[str] = []
    last = 0
    for match in pattern.finditer(text):
        out += text[last : match.start()].encode("latin-1", "replace")
        last = match.end()
        if _SHIFT.fullmatch(match.group(1)):
            out += b"\x1b" + bytes.fromhex(match.group(1)[1:])
        else:
            out += match.group(0).encode("latin-1", "replace")
    rest.append(text[last:])
    out += rest[0].encode("latin-1", "replace")
    return _UNWANTED.sub("", out.decode("iso2022_jp_2", "replace"))
