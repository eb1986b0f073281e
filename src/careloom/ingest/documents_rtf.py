"""RTF to text, by striprtf."""

import re

from striprtf.striprtf import rtf_to_text

from careloom.issues import Issue

_CODE_PAGE = re.compile(rb"\\ansicpg(\d{3,5})")
_OBJECT = re.compile(rb"\\(?:pict|objdata|bin)\b")


def rtf_text(raw: bytes) -> tuple[str, list[Issue]]:
    """The text of an RTF document; empty with an issue where it holds none."""
    page = _CODE_PAGE.search(raw, 0, 4096)
    encoding = f"cp{int(page[1])}" if page else "cp1252"
    try:
        text = str(rtf_to_text(raw.decode("latin-1"), encoding=encoding, errors="replace"))  # type: ignore[no-untyped-call]
    except (LookupError, ValueError, IndexError, UnicodeError):
        remedy = "Save the document again, or send its text as a plain-text note"
        return "", [Issue("notes.rtf-damaged", "error", "file", "the RTF cannot be read", remedy)]
    if text.strip():
        return text.replace("|", "\t") if "\\cell" in raw.decode("latin-1") else text, []
    what = "pictures only: it is a scan" if _OBJECT.search(raw) else "no text"
    remedy = "Send the text of it as a plain-text note"
    return "", [Issue("notes.rtf-no-text", "error", "file", f"the RTF holds {what}", remedy)]
