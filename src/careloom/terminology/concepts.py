"""What a code means: concepts, releases, translations, and the port through which all terminologies are asked.

Two things answer the port: the tables that ship with the package (`packaged`), and what an installation has loaded
(`careloom.store.terminology`). Subsumption, validation and expansion are written once, over the port.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Protocol

EQUIVALENCES = (
    "equal",
    "equivalent",
    "relatedto",
    "wider",
    "subsumes",
    "narrower",
    "specializes",
    "inexact",
    "unmatched",
    "disjoint",
)
"""ConceptMap.group.element.target.equivalence in FHIR R4: how the target's meaning relates to the source's."""
REVERSED = MappingProxyType(
    {"wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes"}
)
"""The equivalence of a mapping read from target to source; what is not listed stays."""
_NOTHING: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Release:
    """One version of one code system.

    system     canonical URI
    version    the publisher's name of it: ``2026-04``, ``20260301``, ``2.81``
    title      the system's name
    effective  the first day on which it holds; None where the publisher names none
    expires    the first day on which it holds no longer; None where it does not expire
    concepts   how many codes it has
    is_whole   False where it is a part of the system: a code that is missing may exist all the same
    licence    under which it may be used
    """

    system: str
    version: str
    title: str
    effective: date | None = None
    expires: date | None = None
    concepts: int = 0
    is_whole: bool = True
    licence: str = ""

    def is_expired(self, today: date) -> bool:
        """True on and after the day on which it holds no longer."""
        return self.expires is not None and today >= self.expires


@dataclass(frozen=True, slots=True)
class Concept:
    """One code of one release.

    name         the publisher's preferred name
    version      of the release that says so
    is_active    False where the publisher has retired the code
    is_abstract  True for a grouping that stands for no patient's fact: an ICD-10-CM code that cannot be billed
    names        other names: synonyms, inclusion terms
    parents      codes of the same system that it is a kind of, directly
    properties   what else the publisher says: ``kind``, ``unit``, ``ingredient``, ``seventh-character``, ...
    """

    system: str
    code: str
    name: str
    version: str
    is_active: bool = True
    is_abstract: bool = False
    names: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    properties: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Translation:
    """One target of a mapping.

    equivalence  how the target relates to the source, one of `EQUIVALENCES`
    origin       the map that says so
    """

    system: str
    code: str
    equivalence: str
    origin: str


@dataclass(frozen=True, slots=True)
class Match:
    """A concept that a text may mean: the name of it that fits best, and how well, 0 to 100."""

    concept: Concept
    matched: str
    score: float


class Terminology(Protocol):
    """What can be asked of a set of releases. A version of None means the newest."""

    def releases(self) -> Sequence[Release]:
        """Every release, newest first within a system."""
        ...

    def find(self, system: str, code: str, version: str | None = None) -> Concept | None:
        """The concept with that code; None where the release lacks it, or where there is no release."""
        ...

    def children(self, system: str, code: str, version: str | None = None) -> tuple[str, ...]:
        """The codes that are directly a kind of `code`, sorted."""
        ...

    def translations(self, system: str, code: str) -> Sequence[Translation]:
        """Every mapping of the code, in either direction, most exact first."""
        ...

    def codes(self, system: str, version: str | None = None) -> Iterator[str]:
        """Every code of a release, sorted."""
        ...

    def search(self, text: str, system: str | None = None, limit: int = 10) -> Sequence[Match]:
        """The concepts whose names fit a text, best first."""
        ...
