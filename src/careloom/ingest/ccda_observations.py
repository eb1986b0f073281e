"""Results, vital signs, social history, status and every other observation, after the guide's pages on them."""

from careloom.fhir.drafts import Resource
from careloom.ingest.ccda_act import Act, SectionContext, add_notes, begin, performers, status_of
from careloom.ingest.ccda_build import Build, Part, Reference, unknown_concept
from careloom.ingest.ccda_codes import codes
from careloom.ingest.ccda_narrative import text_of
from careloom.ingest.ccda_parties import party, role_of
from careloom.ingest.ccda_read import child, first, kids, local_type
from careloom.ingest.ccda_values import (
    bounds,
    concept,
    concepts,
    identifiers,
    key_of,
    quantity,
    typed_value,
    value_of,
    when,
)
from careloom.ingest.xml_read import Element
from careloom.terminology.systems import LOINC

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_SMOKING = frozenset(("2.16.840.1.113883.10.20.22.4.78", "2.16.840.1.113883.10.22.4.78"))
_PREGNANCY = "2.16.840.1.113883.10.20.15.3.8"
_DELIVERY = "11778-8"
_COLLECTION = "17636008"
_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_SEXES = frozenset(("F", "M", "UNK"))


def result_organizer(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The DiagnosticReport of a result organizer, and its Observations."""
    out = begin("DiagnosticReport", act)
    out["status"] = status_of("report-status", act, "unknown")
    kind = concept(build, act.one("sdtc:category"))
    if kind is not None:
        out["category"] = [kind]
    out["code"] = concept(build, act.one("code")) or unknown_concept()
    out["subject"] = build.patient
    specimens = [found for each in act.held.get("specimen", ()) if (found := specimen(build, each)) is not None]
    results: list[Reference] = []
    spans: list[str] = []
    for inner in act.components():
        if inner.name == "observation":
            made = observation(build, inner, section, category="laboratory", inherited=specimens[:1])
            results.append(made)
            spans += _spans(build.known(made))
        elif inner.name == "procedure" and inner.code == _COLLECTION and specimens:
            _collected(build, inner, specimens[0])
    when(build, act.one("effectiveTime"), out, "effective")
    if "effectiveDateTime" not in out and "effectivePeriod" not in out and spans:
        out.update({"effectiveDateTime": spans[0]} if min(spans) == max(spans) else _whole_span(spans))
    who = performers(build, act)
    if not who:
        written = [party(build, role_of(each)) for each in act.held.get("author", ())[-1:]]
        who = [each for each in written if each is not None]
    if who:
        out["performer"] = who
    if specimens:
        out["specimen"] = specimens
    if results:
        out["result"] = results
    return [build.put(act.key, out), *results]


def _spans(resource: Resource | None) -> list[str]:
    held = resource.get("effectiveDateTime") if resource is not None else None
    return [held] if held else []


def _whole_span(spans: list[str]) -> Part:
    """From the first to the last time; one time where they cannot be told apart as text."""
    if len({len(each) for each in spans}) > 1 or len({each[19:] for each in spans}) > 1:
        return {"effectiveDateTime": spans[0]}
    return {"effectivePeriod": {"start": min(spans), "end": max(spans)}}


def observation(
    build: Build,
    act: Act,
    section: SectionContext,
    *,
    category: str = "",
    inherited: list[Reference] | None = None,
) -> Reference:
    """The Observation of one CDA observation.

    category   observation-category where the section does not say one
    inherited  the specimen of the organizer around it
    """
    return build.put(act.key, observation_resource(build, act, section, category=category, inherited=inherited))


def observation_resource(
    build: Build, act: Act, section: SectionContext, *, category: str = "", inherited: list[Reference] | None = None
) -> Resource:
    """As `observation`, not yet put anywhere."""
    out = begin("Observation", act)
    out["status"] = status_of("observation-status", act, "final" if not act.status else "unknown")
    named = category or codes("observation-category").get(section.code, "")
    if named:
        out["category"] = [{"coding": [{"system": CATEGORY, "code": named}]}]
    out["code"] = _code_of(build, act)
    out["subject"] = build.patient
    when(build, act.one("effectiveTime"), out, "effective")
    who = performers(build, act)
    if not who:
        made = [party(build, role_of(each)) for each in act.held.get("author", ())[-1:]]
        who = [each for each in made if each is not None]
    if who:
        out["performer"] = who
    _values(build, act, out)
    read = concepts(build, act.held.get("interpretationCode"))
    if read:
        out["interpretation"] = [*out.get("interpretation", ()), *read]
    for name, source in (("bodySite", "targetSiteCode"), ("method", "methodCode")):
        found = concept(build, act.one(source))
        if found is not None:
            out[name] = found
    own = [found for each in act.held.get("specimen", ())[:1] if (found := specimen(build, each)) is not None]
    for each in own or inherited or ():
        out["specimen"] = dict(each)
    ranges = [found for each in act.held.get("referenceRange", ()) if (found := _range(build, each)) is not None]
    if ranges:
        out["referenceRange"] = ranges
    related = list(act.related())
    add_notes(build, related, out)
    _members(build, related, section, out)
    return out


def _code_of(build: Build, act: Act) -> Part:
    found = concept(build, act.one("code"))
    is_assertion = found is None or found.get("coding", [{}])[0].get("code") == "ASSERTION"
    if is_assertion and act.templates & _SMOKING:
        return {"coding": [{"system": LOINC, "code": "72166-2", "display": "Tobacco smoking status"}]}
    if is_assertion and _PREGNANCY in act.templates:
        return {"coding": [{"system": LOINC, "code": "82810-3", "display": "Pregnancy status"}]}
    if found is not None:
        return found
    words = text_of(build, act.one("text"))
    return {"text": words} if words else unknown_concept()


def _values(build: Build, act: Act, out: Resource) -> None:
    """``value[x]``; several values are components of the same code, since obs-7 allows none beside them.

    A negated value must not be read as a found one: it becomes words, with the interpretation negative.
    """
    values = act.held.get("value", [])
    if act.negated and values:
        found = concept(build, values[0])
        named = _words_of(found) if found is not None else text_of(build, values[0]) or values[0].get("value") or ""
        out["valueString"] = f"negated: {named}" if named.strip() else "negated"
        out["interpretation"] = [{"coding": [{"system": _INTERPRETATION, "code": "NEG", "display": "Negative"}]}]
        return
    if len(values) == 1:
        value_of(build, values[0], out)
        return
    for each in values:
        part: Part = {"code": dict(out["code"])}
        value_of(build, each, part)
        out.setdefault("component", []).append(part)


def _words_of(found: Part) -> str:
    if "text" in found:
        return str(found["text"])
    return str(next((each.get("display", each["code"]) for each in found.get("coding", ())), ""))


def _range(build: Build, element: Element) -> Part | None:
    """A normal reference range; those with another interpretation are not FHIR's."""
    held = child(element, "observationRange")
    if held is None:
        return None
    told = kids(held)
    meant = first(told, "interpretationCode")
    if meant is not None and (meant.get("code") or "N") != "N":
        return None
    out: Part = {}
    value = first(told, "value")
    if value is not None and local_type(value) in ("IVL_PQ", "IVL_INT", "IVL_REAL", ""):
        low, high = bounds(build, value)
        if (
            low is not None
            and high is not None
            and low.get("unit") == high.get("unit")
            and low["value"] > high["value"]
        ):
            low = high = None
        for name, found in (("low", low), ("high", high)):
            if found is not None:
                out[name] = found
    words = text_of(build, first(told, "text"))
    if not words and value is not None and not out:
        words = text_of(build, value) or (value.get("value") or "")
    if words.strip():
        out["text"] = words
    return out or None


def _members(build: Build, related: list[tuple[str, Act]], section: SectionContext, out: Resource) -> None:
    """Observations inside of an observation: components where they stand in it as its parts, else members."""
    for kind, inner in related:
        if inner.name != "observation":
            continue
        value, part = inner.one("value"), {"code": _code_of(build, inner)}
        if (inner.code == _DELIVERY or kind == "COMP") and not _share_code(part["code"], out["code"]):
            found = typed_value(build, value) if value is not None else None
            if found is not None:
                part[f"value{found[0]}"] = found[1]
                out.setdefault("component", []).append(part)
                continue
        elif kind in ("COMP", "SPRT", "REFR", "SUBJ", "CAUS", "MFST") and inner.held.get("value"):
            made = observation(build, inner, section)
            out.setdefault("hasMember" if kind != "SPRT" else "derivedFrom", []).append(made)
            continue
        inner.is_read = False  # only looked at


def _share_code(one: Part, other: Part) -> bool:
    """True where a component would have the code of its Observation, which obs-7 forbids beside a value."""
    held = {(each.get("system"), each.get("code")) for each in one.get("coding", ())}
    return one == other or any((each.get("system"), each.get("code")) in held for each in other.get("coding", ()))


def specimen(build: Build, element: Element) -> Reference | None:
    """The Specimen of a result; None where nothing is said of it."""
    role = child(element, "specimenRole")
    if role is None:
        return None
    held = kids(role)
    entity = first(held, "specimenPlayingEntity")
    told = kids(entity) if entity is not None else {}
    out: Resource = {"resourceType": "Specimen"}
    numbers = identifiers(held.get("id"))
    if numbers:
        out["identifier"] = numbers
    kind = concept(build, first(told, "code"))
    name = text_of(build, first(told, "name"))
    if kind is not None or name:
        out["type"] = kind or {"text": name}
    out["subject"] = build.patient
    amount = quantity(build, first(told, "quantity"))
    if amount is not None:
        out["collection"] = {"quantity": amount}
    words = text_of(build, first(told, "desc"))
    if words:
        out["note"] = [{"text": words}]
    return build.put(f"specimen|{key_of(numbers)}" if numbers else "", out) if len(out) > 2 else None


def _collected(build: Build, act: Act, made: Reference) -> None:
    """A specimen collection procedure adds time and body site to the specimen."""
    resource = build.known(made)
    if resource is None:
        return
    held: Part = resource.setdefault("collection", {})
    when(build, act.one("effectiveTime"), held, "collected")
    site = concept(build, act.one("targetSiteCode"))
    if site is not None:
        held["bodySite"] = site
    if not held:
        del resource["collection"]


def organizer(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The members of a status organizer, and an Observation that holds them where the organizer has a code."""
    members = [observation(build, inner, section) for inner in act.components() if inner.name == "observation"]
    code = concept(build, act.one("code"))
    if code is None or not members:
        return members
    out = begin("Observation", act)
    out["status"] = status_of("observation-status", act, "final")
    named = codes("observation-category").get(section.code, "")
    if named:
        out["category"] = [{"coding": [{"system": CATEGORY, "code": named}]}]
    out["code"] = code
    out["subject"] = build.patient
    when(build, act.one("effectiveTime"), out, "effective")
    out["hasMember"] = members
    return [build.put(act.key, out), *members]


def plain_observation(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The Observation of an observation that is no more than that."""
    return [observation(build, act, section)]


def procedure_observation(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """A procedure activity observation: an Observation, as the guide asks for."""
    return [observation(build, act, section, category="procedure")]


def social_observation(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """An observation of social history, wherever it stands."""
    return [observation(build, act, section, category="social-history")]


def birth_sex(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The birth sex of the patient, an extension of US Core; a code that US Core does not know stays an Observation."""
    value = act.one("value")
    code = (value.get("code") or value.get("nullFlavor") or "") if value is not None else ""
    patient = build.known(build.patient)
    if code not in _SEXES or patient is None:
        return social_observation(build, act, section)
    _extend(patient, {"url": f"{_CORE}birthsex", "valueCode": code})
    return []


def gender_identity(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The gender identity of the patient, an extension of US Core."""
    value = concept(build, act.one("value"))
    patient = build.known(build.patient)
    if value is None or patient is None:
        return social_observation(build, act, section)
    _extend(patient, {"url": f"{_CORE}genderIdentity", "valueCodeableConcept": value})
    return []


def _extend(patient: Resource, extension: Part) -> None:
    held = patient.setdefault("extension", [])
    if all(each["url"] != extension["url"] for each in held):
        held.append(extension)
