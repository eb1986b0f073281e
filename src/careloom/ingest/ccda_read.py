"""The bytes of a clinical document to its tree: no entity, DTD, network or huge tree; or why it cannot be read."""

from typing import Any

from lxml import etree

from careloom.ingest.markup import DOCTYPE, HEAD_BYTES, head_text, root_name
from careloom.issues import Issue

Element = etree._Element
Kids = dict[str, list[Element]]
"""The children of an element by name, `NAMES` says how; in document order."""

V3 = "{urn:hl7-org:v3}"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
MAX_NAMES = 4096

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


class _Names(dict[str, str]):
    """Tag as lxml gives it -> name: bare for HL7 v3 and for no namespace, ``sdtc:name`` for the SDTC extensions.

    Elements of other namespaces keep their long name, so that nothing takes them for CDA.
    """

    def __missing__(self, tag: str) -> str:
        space, _, name = tag.rpartition("}")
        if space == "{urn:hl7-org:sdtc":
            name = f"sdtc:{name}"
        elif space not in ("", "{urn:hl7-org:v3"):
            name = tag
        if len(self) < MAX_NAMES:
            self[tag] = name
        return name


NAMES = _Names()


def children(element: Element) -> list[Element]:
    """The children of an element, in order."""
    found: list[Element] = element.getchildren()  # type: ignore[attr-defined]  # not in the stubs; the fastest there is
    return found


def kids(element: Element) -> Kids:
    """The children of an element by name."""
    out: Kids = {}
    names = NAMES
    for each in children(element):
        name = names[each.tag]
        held = out.get(name)
        if held is None:
            out[name] = [each]
        else:
            held.append(each)
    return out


def child(element: Element, name: str) -> Element | None:
    """The first child of that name."""
    names = NAMES
    for each in children(element):
        if names[each.tag] == name:
            return each
    return None


def first(found: Kids, name: str) -> Element | None:
    """The first of the children of that name."""
    held = found.get(name)
    return held[0] if held is not None else None


def either(found: Kids, *names: str) -> Element | None:
    """The first child of the first of these names that is there; an element without children is false in Python."""
    for name in names:
        held = found.get(name)
        if held is not None:
            return held[0]
    return None


def read(raw: bytes) -> tuple[Element | None, Issue | None]:
    """The root element, or what is wrong with the bytes."""
    if raw.find(b"<!DOCTYPE", 0, HEAD_BYTES) >= 0 and root_name(head_text(raw)) == DOCTYPE:
        return None, _refuse("ccda.doctype", "", "the document declares a document type", "send it without a DOCTYPE")
    try:
        root = etree.fromstring(raw, _PARSER)
    except etree.XMLSyntaxError as error:
        return None, _syntax(error)
    except (ValueError, LookupError):
        return None, _refuse("ccda.encoding", "", "the encoding that the XML names is not known", "send it as UTF-8")
    if root.getroottree().docinfo.internalDTD is not None:
        return None, _refuse("ccda.doctype", "", "the document declares a document type", "send it without a DOCTYPE")
    return root, None


def _syntax(error: Any) -> Issue:
    """What stands against the bytes; libxml2's own words may hold a value and are not shown."""
    line, column = error.position
    place, words = f"line {line} column {column}", str(error.msg or "")
    if any(word in words for word in _TOO_MUCH):
        remedy = "send it without the embedded file, or split it"
        return _refuse("ccda.too-deep", place, "the XML nests too deep or holds a text beyond 10 MB", remedy)
    if any(word in words for word in _ENCODING):
        return _refuse(
            "ccda.encoding", place, "the bytes are not in the encoding that the XML names", "send it as UTF-8"
        )
    if "Namespace prefix" in words:
        text = "a namespace prefix is used that is not declared"
        return _refuse("ccda.not-xml", place, text, "declare all namespaces on the root element")
    text = "the XML is broken or cut off here"
    return _refuse("ccda.not-xml", place, text, "export the document again")


def _refuse(code: str, place: str, message: str, remedy: str) -> Issue:
    return Issue(code, "error", place, message, remedy)


def local_type(element: Element) -> str:
    """The HL7 data type that xsi:type names, without its prefix; empty where there is none."""
    named = element.get(TYPE)
    return named.rpartition(":")[2] if named is not None else ""
