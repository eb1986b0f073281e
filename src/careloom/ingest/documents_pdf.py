"""The text layer of a PDF, by PDFium."""

import pypdfium2 as pdfium

from careloom.issues import Issue

MOST_PAGES = 2000
MOST_CHARACTERS = 20_000_000


def pdf_text(raw: bytes) -> tuple[str, list[Issue]]:
    """The text of all pages in the order in which the document holds it; empty with an issue where it has none.

    A scan without a text layer is refused: its text has to be recognised first. Where only some pages hold none, a
    warning counts them.
    """
    try:
        document = pdfium.PdfDocument(raw)
    except pdfium.PdfiumError as error:
        return "", [_unreadable(error)]
    try:
        count = len(document)
        if count > MOST_PAGES:
            remedy = "Split the document"
            return "", [
                Issue("notes.pdf-too-long", "error", "file", f"the PDF has more than {MOST_PAGES} pages", remedy)
            ]
        return _of_pages(document, count)
    finally:
        document.close()


def _of_pages(document: pdfium.PdfDocument, count: int) -> tuple[str, list[Issue]]:
    pages: list[str] = []
    blank = size = 0
    for number in range(count):
        try:
            text = _page(document, number)
        except pdfium.PdfiumError:
            return "", [_damaged(f"page {number + 1}")]
        size += len(text)
        if size > MOST_CHARACTERS:
            message = f"the text of the PDF is longer than {MOST_CHARACTERS} characters"
            return "", [Issue("notes.pdf-too-long", "error", f"page {number + 1}", message, "Split the document")]
        blank += not text.strip()
        pages.append(text)
    if blank == count:
        message = "the PDF has no text layer: it is a scan or empty"
        remedy = "Recognise its text first, or send the text as a plain-text note"
        return "", [Issue("notes.pdf-no-text", "error", "file", message, remedy)]
    issues: list[Issue] = []
    if blank:
        message = f"{blank} of {count} pages hold no text: they may be scans"
        issues.append(Issue("notes.pdf-blank-pages", "warning", "file", message, "Look at the original, which is kept"))
    return "\n\n".join(pages), issues


def _page(document: pdfium.PdfDocument, number: int) -> str:
    page = document[number]
    try:
        layer = page.get_textpage()
        try:
            return str(layer.get_text_bounded(errors="ignore"))
        finally:
            layer.close()
    finally:
        page.close()


def _unreadable(error: Exception) -> Issue:
    if "password" in str(error).lower():
        remedy = "Decrypt it before sending; the feed is sealed on arrival"
        return Issue("notes.pdf-encrypted", "error", "file", "the PDF asks for a password", remedy)
    return _damaged("file")


def _damaged(place: str) -> Issue:
    return Issue("notes.pdf-damaged", "error", place, "the PDF is damaged", "Send the document again")
