"""FHIR resources with something wrong on purpose. A place is a path of the resource."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import partial
from typing import Any, NamedTuple

import orjson

from careloom.fhir.drafts import Resource
from careloom.simulate.answers import DirtKind
from careloom.simulate.dirt import Dirt, impossible_value, misread, with_wrong_digit, wrong_unit
from careloom.terminology.systems import LOINC


class Soiled(NamedTuple):
    """A resource that is sent and, where its bytes are wrong, those bytes."""

    resource: Resource
    line: bytes | None = None


def soiled(found: Sequence[Resource], dirt: Dirt, path: Callable[[Resource], str], *, lines: bool) -> Iterator[Soiled]:
    """The resources, some with something wrong; `lines`: each stands on a line of its own, so that bytes can be wrong.

    path  of the file in which a resource is sent
    """
    for one in found:
        struck = dirt.struck(partial(_made, one, dirt, lines))
        if struck is None:
            yield Soiled(one)
            continue
        kind, (sent, place, detail) = struck
        yield from sent
        name = f"{one['resourceType']}/{sent[-1].resource['id']}"
        dirt.tell(kind, file=path(one), record=name, place=place, detail=detail)


_Made = tuple[list[Soiled], str, str] | None


def _made(one: Resource, dirt: Dirt, lines: bool, kind: DirtKind) -> _Made:
    for makers in (_MAKERS, _OF_LINES) if lines else (_MAKERS,):
        maker = makers.get(kind)
        made = maker(one, dirt) if maker is not None else None
        if made is not None:
            return made
    return None


def _again(one: Resource, dirt: Dirt) -> _Made:
    del dirt
    if one["resourceType"] not in ("Observation", "Condition", "Procedure", "Immunization", "AllergyIntolerance"):
        return None
    copy = deepcopy(one)
    copy["id"] = f"{one['id']}-2"
    for identifier in copy.get("identifier", ()):
        identifier["value"] += "-2"
    return [Soiled(one), Soiled(copy)], f"{one['resourceType']}.id", "the same fact under another id"


def _quantities(one: Resource) -> list[tuple[str, str, dict[str, Any]]]:
    """(place, LOINC code, Quantity) of the values of an Observation."""
    if one["resourceType"] != "Observation":
        return []
    found = []
    if "valueQuantity" in one:
        found.append(("Observation.valueQuantity", one["code"]["coding"][0]["code"], one["valueQuantity"]))
    for number, part in enumerate(one.get("component", ())):
        place = f"Observation.component[{number}].valueQuantity"
        found.append((place, part["code"]["coding"][0]["code"], part["valueQuantity"]))
    return found


def _unit(one: Resource, dirt: Dirt) -> _Made:
    copy = deepcopy(one)
    able = [found for found in _quantities(copy) if wrong_unit(found[2].get("code", ""))]
    if not able:
        return None
    place, _, quantity = dirt.random.choice(able)
    quantity["unit"] = quantity["code"] = wrong_unit(quantity["code"])
    return [Soiled(copy)], f"{place}.code", "another unit stands with the number"


def _value(one: Resource, dirt: Dirt) -> _Made:
    copy = deepcopy(one)
    able = [found for found in _quantities(copy) if impossible_value(found[1])]
    if not able:
        return None
    place, code, quantity = dirt.random.choice(able)
    quantity["value"] = float(impossible_value(code) or 0)
    return [Soiled(copy)], f"{place}.value", "a value that no body has"


def _date(one: Resource, dirt: Dirt) -> _Made:
    copy = deepcopy(one)
    way = dirt.random.random()
    match one["resourceType"]:
        case "Patient":
            copy["birthDate"] = "2105-01-05"
            return [Soiled(copy)], "Patient.birthDate", "birth after the first visit"
        case "Encounter" if "end" in one["period"]:
            start = one["period"]["start"]
            copy["period"]["end"] = f"{int(start[:4]) - 4}{start[4:]}"
            return [Soiled(copy)], "Encounter.period.end", "an end four years before its beginning"
        case "Observation" if way < 0.5:
            copy["effectiveDateTime"] = f"{one['effectiveDateTime'][:4]}-02-31{one['effectiveDateTime'][10:]}"
            return [Soiled(copy)], "Observation.effectiveDateTime", "31 February"
        case "Observation":
            copy["effectiveDateTime"] = f"2105{one['effectiveDateTime'][4:]}"
            return [Soiled(copy)], "Observation.effectiveDateTime", "a time in the year 2105"
    return None


_REQUIRED = {
    "Patient": ("birthDate", "gender", "name"),
    "Observation": ("code", "status", "effectiveDateTime"),
    "Encounter": ("class", "status", "subject"),
    "Condition": ("subject", "code"),
    "MedicationRequest": ("medicationCodeableConcept", "subject"),
    "Immunization": ("vaccineCode",),
    "Procedure": ("subject", "code"),
}


def _missing(one: Resource, dirt: Dirt) -> _Made:
    names = _REQUIRED.get(one["resourceType"])
    if names is None:
        return None
    name = dirt.random.choice(names)
    copy = {key: value for key, value in one.items() if key != name}
    return [Soiled(copy)], f"{one['resourceType']}.{name}", "the element is not there"


def _digit(one: Resource, dirt: Dirt) -> _Made:
    if one["resourceType"] != "Observation" or one["code"]["coding"][0]["system"] != LOINC:
        return None
    copy = deepcopy(one)
    first = copy["code"]["coding"][0]
    first["code"] = with_wrong_digit(first["code"], dirt.random)
    return [Soiled(copy)], "Observation.code.coding[0].code", "another last digit of the LOINC code"


def _misread(one: Resource, dirt: Dirt) -> _Made:
    del dirt
    if one["resourceType"] != "Patient":
        return None
    copy = deepcopy(one)
    copy["name"][0]["family"] = misread(one["name"][0]["family"])
    return [Soiled(copy)], "Patient.name[0].family", "UTF-8 that was read as ISO 8859-1"


def _twice(one: Resource, dirt: Dirt) -> _Made:
    del dirt
    return [Soiled(one), Soiled(one)], "", "sent twice, byte for byte"


def _cut(one: Resource, dirt: Dirt) -> _Made:
    whole = orjson.dumps(one)
    return [Soiled(one, whole[: dirt.random.randint(len(whole) // 2, len(whole) - 2)])], "", "stops before its end"


def _bytes(one: Resource, dirt: Dirt) -> _Made:
    del dirt
    whole = orjson.dumps(one)
    place = whole.index(b'"resourceType":"') + len(b'"resourceType":"')
    return [Soiled(one, whole[:place] + b"\xe9" + whole[place:])], "resourceType", "a byte of ISO 8859-1 in UTF-8"


_MAKERS: dict[DirtKind, Callable[[Resource, Dirt], _Made]] = {
    "near-duplicate-record": _again,
    "wrong-unit": _unit,
    "impossible-value": _value,
    "impossible-date": _date,
    "missing-field": _missing,
    "wrong-check-digit": _digit,
    "mangled-encoding": _misread,
}
_OF_LINES: dict[DirtKind, Callable[[Resource, Dirt], _Made]] = {
    "duplicate-record": _twice,
    "truncated-message": _cut,
    "mangled-encoding": _bytes,
}


def line_of(one: Soiled) -> bytes:
    """The line of a resource in a bulk export."""
    return (one.line if one.line is not None else orjson.dumps(one.resource)) + b"\n"
