"""A small made hospital whose resources point at each other, and searches through it, always the same for a number."""

import random
from typing import Any

from tests.unit.store.search_samples import CODES, DAYS, NUMBERS, TEXTS, UCUM, coding, concept, quantity, some

COUNTS = {
    "Organization": 8, "Practitioner": 10, "Patient": 60, "Group": 5, "Encounter": 120, "Observation": 420,
    "Provenance": 40,
}  # fmt: skip
URLS = ["http://acme.org/fhir", "http://acme.org/fhir/a", "http://acme.org/fhirx", "urn:oid:1.2", "urn:oid:1.2.3"]


def points(chance: random.Random, *types: str) -> dict[str, str]:
    """A reference to one of the types; now and then to nothing that there is."""
    name = chance.choice(types)
    return {"reference": f"{name}/{name.lower()}{chance.randrange(COUNTS[name] + 2)}"}


def organization(chance: random.Random) -> dict[str, Any]:
    return {"name": chance.choice(TEXTS), "partOf": points(chance, "Organization")}


def practitioner(chance: random.Random) -> dict[str, Any]:
    return {"name": [{"family": chance.choice(TEXTS)}]}


def patient(chance: random.Random) -> dict[str, Any]:
    return {
        "name": some(chance, lambda: {"family": chance.choice(TEXTS)}),
        "identifier": some(chance, lambda: {"system": "mrn", "value": chance.choice(CODES)}),
        "gender": chance.choice(["male", "female"]),
        "generalPractitioner": some(chance, lambda: points(chance, "Practitioner", "Organization")),
        "managingOrganization": points(chance, "Organization"),
        "meta": {"profile": some(chance, lambda: chance.choice(URLS))},
    }


def group(chance: random.Random) -> dict[str, Any]:
    return {"type": "person", "member": [{"entity": points(chance, "Patient")} for _ in range(4)]}


def encounter(chance: random.Random) -> dict[str, Any]:
    return {
        "status": chance.choice(["planned", "finished"]),
        "type": some(chance, lambda: {**concept(chance), "text": chance.choice(TEXTS)}),
        "subject": points(chance, "Patient", "Group"),
        "serviceProvider": points(chance, "Organization"),
        "participant": some(chance, lambda: {"individual": points(chance, "Practitioner")}),
        "period": {"start": chance.choice(DAYS)},
    }


def observation(chance: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {
        "status": chance.choice(["final", "amended"]),
        "code": {**concept(chance), "text": chance.choice(TEXTS)},
        "subject": points(chance, "Patient", "Patient", "Group"),
        "encounter": points(chance, "Encounter"),
        "hasMember": some(chance, lambda: points(chance, "Observation")),
        "component": some(chance, lambda: {"code": concept(chance), "valueQuantity": quantity(chance)}),
        "effectiveDateTime": chance.choice(DAYS),
    }
    if chance.random() < 0.5:
        made["valueQuantity"] = quantity(chance)
    elif chance.random() < 0.5:
        made["valueCodeableConcept"] = {"coding": [coding(chance)]}
    return made


def provenance(chance: random.Random) -> dict[str, Any]:
    return {"target": [points(chance, "Observation", "Encounter") for _ in range(3)]}


MAKERS = {
    "Organization": organization, "Practitioner": practitioner, "Patient": patient, "Group": group,
    "Encounter": encounter, "Observation": observation, "Provenance": provenance,
}  # fmt: skip


def make_hospital() -> list[dict[str, Any]]:
    """Every resource, those of one type one after the other."""
    chance = random.Random(7)
    return [
        {"resourceType": kind, "id": f"{kind.lower()}{number}", **MAKERS[kind](chance)}
        for kind, count in COUNTS.items()
        for number in range(count)
    ]


def _escaped(text: str) -> str:
    return "".join("\\" + char if char in "\\,|$" else char for char in text)


def _token(chance: random.Random) -> str:
    return chance.choice(["", "|", "http://loinc.org|", "http://snomed.info/sct|"]) + _escaped(chance.choice(CODES))


def _number(chance: random.Random) -> str:
    return chance.choice(["", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]) + str(chance.choice(NUMBERS))


def _quantity(chance: random.Random) -> str:
    return _number(chance) + chance.choice(["", f"|{UCUM}|mg", "||mg", f"|{UCUM}|g", f"|{UCUM}|mol"])


def _name(chance: random.Random) -> str:
    return chance.choice(["ada", "ad", "lace", "zoe", "x", "nobody"])


ENDS: dict[str, dict[str, Any]] = {
    "Organization": {"name": _name, "name:contains": _name, "partof": "Organization"},
    "Practitioner": {"name": _name, "name:contains": _name},
    "Patient": {
        "name": _name, "family:contains": _name, "gender": lambda c: c.choice(["male", "female"]),
        "identifier": lambda c: c.choice(["mrn|", "x|", "mrn|a", "b"]), "_id": lambda c: f"patient{c.randrange(60)}",
        "_profile:below": lambda c: c.choice(URLS), "_profile:above": lambda c: c.choice([*URLS, "http://acme.org/fhir/a/b"]),
        "organization": "Organization", "general-practitioner": "Practitioner",
    },
    "Group": {"type": lambda c: "person", "member": "Patient"},
    "Encounter": {
        "status": lambda c: c.choice(["planned", "finished"]), "type": _token, "type:text": _name,
        "date": lambda c: c.choice(["ge2020", "lt2020-03", "2020-02-29"]), "subject": "Patient", "patient": "Patient",
        "service-provider": "Organization", "practitioner": "Practitioner",
    },
    "Observation": {
        "code": _token, "code:text": _name, "code:not": _token, "status": lambda c: c.choice(["final", "amended"]),
        "category:missing": lambda c: "true", "value-quantity": _quantity,
        "code-value-quantity": lambda c: f"{_token(c)}${_quantity(c)}",
        "combo-code-value-quantity": lambda c: f"{_token(c)}${_quantity(c)}",
        "component-code-value-quantity": lambda c: f"{_token(c)}${_quantity(c)}",
        "code-value-concept": lambda c: f"{_token(c)}${_token(c)}",
        "code-value-quantity#2": lambda c: f"{_token(c)}${_quantity(c)},{_token(c)}${_quantity(c)}",
        "code#system": lambda c: "http://loinc.org|", "subject": "Patient", "patient": "Patient",
        "encounter": "Encounter", "has-member": "Observation",
    },
    "Provenance": {"target": "Observation"},
}  # fmt: skip
"""Type -> parameter -> how a value is made, or the type that it is chained to; what follows # is no part of it."""
BACK = {
    "Patient": ["Observation:patient", "Observation:subject", "Encounter:patient", "Group:member"],
    "Encounter": ["Observation:encounter", "Provenance:target"],
    "Observation": ["Observation:has-member", "Provenance:target"],
    "Organization": ["Patient:organization", "Encounter:service-provider", "Organization:partof"],
    "Practitioner": ["Patient:general-practitioner", "Encounter:participant"],
}


def condition(chance: random.Random, kind: str, links: int) -> str:
    """``name=value`` of a type, through at most so many links."""
    if links and kind in BACK and chance.random() < 0.35:
        source, _, name = chance.choice(BACK[kind]).partition(":")
        return f"_has:{source}:{name}:{condition(chance, source, links - 1)}"
    own = ENDS[kind]
    wanted = [name for name, made in own.items() if links or not isinstance(made, str)]
    if not wanted:
        return "_id=none"
    name = chance.choice(wanted)
    made = own[name]
    if isinstance(made, str):
        code = name if name in ("patient", "organization", "partof") and chance.random() < 0.5 else f"{name}:{made}"
        return f"{code}.{condition(chance, made, links - 1)}"
    return f"{name.partition('#')[0]}={made(chance)}"


def request(number: int) -> str:
    """The search of a number."""
    chance = random.Random(number)
    kind = chance.choice(["Observation", "Observation", "Patient", "Encounter", "Organization", "Provenance"])
    parts = [condition(chance, kind, chance.randint(0, 3)) for _ in range(chance.randint(1, 3))]
    sort = chance.choice(["", "", "&_sort=_id", "&_sort=-_lastUpdated", "&_sort=date", "&_sort=-date"])
    if "date" in sort and kind not in ("Observation", "Encounter"):
        sort = ""
    return f"{kind}?{'&'.join(parts)}{sort}"
