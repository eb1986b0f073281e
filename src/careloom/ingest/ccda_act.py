"""One clinical statement of an entry (act, observation, substance administration, ...), and what all kinds share."""

from collections.abc import Sequence
from typing import NamedTuple

from careloom.fhir.drafts import Resource
from careloom.ingest.ccda_build import Build, Part, Reference
from careloom.ingest.ccda_codes import codes
from careloom.ingest.ccda_narrative import text_of
from careloom.ingest.ccda_parties import author_times, party, role_of
from careloom.ingest.ccda_read import NAMES, Kids, first, kids
from careloom.ingest.ccda_values import concept, identifiers, key_of
from careloom.ingest.xml_read import Element, children

STATEMENTS = frozenset(
    "act encounter observation observationMedia organizer procedure regionOfInterest substanceAdministration "
    "supply".split()
)
COMMENT = "48767-8"
STATUS = "33999-4"
COMMENT_TEMPLATE = "2.16.840.1.113883.10.20.22.4.64"
_INDICATION = "RSON"


class SectionContext(NamedTuple):
    """The section that an entry stands in: LOINC code, and what is different about medications there."""

    code: str
    medications: str = ""


class Act:
    """A clinical statement with its children by name.

    name     element name: ``observation``
    is_read  a reader took something of what it says, beyond what kind of statement it is; `unread_of` asks for it
    """

    __slots__ = ("_identifiers", "_parts", "_related", "_roots", "element", "held", "is_read", "name")

    def __init__(self, element: Element) -> None:
        self.element = element
        self.held: Kids = kids(element)
        self.name = NAMES[element.tag]
        self._roots: frozenset[str] | None = None
        self._identifiers: list[Part] | None = None
        self._related: list[tuple[str, Act]] | None = None
        self._parts: list[Act] | None = None
        self.is_read = False

    @property
    def mood(self) -> str:
        """Its moodCode, ``EVN`` where none is sent."""
        return self.element.get("moodCode") or "EVN"

    @property
    def negated(self) -> bool:
        """Its negationInd."""
        return self.element.get("negationInd") == "true"

    @property
    def templates(self) -> frozenset[str]:
        """Its template ids, without versions."""
        if self._roots is None:
            self._roots = frozenset([each.get("root") or "" for each in self.held.get("templateId", ())])
        return self._roots

    @property
    def identifiers(self) -> list[Part]:
        """Its ids as Identifiers."""
        if self._identifiers is None:
            self._identifiers = identifiers(self.held.get("id"))
        return self._identifiers

    @property
    def key(self) -> str:
        """Its identity; empty where no id says anything."""
        return key_of(self.identifiers)

    @property
    def code(self) -> str:
        """Its code."""
        found = first(self.held, "code")
        return (found.get("code") or "") if found is not None else ""

    @property
    def status(self) -> str:
        """Its status code."""
        found = first(self.held, "statusCode")
        return (found.get("code") or "").strip() if found is not None else ""

    def one(self, name: str) -> Element | None:
        """Its first child of that name."""
        self.is_read = True
        held = self.held.get(name)
        return held[0] if held is not None else None

    @property
    def has_inner(self) -> bool:
        """True where statements may stand in it."""
        return "entryRelationship" in self.held or "component" in self.held

    def related(self) -> "Sequence[tuple[str, Act]]":
        """(typeCode, statement) of its entry relationships; the same ones whenever it is asked."""
        if self._related is not None:
            return self._related
        wrappers = self.held.get("entryRelationship")
        if wrappers is None:
            return ()
        found = self._related = []
        for wrapper in wrappers:
            for inner in children(wrapper):
                if NAMES[inner.tag] in STATEMENTS:
                    found.append((wrapper.get("typeCode") or "", Act(inner)))
                    break
        return found

    def components(self) -> "Sequence[Act]":
        """The statements of its components; the same ones whenever it is asked."""
        if self._parts is not None:
            return self._parts
        found = self._parts = []
        for component in self.held.get("component", ()):
            for inner in children(component):
                if NAMES[inner.tag] in STATEMENTS:
                    found.append(Act(inner))
                    break
        return found

    def inside(self) -> "list[Act]":
        """Every statement that stands directly in it, whether or not a reader asked for it."""
        found = [inner for _, inner in self.related()]
        return [*found, *self.components()] if "component" in self.held else found


def statement_of(wrapper: Element) -> Act | None:
    """The statement inside of an entry, component or entryRelationship."""
    for inner in children(wrapper):
        if NAMES[inner.tag] in STATEMENTS:
            return Act(inner)
    return None


def unread_of(act: Act, found: list[Act]) -> None:
    """Adds the statements inside of one that was read, of which no reader took anything; what stands in these goes with
    them.
    """
    for inner in act.inside():
        if inner.has_inner:
            if inner.is_read or _wraps_read(inner):
                unread_of(inner, found)
            else:
                found.append(inner)
        elif not inner.is_read:
            found.append(inner)


def _wraps_read(act: Act) -> bool:
    """True for a statement that is but a wrapper of one that was read."""
    return any(inner.is_read or (inner.has_inner and _wraps_read(inner)) for inner in act.inside())


def begin(kind: str, act: Act) -> Resource:
    """A resource of that type with the identifiers of the statement."""
    out: Resource = {"resourceType": kind}
    if act.identifiers:
        out["identifier"] = act.identifiers
    return out


def is_comment(act: Act) -> bool:
    """True for a comment activity."""
    return act.name == "act" and (act.code == COMMENT or COMMENT_TEMPLATE in act.templates)


def note_of(build: Build, act: Act) -> Part | None:
    """A comment activity as Annotation."""
    words = text_of(build, act.one("text"))
    if not words:
        return None
    out: Part = {}
    author, time = author_times(act.held.get("author"))
    who = party(build, role_of(author), roles=False) if author is not None else None
    if who is not None:
        out["authorReference"] = who
    written = build.date_time(time)
    if written is not None:
        out["time"] = written
    out["text"] = words
    return out


def add_notes(build: Build, related: list[tuple[str, Act]], out: Resource) -> None:
    """The comments of a statement as notes of its resource."""
    for _, inner in related:
        if is_comment(inner):
            note = note_of(build, inner)
            if note is not None:
                out.setdefault("note", []).append(note)


def reasons(build: Build, related: list[tuple[str, Act]]) -> list[Part]:
    """The indications of a statement: the values (or codes) of observations that are its reason."""
    out: list[Part] = []
    for kind, inner in related:
        if kind == _INDICATION and inner.name == "observation":
            found = concept(build, inner.one("value")) or concept(build, inner.one("code"))
            if found is not None and found not in out:
                out.append(found)
    return out


def recorded(build: Build, out: Resource, authors: list[Element] | None, *, who: str, when: str) -> None:
    """The last author and the earliest time that one names, as elements of a resource; who is "" where none is kept."""
    if not authors:
        return
    author, time = author_times(authors)
    made = party(build, role_of(author)) if author is not None and who else None
    if made is not None:
        out[who] = made
    written = build.date_time(time) if when else None
    if written is not None:
        out[when] = written


def performers(build: Build, act: Act) -> list[Reference]:
    """Who carried a statement out, each once."""
    out: list[Reference] = []
    for each in act.held.get("performer", ()):
        who = party(build, role_of(each))
        if who is not None and who not in out:
            out.append(who)
    return out


def only_practitioners(references: list[Reference]) -> list[Reference]:
    """Those that are no Organization."""
    return [each for each in references if not each["reference"].startswith("Organization/")]


def status_of(name: str, act: Act, default: str) -> str:
    """The FHIR status of a statement by one of our maps."""
    return codes(name).get(act.status, default)
