"""The narrative of a document: as XHTML for FHIR, as plain text, and by the ids that entries refer to.

Source: CDA R2 4.3.5 (narrative block) and guide, narrative text: content is span, paragraph is p, list is ul or ol.
"""

import html
import re

from lxml import etree

from careloom.fhir.narrative import allows
from careloom.ingest.ccda_build import Build, Part
from careloom.ingest.ccda_read import NAMES
from careloom.ingest.xml_read import Element, children

XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">'

_SPLIT = re.compile(r"(<[^>]*>)")
_ID = ' ID="'
_LEAF = re.compile(r' ID="([^"]+)"[^<>]*(?<!/)>([^<]*)</')
_NAME = re.compile(r"</?([^\s/>]+)")
_ATTRIBUTE = re.compile(r'\s([\w:.-]+)="([^"]*)"')
_LINK = re.compile(r"(?:https?:|mailto:|tel:|#|[\w./-]+$)", re.IGNORECASE)
_NAMES = {
    "content": "span",
    "paragraph": "p",
    "item": "li",
    "linkHtml": "a",
    "footnote": "span",
    "footnoteRef": "span",
    "renderMultiMedia": "span",
    "text": "div",
}
_RENAMED = {"styleCode": "class"}
_LINES = frozenset("p li tr table ul ol div h1 h2 h3 h4 h5 h6 caption thead tbody pre dt dd".split())
_CELLS = frozenset(("td", "th"))
_IDS = etree.XPath("//@ID", smart_strings=False)
_BY_ID = etree.XPath("//*[@ID=$name]")
MAX_CACHED = 8192
_END = "\x01"
"""Ends a line of plain text while it is put together; XML cannot hold it."""


def serialized(text: Element) -> str:
    """The inner XML of a narrative block."""
    whole = etree.tostring(text, encoding="unicode", with_tail=False)
    start = whole.index(">")
    if whole[start - 1] == "/":
        return ""
    return whole[start + 1 : whole.rindex("</")]


def div_and_plain(build: Build, inner: str) -> tuple[str, str]:
    """A FHIR Narrative.div of inner narrative XML, and the same as lines of plain text.

    In plain text each paragraph, item and row is a line; cells are apart by bars. Ids are noted in `build.leaves`.
    """
    if "<" not in inner:
        return f"{XHTML}{inner}</div>", html.unescape(inner).strip()
    if _ID in inner:
        build.leaves.update(_LEAF.findall(inner))
        build.narratives.append(inner)
    parts = _SPLIT.split(inner)
    kinds, starts, said = zip(*map(_TAGS.__getitem__, parts[1::2]), strict=True)
    parts[1::2] = _paired(kinds, starts) if any(kinds) else starts
    shown = f"{XHTML}{''.join(parts)}</div>"
    parts[1::2] = said
    return shown, _lines("".join(parts))


def _paired(kinds: tuple[str, ...], starts: tuple[str, ...]) -> list[str]:
    """The tags with lists and captions closed as they were opened.

    A caption is one only as the first thing of a table; elsewhere it is said in bold.
    """
    out: list[str] = []
    opened: list[str] = []
    before = ""
    for kind, start in zip(kinds, starts, strict=True):
        if kind and not start:
            before = f"</{opened.pop()}>" if opened else ""
        elif kind:
            before = "<caption>" if kind == "caption" and before.startswith("<table") else start
            opened.append(before[1:-1])
        else:
            before = start
        out.append(before)
    return out


def _lines(text: str) -> str:
    """Plain text with single blanks and bars between cells; lines end where `_END` stands."""
    if "&" in text:
        text = html.unescape(text)
    lines = [" ".join(words).strip("| ") for line in text.split(_END) if (words := line.split())]
    return "\n".join([line for line in lines if line])


class _Tags(dict[str, tuple[str, str, str]]):
    """Tag of a narrative -> its kind, the XHTML tag, what it is in plain text. Neither ids nor text are kept."""

    def __missing__(self, tag: str) -> tuple[str, str, str]:
        at = tag.find(_ID)
        if at > 0:  # it hardly comes twice: as the tag without its id, and the id
            end = tag.index('"', at + 5) + 1
            kind, start, said = self[tag[:at] + tag[end:]]
            if kind or not start or start == "<br/>":
                return kind, start, said
            cut = -2 if start[-2] == "/" else -1
            return kind, f'{start[:cut]} id="{tag[at + 5 : end]}{start[cut:]}', said
        found = _translated(tag)
        if len(self) < MAX_CACHED and len(tag) < 100:
            self[tag] = found
        return found


_TAGS = _Tags()


def _translated(tag: str) -> tuple[str, str, str]:
    named = _NAME.match(tag)
    source = named[1].rpartition(":")[2] if named is not None else ""
    is_end = tag.startswith("</")
    if source == "list":
        ordered = 'listType="ordered"' in tag
        start = "<ol>" if ordered else "<ul>"
        if tag.endswith("/>"):
            return "", "", _END
        return "list", "" if is_end else start, _END
    if source == "caption":
        return ("", "", _END) if tag.endswith("/>") else ("caption", "" if is_end else "<b>", _END)
    if source == "br":
        return "", "" if is_end else "<br/>", "" if is_end else _END
    name = _NAMES.get(source, source)
    if not allows(name, "id"):
        name = "span"
    plain = _END if name in _LINES else " | " if name in _CELLS and not is_end else ""
    if is_end:
        return "", f"</{name}>", plain
    kept = "".join(_kept(name, *found) for found in _ATTRIBUTE.findall(tag))
    return "", f"<{name}{kept}{'/' if tag.endswith('/>') else ''}>", plain


def _kept(tag: str, name: str, value: str) -> str:
    name = _RENAMED.get(name, name)
    if name == "href" and not _LINK.match(value):
        return ""
    if name.startswith("xml") or (name in ("style", "class", "lang", "title") and not value.strip()):
        return ""
    return f' {name}="{value}"' if allows(tag, name) else ""


def plain(inner: str) -> str:
    """The narrative as lines of plain text."""
    if "<" not in inner:
        return html.unescape(inner).strip()
    parts = _SPLIT.split(inner)
    parts[1::2] = [_TAGS[tag][2] for tag in parts[1::2]]
    return _lines("".join(parts))


def narrative(build: Build, text: Element | None, title: str) -> tuple[Part, str]:
    """Composition.section.text and the narrative as plain text; a section without any narrative says its title."""
    inner = serialized(text) if text is not None else ""
    if inner.strip():
        shown, said = div_and_plain(build, inner)
        if not shown[len(XHTML) : -len("</div>")].isspace() and len(shown) > len(XHTML) + len("</div>"):
            return {"status": "additional", "div": shown}, said
    return {"status": "empty", "div": f"{XHTML}{html.escape(title or 'Section', quote=False)}</div>"}, ""


def resolved(build: Build, reference: str | None) -> str:
    """The plain text, in one line, that ``#id`` leads to in the narrative; empty where it leads nowhere."""
    if not reference:
        return ""
    name = reference.removeprefix("#")
    leaf = build.leaves.get(name)
    if leaf is not None:
        return " ".join((html.unescape(leaf) if "&" in leaf else leaf).split())
    found = _within(build, name)
    if found is None:
        found = _elsewhere(build, name)
    words = " ".join(plain(found).split())
    build.leaves[name] = html.escape(words, quote=False)
    return words


def _within(build: Build, name: str) -> str | None:
    """The inner XML of the element of that id in the narratives read so far; None where it is in none of them."""
    attribute = f'ID="{html.escape(name)}"'
    for inner in build.narratives:
        at = inner.find(attribute)
        if at < 0:
            continue
        start = inner.index(">", at) + 1
        if inner[start - 2] == "/":
            return ""
        depth = 1
        for tag in _SPLIT.finditer(inner, start):
            depth += -1 if tag[0].startswith("</") else 0 if tag[0].endswith("/>") else 1
            if depth == 0:
                return inner[start : tag.start()]
    return None


def _elsewhere(build: Build, name: str) -> str:
    """The inner XML of the element of that id in what was not read yet; references that lead nowhere are not rare."""
    if build.ids is None:
        build.ids = frozenset(_texts(_IDS(build.root)))
    found = _BY_ID(build.root, name=name) if name in build.ids else None
    first = found[0] if isinstance(found, list) and found else None
    return serialized(first) if isinstance(first, Element) else ""


def _texts(found: object) -> list[str]:
    return [str(each) for each in found] if isinstance(found, list) else []


def text_of(build: Build, element: Element | None) -> str:
    """What an ED or ST says in one line: its own words, or those that its reference leads to."""
    if element is None:
        return ""
    parts = children(element)
    if not parts:
        return " ".join((element.text or "").split())
    words = (element.text or "").split()
    for child in parts:
        name = NAMES[child.tag]
        if name == "reference":
            words += resolved(build, child.get("value")).split()
        elif name != "translation":
            words += plain(serialized(child)).split()
        words += (child.tail or "").split()
    return " ".join(words)
