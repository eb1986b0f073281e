"""What a simulated patient adds to the files of a hospital: pieces, put in order and written one after the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from careloom.simulate.answers import DirtAnswer, IdentityAnswer, OutcomeAnswer

Feed = Literal["hl7v2", "fhir", "bulk", "ccda", "csv", "notes"]
FEEDS: tuple[Feed, ...] = ("hl7v2", "fhir", "bulk", "ccda", "csv", "notes")
DirtLevel = Literal["none", "some", "much"]


class Piece(NamedTuple):
    """Bytes of one file. A file is its pieces, sorted by `order`; among equals, as they were made, patient by patient.

    path   below OUT, with ``/``
    order  empty for what opens a file and is the same from every patient: written once
    """

    path: str
    order: str
    data: bytes


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What is to be emitted.

    seed     with the patient's number, all that chance decides
    feeds    the formats that a site sends
    dirt     how much is wrong on purpose: a level of simulate/dirt.toml, or the share of the records
    of_site  site -> the formats that it sends in their place
    """

    seed: int
    feeds: tuple[Feed, ...] = FEEDS
    dirt: DirtLevel | float = "none"
    of_site: Mapping[str, tuple[Feed, ...]] = field(default_factory=dict)

    def feeds_of(self, site_id: str) -> tuple[Feed, ...]:
        """The formats that a site sends."""
        return self.of_site.get(site_id, self.feeds)


@dataclass(slots=True)
class FeedAnswers:
    """What the pieces of one patient hide."""

    outcomes: list[OutcomeAnswer] = field(default_factory=list)
    identities: list[IdentityAnswer] = field(default_factory=list)
    dirt: list[DirtAnswer] = field(default_factory=list)
