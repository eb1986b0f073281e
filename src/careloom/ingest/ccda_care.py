"""Family history, goals, care teams, coverage, advance directives and notes: one resource each for their entries.

The guide maps notes; the others follow C-CDA R2.1 and the definitions of the R4 resources.
"""

import binascii
import re

from pybase64 import b64decode, b64encode_as_string

from careloom.fhir.drafts import Resource
from careloom.fhir.primitives import is_uri
from careloom.ingest.ccda_act import Act, SectionContext, add_notes, begin, performers, recorded
from careloom.ingest.ccda_build import Build, Part, Reference, absent, unknown_concept
from careloom.ingest.ccda_codes import codes
from careloom.ingest.ccda_contacts import human_names
from careloom.ingest.ccda_narrative import text_of
from careloom.ingest.ccda_parties import party, related_person, role_of
from careloom.ingest.ccda_read import child, first, kids
from careloom.ingest.ccda_values import concept, identifiers, key_of, period, quantity, times, typed_value
from careloom.ingest.xml_read import Element

_AGE = "445518008"
_DEATH = "419099009"
_AGE_UNITS = frozenset(("a", "mo", "wk", "d", "h", "min"))
_CONSENT_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_NOTE_CATEGORY = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
_MEMBER_ROLE = "2.16.840.1.113883.10.20.22.4.500.1"
MEDIA = re.compile(r"[\w.+-]{1,64}/[\w.+-]{1,64}", re.ASCII)


def family_history(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The FamilyMemberHistory of a family history organizer."""
    del section
    out = begin("FamilyMemberHistory", act)
    out["status"] = "completed"
    out["patient"] = build.patient
    subject = act.one("subject")
    related = child(subject, "relatedSubject") if subject is not None else None
    held = kids(related) if related is not None else {}
    person = first(held, "subject")
    told = kids(person) if person is not None else {}
    names = human_names(build, told.get("name"))
    if names:
        out["name"] = _spoken(names[0])
    out["relationship"] = concept(build, first(held, "code")) or unknown_concept()
    sex = concept(build, first(told, "administrativeGenderCode"))
    if sex is not None:
        out["sex"] = sex
    born = first(told, "birthTime")
    birth = build.date(born.get("value")) if born is not None else None
    if birth is not None:
        out["bornDate"] = birth
    _family_death(build, told, out)
    found = [_family_condition(build, inner) for inner in act.components() if inner.name == "observation"]
    if found:
        out["condition"] = found
    kin = _spoken(names[0]) if names else ""
    return [build.put(act.key or f"family|{kin}|{_first_code(out['relationship'])}", out)]


def _spoken(name: Part) -> str:
    return " ".join([*name.get("given", ()), name.get("family", ""), name.get("text", "")]).strip() or "unnamed"


def _first_code(found: Part) -> str:
    return str(found["coding"][0].get("code", "")) if found.get("coding") else str(found.get("text", ""))


def _family_death(build: Build, told: dict[str, list[Element]], out: Resource) -> None:
    time = first(told, "sdtc:deceasedTime")
    died = build.date(time.get("value")) if time is not None else None
    said = first(told, "sdtc:deceasedInd")
    if died is not None:
        out["deceasedDate"] = died
    elif said is not None and said.get("value") in ("true", "false"):
        out["deceasedBoolean"] = said.get("value") == "true"


def _family_condition(build: Build, act: Act) -> Part:
    out: Part = {"code": concept(build, act.one("value")) or unknown_concept()}
    for kind, inner in act.related():
        value = inner.one("value")
        if inner.code == _AGE and value is not None:
            age = quantity(build, value)
            if age is not None and age.get("code") in _AGE_UNITS and age["value"] > 0:
                out["onsetAge"] = age
        elif (value is not None and value.get("code") == _DEATH) or kind == "CAUS":
            out["contributedToDeath"] = True
        else:
            inner.is_read = False  # only looked at
    return out


def goal(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The Goal of a goal observation."""
    del section
    out = begin("Goal", act)
    related = list(act.related())
    out["lifecycleStatus"] = codes("goal-status").get(act.status, "proposed")
    code, value = concept(build, act.one("code")), act.one("value")
    words = text_of(build, act.one("text"))
    found = typed_value(build, value) if value is not None else None
    if found is not None and found[0] == "String" and not words:
        words = found[1]
    out["description"] = {**(code or {}), **({"text": words} if words else {})} or unknown_concept()
    out["subject"] = build.patient
    given, low, high = times(act.one("effectiveTime"))
    start = build.date(low or given)
    if start is not None:
        out["startDate"] = start
    target: Part = {}
    if code is not None and found is not None and found[0] in ("Quantity", "Range", "CodeableConcept", "String"):
        target = {"measure": code, f"detail{found[0]}": found[1]}
    due = build.date(high)
    if due is not None:
        target["dueDate"] = due
    if target:
        out["target"] = [target]
    recorded(build, out, act.held.get("author"), who="expressedBy", when="")
    if out.get("expressedBy", {}).get("reference", "").startswith("Organization/"):
        del out["expressedBy"]
    add_notes(build, related, out)
    return [build.put(act.key, out)]


def care_team(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The CareTeam of a care team organizer."""
    del section
    out = begin("CareTeam", act)
    out["status"] = {"active": "active", "completed": "inactive", "suspended": "suspended"}.get(act.status, "active")
    kind = concept(build, act.one("code"))
    if kind is not None:
        out["category"] = [kind]
    out["subject"] = build.patient
    length = period(build, act.one("effectiveTime"))
    if length is not None:
        out["period"] = length
    members: list[Part] = []
    for inner in act.components():
        if _MEMBER_ROLE in inner.templates or "performer" in inner.held:
            members += _members(build, inner)
        elif inner.name == "act":
            add_notes(build, [("", inner)], out)
    if members:
        out["participant"] = members
    return [build.put(act.key, out)]


def _members(build: Build, act: Act) -> list[Part]:
    out: list[Part] = []
    for each in act.held.get("performer", ()):
        who = party(build, role_of(each))
        if who is None:
            continue
        member: Part = {"member": who}
        role = concept(build, first(kids(each), "sdtc:functionCode"))
        if role is not None:
            member["role"] = [role]
        length = period(build, act.one("effectiveTime"))
        if length is not None:
            member["period"] = length
        out.append(member)
    return out


def coverage(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The Coverages of a coverage activity: one for each policy."""
    del section
    policies = [inner for _, inner in act.related() if inner.name == "act"]
    return [_policy(build, each) for each in policies or [act]]


def _policy(build: Build, act: Act) -> Reference:
    out = begin("Coverage", act)
    out["status"] = "active"
    kind = concept(build, act.one("code"))
    if kind is not None:
        out["type"] = kind
    payors = [each for each in performers(build, act) if not each["reference"].startswith("Practitioner")]
    for each in act.held.get("participant", ()):
        role = child(each, "participantRole")
        if role is None:
            continue
        if each.get("typeCode") == "COV":
            _covered(build, each, role, out)
        elif each.get("typeCode") == "HLD":
            _holder(build, role, out)
        elif each.get("typeCode") == "PYR":
            made = party(build, role)
            payors += [made] if made is not None and made["reference"].startswith("Organization/") else []
    out["beneficiary"] = build.patient
    out["payor"] = _once(payors) or [{"extension": [absent()]}]
    return build.put(act.key, out)


def _once(references: list[Reference]) -> list[Reference]:
    out: list[Reference] = []
    for each in references:
        if each not in out:
            out.append(each)
    return out


def _covered(build: Build, participant: Element, role: Element, out: Resource) -> None:
    held = kids(role)
    numbers = identifiers(held.get("id"))
    if numbers:
        out["subscriberId"] = numbers[0]["value"]
    relation = concept(build, first(held, "code"))
    if relation is not None:
        out["relationship"] = relation
    length = period(build, child(participant, "time"))
    if length is not None:
        out["period"] = length


def _holder(build: Build, role: Element, out: Resource) -> None:
    made = related_person(build, role)
    if made is not None:
        out["policyHolder"] = made
    numbers = identifiers(kids(role).get("id"))
    if numbers:
        out.setdefault("subscriberId", numbers[0]["value"])


def directive(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The Consent of an advance directive observation."""
    del section
    return [_consent(build, act, act)]


def directive_organizer(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The Consent of an advance directive organizer: its directives are its provisions."""
    del section
    inner = [each for each in act.components() if each.name == "observation"]
    return [_consent(build, act, *inner)] if inner else []


def _consent(build: Build, act: Act, *directives: Act) -> Reference:
    out = begin("Consent", act)
    statuses = {"active": "active", "completed": "active", "aborted": "inactive", "nullified": "entered-in-error"}
    out["status"] = statuses.get(act.status, "active")
    out["scope"] = {"coding": [{"system": _CONSENT_SCOPE, "code": "adr", "display": "Advanced Care Directive"}]}
    out["category"] = [concept(build, act.one("code")) or unknown_concept()]
    out["patient"] = build.patient
    provisions: list[Part] = []
    people: list[Reference] = []
    for each in directives:
        given, low, _ = times(each.one("effectiveTime"))
        dated = build.date_time(low or given)
        if dated is not None:
            out.setdefault("dateTime", dated)
        value = each.one("value")
        meant = concept(build, value) if value is not None and value.get("value") is None else None
        provisions += [meant] if meant is not None else []
        for participant in each.held.get("participant", ()):
            made = party(build, child(participant, "participantRole"))
            people += [made] if made is not None and made not in people else []
        _source(build, each, out)
    who = [made for each in act.held.get("author", ()) if (made := party(build, role_of(each))) is not None]
    if who or people:
        out["performer"] = _once([*who, *people])
    out["policyRule"] = unknown_concept("not said by the document")
    if provisions:
        out["provision"] = {"code": provisions}
    return build.put(act.key, out)


def _source(build: Build, act: Act, out: Resource) -> None:
    """The document that a directive is in, by its id and its address."""
    for each in act.held.get("reference", ()):
        found = child(each, "externalDocument")
        if found is None:
            continue
        held = kids(found)
        numbers = identifiers(held.get("id"))
        text = first(held, "text")
        link = first(kids(text), "reference") if text is not None else None
        attachment: Part = {}
        media = text.get("mediaType") if text is not None else None
        if media is not None and MEDIA.fullmatch(media):
            attachment["contentType"] = media
        address = (link.get("value") or "").strip() if link is not None else ""
        if is_uri(address):
            attachment["url"] = address
        if not attachment or (address and "url" not in attachment):
            continue
        made: Resource = {"resourceType": "DocumentReference", "status": "current"}
        if numbers:
            made["identifier"] = numbers
        kind = concept(build, first(held, "code"))
        if kind is not None:
            made["type"] = kind
        made["subject"] = build.patient
        made["content"] = [{"attachment": attachment}]
        key = key_of(numbers)
        out.setdefault("sourceReference", build.put(f"external|{key}" if key else "", made))


def note_activity(build: Build, act: Act, section: SectionContext) -> list[Reference]:
    """The DocumentReference of a note activity."""
    del section
    out = begin("DocumentReference", act)
    out["status"] = "current"
    code = concept(build, act.one("code"))
    if code is not None and len(code.get("coding", ())) > 1:
        code["coding"] = code["coding"][1:]
    out["type"] = code or unknown_concept()
    out["category"] = [{"coding": [{"system": _NOTE_CATEGORY, "code": "clinical-note", "display": "Clinical Note"}]}]
    out["subject"] = build.patient
    recorded(build, out, act.held.get("author"), who="", when="date")
    if "T" not in out.get("date", "T"):
        del out["date"]
    authors = [made for each in act.held.get("author", ()) if (made := party(build, role_of(each))) is not None]
    if authors:
        out["author"] = _once(authors)
    out["content"] = [{"attachment": _attachment(build, act.one("text"))}]
    context: Part = {}
    if build.visit is not None:
        context["encounter"] = [dict(build.visit)]
    length = period(build, act.one("effectiveTime"))
    if length is not None:
        context["period"] = length
    if context:
        out["context"] = context
    return [build.put(act.key, out)]


def _attachment(build: Build, text: Element | None) -> Part:
    embedded = file_of(text)
    if embedded is not None:
        return embedded
    words = text_of(build, text)
    if not words:
        return {"extension": [absent()]}
    return {"contentType": "text/plain; charset=utf-8", "data": b64encode_as_string(words.encode())}


def file_of(text: Element | None) -> Part | None:
    """The file inside of an ED: base64 data with its media type; None where there is none that can be decoded."""
    if text is None or text.get("representation") != "B64":
        return None
    try:
        data = b64decode("".join((text.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    if not data:
        return None
    media = text.get("mediaType")
    out: Part = {"contentType": media if media is not None and MEDIA.fullmatch(media) else "application/octet-stream"}
    out["data"] = b64encode_as_string(data)
    out["size"] = len(data)
    return out
