"""Documents of a chart as Consolidated CDA R2.1: a continuity of care document, and a summary of each stay.

source  HL7 CDA R2 Implementation Guide: Consolidated CDA Templates for Clinical Notes, release 2.1 (2015)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from careloom.simulate import feed_ccda_care as care
from careloom.simulate import feed_ccda_findings as findings
from careloom.simulate.charts import Chart, part
from careloom.simulate.feed_ccda_parts import (
    Section,
    address,
    assigned,
    attribute,
    coded,
    day,
    identifier,
    interval,
    moment,
    oid_of,
    section_xml,
    telephone,
    template,
    text,
)
from careloom.simulate.history import Code, Encounter
from careloom.terminology.systems import LOINC

_GENDER = "urn:oid:2.16.840.1.113883.5.1"
_MARITAL = "urn:oid:2.16.840.1.113883.5.2"
_HEADER = template("1.1", "2015-08-01")
_ROOT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><realmCode code="US"/>'
    '<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>'
)


@dataclass(slots=True)
class Document:
    """One document before it is text. `encounter` is the stay that it closes, None for a continuity of care."""

    number: str
    time: datetime
    code: Code
    templates: str
    title: str
    sections: list[Section]
    start: datetime
    encounter: Encounter | None = None


def documents(chart: Chart) -> Iterator[Document]:
    """The summary of each stay that is over, then the continuity of care document."""
    for encounter in chart.encounters.values():
        if encounter.kind == "inpatient" and encounter.end is not None:
            yield _discharge(chart, encounter, encounter.end)
    yield _continuity(chart)


def _continuity(chart: Chart) -> Document:
    history = chart.history
    times = [one.end or one.start for one in chart.encounters.values()] + [one.created for one in history.appointments]
    starts = [one.start for one in chart.encounters.values()] + [one.created for one in history.appointments]
    sections = [
        care.allergies(chart, history.allergies),
        care.medications(chart, history.medications),
        findings.problems(chart, history.conditions),
        care.procedures(chart, history.procedures),
        findings.results(chart, history.reports, history.observations),
        findings.social_history(chart, history.observations),
        findings.vital_signs(chart, history.observations),
        care.immunizations(chart, history.immunizations),
        care.encounters(chart, chart.encounters.values()),
        findings.family_history(chart, history.relatives),
        care.plan(chart, history.appointments),
    ]
    code = Code(LOINC, "34133-9", "Summarization of Episode Note")
    number = chart.identifier("D", "D0")
    head = _HEADER + template("1.2", "2015-08-01")
    return Document(number, max(times), code, head, "Continuity of Care Document", sections, min(starts))


def _discharge(chart: Chart, encounter: Encounter, end: datetime) -> Document:
    own = part(chart.history, {encounter.key}, (), with_rest=False)
    diagnoses = findings.problems(chart, own.conditions)
    diagnoses.templates = template("2.24", "2015-08-01")
    diagnoses.code = Code(LOINC, "11535-2", "Hospital discharge diagnosis")
    diagnoses.title = "Discharge Diagnosis"
    known = [one for one in chart.history.allergies if one.recorded <= end]
    sections = [
        care.allergies(chart, known),
        _course(chart, encounter),
        diagnoses,
        care.medications(chart, own.medications),
        care.procedures(chart, own.procedures),
        findings.results(chart, own.reports, own.observations),
        findings.vital_signs(chart, own.observations),
        care.plan(chart, [one for one in chart.history.appointments if one.created >= end]),
    ]
    code = Code(LOINC, "18842-5", "Discharge summary")
    number = chart.identifier("D", encounter.key)
    head = _HEADER + template("1.8", "2015-08-01")
    return Document(number, end, code, head, "Discharge Summary", sections, encounter.start, encounter)


def _course(chart: Chart, encounter: Encounter) -> Section:
    """What happened, in the words of the discharge note, where there is one."""
    note = next((one for one in chart.notes if one.encounter == encounter.key and one.kind == "discharge"), None)
    course = Section(
        template("1.3.6.1.4.1.19376.1.5.3.1.3.5", ""), Code(LOINC, "8648-8", "Hospital course"), "Hospital Course", ()
    )
    reasons = ", ".join(code.display for code in encounter.reasons) or encounter.type.display
    course.paragraph = note.text if note is not None else f"Admitted for {reasons}."
    return course


def document_bytes(chart: Chart, document: Document) -> bytes:
    """A document as UTF-8 XML."""
    body = "".join(section_xml(section, f"s{place}r") for place, section in enumerate(document.sections, 1))
    return (
        f"{_ROOT}{document.templates}{identifier(chart.site, document.number, 11)}{coded('code', document.code)}"
        f'<title>{text(document.title)}</title><effectiveTime value="{moment(document.time)}"/>'
        f'<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="en-US"/>'
        f"{_patient(chart)}{_people(chart, document)}"
        f"<component><structuredBody>{body}</structuredBody></component></ClinicalDocument>\n"
    ).encode()


def _patient(chart: Chart) -> str:
    one = chart.person
    ssn = f'<id root="2.16.840.1.113883.4.1" extension="{one.ssn}"/>' if one.ssn else ""
    given = "".join(f"<given>{text(name)}</given>" for name in (one.given, one.middle) if name)
    suffix = f"<suffix>{text(one.suffix)}</suffix>" if one.suffix else ""
    sex = Code(_GENDER, "F" if one.sex == "female" else "M", "Female" if one.sex == "female" else "Male")
    mail = f"<telecom value={attribute(f'mailto:{one.email}')}/>" if one.email else ""
    dead = ""
    if one.death is not None:
        dead = f'<sdtc:deceasedInd value="true"/><sdtc:deceasedTime value="{moment(one.death)}"/>'
    return (
        f"<recordTarget><patientRole><id root={attribute(chart.site.oid)} extension={attribute(chart.number)}/>{ssn}"
        f'{address(one.addresses[-1][1])}{telephone(one.phone)}{mail}<patient><name use="L">{given}'
        f"<family>{text(one.family)}</family>{suffix}</name>{coded('administrativeGenderCode', sex)}"
        f'<birthTime value="{day(one.birth)}"/>{dead}'
        f"{coded('maritalStatusCode', Code(_MARITAL, one.marital_status.code, one.marital_status.display))}"
        f"{coded('raceCode', one.race)}{coded('ethnicGroupCode', one.ethnicity)}<languageCommunication>"
        f'<languageCode code="{one.language.code}"/><preferenceInd value="true"/></languageCommunication></patient>'
        f"{_organization(chart, 'providerOrganization')}</patientRole></recordTarget>"
    )


def _organization(chart: Chart, element: str) -> str:
    site = chart.site
    return (
        f'<{element}><id root="2.16.840.1.113883.4.6" extension="{site.npi}"/><name>{text(site.name)}</name>'
        f"{telephone(site.phone, 'WP')}{address(site.address, 'WP')}</{element}>"
    )


def _people(chart: Chart, document: Document) -> str:
    """Author, custodian, authenticator and what the document is about."""
    key = document.encounter.key if document.encounter is not None else next(iter(chart.encounters), "")
    who = chart.attending(key)
    time = f'<time value="{moment(document.time)}"/>'
    custodian = _organization(chart, "representedCustodianOrganization")
    performer = f'<performer typeCode="PRF">{assigned(who, chart.site, "assignedEntity")}</performer>'
    span = f"<effectiveTime>{interval(document.start, document.time)}</effectiveTime>"
    care_event = f'<serviceEvent classCode="PCPR">{span}{performer}</serviceEvent>'
    out = (
        f"<author>{time}{assigned(who, chart.site)}</author><custodian><assignedCustodian>{custodian}"
        f'</assignedCustodian></custodian><legalAuthenticator>{time}<signatureCode code="S"/>'
        f"{assigned(who, chart.site, 'assignedEntity')}"
        f"</legalAuthenticator><documentationOf>{care_event}</documentationOf>"
    )
    one = document.encounter
    if one is None:
        return out
    left = f'<dischargeDispositionCode code="{one.disposition or "01"}" codeSystem="{oid_of(_DISPOSITION)}"/>'
    facility = identifier(chart.site, chart.site.site_id, 12)
    place = f"<location><healthCareFacility>{facility}</healthCareFacility></location>"
    return (
        f"{out}<componentOf><encompassingEncounter>{identifier(chart.site, chart.identifier('V', one.key))}"
        f"{coded('code', one.type)}<effectiveTime>{interval(one.start, one.end)}</effectiveTime>{left}{place}"
        "</encompassingEncounter></componentOf>"
    )


_DISPOSITION = "urn:oid:2.16.840.1.113883.12.112"


def document_path(chart: Chart, document: Document) -> str:
    """The file of a document, by its number."""
    return f"feeds/{chart.site.site_id}/ccda/{document.number}.xml"
