"""One clinical statement of an entry (act, observation, substance administration, ...), and what all kinds share."""

from collections.abc import Iterator
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

    name      element name: ``observation``
    """

    __slots__ = ("_identifiers", "_roots", "element", "held", "name")

    def __init__(self, element: Element) -> None:
        self.element = element
        self.held: Kids = kids(element)
        self.name = NAMES[element.tag]
        self._roots: frozenset[str] | None = None
        self._identifiers: list[Part] | None = None

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
        held = self.held.get(name)
        return held[0] if held is not None else None

    def related(self) -> Iterator[tuple[str, "Act"]]:
        """(typeCode, statement) of its entry relationships."""
        for relation in self.held.get("entryRelationship", ()):
            for inner in children(relation):
                if NAMES[inner.tag] in STATEMENTS:
                    yield relation.get("typeCode") or "", Act(inner)
                    break

    def components(self) -> Iterator["Act"]:
        """The statements of its components."""
        for component in self.held.get("component", ()):
            for inner in children(component):
                if NAMES[inner.tag] in STATEMENTS:
                    yield Act(inner)
                    break


def statement_of(wrapper: Element) -> Act | None:
    """The statement inside of an entry, component or entryRelationship."""
    for inner in children(wrapper):
        if NAMES[inner.tag] in STATEMENTS:
            return Act(inner)
    return None


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
