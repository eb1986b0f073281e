"""The bytes of an XML record to its tree: no entity, DTD, network or huge tree; or why it cannot be read."""

from collections.abc import Callable
from typing import Any

from lxml import etree

from careloom.ingest.markup import DOCTYPE, HEAD_BYTES, head_text, root_name
from careloom.issues import Issue

Element = etree._Element

_PARSER = etree.XMLParser(
    resolve_entities=False,
    load_dtd=False,
    dtd_validation=False,
    attribute_defaults=False,
    no_network=True,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
    collect_ids=False,
)
_TOO_MUCH = ("XML_PARSE_HUGE", "Excessive depth", "Maximum", "too long", "Resource limit")
_ENCODING = ("encoding", "Encoding", "Input is not proper", "invalid byte", "not proper UTF-8")


children: Callable[[Element], list[Element]] = Element.getchildren  # type: ignore[attr-defined]  # not in the stubs
"""The children of an element, in order: the fastest way that there is."""


def read(raw: bytes) -> tuple[Element | None, Issue | None]:
    """The root element, or what is wrong with the bytes."""
    if raw.find(b"<!DOCTYPE", 0, HEAD_BYTES) >= 0 and root_name(head_text(raw)) == DOCTYPE:
        return None, _doctype()
    try:
        root = etree.fromstring(raw, _PARSER)
    except etree.XMLSyntaxError as error:
        return None, _syntax(error)
    except (ValueError, LookupError):
        return None, _refuse("xml.encoding", "", "the encoding that the XML names is not known", "send it as UTF-8")
    if root.getroottree().docinfo.internalDTD is not None:
        return None, _doctype()
    return root, None


def _doctype() -> Issue:
    return _refuse("xml.doctype", "", "the XML declares a document type", "send it without a DOCTYPE")


def _syntax(error: Any) -> Issue:
    """What stands against the bytes; libxml2's own words may hold a value and are not shown."""
    line, column = error.position
    place, words = f"line {line} column {column}", str(error.msg or "")
    if any(word in words for word in _TOO_MUCH):
        remedy = "send it without the embedded file, or split it"
        return _refuse("xml.too-deep", place, "the XML nests too deep or holds a text beyond 10 MB", remedy)
    if any(word in words for word in _ENCODING):
        text = "the bytes are not in the encoding that the XML names"
        return _refuse("xml.encoding", place, text, "send it as UTF-8")
    if "Namespace prefix" in words:
        text = "a namespace prefix is used that is not declared"
        return _refuse("xml.broken", place, text, "declare all namespaces on the root element")
    return _refuse("xml.broken", place, "the XML is broken or cut off here", "export it again")


def _refuse(code: str, place: str, message: str, remedy: str) -> Issue:
    return Issue(code, "error", place, message, remedy)
