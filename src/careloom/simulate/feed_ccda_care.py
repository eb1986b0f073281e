"""Medications, allergies, immunizations, procedures, encounters and plans of a chart as sections of C-CDA R2.1."""

from collections.abc import Iterable

from careloom.simulate.charts import Chart, number_text, written
from careloom.simulate.feed_ccda_parts import (
    COMPLETED,
    OBSERVATION,
    REFERENCE,
    Entry,
    Section,
    author,
    coded,
    coded_all,
    concern,
    consumable,
    identifier,
    interval,
    moment,
    performer,
    quantity,
    template,
)
from careloom.simulate.history import (
    Allergy,
    Appointment,
    Code,
    Encounter,
    Immunization,
    Medication,
    Procedure,
)
from careloom.terminology.systems import CVX, LOINC, RXNORM, SNOMED_CT

_ACT_CODE = "urn:oid:2.16.840.1.113883.5.4"
_CRITICALITY = "urn:oid:2.16.840.1.113883.5.1063"
_ALLERGY_KINDS = {
    "medication": Code(SNOMED_CT, "416098002", "drug allergy"),
    "food": Code(SNOMED_CT, "414285001", "food allergy"),
    "environment": Code(SNOMED_CT, "426232007", "allergy to surroundings"),
}
_SEVERITIES = {
    "mild": Code(SNOMED_CT, "255604002", "Mild"),
    "moderate": Code(SNOMED_CT, "6736007", "Moderate"),
    "severe": Code(SNOMED_CT, "24484000", "Severe"),
}
_CRITICALITIES = {
    "low": Code(_CRITICALITY, "CRITL", "low criticality"),
    "high": Code(_CRITICALITY, "CRITH", "high criticality"),
    "unable-to-assess": Code(_CRITICALITY, "CRITU", "unable to assess criticality"),
}
_CLASSES = {
    "inpatient": Code(_ACT_CODE, "IMP", "inpatient encounter"),
    "emergency": Code(_ACT_CODE, "EMER", "emergency"),
    "ambulatory": Code(_ACT_CODE, "AMB", "ambulatory"),
    "virtual": Code(_ACT_CODE, "VR", "virtual"),
}


def medications(chart: Chart, found: Iterable[Medication]) -> Section:
    """A medication activity for each course at one dose."""
    section = Section(
        template("2.1.1", "2014-06-09"), Code(LOINC, "10160-0", "History of medication use"), "Medications",
        ("Medication", "Dose", "Times a day", "Start", "Stop"),
    )  # fmt: skip
    for one in found:
        number = chart.identifier("P", one.key)
        period = ""
        if one.per_day > 0 and not one.as_needed:
            hours = number_text(24 / one.per_day)
            period = (
                f'<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="{hours}" unit="h"/></effectiveTime>'
            )
        precondition = (
            f'<precondition typeCode="PRCN">{template("4.25", "2014-06-09")}<criterion>'
            f"{coded('code', Code(_ACT_CODE, 'ASSERTION', ''))}"
            f'<value xsi:type="CD" nullFlavor="UNK"/></criterion></precondition>'
            if one.as_needed
            else ""
        )
        xml = (
            f'<substanceAdministration classCode="SBADM" moodCode="INT">{template("4.16", "2014-06-09")}'
            f"{identifier(chart.site, number, 5)}{REFERENCE}"
            f'<statusCode code="{"completed" if one.end is not None else "active"}"/>'
            f'<effectiveTime xsi:type="IVL_TS">{interval(one.start, one.end)}</effectiveTime>{period}'
            f"{coded('routeCode', one.route)}{quantity(one.dose, one.unit, 'doseQuantity')}"
            f"{consumable('4.23', one.codes, RXNORM)}{author(chart, one.encounter, written(chart, one))}{precondition}"
            "</substanceAdministration>"
        )
        often = "as needed" if one.as_needed else number_text(one.per_day)
        dates = (one.start.isoformat(), one.end.isoformat() if one.end is not None else "")
        cells = (one.codes[0].display, f"{number_text(one.dose)} {one.unit}", often, *dates)
        section.entries.append(Entry(number, cells, xml))
    return section


def allergies(chart: Chart, found: Iterable[Allergy]) -> Section:
    """An allergy concern with its allergy, reactions and criticality."""
    section = Section(
        template("2.6.1", "2015-08-01"), Code(LOINC, "48765-2", "Allergies, adverse reactions, alerts"), "Allergies",
        ("Substance", "Reaction", "Severity", "Since"),
    )  # fmt: skip
    for one in found:
        number = chart.identifier("L", one.key)
        allergy = _allergy(chart, one, number)
        xml = concern(chart, one, allergy, number=number, branch=6, kind="4.30")
        reactions = ", ".join(code.display for code in one.reactions)
        cells = (one.codes[0].display, reactions, one.severity, one.onset.date().isoformat())
        section.entries.append(Entry(number, cells, xml))
    return section


def _allergy(chart: Chart, one: Allergy, number: str) -> str:
    severity = (
        f'<entryRelationship typeCode="SUBJ" inversionInd="true">{OBSERVATION}'
        f"{template('4.8', '2014-06-09')}{coded('code', Code(_ACT_CODE, 'SEV', 'Severity'))}"
        f"{COMPLETED}{coded('value', _SEVERITIES[one.severity], 'CD')}</observation></entryRelationship>"
    )
    reactions = "".join(
        f'<entryRelationship typeCode="MFST" inversionInd="true">{OBSERVATION}'
        f"{template('4.9', '2014-06-09')}{identifier(chart.site, f'{number}R{place}', 6)}"
        f"{coded('code', Code(_ACT_CODE, 'ASSERTION', ''))}{COMPLETED}{coded('value', code, 'CD')}"
        f"{severity}</observation></entryRelationship>"
        for place, code in enumerate(one.reactions, 1)
    )
    criticality = (
        f'<entryRelationship typeCode="SUBJ" inversionInd="true">{OBSERVATION}'
        f"{template('4.145', '')}{coded('code', Code(LOINC, '82606-5', 'Allergy or intolerance criticality'))}"
        f"{COMPLETED}{coded('value', _CRITICALITIES[one.criticality], 'CD')}"
        "</observation></entryRelationship>"
    )
    substance = coded_all("code", one.codes, RXNORM)
    return (
        f"{OBSERVATION}{template('4.7', '2014-06-09')}"
        f"{identifier(chart.site, number, 6)}"
        f"{coded('code', Code(_ACT_CODE, 'ASSERTION', 'Assertion'))}{REFERENCE}{COMPLETED}"
        f'<effectiveTime><low value="{moment(one.onset)}"/></effectiveTime>'
        f"{coded('value', _ALLERGY_KINDS[one.category], 'CD')}"
        f'<participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT">{substance}'
        f"</playingEntity></participantRole></participant>{reactions}{criticality}</observation>"
    )


def immunizations(chart: Chart, found: Iterable[Immunization]) -> Section:
    """An immunization activity for each vaccine."""
    section = Section(
        template("2.2.1", "2015-08-01"), Code(LOINC, "11369-6", "History of immunizations"), "Immunizations",
        ("Vaccine", "Time", "Lot", "Dose"),
    )  # fmt: skip
    for one in found:
        number = chart.identifier("I", one.key)
        xml = (
            f'<substanceAdministration classCode="SBADM" moodCode="EVN" negationInd="false">'
            f"{template('4.52', '2015-08-01')}"
            f"{identifier(chart.site, number, 7)}{REFERENCE}{COMPLETED}"
            f'<effectiveTime value="{moment(one.time)}"/><repeatNumber value="{one.dose_number}"/>'
            f"{consumable('4.54', one.codes, CVX, one.lot)}{performer(chart.attending(one.encounter), chart.site)}"
            "</substanceAdministration>"
        )
        cells = (one.codes[0].display, one.time.isoformat(), one.lot, str(one.dose_number))
        section.entries.append(Entry(number, cells, xml))
    return section


def procedures(chart: Chart, found: Iterable[Procedure]) -> Section:
    """A procedure activity for each procedure."""
    section = Section(
        template("2.7.1", "2014-06-09"), Code(LOINC, "47519-4", "History of procedures"), "Procedures",
        ("Procedure", "Begin", "End"),
    )  # fmt: skip
    for one in found:
        number = chart.identifier("X", one.key)
        xml = (
            f'<procedure classCode="PROC" moodCode="EVN">{template("4.14", "2014-06-09")}'
            f"{identifier(chart.site, number, 8)}"
            f"{coded_all('code', one.codes, SNOMED_CT)}{REFERENCE}{COMPLETED}"
            f"<effectiveTime>{interval(one.start, one.end)}</effectiveTime>"
            f"{performer(chart.attending(one.encounter), chart.site)}</procedure>"
        )
        section.entries.append(Entry(number, (one.codes[0].display, one.start.isoformat(), one.end.isoformat()), xml))
    return section


def encounters(chart: Chart, found: Iterable[Encounter]) -> Section:
    """An encounter activity for each encounter."""
    section = Section(
        template("2.22.1", "2015-08-01"), Code(LOINC, "46240-8", "History of encounters"), "Encounters",
        ("Encounter", "Reason", "Begin", "End"),
    )  # fmt: skip
    for one in found:
        number = chart.identifier("V", one.key)
        went = Code("urn:oid:2.16.840.1.113883.12.112", one.disposition, "")
        left = coded("sdtc:dischargeDispositionCode", went) if one.disposition else ""
        why = "".join(
            f'<entryRelationship typeCode="RSON">{OBSERVATION}{template("4.19", "2014-06-09")}'
            f"{identifier(chart.site, f'{number}I{place}', 1)}{coded('code', Code(SNOMED_CT, '404684003', 'Finding'))}"
            f'{COMPLETED}<effectiveTime value="{moment(one.start)}"/>{coded("value", code, "CD")}'
            "</observation></entryRelationship>"
            for place, code in enumerate(one.reasons, 1)
        )
        xml = (
            f'<encounter classCode="ENC" moodCode="EVN">{template("4.49", "2015-08-01")}'
            f"{identifier(chart.site, number)}"
            f"{coded('code', one.type, '', coded('translation', _CLASSES[one.kind]))}{REFERENCE}"
            f"<effectiveTime>{interval(one.start, one.end)}</effectiveTime>{left}"
            f"{performer(chart.clinician(one.clinician_id), chart.site)}{why}</encounter>"
        )
        reason = ", ".join(code.display for code in one.reasons)
        times = (one.start.isoformat(), one.end.isoformat() if one.end is not None else "")
        section.entries.append(Entry(number, (one.type.display, reason, *times), xml))
    return section


def plan(chart: Chart, found: Iterable[Appointment]) -> Section:
    """A planned encounter for each appointment that is still to come."""
    section = Section(
        template("2.10", "2014-06-09"), Code(LOINC, "18776-5", "Plan of care note"), "Plan of Treatment",
        ("Planned", "Reason", "Time"),
    )  # fmt: skip
    visit = Code(SNOMED_CT, "185349003", "wellness visit")
    for one in found:
        if one.status != "booked":
            continue
        number = chart.identifier("A", one.key)
        xml = (
            f'<encounter classCode="ENC" moodCode="INT">{template("4.40", "2014-06-09")}'
            f"{identifier(chart.site, number, 10)}"
            f'{coded("code", visit)}{REFERENCE}<statusCode code="active"/><effectiveTime value="{moment(one.start)}"/>'
            f"{performer(chart.clinician(one.clinician_id), chart.site)}</encounter>"
        )
        reason = one.reason.display if one.reason is not None else ""
        section.entries.append(Entry(number, ("Visit", reason, one.start.isoformat()), xml))
    return section
