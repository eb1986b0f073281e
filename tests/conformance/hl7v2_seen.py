"""What the classes of the agreement test look at: one message, what is expected of it and what we make of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.triples import Triple, triples

OTHER = "http://example.com/v2-to-fhir-converter/"
_OURS = "urn:careloom:hl7v2:"
AUTHORITY = "local:"
_V2 = "http://terminology.hl7.org/codesystem/v2-"
# A system that only a local name is known of: each converter makes a URI of its own of it. The others are named by
# their URI here and by another name there.
SYSTEMS = {
    f"{OTHER}identifier/usssa": "http://hl7.org/fhir/sid/us-ssn",
    f"{OTHER}identifier/": AUTHORITY,
    f"{OTHER}codesystem/hl7": _V2,
    f"{OTHER}codesystem/dcm": "http://dicom.nema.org/resources/ontology/dcm",
    f"{OTHER}codesystem/nci": "http://ncicb.nci.nih.gov/xml/owl/evs/thesaurus.owl",
    f"{OTHER}codesystem/snomed": "http://snomed.info/sct",
    f"{OTHER}codesystem/cvx": "http://hl7.org/fhir/sid/cvx",
    f"{OTHER}codesystem/": AUTHORITY,
    f"{_OURS}authority:": AUTHORITY,
    f"{_OURS}codesystem:": AUTHORITY,
    "urn:oid:2.16.840.1.113883.4.6": "http://hl7.org/fhir/sid/us-npi",
}
# HL7 table 0301, and what senders of the set write there: kinds of universal ids, which name no authority.
ID_KINDS = frozenset("clia clip dns guid hcd hl7 iso l m n random urand uri uuid x400 x500".split())

Drop = Callable[[str, dict[str, Any]], bool]
"""(path, element): True where the element goes; the path of a resource is its type."""


@dataclass(slots=True)
class Seen:
    """What a class may look at: the message, all expected triples and all of ours, the expected resources."""

    text: str
    wanted: set[Triple]
    made: set[Triple]
    expected: list[dict[str, Any]]
    vanished: dict[str, set[Triple]] = field(default_factory=dict)

    def value(self, segment: str, number: int, component: int = 1) -> str:
        """A component of a field of the first segment of that name."""
        for line in re.split(r"[\r\n]+", self.text):
            if line.startswith(f"{segment}|"):
                fields = line.split("|")
                if segment == "MSH":
                    fields.insert(1, "|")
                parts = fields[number].split("^") if number < len(fields) else []
                return parts[component - 1] if component <= len(parts) else ""
        return ""

    def parts(self, segment: str, number: int) -> set[str]:
        """The components of a field of every segment of that name."""
        found: set[str] = set()
        for line in re.split(r"[\r\n]+", self.text):
            fields = line.split("|")
            if fields[0] == segment and number < len(fields):
                found.update(part for part in fields[number].split("^") if part)
        return found

    def without(self, name: str, drop: Drop) -> set[Triple]:
        """The expected triples that vanish with the elements that `drop` names."""
        if name not in self.vanished:
            kept = [one for one in (_pruned(resource, drop) for resource in self.expected) if one is not None]
            self.vanished[name] = self.wanted - triples(kept, SYSTEMS)
        return self.vanished[name]


def _pruned(resource: dict[str, Any], drop: Drop) -> dict[str, Any] | None:
    return _without(resource, resource["resourceType"], drop)


def _without(node: Any, path: str, drop: Drop) -> Any:
    if isinstance(node, list):
        return [kept for one in node if (kept := _without(one, path, drop)) is not None]
    if not isinstance(node, dict):
        return node
    if drop(path, node):
        return None
    return {key: kept for key, value in node.items() if (kept := _without(value, f"{path}.{key}", drop)) is not None}


@dataclass(frozen=True, slots=True)
class Difference:
    """One class: its name, the rule of the guide or of FHIR, and when a triple is in it."""

    name: str
    rule: str
    covers: Callable[[Triple, Seen], bool]


def element(name: str, rule: str, drop: Callable[[str, dict[str, Any], Seen], bool]) -> Difference:
    """A class of the triples of some elements of the expected resources."""

    def covers(triple: Triple, seen: Seen) -> bool:
        return triple in seen.without(name, lambda path, node: drop(path, node, seen))

    return Difference(name, rule, covers)
