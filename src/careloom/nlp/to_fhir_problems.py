"""Problems, symptoms, allergies and what relatives have: Condition, AllergyIntolerance, FamilyMemberHistory.

    present              Condition, verificationStatus confirmed
    possible             Condition, verificationStatus provisional
    historical           Condition, clinicalStatus inactive; resolved where the course says so; active for what lasts,
                         such as diabetes, whose history it is still
    absent               standing refuted: written where that is asked, verificationStatus refuted; but what the course
                         calls resolved was there: clinicalStatus resolved
    of a relative        FamilyMemberHistory, one for each kind of relative
    hypothetical,        nothing
    conditional, future

source  FHIR R4 4.0.1, Condition, AllergyIntolerance, FamilyMemberHistory and their value sets; severities from
        C-CDA R2.1, Problem Severity (2.16.840.1.113883.3.88.12.3221.6.8); relatives from HL7 v3 RoleCode
"""

import re
from bisect import bisect_right
from collections.abc import Sequence

from careloom.nlp.to_fhir_view import (
    HL7,
    Fact,
    Grounds,
    Json,
    Standing,
    View,
    coded,
    concept,
    identity,
    is_historical,
    is_named,
    is_of_patient,
    key_of,
    standing_of,
    words,
)
from careloom.nlp.triggers import packaged_triggers, words_of
from careloom.terminology.systems import SNOMED_CT
from careloom.text.note import Annotation

SEVERITIES = {
    "mild": ("255604002", "Mild"),
    "moderate": ("6736007", "Moderate"),
    "severe": ("24484000", "Severe"),
}
_RESOLVED = ("resolved", "cured", "healed", "subsided")
_COURSES = {"remission": "remission", "relapse": "relapse", "recurren": "recurrence"}
RELATIVES = {
    "mother": ("MTH", "mother"),
    "mom": ("MTH", "mother"),
    "mum": ("MTH", "mother"),
    "father": ("FTH", "father"),
    "dad": ("FTH", "father"),
    "sister": ("SIS", "sister"),
    "brother": ("BRO", "brother"),
    "sibling": ("SIB", "sibling"),
    "daughter": ("DAUC", "daughter"),
    "son": ("SONC", "son"),
    "child": ("CHILD", "child"),
    "maternal grandmother": ("MGRMTH", "maternal grandmother"),
    "paternal grandmother": ("PGRMTH", "paternal grandmother"),
    "maternal grandfather": ("MGRFTH", "maternal grandfather"),
    "paternal grandfather": ("PGRFTH", "paternal grandfather"),
    "grandmother": ("GRMTH", "grandmother"),
    "grandfather": ("GRFTH", "grandfather"),
    "aunt": ("AUNT", "aunt"),
    "uncle": ("UNCLE", "uncle"),
    "cousin": ("COUSN", "cousin"),
    "parent": ("PRN", "parent"),
    "mgm": ("MGRMTH", "maternal grandmother"),
    "mgf": ("MGRFTH", "maternal grandfather"),
    "pgm": ("PGRMTH", "paternal grandmother"),
    "pgf": ("PGRFTH", "paternal grandfather"),
}
"""Words for a relative -> code and display of v3 RoleCode; the longest that is in the text counts."""
_SHORTHAND = {
    **dict.fromkeys(("f", "fa"), "father"),
    **dict.fromkeys(("m", "mo"), "mother"),
    **dict.fromkeys(("b", "bro"), "brother"),
    **dict.fromkeys(("s", "sis"), "sister"),
    "gm": "grandmother",
    "gf": "grandfather",
}
"""Letters for a relative in a family history, where `careloom.nlp.lexicon` finds them."""
_COMES = re.compile(
    r"\b(?:who (?:presents?|comes|came|is here|was (?:seen|admitted))|presents?|presenting|here|seen|returns?"
    r"|status post|s/p)\b[^.;\n]*\Z",
    re.IGNORECASE,
)
"""What stands between a problem and the date of a visit or of an operation, which is no onset."""
_BELONGS = re.compile(r"\s*(?:\(|(?:,\s*)?(?:also\s+)?(?:in|on|of|from)\b)[^,;.\n]*\Z", re.IGNORECASE)
"""What stands between a problem and the relative behind it who has it, though another is named before."""
_NEAR_RELATIVE = 60
"""Characters between a relative and what the relative has."""
_ANY_RELATIVE = ("FAMMEMB", "family member")
_LISTED = frozenset(
    "past_medical_history diagnosis admission_diagnosis discharge_diagnosis assessment assessment_and_plan".split()
)
"""Sections that list what a patient has."""


_NO_DRUG, _NONE_KNOWN, _NO_FOOD = "409137002", "716186003", "429625007"
"""SNOMED CT: no known drug allergy, no known allergy, no known food allergy, as HL7's map from C-CDA has them."""
_OWN = re.compile(r"\s{0,3}(?:[(:–—-]|causes?\b|gives?\b)")
"""What stands between an allergen and a reaction that is its own alone."""
_REACTIONS = ("allergen-reaction", "drug-adverse-event")
_TOLERATED = re.compile(
    r"(?<!not )(?<!n't )(?<!n’t )(?<!cannot )(?<! to )(?<!never )(?<!poorly )"
    r"\btolerat(?:ed|es|e|ing)\s+(?:\w+\s+){0,2}\Z",
    re.IGNORECASE,
)


def conditions(view: View) -> list[Fact]:
    """The patient's problems and symptoms."""
    found = [
        _condition(view, one) for one in view.labelled("PROBLEM", "SYMPTOM") if is_of_patient(one) and is_named(one)
    ]
    return [one for one in found if one is not None]


def _condition(view: View, one: Annotation) -> Fact | None:
    standing = standing_of(one)
    if standing == "refuted" and _is_resolved(view, one):
        standing = "confirmed"
    if standing == "none" or view.heads(one, "allergen-reaction") or one.section == "allergies":
        return None
    grounds = Grounds()
    grounds.add(one)
    resource: Json = {"resourceType": "Condition"}
    if standing != "refuted":
        resource["clinicalStatus"] = coded(HL7 + "condition-clinical", *_clinical(view, one, grounds))
    resource["verificationStatus"] = coded(HL7 + "condition-ver-status", standing, standing.capitalize())
    resource["category"] = [_category(one)]
    resource |= _severity(view, one, grounds)
    resource["code"] = concept(one)
    sites = view.tails(one, "problem-anatomy")
    if sites:
        grounds.add(*sites)
        resource["bodySite"] = [concept(site) for site in sites]
    resource |= {"subject": view.subject, **view.encounter}
    resource |= _onset(view, one, grounds) if standing != "refuted" else {}
    if view.written:
        resource["recordedDate"] = view.written
    return Fact(key_of("Condition", identity(one)), resource, grounds.ids, standing, (), grounds.score)


def _is_resolved(view: View, one: Annotation) -> bool:
    """True for what the note says was there and is over: no trigger of absence but that."""
    told = " ".join(each.text.lower() for each in view.tails(one, "problem-course"))
    return any(word in told for word in _RESOLVED)


def _lasts(one: Annotation) -> bool:
    """True for a condition that lasts: a history of it is no end of it."""
    named = words_of(one.text).words
    return "chronic" in named or any(named[: len(known)] == known for known in packaged_triggers().lasting)


def _clinical(view: View, one: Annotation, grounds: Grounds) -> tuple[str, str]:
    for told in view.tails(one, "problem-course"):
        text = told.text.lower()
        grounds.add(told)
        if any(word in text for word in _RESOLVED):
            return "resolved", "Resolved"
        for word, status in _COURSES.items():
            if word in text:
                return status, status.capitalize()
    return ("inactive", "Inactive") if is_historical(one) and not _lasts(one) else ("active", "Active")


def _category(one: Annotation) -> Json:
    if one.label == "SYMPTOM":
        system = "http://hl7.org/fhir/us/core/CodeSystem/condition-category"
        return coded(system, "health-concern", "Health Concern")
    if one.section in _LISTED:
        return coded(HL7 + "condition-category", "problem-list-item", "Problem List Item")
    return coded(HL7 + "condition-category", "encounter-diagnosis", "Encounter Diagnosis")


def _severity(view: View, one: Annotation, grounds: Grounds) -> Json:
    for told in view.tails(one, "problem-severity"):
        grounds.add(told)
        code = next((SEVERITIES[word] for word in SEVERITIES if word in told.text.lower()), None)
        known = {} if code is None else coded(SNOMED_CT, *code)
        return {"severity": known | {"text": words(told.text)}}
    return {}


def _onset(view: View, one: Annotation, grounds: Grounds) -> Json:
    value, told = view.when(one, "problem-date")
    if value and not any(_COMES.search(view.note.text[one.span.end : each.span.start]) for each in told):
        grounds.add(*told)
        return {"onsetDateTime": value}
    for age in view.tails(one, "problem-age"):
        years = age.attributes.get("years", "") or "".join(c for c in age.text if c.isdigit())
        if years.isdigit() and 0 < int(years) < 130:
            grounds.add(age)
            unit = {"unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}
            return {"onsetAge": {"value": int(years), **unit}}
    return {}


def allergies(view: View) -> list[Fact]:
    """What the patient is allergic to: allergens, and drugs that the section on allergies names."""
    found = view.labelled("ALLERGEN")
    spans = [one.span for one in found]
    found += [
        one
        for one in view.labelled("MEDICATION")
        if view.is_allergen(one) and not any(span.overlaps(one.span) for span in spans)
    ]
    made = [
        _allergy(view, one)
        for one in found
        if is_of_patient(one) and is_named(one) and _is_told(one) and not _is_tolerated(view, one)
    ]
    has_drug = any(one.standing == "confirmed" and "category" in one.resource for one in made)
    has_any = any(one.standing == "confirmed" and not _nothing_known(one) for one in made)
    return [
        one
        for one in made
        if not (
            has_drug
            if _nothing_known(one) == _NO_DRUG
            else bool(_nothing_known(one)) and _nothing_known(one) != _NO_FOOD and has_any
        )
    ]


def _nothing_known(fact: Fact) -> str:
    """The code of what says that no allergy is known; empty for an allergy. It does not stand beside one."""
    codes = [one["code"] for one in fact.resource["code"].get("coding", ()) if one["system"] == SNOMED_CT]
    return next((code for code in codes if code in (_NO_DRUG, _NONE_KNOWN, _NO_FOOD)), "")


def _is_tolerated(view: View, one: Annotation) -> bool:
    """True for what the section names because it did no harm: ``tolerated cephalexin in 2022``."""
    return _TOLERATED.search(view.note.text[max(0, one.span.start - 60) : one.span.start]) is not None


def _is_told(one: Annotation) -> bool:
    """In an allergy the drug itself is conditional: only what is absent or somebody else's is no allergy."""
    return standing_of(one) != "none" or (one.assertion is not None and one.assertion.presence == "conditional")


def _allergy(view: View, one: Annotation) -> Fact:
    told = standing_of(one)
    standing: Standing = "confirmed" if told == "none" else told
    grounds = Grounds()
    grounds.add(one)
    resource: Json = {"resourceType": "AllergyIntolerance"}
    verification = {"provisional": "unconfirmed"}.get(standing, standing)
    is_over = standing == "refuted" or is_historical(one)  # invariant ait-1 wants a status of what is refuted, too
    status = ("inactive", "Inactive") if is_over else ("active", "Active")
    resource["clinicalStatus"] = coded(HL7 + "allergyintolerance-clinical", *status)
    resource["verificationStatus"] = coded(
        HL7 + "allergyintolerance-verification", verification, verification.capitalize()
    )
    if one.label == "MEDICATION":
        resource["category"] = ["medication"]
    resource |= {"code": concept(one), "patient": view.subject, **view.encounter}
    if view.written:
        resource["recordedDate"] = view.written
    told_by = view.tails(one, *_REACTIONS)
    reactions = [each for each in told_by if _is_told(each) and not _is_of_another(view, one, each, told_by)]
    if reactions and standing != "refuted":
        grounds.add(*reactions)
        resource["reaction"] = [{"manifestation": [concept(each)]} for each in reactions]
    return Fact(key_of("AllergyIntolerance", identity(one)), resource, grounds.ids, standing, (), grounds.score)


def _is_of_another(view: View, one: Annotation, reaction: Annotation, own: Sequence[Annotation]) -> bool:
    """True for a reaction that in a list, ``penicillin (hives), sulfa - rash``, stands with another allergen.

    It does where that one stands before the reaction and either this one behind it, or this one before them both with
    a reaction of its own in between.
    """
    for other in view.heads(reaction, *_REACTIONS):
        if other.span == one.span or other.span > reaction.span:
            continue
        text = view.note.text
        if one.span < other.span and _OWN.match(text, other.span.end) and "," in text[one.span.end : other.span.start]:
            return True
        if one.span > reaction.span:
            return True
        if one.span < other.span and any(one.span < each.span < other.span for each in own):
            return True
    return False


def family(view: View) -> list[Fact]:
    """What relatives have, by kind of relative; what they do not have is left out."""
    by_relative: dict[tuple[str, str], list[tuple[Annotation, Json, Grounds]]] = {}
    for one in view.labelled("PROBLEM", "SYMPTOM"):
        told = one.assertion
        if (
            told is None
            or told.experiencer != "family"
            or not is_named(one)
            or standing_of(one) not in ("confirmed", "provisional")
        ):
            continue
        for relative in _relatives(view, one):
            grounds = Grounds()
            grounds.add(one, *relative)
            text = " ".join(each.text.lower() for each in relative)
            text = text or ("mother" if one.text.lower().startswith("maternal ") else "")
            entry: Json = {"code": concept(one)} | _onset_of_relative(view, one, grounds)
            by_relative.setdefault(relative_of(text), []).append((one, entry, grounds))
    return [_relative(view, relative, found) for relative, found in by_relative.items()]


def _relatives(view: View, one: Annotation) -> list[list[Annotation]]:
    """The words for each relative who has it, such as ``maternal`` and ``aunt``; one without words where none is."""
    found: list[list[Annotation]] = []
    for each in sorted(_own_relatives(view, one), key=lambda each: each.span):
        if found and not view.note.text[found[-1][-1].span.end : each.span.start].strip():
            found[-1].append(each)
        else:
            found.append([each])
    return found or [_named_before(view, one)]


def _own_relatives(view: View, one: Annotation) -> list[Annotation]:
    """The relatives that a problem is told of; of those behind it, where one stands before it, only ``in her aunt``."""
    every = view.tails(one, "problem-relative")
    if not _named_before(view, one):
        return every
    text = view.note.text
    return [
        each for each in every if each.span < one.span or _BELONGS.match(text[one.span.end : each.span.start] or " ")
    ]


def _named_before(view: View, one: Annotation) -> list[Annotation]:
    """The last word for a relative in front of a problem, in its sentence; nothing where there is none."""
    text = view.note.text
    relatives = view.labelled("FAMILY_RELATION")
    last = relatives[: bisect_right(relatives, one.span.start, key=lambda each: each.span.end)][-1:]
    if not last or one.span.start - last[0].span.end > _NEAR_RELATIVE:
        return []
    return [] if re.search(r"(?<!\bd)\.|[;\n]", text[last[0].span.end : one.span.start]) else last


def _onset_of_relative(view: View, one: Annotation, grounds: Grounds) -> Json:
    """Since when a relative has it; a date is told in words, for which alone the resource has a place."""
    onset = _onset(view, one, grounds)
    return {"onsetString": onset["onsetDateTime"]} if "onsetDateTime" in onset else onset


def relative_of(text: str) -> tuple[str, str]:
    """Code and display of v3 RoleCode for words that name a relative."""
    text = _SHORTHAND.get(text, text)
    known = max((word for word in RELATIVES if word in text), key=len, default="")
    return RELATIVES[known] if known else _ANY_RELATIVE


def _relative(view: View, relative: tuple[str, str], found: list[tuple[Annotation, Json, Grounds]]) -> Fact:
    grounds = Grounds()
    entries: dict[str, Json] = {}
    for one, entry, own in found:
        grounds.add(*own.used.values())
        entries.setdefault(identity(one), entry)
    resource: Json = {"resourceType": "FamilyMemberHistory", "status": "partial", "patient": view.subject}
    if view.written:
        resource["date"] = view.written
    resource["relationship"] = coded(HL7 + "v3-RoleCode", *relative)
    resource["condition"] = list(entries.values())
    return Fact(key_of("FamilyMemberHistory", relative[0]), resource, grounds.ids, "confirmed", (), grounds.score)
