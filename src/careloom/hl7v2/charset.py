"""Bytes of a message to text, by the character set that MSH-18 names (HL7 table 0211)."""

import re

from careloom.issues import Issue

DEFAULT_CODEC = "utf-8"

# HL7 v2.8.2 chapter 2.C.2.99, table 0211; names are folded by `_fold` before they are looked up.
_CODECS: dict[str, str] = {
    "ASCII": "ascii",
    "USASCII": "ascii",
    "ISOIR6": "ascii",
    **{f"8859/{part}": f"iso8859_{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    "ISOIR14": "shift_jis",
    "ISOIR87": "iso2022_jp",
    "ISOIR159": "iso2022_jp_1",
    "GB180302000": "gb18030",
    "GB18030": "gb18030",
    "KSX1001": "euc_kr",
    "BIG5": "big5",
    "UNICODE": "utf-8",
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "UNICODEUTF16": "utf-16",
    "UNICODEUTF32": "utf-32",
    # Not in the table, but sent: names of Windows and IANA.
    "WINDOWS1252": "cp1252",
    "CP1252": "cp1252",
    "WINDOWS1250": "cp1250",
    "WINDOWS1251": "cp1251",
    "LATIN1": "iso8859_1",
}

_FOLD = re.compile(r"[\s_-]+")
_BOMS: tuple[tuple[bytes, str], ...] = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_WIDE: tuple[tuple[bytes, str], ...] = (
    (b"M\x00S\x00H\x00", "utf-16-le"),
    (b"\x00M\x00S\x00H", "utf-16-be"),
)


def codec_of(name: str) -> str | None:
    """The Python codec for a value of MSH-18, or None where the name is unknown; empty means not said."""
    folded = _FOLD.sub("", name.upper())
    folded = folded.removeprefix("ISO") if folded.startswith("ISO8859") else folded
    if folded.startswith("8859") and not folded.startswith("8859/"):
        folded = f"8859/{folded[4:]}"
    return _CODECS.get(folded)


def wide_codec(raw: bytes) -> tuple[str, int]:
    """The codec that the first bytes prove (byte order mark, UTF-16) and how many bytes of mark to skip."""
    for mark, codec in _BOMS:
        if raw.startswith(mark):
            return codec, len(mark)
    for start, codec in _WIDE:
        if raw.startswith(start):
            return codec, 0
    return "", 0


def decode(raw: bytes, name: str, issues: list[Issue]) -> tuple[str, str]:
    """The text of a message and the codec that read it.

    name     MSH-18.1 as sent; empty where it is not said
    issues   gets a warning where the bytes do not fit the name; never more than one
    returns  never fails: UTF-8 where the bytes are UTF-8, else Windows-1252 with U+FFFD for what it lacks
    """
    codec = codec_of(name) if name else "ascii"
    if codec is not None:
        try:
            return raw.decode(codec), DEFAULT_CODEC if codec == "ascii" else codec
        except UnicodeDecodeError:
            pass
    text, used = _guess(raw)
    issues.append(_issue(name, codec, used))
    return text, used


def _guess(raw: bytes) -> tuple[str, str]:
    try:
        return raw.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace"), "cp1252"


def _issue(name: str, codec: str | None, used: str) -> Issue:
    if not name:
        return Issue(
            "hl7v2.charset-assumed",
            "information" if used == "utf-8" else "warning",
            "MSH-18",
            f"the message holds more than ASCII and names no character set; it was read as {used}",
            "let the sender name its character set in MSH-18",
        )
    if codec is None:
        return Issue(
            "hl7v2.charset-unknown",
            "warning",
            "MSH-18",
            f"the character set named is not in HL7 table 0211; the message was read as {used}",
            "let the sender use a value of HL7 table 0211",
        )
    return Issue(
        "hl7v2.charset-mismatch",
        "warning",
        "MSH-18",
        f"the bytes are not in the character set named; the message was read as {used}",
        "let the sender name the character set that it uses",
    )
