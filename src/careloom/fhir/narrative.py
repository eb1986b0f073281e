"""Narrative xhtml: parseable, only the tags and attributes that FHIR allows (txt-1), not without any content (txt-2).

Source: FHIR R4 4.0.1, section 2.4.0 (narrative) and the rules txt-1 and txt-2 of Narrative.div.
"""

import re
from collections.abc import Iterable
from typing import Any
from xml.parsers import expat

_TAGS = frozenset(
    "a abbr acronym b big blockquote br caption cite code col colgroup dd del dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i "
    "img ins kbd li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var".split()
)
_ANY = frozenset("title style class id lang xml:lang dir accesskey tabindex xmlns idref".split())
_TABLE = frozenset("align valign char charoff span width".split())
_CELL = _TABLE | frozenset("abbr axis headers scope rowspan colspan height nowrap bgcolor".split())
_OWN: dict[str, frozenset[str]] = {
    "a": frozenset("href name charset type hreflang rel rev shape coords target".split()),
    "img": frozenset("src alt longdesc height width usemap ismap border align".split()),
    "table": frozenset("summary width border frame rules cellspacing cellpadding bgcolor align".split()),
    "td": _CELL,
    "th": _CELL,
    "tr": _TABLE | frozenset(("bgcolor",)),
    "thead": _TABLE,
    "tbody": _TABLE,
    "tfoot": _TABLE,
    "col": _TABLE,
    "colgroup": _TABLE,
    "blockquote": frozenset(("cite",)),
    "q": frozenset(("cite",)),
    "ins": frozenset(("cite", "datetime")),
    "del": frozenset(("cite", "datetime")),
    "pre": frozenset(("space", "xml:space")),
    "ol": frozenset(("start", "type")),
    "ul": frozenset(("type",)),
    "li": frozenset(("value", "type")),
    "dl": frozenset(("compact",)),
    "br": frozenset(("clear",)),
}
_NAMESPACE = "http://www.w3.org/1999/xhtml"
_TEXT = r"[^<>&\x00-\x08\x0b\x0c\x0e-\x1f]"
_OPENING = f'<div xmlns="{_NAMESPACE}">'
_PLAIN = re.compile(
    rf'<div xmlns="http://www\.w3\.org/1999/xhtml">(?:{_TEXT}++|<br ?/>|<(b|i|p)>{_TEXT}*+</\1>'
    rf'|<a href="[^"<>&\s]*+">{_TEXT}*+</a>)++</div>'
).fullmatch
"""The commonest simple narratives, accepted without a parse; anything else is parsed. Possessive: linear in time."""


def allows(tag: str, attribute: str) -> bool:
    """True for an XHTML tag, and an attribute of it, that a Narrative may hold."""
    return tag in _TAGS and (attribute in _ANY or attribute in _OWN.get(tag, ()))


def _any_of(words: Iterable[str]) -> str:
    """A pattern for any of these words, by their first letters, so that few alternatives are tried at each place."""
    rest: dict[str, list[str]] = {}
    is_whole = False
    for word in words:
        if word:
            rest.setdefault(word[0], []).append(word[1:])
        else:
            is_whole = True
    ways = [re.escape(letter) + _any_of(ends) for letter, ends in sorted(rest.items(), key=_rank)]
    if not ways:
        return ""
    inner = ways[0] if len(ways) == 1 else "|".join(ways)
    return f"(?:{inner}){'?' if is_whole else ''}" if is_whole or len(ways) > 1 else inner


def _rank(item: tuple[str, list[str]]) -> tuple[bool, str]:
    return item[0] != "t", item[0]  # tables are what most narratives consist of


def _start_tags() -> str:
    """A pattern for what follows ``<`` in a start tag that may stand; tags with the same attributes share one."""
    shared: dict[frozenset[str], list[str]] = {}
    for tag in sorted(_TAGS, key=lambda tag: (tag not in ("td", "th"), tag != "tr", tag in _OWN)):
        shared.setdefault(_OWN.get(tag, frozenset()), []).append(tag)
    return "|".join(
        rf"{_any_of(tags)}(?:\s+{_any_of((_ANY | own) - {'xmlns'})}=\"[^\"<>&]*+\")*+\s*+/?>"
        for own, tags in shared.items()
    )


_UNUSUAL = re.compile(rf"<(?!/{_any_of(_TAGS)}\s*+>|{_start_tags()})", re.ASCII).search
"""The first ``<`` that begins no end tag, and no start tag without a namespace, that a Narrative may hold."""


def _is_usual(value: str) -> bool:
    """True for well-formed XHTML of plain tags whose every tag may stand; False where only the reader can tell.

    The tags are looked for one by one, and no declaration, comment or CDATA section is one of them; the parser without
    callbacks says whether they are well nested.
    """
    if not value.startswith(_OPENING) or value.count("<") < 3 or _UNUSUAL(value, len(_OPENING)):
        return False
    try:
        expat.ParserCreate().Parse(value.encode("utf-8", "strict"), True)
    except (expat.ExpatError, UnicodeEncodeError):
        return False
    return True


class _Refused(Exception):  # noqa: N818 - a signal inside this file, never an error that leaves it
    """Ends a parse early; holds the reason as an issue code."""


def narrative_problem(value: Any) -> str:
    """Why a Narrative.div is not acceptable: an issue code, or "" when it is fine."""
    if not isinstance(value, str) or not value:
        return "fhir.xhtml-invalid"
    if ("<t" not in value and _PLAIN(value) is not None) or _is_usual(value):
        return ""
    reader = _Reader()
    try:
        reader.parser.Parse(value.encode("utf-8", "strict"), True)
    except _Refused as reason:
        return str(reason)
    except (expat.ExpatError, UnicodeEncodeError):
        return "fhir.xhtml-invalid"
    return "" if reader.shows else "fhir.invariant-txt-2"


def is_narrative(value: Any) -> bool:
    """True for an acceptable Narrative.div."""
    return not narrative_problem(value)


class _Reader:
    """One parse: refuses what is not allowed and notes whether there is anything inside."""

    __slots__ = ("depth", "parser", "shows")

    def __init__(self) -> None:
        self.depth = 0
        self.shows = False
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._open
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.ProcessingInstructionHandler = self._refuse

    def _refuse(self, *_: Any) -> None:
        raise _Refused("fhir.xhtml-invalid")

    def _open(self, tag: str, attributes: dict[str, str]) -> None:
        if self.depth == 0 and (tag.rpartition(":")[2] != "div" or _NAMESPACE not in attributes.values()):
            raise _Refused("fhir.xhtml-invalid")
        self.depth += 1
        tag = tag.rpartition(":")[2]
        if tag not in _TAGS:
            raise _Refused("fhir.invariant-txt-1")
        if self.depth > 1:
            self.shows = True
        if attributes:
            own = _OWN.get(tag, ())
            for name in attributes:
                if name not in _ANY and name not in own and not name.startswith("xmlns:"):
                    raise _Refused("fhir.invariant-txt-1")

    def _text(self, text: str) -> None:
        self.shows = True  # white space counts: examples of the specification have no more
