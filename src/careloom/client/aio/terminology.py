"""Terminology: what codes mean, whether they are valid, what they say in other systems; values in other units."""

from decimal import Decimal
from urllib.parse import urlencode

from careloom.client.aio.session import Session
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.terminology import (
    Converted,
    Counterpart,
    Found,
    Meaning,
    Member,
    Part,
    Release,
    Verdict,
    _Matches,
    _named,
    _of,
    _Releases,
    _text,
)
from careloom.client.transport import FHIR_JSON, Ask


class Terminology:
    """The code systems that the platform knows. A system is named by URI, OID or short name (``ICD-10-CM``)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/fhir/terminology"
        self._own = f"{session.base}/api/v1/terminology"

    def __repr__(self) -> str:
        return f"Terminology({self._session.base})"

    async def releases(self) -> list[Release]:
        """Every release that is known, and whether it has ended. raises AccessError."""
        answer = await self._session.document(Ask(method="GET", url=f"{self._own}/releases"))
        return list(decode(_Releases, answer).items)

    async def search(self, text: str, *, system: str = "", limit: int = 10) -> list[Found]:
        """Codes by the words of their names, misspelt ones too, best first.

        raises  InputError for a text without words, or too long; NotFound for an unknown system; AccessError
        """
        query = urlencode({"text": text, "limit": str(limit)} | ({"system": system} if system else {}))
        answer = await self._session.document(Ask(method="GET", url=f"{self._own}/concepts?{query}"))
        return list(decode(_Matches, answer).items)

    async def convert(self, value: Decimal | float | str, unit: str, to: str, *, loinc: str = "") -> Converted:
        """A value in another unit; the value stands in no address.

        value   a float counts as the decimal that it prints as
        unit    UCUM, or a known spelling of it
        loinc   names the substance, for mass to amount and back
        raises  InputError if a unit is not known or the two measure different things; AccessError
        """
        body = JsonBody({"value": str(value), "unit": unit, "to": to, "loinc": loinc})
        ask = Ask(method="POST", url=f"{self._own}/conversions", body=body)
        return decode(Converted, await self._session.document(ask))

    async def lookup(self, system: str, code: str, *, version: str = "") -> Meaning:
        """What a code means. raises NotFound; AccessError."""
        parts = await self._parameters("CodeSystem/$lookup", system=system, code=code, version=version)
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

    async def validate(self, system: str, code: str, *, display: str = "", version: str = "") -> Verdict:
        """Whether a code is in its system, and a display one of its names. raises AccessError; NotFound."""
        parts = await self._parameters(
            "CodeSystem/$validate-code", url=system, code=code, display=display, version=version
        )
        is_valid = any(part.get("valueBoolean") is True for part in parts if part.get("name") == "result")
        return Verdict(is_valid, _text(parts, "message"), _text(parts, "display"))

    async def subsumes(self, system: str, first: str, second: str, *, version: str = "") -> str:
        """``equivalent``, ``subsumes``, ``subsumed-by`` or ``not-subsumed``. raises NotFound; AccessError."""
        ask = {"system": system, "codeA": first, "codeB": second, "version": version}
        return _text(await self._parameters("CodeSystem/$subsumes", **ask), "outcome")

    async def translate(self, system: str, code: str, target: str = "") -> list[Counterpart]:
        """What a code says in another system, or in all, most exact first. raises NotFound; AccessError."""
        parts = await self._parameters("ConceptMap/$translate", system=system, code=code, targetsystem=target)
        found = []
        for part in _named(parts, "match"):
            coding = _of(part, "concept")
            name = str(coding.get("display", ""))
            counterpart = (coding["system"], coding["code"], name, _of(part, "equivalence"), _of(part, "source"))
            found.append(Counterpart(*counterpart))
        return found

    async def expand(self, value_set: str, *, text: str = "") -> list[Member]:
        """The codes of a value set, those whose name holds a text. raises NotFound; TooLarge; AccessError."""
        found: list[Member] = []
        while True:
            query = {"url": value_set, "filter": text, "offset": str(len(found))}
            url = f"{self._base}/ValueSet/$expand?{urlencode(query)}"
            expansion = (await self._session.document(Ask(method="GET", url=url, accept=FHIR_JSON)))["expansion"]
            page = expansion.get("contains", [])
            found += [Member(each["system"], each["code"], each.get("display", "")) for each in page]
            if not page or len(found) >= expansion["total"]:
                return found

    async def _parameters(self, operation: str, **query: str) -> list[Part]:
        asked = urlencode({name: value for name, value in query.items() if value})
        ask = Ask(method="GET", url=f"{self._base}/{operation}?{asked}", accept=FHIR_JSON)
        parts: list[Part] = (await self._session.document(ask))["parameter"]
        return parts
