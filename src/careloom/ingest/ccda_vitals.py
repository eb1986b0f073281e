"""Vital signs: a panel, its observations, blood pressure and pulse oximetry put together as the guide asks for."""

from careloom.fhir.drafts import Resource
from careloom.ingest.ccda_act import Act, SectionContext, begin, status_of
from careloom.ingest.ccda_build import Build, Part, Reference
from careloom.ingest.ccda_observations import CATEGORY, observation_resource
from careloom.ingest.ccda_values import when
from careloom.ingest.xml_read import children
from careloom.terminology.systems import LOINC

_PANEL = "85353-1"
_PRESSURE = {"8480-6": "systolic", "8462-4": "diastolic"}
_PRESSURE_PANEL = "85354-9"
_OXYGEN = ("59408-5", "2708-6")
_INHALED = frozenset(("3150-0", "3151-8"))


def vitals_organizer(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The Observations of a vital signs organizer, and the panel that holds them."""
    made = [
        (_loinc(inner), inner.key, observation_resource(build, inner, section, category="vital-signs"))
        for inner in act.components()
        if inner.name == "observation"
    ]
    members = [build.put(key, resource) for key, resource in _joined(made)]
    if not members:
        return []
    out = begin("Observation", act)
    out["status"] = status_of("observation-status", act, "final")
    out["category"] = [{"coding": [{"system": CATEGORY, "code": "vital-signs"}]}]
    display = "Vital signs, weight, height, head circumference, oxygen saturation and BMI panel"
    out["code"] = {"coding": [{"system": LOINC, "code": _PANEL, "display": display}]}
    out["subject"] = build.patient
    when(build, act.one("effectiveTime"), out, "effective")
    out["hasMember"] = members
    return [build.put(act.key, out), *members]


def vital_sign(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """A vital sign outside of an organizer."""
    return [build.put(act.key, observation_resource(build, act, section, category="vital-signs"))]


def _loinc(act: Act) -> str:
    """The code of a vital sign; its LOINC translation where the code itself is none."""
    code = act.code
    if "-" in code:
        return code
    for each in act.held.get("code", ())[:1]:
        for part in children(each):
            if "-" in (part.get("code") or ""):
                return part.get("code") or ""
    return code


def _joined(made: list[tuple[str, str, Resource]]) -> list[tuple[str, Resource]]:
    """(identity, resource) with the pressures of one time in one Observation, and inhaled oxygen under saturation."""
    out: list[tuple[str, Resource]] = []
    pressures: dict[str, list[tuple[str, str, Resource]]] = {}
    saturation: Resource | None = None
    inhaled: list[Resource] = []
    for code, key, resource in made:
        if code in _PRESSURE:
            pressures.setdefault(_moment(resource), []).append((code, key, resource))
        elif code in _INHALED:
            inhaled.append(resource)
            out.append((key, resource))
        else:
            if code in _OXYGEN:
                saturation = saturation or resource
                _both_codes(resource)
            out.append((key, resource))
    for readings in pressures.values():
        out += _pressure(readings)
    if saturation is not None and inhaled:
        out = [each for each in out if not any(each[1] is one for one in inhaled)]
        saturation["component"] = [_component(one) for one in inhaled]
        _identifiers(saturation, inhaled)
    return out


def _moment(resource: Resource) -> str:
    return str(resource.get("effectiveDateTime", resource.get("effectivePeriod", "")))


def _both_codes(resource: Resource) -> None:
    held = resource["code"].setdefault("coding", [])
    known = {each.get("code") for each in held}
    held += [{"system": LOINC, "code": code} for code in _OXYGEN if code not in known]


def _pressure(readings: list[tuple[str, str, Resource]]) -> list[tuple[str, Resource]]:
    """One Observation for each pair of a systolic and a diastolic pressure; what has no counterpart stays alone."""
    above = [(key, one) for code, key, one in readings if _PRESSURE[code] == "systolic"]
    below = [(key, one) for code, key, one in readings if _PRESSURE[code] == "diastolic"]
    pairs = list(zip(above, below, strict=False))
    out = above[len(pairs) :] + below[len(pairs) :]
    for (key, systolic), (_, diastolic) in pairs:
        joined = {
            name: value
            for name, value in systolic.items()
            if name not in ("code", "valueQuantity", "dataAbsentReason", "interpretation", "referenceRange")
        }
        joined["code"] = {"coding": [{"system": LOINC, "code": _PRESSURE_PANEL, "display": "Blood pressure panel"}]}
        joined["component"] = [_component(systolic), _component(diastolic)]
        _identifiers(joined, [diastolic])
        out.append((f"{key}|pressure" if key else "", joined))
    return out


def _component(resource: Resource) -> Part:
    names = ("code", "dataAbsentReason", "interpretation", "referenceRange")
    return {name: value for name, value in resource.items() if name in names or name.startswith("value")}


def _identifiers(into: Resource, others: list[Resource]) -> None:
    held = list(into.get("identifier", ()))
    for other in others:
        held += [each for each in other.get("identifier", ()) if each not in held]
    if held:
        into["identifier"] = held
