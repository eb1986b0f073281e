"""Problems, diagnoses, health concerns and allergies: concern acts and their observations.

After the guide's pages on problems and allergies.
"""

from careloom.fhir.drafts import Resource
from careloom.ingest.ccda_act import (
    STATUS,
    Act,
    SectionContext,
    add_notes,
    begin,
    recorded,
)
from careloom.ingest.ccda_build import Build, Part, Reference, absent, unknown_concept
from careloom.ingest.ccda_codes import codes
from careloom.ingest.ccda_narrative import text_of
from careloom.ingest.ccda_read import Kids, child, first, kids
from careloom.ingest.ccda_values import concept, concepts, mapped, ordered, quantity, times
from careloom.ingest.xml_read import Element
from careloom.terminology.systems import SNOMED_CT

_HL7 = "http://terminology.hl7.org/CodeSystem/"
_US_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/condition-category"
_ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
_RISK = "http://hl7.org/fhir/StructureDefinition/allergyintolerance-substanceExposureRisk"
_RISK_CODES = f"{_HL7}allerg-intol-substance-exp-risk"
_SEVERITY = "SEV"
_CRITICALITY = "82606-5"
_AGE = "445518008"
_DIAGNOSED = "77975-1"
_ENDED = frozenset(("inactive", "remission", "resolved"))
_PROBLEM = frozenset(f"2.16.840.1.113883.10.20.22.4.{number}" for number in ("4", "68", "73", "67", "74", "114", "79"))


def problem_concern(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The Conditions of a problem concern act and of the acts that wrap diagnoses."""
    out: list[Reference] = []
    for kind, inner in act.related():
        if inner.name == "observation" and (kind in ("SUBJ", "COMP", "REFR", "") and _is_problem(inner)):
            out.append(condition(build, inner, section, act))
    return out


def _is_problem(act: Act) -> bool:
    return bool(act.templates & _PROBLEM) or not act.templates


def problem(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The Condition of a problem observation that stands in no concern."""
    return [condition(build, act, section, None)]


def condition(build: Build, act: Act, section: SectionContext, concern: Act | None, category: str = "") -> Reference:
    """The Condition of one problem observation."""
    out = begin("Condition", act)
    related = list(act.related())
    code = concept(build, act.one("value"))
    if code is None:
        words = text_of(build, act.one("text"))
        code = {"text": words} if words else unknown_concept()
    refuted = act.negated and not _none_known(code)
    if refuted:
        out["verificationStatus"] = _status("condition-ver-status", "refuted")
    _condition_category(build, act, category or codes("condition-category").get(section.code, ""), out)
    severity = _severity_concept(build, related)
    if severity is not None:
        out["severity"] = severity
    out["code"] = code
    sites = concepts(build, act.held.get("targetSiteCode"))
    if sites:
        out["bodySite"] = sites
    out["subject"] = build.patient
    ended = _condition_times(build, act, related, out)
    status = _condition_status(related, concern)
    if status and not refuted:
        out["clinicalStatus"] = _status("condition-clinical", "inactive" if ended and status not in _ENDED else status)
    elif ended and not refuted:
        out["clinicalStatus"] = _status("condition-clinical", "resolved")
    elif any(each["coding"][0]["code"] == "problem-list-item" for each in out.get("category", ()) if "coding" in each):
        out["clinicalStatus"] = _status("condition-clinical", "inactive" if refuted else "active")
    authors = act.held.get("author") or (concern.held.get("author") if concern is not None else None)
    recorded(build, out, authors, who="recorder", when="recordedDate")
    _drop_organization(out, "recorder")
    add_notes(build, related, out)
    return build.put(act.key, out)


def _drop_organization(out: Resource, name: str) -> None:
    """A recorder is a person in R4; that an organization recorded it stays in the document."""
    if out.get(name, {}).get("reference", "").startswith("Organization/"):
        del out[name]


def _none_known(code: Part) -> bool:
    """True where the code was changed into the concept that no problem is known."""
    negated = codes("problem-negated")
    for each in code.get("coding", ()):
        if each.get("system") == SNOMED_CT and each["code"] in negated:
            each["code"] = negated[each["code"]]
            each.pop("display", None)
            return True
    return False


def _status(system: str, code: str) -> Part:
    return {"coding": [{"system": f"{_HL7}{system}", "code": code}]}


def _condition_category(build: Build, act: Act, category: str, out: Resource) -> None:
    held: list[Part] = []
    if category:
        system = _US_CATEGORY if category == "health-concern" else f"{_HL7}condition-category"
        held.append({"coding": [{"system": system, "code": category}]})
    kind = concept(build, act.one("code"))
    if kind is not None and kind.get("coding", [{}])[0].get("code") != "ASSERTION":
        held.append(kind)
    if held:
        out["category"] = held


def _condition_status(related: list[tuple[str, Act]], concern: Act | None) -> str:
    for _, inner in related:
        if inner.code == STATUS:
            found = mapped("problem-status", inner.one("value"))
            if found:
                return found
    return codes("problem-concern-status").get(concern.status, "") if concern is not None else ""


def _condition_times(build: Build, act: Act, related: list[tuple[str, Act]], out: Resource) -> bool:
    """Onset, abatement and date of diagnosis; True when the condition is over."""
    value, low, high = times(act.one("effectiveTime"))
    onset = build.date_time(low or value)
    if onset is not None:
        out["onsetDateTime"] = onset
    for _, inner in related:
        if inner.code == _AGE and onset is None:
            age = quantity(build, inner.one("value"))
            if age is not None and age.get("code") in ("a", "mo", "wk", "d", "h", "min") and age["value"] > 0:
                out["onsetAge"] = age
        elif inner.code == _DIAGNOSED:
            diagnosed = build.date_time(times(inner.one("effectiveTime"))[0] or times(inner.one("effectiveTime"))[1])
            if diagnosed is not None:
                out.setdefault("extension", []).append({"url": _ASSERTED, "valueDateTime": diagnosed})
    abated = build.date_time(high)
    if abated is not None and "end" not in ordered(build, {"start": onset or abated, "end": abated}):
        return True
    if abated is not None:
        out["abatementDateTime"] = abated
        return True
    end = child(act.held["effectiveTime"][0], "high") if "effectiveTime" in act.held else None
    if end is not None and end.get("nullFlavor") == "UNK":
        out["_abatementDateTime"] = {"extension": [absent()]}
        return True
    return False


def _severity_concept(build: Build, related: list[tuple[str, Act]]) -> Part | None:
    for _, inner in related:
        if inner.code == _SEVERITY:
            return concept(build, inner.one("value"))
    return None


def allergy_concern(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The AllergyIntolerances of an allergy concern act."""
    del section
    return [allergy(build, inner, act) for _, inner in act.related() if inner.name == "observation"]


def allergy_alone(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The AllergyIntolerance of an observation that stands in no concern."""
    del section
    return [allergy(build, act, None)]


def allergy(build: Build, act: Act, concern: Act | None) -> Reference:
    """The AllergyIntolerance of one allergy observation."""
    out = begin("AllergyIntolerance", act)
    related = list(act.related())
    out["clinicalStatus"] = _status("allergyintolerance-clinical", _allergy_status(related, concern))
    out["verificationStatus"] = _status("allergyintolerance-verification", "confirmed")
    kind = act.one("value")
    for name, table in (("type", "allergy-type"), ("category", "allergy-category")):
        found = mapped(table, kind)
        if found:
            out[name] = [found] if name == "category" else found
    for _, inner in related:
        if inner.code == _CRITICALITY:
            found = mapped("criticality", inner.one("value"))
            if found:
                out["criticality"] = found
    _allergen(build, act, kind, out)
    out["patient"] = build.patient
    _, low, _ = times(act.one("effectiveTime"))
    onset = build.date_time(low or times(act.one("effectiveTime"))[0])
    if onset is not None:
        out["onsetDateTime"] = onset
    authors = act.held.get("author") or (concern.held.get("author") if concern is not None else None)
    recorded(build, out, authors, who="recorder", when="recordedDate")
    _drop_organization(out, "recorder")
    add_notes(build, related, out)
    reactions = _reactions(build, related)
    if reactions:
        out["reaction"] = reactions
    return build.put(act.key, out)


def _allergy_status(related: list[tuple[str, Act]], concern: Act | None) -> str:
    for _, inner in related:
        if inner.code == STATUS:
            found = mapped("allergy-status", inner.one("value"))
            if found:
                return found
    return codes("allergy-concern-status").get(concern.status, "active") if concern is not None else "active"


def _substance(build: Build, act: Act) -> Part | None:
    for participant in act.held.get("participant", ()):
        role = child(participant, "participantRole")
        entity = child(role, "playingEntity") if role is not None else None
        held: Kids = kids(entity) if entity is not None else {}
        found = concept(build, first(held, "code"))
        if found is not None:
            return found
        name = text_of(build, first(held, "name"))
        if name:
            return {"text": name}
    return None


def _allergen(build: Build, act: Act, kind: Element | None, out: Resource) -> None:
    """AllergyIntolerance.code: the substance, or that no allergy of the kind is known."""
    substance = _substance(build, act)
    if not act.negated:
        words = text_of(build, act.one("text"))
        out["code"] = substance or concept(build, kind) or ({"text": words} if words else unknown_concept())
        return
    if substance is None or "coding" not in substance:
        code = mapped("no-known-allergy", kind) or "716186003"
        out["code"] = {"coding": [{"system": SNOMED_CT, "code": code}]}
        return
    risk = {"coding": [{"system": _RISK_CODES, "code": "no-known-reaction-risk"}]}
    parts = [{"url": "substance", "valueCodeableConcept": substance}]
    out["extension"] = [{"url": _RISK, "extension": [*parts, {"url": "exposureRisk", "valueCodeableConcept": risk}]}]


def _reactions(build: Build, related: list[tuple[str, Act]]) -> list[Part]:
    """AllergyIntolerance.reaction; a severity of the whole allergy is that of each reaction without one of its own."""
    general = ""
    out: list[Part] = []
    for kind, inner in related:
        if inner.code == _SEVERITY:
            general = mapped("severity", inner.one("value"))
        elif kind == "MFST" and inner.name == "observation":
            out.append(_reaction(build, inner))
    if general:
        for each in out or [{"manifestation": [unknown_concept()]}]:
            each.setdefault("severity", general)
            if not out:
                return [each]
    return out


def _reaction(build: Build, act: Act) -> Part:
    shown = concept(build, act.one("value"))
    if shown is None:
        words = text_of(build, act.one("text"))
        shown = {"text": words} if words else unknown_concept()
    out: Part = {"manifestation": [shown]}
    value, low, _ = times(act.one("effectiveTime"))
    onset = build.date_time(low or value)
    if onset is not None:
        out["onset"] = onset
    for _, inner in act.related():
        if inner.code == _SEVERITY:
            severity = mapped("severity", inner.one("value"))
            if severity:
                out["severity"] = severity
    return out
