"""HTML to text, by lxml without network, entities of its own or scripts."""

from lxml import etree, html

from careloom.issues import Issue

_SKIPPED = frozenset("script style head template noscript object iframe svg canvas".split())
_BLOCKS = frozenset(
    "address article aside blockquote dd div dl dt fieldset figure footer form header hr li main nav ol p pre section "
    "table tr ul h1 h2 h3 h4 h5 h6".split()
)
_APART = frozenset("h1 h2 h3 h4 h5 h6 table".split())
_CELLS = frozenset(("td", "th"))


def html_text(raw: bytes, encoding: str) -> tuple[str, list[Issue]]:
    """The visible text of a page; empty with an issue where it holds none.

    encoding  of a page that declares none
    """
    if encoding.startswith("utf-16"):
        raw, encoding = raw.decode(encoding, "replace").encode(), "utf-8"
    elif b"charset" in raw[:4096].lower():
        encoding = ""
    parser = html.HTMLParser(
        no_network=True, remove_comments=True, remove_pis=True, huge_tree=True, encoding=encoding or None
    )
    try:
        page = html.document_fromstring(raw, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, LookupError):
        return "", [_none()]
    if any(error.level_name == "FATAL" for error in parser.error_log):
        message, remedy = "the page is nested too deeply to be read to its end", "Send the note as plain text"
        return "", [Issue("notes.html-too-deep", "error", "file", message, remedy)]
    pieces: list[str] = []
    _walk(page, pieces)
    text = "".join(pieces)
    return (text, []) if text.strip() else ("", [_none()])


def _walk(root: html.HtmlElement, pieces: list[str]) -> None:
    """Appends the text below an element in document order, without recursion: pages may be nested deeply."""
    stack: list[tuple[html.HtmlElement, bool]] = [(root, False)]
    while stack:
        element, is_done = stack.pop()
        tag = element.tag if isinstance(element.tag, str) else ""
        if is_done:
            if tag in _BLOCKS:
                _end_line(pieces)
            elif tag in _CELLS:
                pieces.append("\t")
            _say(element.tail, pieces, keeps=False)
            continue
        stack.append((element, True))
        if tag in _SKIPPED or "hidden" in element.attrib or not tag:
            continue
        if tag == "br":
            pieces.append("\n")
        elif tag in _BLOCKS:
            _end_line(pieces)
            if tag == "li" or tag in _APART:
                pieces.append("- " if tag == "li" else "\n")
        _say(element.text, pieces, keeps=tag == "pre")
        stack += [(child, False) for child in reversed(element)]


def _end_line(pieces: list[str]) -> None:
    if pieces and not pieces[-1].endswith("\n"):
        pieces.append("\n")


def _say(text: str | None, pieces: list[str], *, keeps: bool) -> None:
    if not text:
        return
    if keeps:
        pieces.append(text)
        return
    words = " ".join(text.split())
    if not words and not pieces:
        return
    before = " " if text[:1].isspace() and pieces and not pieces[-1].endswith(("\n", " ", "\t")) else ""
    after = " " if text[-1:].isspace() and words else ""
    pieces.append(f"{before}{words}{after}")


def _none() -> Issue:
    return Issue("notes.html-no-text", "error", "file", "the page holds no text", "Send the note as plain text")
