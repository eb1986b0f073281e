"""What the record knows about a patient: the words that must not stand in a text about them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from careloom.deid.identifiers import letter_of

PATIENT, RELATIVE, CLINICIAN = "patient", "relative", "clinician"
_ROLE = {"Patient": PATIENT, "RelatedPerson": RELATIVE, "Practitioner": CLINICIAN, "Person": PATIENT}
_GENDERS = frozenset({"male", "female"})
# A letter of policies/identifiers.toml -> our label; (R) is told by whose identifier it is.
_LABELS = {"G": "SSN", "H": "MRN", "I": "HEALTH_PLAN", "J": "ACCOUNT", "K": "LICENSE", "M": "DEVICE"}
_TELECOM = {"phone": "PHONE", "fax": "FAX", "email": "EMAIL", "url": "URL", "pager": "PHONE", "sms": "PHONE"}


@dataclass(frozen=True, slots=True)
class KnownName:
    """A person's name in its parts.

    role    ``patient``, ``relative`` or ``clinician``
    gender  ``male``, ``female`` or ""
    """

    given: tuple[str, ...] = ()
    family: str = ""
    role: str = PATIENT
    gender: str = ""

    def words(self) -> Iterator[str]:
        """Each word of the name."""
        for part in (*self.given, self.family):
            yield from part.split()


@dataclass(frozen=True, slots=True)
class KnownAddress:
    """An address in its parts; each may be empty."""

    lines: tuple[str, ...] = ()
    city: str = ""
    postal_code: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What the record knows: its words are found whatever else they may mean.

    values         (label, value): identifiers, telephone numbers, e-mail addresses, organizations
    birth_dates    of the patient and of relatives
    """

    names: tuple[KnownName, ...] = ()
    addresses: tuple[KnownAddress, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    birth_dates: tuple[date, ...] = ()


NOBODY = Known()


def known_from(resources: Iterable[Mapping[str, Any]]) -> Known:
    """What FHIR resources tell about a patient and those around: Patient, RelatedPerson, Practitioner, Organization.

    resources  those of one patient's record; what is malformed is passed over
    """
    names: dict[KnownName, None] = {}
    addresses: dict[KnownAddress, None] = {}
    values: dict[tuple[str, str], None] = {}
    births: dict[date, None] = {}
    for resource in resources:
        kind = str(resource.get("resourceType", ""))
        if kind in _ROLE:
            for person in [resource, *_objects(resource.get("contact"))]:
                role = _ROLE[kind] if person is resource else RELATIVE
                names |= dict.fromkeys(_names(person, role))
                addresses |= dict.fromkeys(_addresses(person))
                values |= dict.fromkeys(_telecoms(person))
        if kind in ("Organization", "Location"):
            values |= dict.fromkeys(_telecoms(resource))
            if _word(resource.get("name")):
                values["ORGANIZATION", _word(resource.get("name"))] = None
        values |= dict.fromkeys(_identifiers(resource, kind))
        birth = _word(resource.get("birthDate"))
        if len(birth) == 10:
            try:
                births[date.fromisoformat(birth)] = None
            except ValueError:
                continue
    return Known(tuple(names), tuple(addresses), tuple(values), tuple(births))


def _objects(value: object) -> Sequence[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        return [value]
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _word(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _words(value: object) -> tuple[str, ...]:
    return tuple(word for item in value if (word := _word(item))) if isinstance(value, list) else ()


def _names(person: Mapping[str, Any], role: str) -> Iterator[KnownName]:
    gender = _word(person.get("gender"))
    for name in _objects(person.get("name")):
        given, family = _words(name.get("given")), _word(name.get("family"))
        if not given and not family:
            *given_words, family = _word(name.get("text")).split() or [""]
            given = tuple(given_words)
        if given or family:
            yield KnownName(given, family, role, gender if gender in _GENDERS else "")


def _addresses(person: Mapping[str, Any]) -> Iterator[KnownAddress]:
    for address in _objects(person.get("address")):
        found = KnownAddress(_words(address.get("line")), _word(address.get("city")), _word(address.get("postalCode")))
        if found != KnownAddress():
            yield found


def _telecoms(person: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for telecom in _objects(person.get("telecom")):
        value = _word(telecom.get("value"))
        if value:
            yield _TELECOM.get(_word(telecom.get("system")), "PHONE"), value


def _identifiers(resource: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    for identifier in _objects(resource.get("identifier")):
        value = _word(identifier.get("value"))
        if len(value) < 3:
            continue
        codings = [coding for kind in _objects(identifier.get("type")) for coding in _objects(kind.get("coding"))]
        letter = letter_of(_word(identifier.get("system")), [_word(coding.get("code")) for coding in codings])
        label = _LABELS.get(letter, "")
        default = {"Patient": "MRN", "Device": "DEVICE", "Coverage": "HEALTH_PLAN", "Account": "ACCOUNT"}
        yield label or default.get(kind, "LICENSE" if kind == "Practitioner" else "OTHER_ID"), value
    if kind == "Device" and _word(resource.get("serialNumber")):
        yield "DEVICE", _word(resource.get("serialNumber"))
    if kind == "Coverage" and _word(resource.get("subscriberId")):
        yield "HEALTH_PLAN", _word(resource.get("subscriberId"))
