"""Where the HL7 v2-to-FHIR guide, or FHIR, says otherwise than the other converter: the classes of the agreement test.

Each class is a rule over one expected triple, with the row of the guide (mappings/segments, mappings/datatypes,
mappings/codesystems) that it follows. docs/reference/hl7v2.md lists them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.triples import Triple

_OTHER = "http://example.com/v2-to-fhir-converter/"
_OURS = "urn:careloom:hl7v2:"
# A system that only a local name is known of: each converter makes a URI of its own of it.
SYSTEMS = {
    f"{_OTHER}identifier/": f"{_OURS}authority:",
    f"{_OTHER}codesystem/hl7": "http://terminology.hl7.org/codesystem/v2-",
    f"{_OTHER}codesystem/": f"{_OURS}codesystem:",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a class may look at: the message, all expected triples and all of ours, the expected resources."""

    text: str
    wanted: set[Triple]
    made: set[Triple]
    expected: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """One class: its name, the rule of the guide or of FHIR, and when a triple is in it."""

    name: str
    rule: str
    covers: Callable[[Triple, Seen], bool]


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "a location's description is its path in one text",
        "PL[Location]: description is PL.9; the path is the chain of partOf",
        lambda triple, seen: triple[:2] == ("Location", "description") and "--" in triple[2],
    ),
)
