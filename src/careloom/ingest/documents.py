"""Notes that come as documents (RTF, HTML, PDF) to plain text; the original is kept beside it."""

from careloom.issues import Issue

MEDIA_TYPES = {"rtf": "application/rtf", "html": "text/html", "pdf": "application/pdf"}
"""Kind of a document, as a detection's ``document`` says it -> its media type."""


def text_of(kind: str, raw: bytes, encoding: str) -> tuple[str, list[Issue]]:
    """The text of a document and what was wrong with it; empty with an issue that refuses where it has none.

    kind      a key of `MEDIA_TYPES`
    encoding  of HTML that declares none, as it was detected

    Tables become lines with tabs, list items lines with a dash. Scripts, styles, pictures, hidden parts are left out.
    """
    match kind:
        case "rtf":
            from careloom.ingest.documents_rtf import rtf_text  # noqa: PLC0415 - few feeds hold RTF

            text, issues = rtf_text(raw)
        case "html":
            from careloom.ingest.documents_html import html_text  # noqa: PLC0415 - few feeds hold HTML

            text, issues = html_text(raw, encoding)
        case _:
            from careloom.ingest.documents_pdf import pdf_text  # noqa: PLC0415 - few feeds hold PDF

            text, issues = pdf_text(raw)
    return _tidy(text), issues


def _tidy(text: str) -> str:
    """Line feeds only, no blanks at line ends, at most one blank line in a row, no control characters."""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n").split("\n"):
        kept = "".join(sign for sign in line if sign == "\t" or sign >= " ").replace("\u00a0", " ").rstrip()
        if kept or (lines and lines[-1]):
            lines.append(kept)
    return "\n".join(lines).strip("\n") + "\n" if any(lines) else ""
