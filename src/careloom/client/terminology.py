"""Terminology: what codes mean, whether they are valid, what they say in other systems; values in other units."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.session import Session
from careloom.client.transport import FHIR_JSON, Ask

Part = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A code: its name in the release that answers, other names, and what is directly above and below it.

    is_abstract  a grouping: not to be used for a patient
    is_expired   the release has ended
    properties   what else the publisher says, by name
    """

    name: str
    version: str
    title: str
    is_active: bool
    is_abstract: bool
    is_expired: bool
    names: tuple[str, ...]
    parents: tuple[str, ...]
    children: tuple[str, ...]
    properties: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a code is valid, why not or what to know, and its name; empty where the code is not known."""

    is_valid: bool
    message: str
    name: str


@dataclass(frozen=True, slots=True)
class Counterpart:
    """A code of another system, how its meaning relates (ConceptMap's equivalence), and the map that says so."""

    system: str
    code: str
    name: str
    equivalence: str
    origin: str


@dataclass(frozen=True, slots=True)
class Member:
    """A code of a value set."""

    system: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Release:
    """A release that the platform knows, shipped or loaded.

    expires   the first day on which it holds no longer
    is_whole  a code that is not in it does not exist
    """

    system: str
    version: str
    title: str
    effective: date | None
    expires: date | None
    is_expired: bool
    concepts: int
    is_whole: bool
    licence: str


@dataclass(frozen=True, slots=True)
class Found:
    """A code whose name fits a text, the name that fits best, and how well, from 0 to 100."""

    system: str
    code: str
    name: str
    version: str
    is_active: bool
    is_abstract: bool
    matched: str
    score: float


@dataclass(frozen=True, slots=True)
class Converted:
    """A value in the unit `to`.

    unit       the UCUM code that the unit which was sent stands for
    substance  whose molar mass was at hand, by the LOINC code; empty where there is none
    issue      ``terminology.unit-rewritten`` or ``-unlikely`` where the unit was no UCUM, or none that was meant
    """

    value: Decimal
    unit: str
    to: str
    substance: str
    issue: str


@dataclass(frozen=True, slots=True)
class _Releases:
    items: tuple[Release, ...]


@dataclass(frozen=True, slots=True)
class _Matches:
    items: tuple[Found, ...]


class Terminology:
    """The code systems that the platform knows. A system is named by URI, OID or short name (``ICD-10-CM``)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/fhir/terminology"
        self._own = f"{session.base}/api/v1/terminology"

    def __repr__(self) -> str:
        return f"Terminology({self._session.base})"

    def releases(self) -> list[Release]:
        """Every release that is known, and whether it has ended. raises AccessError."""
        answer = self._session.document(Ask(method="GET", url=f"{self._own}/releases"))
        return list(decode(_Releases, answer).items)

    def search(self, text: str, *, system: str = "", limit: int = 10) -> list[Found]:
        """Codes by the words of their names, misspelt ones too, best first.

        raises  InputError for a text without words, or too long; NotFound for an unknown system; AccessError
        """
        query = urlencode({"text": text, "limit": str(limit)} | ({"system": system} if system else {}))
        answer = self._session.document(Ask(method="GET", url=f"{self._own}/concepts?{query}"))
        return list(decode(_Matches, answer).items)

    def convert(self, value: Decimal | float | str, unit: str, to: str, *, loinc: str = "") -> Converted:
        """A value in another unit; the value stands in no address.

        value   a float counts as the decimal that it prints as
        unit    UCUM, or a known spelling of it
        loinc   names the substance, for mass to amount and back
        raises  InputError if a unit is not known or the two measure different things; AccessError
        """
        body = JsonBody({"value": str(value), "unit": unit, "to": to, "loinc": loinc})
        ask = Ask(method="POST", url=f"{self._own}/conversions", body=body)
        return decode(Converted, self._session.document(ask))

    def lookup(self, system: str, code: str, *, version: str = "") -> Meaning:
        """What a code means. raises NotFound; AccessError."""
        parts = self._parameters("CodeSystem/$lookup", system=system, code=code, version=version)
        flags: dict[str, bool] = {}
        texts: dict[str, tuple[str, ...]] = {}
        for part in _named(parts, "property"):
            key, value = str(_of(part, "code")), _of(part, "value")
            if isinstance(value, bool):
                flags[key] = value
            else:
                texts[key] = (*texts.get(key, ()), str(value))
        return Meaning(
            name=_text(parts, "display"),
            version=_text(parts, "version"),
            title=_text(parts, "name"),
            is_active=not flags.get("inactive", False),
            is_abstract=flags.get("abstract", False),
            is_expired=flags.get("expired", False),
            names=tuple(str(_of(part, "value")) for part in _named(parts, "designation")),
            parents=texts.pop("parent", ()),
            children=texts.pop("child", ()),
            properties=texts,
        )

    def validate(self, system: str, code: str, *, display: str = "", version: str = "") -> Verdict:
        """Whether a code is in its system, and a display one of its names. raises AccessError; NotFound."""
        parts = self._parameters("CodeSystem/$validate-code", url=system, code=code, display=display, version=version)
        is_valid = any(part.get("valueBoolean") is True for part in parts if part.get("name") == "result")
        return Verdict(is_valid, _text(parts, "message"), _text(parts, "display"))

    def subsumes(self, system: str, first: str, second: str, *, version: str = "") -> str:
        """``equivalent``, ``subsumes``, ``subsumed-by`` or ``not-subsumed``. raises NotFound; AccessError."""
        ask = {"system": system, "codeA": first, "codeB": second, "version": version}
        return _text(self._parameters("CodeSystem/$subsumes", **ask), "outcome")

    def translate(self, system: str, code: str, target: str = "") -> list[Counterpart]:
        """What a code says in another system, or in all, most exact first. raises NotFound; AccessError."""
        parts = self._parameters("ConceptMap/$translate", system=system, code=code, targetsystem=target)
        found = []
        for part in _named(parts, "match"):
            coding = _of(part, "concept")
            name = str(coding.get("display", ""))
            counterpart = (coding["system"], coding["code"], name, _of(part, "equivalence"), _of(part, "source"))
            found.append(Counterpart(*counterpart))
        return found

    def expand(self, value_set: str, *, text: str = "") -> list[Member]:
        """The codes of a value set, those whose name holds a text. raises NotFound; TooLarge; AccessError."""
        found: list[Member] = []
        while True:
            query = {"url": value_set, "filter": text, "offset": str(len(found))}
            url = f"{self._base}/ValueSet/$expand?{urlencode(query)}"
            expansion = self._session.document(Ask(method="GET", url=url, accept=FHIR_JSON))["expansion"]
            page = expansion.get("contains", [])
            found += [Member(each["system"], each["code"], each.get("display", "")) for each in page]
            if not page or len(found) >= expansion["total"]:
                return found

    def _parameters(self, operation: str, **query: str) -> list[Part]:
        asked = urlencode({name: value for name, value in query.items() if value})
        ask = Ask(method="GET", url=f"{self._base}/{operation}?{asked}", accept=FHIR_JSON)
        parts: list[Part] = self._session.document(ask)["parameter"]
        return parts


def _named(parts: list[Part], name: str) -> Iterator[list[Part]]:
    """The parts of every parameter of that name."""
    return (part["part"] for part in parts if part.get("name") == name)


def _value(part: Part) -> Any:
    return next((value for key, value in part.items() if key.startswith("value")), None)


def _of(parts: list[Part], name: str) -> Any:
    """The value of the first parameter of that name."""
    return next((_value(part) for part in parts if part.get("name") == name), None)


def _text(parts: list[Part], name: str) -> str:
    return str(_of(parts, name) or "")
