"""Entries of clinical documents: what each kind becomes, by table and by case."""

from typing import Any

import pytest

from tests.unit.ingest.ccda_support import codes, converted, document, entry, faults, only, resources, section

SNOMED = "http://snomed.info/sct"
T = "2.16.840.1.113883.10.20.22.4."


def coded(name: str, code: str, *, system: str = "2.16.840.1.113883.6.96", inner: str = "") -> str:
    kind = ' xsi:type="CD"' if name == "value" else ""
    return f'<{name}{kind} code="{code}" codeSystem="{system}">{inner}</{name}>'


def statement(name: str, template: str, inner: str, *, mood: str = "EVN", extra: str = "") -> str:
    root = f'<templateId root="{T}{template}"/>' if template else ""
    own = f'<id root="1.9" extension="{name}{template}"/>'
    return f'<{name} classCode="OBS" moodCode="{mood}"{extra}>{root}{own}{inner}</{name}>'


def related(kind: str, inner: str) -> str:
    return f'<entryRelationship typeCode="{kind}">{inner}</entryRelationship>'


def status(code: str) -> str:
    return f'<statusCode code="{code}"/>'


PROBLEM = coded("value", "38341003")
CONDITIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("a concern that is active", status("active") + related("SUBJ", statement("observation", "4", PROBLEM)),
     {"clinicalStatus": "active", "category": "problem-list-item"}),
    ("a concern that is completed", status("completed") + related("SUBJ", statement("observation", "4", PROBLEM)),
     {"clinicalStatus": "inactive"}),
    ("the status observation wins", status("active") + related("SUBJ", statement("observation", "4", PROBLEM + related(
        "REFR", statement("observation", "6", coded("code", "33999-4", system="2.16.840.1.113883.6.1")
                          + coded("value", "277022003"))))),
     {"clinicalStatus": "remission"}),
    ("what is over is not active", status("active") + related("SUBJ", statement(
        "observation", "4", '<effectiveTime><low value="2019"/><high value="2020"/></effectiveTime>' + PROBLEM)),
     {"clinicalStatus": "inactive", "onsetDateTime": "2019", "abatementDateTime": "2020"}),
    ("over at an unknown time", status("completed") + related("SUBJ", statement(
        "observation", "4", '<effectiveTime><low value="2019"/><high nullFlavor="UNK"/></effectiveTime>' + PROBLEM)),
     {"clinicalStatus": "inactive",
      "_abatementDateTime": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                                            "valueCode": "unknown"}]}}),
    ("a negated problem is refuted", status("active") + related("SUBJ", statement(
        "observation", "4", PROBLEM, extra=' negationInd="true"')),
     {"verificationStatus": "refuted", "clinicalStatus": "inactive"}),
    ("no known problems", status("active") + related("SUBJ", statement(
        "observation", "4", coded("value", "55607006"), extra=' negationInd="true"')),
     {"code": "160245001", "verificationStatus": None}),
]  # fmt: skip


def first_code(value: Any) -> Any:
    held = value[0] if isinstance(value, list) else value
    return held["coding"][0]["code"] if isinstance(held, dict) and "coding" in held else held


@pytest.mark.parametrize(("what", "inner", "expected"), CONDITIONS, ids=[what for what, _, _ in CONDITIONS])
def test_problems(what: str, inner: str, expected: dict[str, Any]) -> None:
    del what
    found = entry("11450-4", statement("act", "3", inner))
    condition = only(found, "Condition")
    assert {name: first_code(condition.get(name)) for name in expected} == expected
    assert faults(found.drafts) == []


def test_an_encounter_diagnosis_has_its_category_and_stands_in_the_encounter() -> None:
    diagnosis = statement("act", "80", coded("code", "29308-4", system="2.16.840.1.113883.6.1")
                          + related("SUBJ", statement("observation", "4", PROBLEM)))  # fmt: skip
    visit = statement("encounter", "49", coded("code", "99213", system="2.16.840.1.113883.6.12")
                      + '<effectiveTime value="20240101"/>' + related("COMP", diagnosis))  # fmt: skip
    found = entry("46240-8", visit)
    encounter, condition = only(found, "Encounter"), only(found, "Condition")
    assert encounter["class"]["code"] == "AMB"
    assert encounter["status"] == "finished"
    assert first_code(condition["category"]) == "encounter-diagnosis"
    assert encounter["diagnosis"][0]["condition"]["reference"].startswith("Condition/")
    assert faults(found.drafts) == []


def allergy(inner: str, *, extra: str = "") -> str:
    return statement("act", "30", status("active") + related("SUBJ", statement("observation", "7", inner, extra=extra)))


def substance(code: str) -> str:
    role = f"<participantRole><playingEntity>{code}</playingEntity></participantRole>"
    return f'<participant typeCode="CSM">{role}</participant>'


def test_allergies_name_the_substance_the_kind_and_the_reactions() -> None:
    severity = statement("observation", "8", coded("code", "SEV", system="2.16.840.1.113883.5.4")
                         + coded("value", "24484000"))  # fmt: skip
    criticality = statement("observation", "145", coded("code", "82606-5", system="2.16.840.1.113883.6.1")
                            + coded("value", "CRITH", system="2.16.840.1.113883.5.1063"))  # fmt: skip
    found = entry("48765-2", allergy(
        coded("value", "414285001") + substance(coded("code", "102263004"))
        + related("MFST", statement("observation", "9", coded("value", "39579001")))
        + related("SUBJ", severity) + related("SUBJ", criticality)))  # fmt: skip
    made = only(found, "AllergyIntolerance")
    assert made["code"]["coding"] == [{"system": SNOMED, "code": "102263004"}]
    assert (made["type"], made["category"], made["criticality"]) == ("allergy", ["food"], "high")
    assert made["reaction"][0]["severity"] == "severe"
    assert faults(found.drafts) == []


NO_KNOWN = [("414285001", "429625007"), ("416098002", "409137002"), ("419199007", "716186003")]


@pytest.mark.parametrize(("kind", "expected"), NO_KNOWN)
def test_no_known_allergies(kind: str, expected: str) -> None:
    inner = coded("value", kind) + substance('<code nullFlavor="NA"/>')
    made = only(entry("48765-2", allergy(inner, extra=' negationInd="true"')), "AllergyIntolerance")
    assert first_code(made["code"]) == expected


def test_an_allergy_that_is_denied_says_so_of_its_substance() -> None:
    inner = coded("value", "414285001") + substance(coded("code", "256349002"))
    found = entry("48765-2", allergy(inner, extra=' negationInd="true"'))
    extension = only(found, "AllergyIntolerance")["extension"][0]
    assert extension["url"].endswith("substanceExposureRisk")
    assert faults(found.drafts) == []


DRUG = (
    "<consumable><manufacturedProduct><manufacturedMaterial>"
    '<code code="197380" codeSystem="2.16.840.1.113883.6.88"/>'
    "</manufacturedMaterial></manufacturedProduct></consumable>"
)


def taken(inner: str, *, mood: str = "EVN", extra: str = "", code: str = "10160-0") -> Any:
    return entry(code, statement("substanceAdministration", "16", inner + DRUG, mood=mood, extra=extra))


TIMINGS: list[tuple[str, dict[str, Any]]] = [
    ('<effectiveTime xsi:type="PIVL_TS" institutionSpecified="true" operator="A"><period value="8" unit="h"/>'
     "</effectiveTime>", {"frequency": 3, "period": 1, "periodUnit": "d"}),
    ('<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="8" unit="h"/></effectiveTime>',
     {"frequency": 1, "period": 8, "periodUnit": "h"}),
    ('<effectiveTime xsi:type="PIVL_TS" operator="A"><period xsi:type="IVL_PQ"><low value="4" unit="h"/>'
     '<high value="6" unit="h"/></period></effectiveTime>',
     {"frequency": 1, "period": 4, "periodMax": 6, "periodUnit": "h"}),
    ('<effectiveTime xsi:type="EIVL_TS" operator="A"><event code="ACM"/><offset><low value="1" unit="h"/></offset>'
     "</effectiveTime>", {"when": ["ACM"], "offset": 60}),
    ('<effectiveTime xsi:type="EIVL_TS" operator="A"><event code="C"/><offset><low value="1" unit="h"/></offset>'
     "</effectiveTime>", {"when": ["C"]}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "expected"), TIMINGS)
def test_how_often(given: str, expected: dict[str, Any]) -> None:
    found = taken(given)
    assert only(found, "MedicationStatement")["dosage"][0]["timing"]["repeat"] == expected
    assert faults(found.drafts) == []


def test_what_happened_is_a_statement_what_is_meant_a_request_what_was_given_an_administration() -> None:
    assert only(taken(status("active")), "MedicationStatement")["status"] == "active"
    request = only(taken(status("active") + '<repeatNumber value="2"/>', mood="INT"), "MedicationRequest")
    assert (request["intent"], request["dispenseRequest"]) == ("order", {"numberOfRepeatsAllowed": 1})
    given = taken(status("completed") + '<doseQuantity value="1"/>', code="29549-3")
    assert only(given, "MedicationAdministration")["dosage"]["dose"] == {"value": 1}
    assert only(taken(status("active"), extra=' negationInd="true"'), "MedicationStatement")["status"] == "not-taken"


def test_a_coded_product_is_a_medication_without_anything_of_the_patient() -> None:
    found = taken("")
    assert only(found, "Medication") == {
        "resourceType": "Medication",
        "code": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "197380"}]},
    }


def test_supplies_become_requests_and_dispenses_of_the_same_medication() -> None:
    supply = statement("supply", "17", status("completed") + '<quantity value="30"/>', mood="INT")
    handed = statement("supply", "18", status("completed") + '<effectiveTime value="20240101"/><quantity value="30"/>')
    found = taken(related("REFR", supply) + related("REFR", handed))
    request, dispense = only(found, "MedicationRequest"), only(found, "MedicationDispense")
    assert request["medicationReference"] == dispense["medicationReference"]
    assert request["dispenseRequest"]["quantity"] == {"value": 30}
    assert dispense["whenHandedOver"] == "2024-01-01"
    assert faults(found.drafts) == []


def vital(code: str, value: str, unit: str) -> str:
    return "<component>" + statement(
        "observation", "27", f'<code code="{code}" codeSystem="2.16.840.1.113883.6.1"/>{status("completed")}'
        f'<effectiveTime value="20240101"/><value xsi:type="PQ" value="{value}" unit="{unit}"/>').replace(
        'extension="observation27"', f'extension="{code}"') + "</component>"  # fmt: skip


def test_pressures_and_oxygen_are_put_together_and_the_rest_stays() -> None:
    signs = [("8480-6", "120", "mm[Hg]"), ("8462-4", "80", "mm[Hg]"), ("59408-5", "97", "%"), ("3151-8", "2", "L/min")]
    inner = "".join(vital(*sign) for sign in [*signs, ("8867-4", "70", "/min")])
    found = entry("8716-3", statement("organizer", "26", inner))
    made = {first_code(each["code"]): each for each in resources(found, "Observation")}
    assert set(made) == {"85353-1", "85354-9", "59408-5", "8867-4"}
    assert [part["valueQuantity"]["value"] for part in made["85354-9"]["component"]] == [120, 80]
    assert [first_code(part["code"]) for part in made["59408-5"]["component"]] == ["3151-8"]
    assert len(made["85353-1"]["hasMember"]) == 3
    assert faults(found.drafts) == []


def test_a_pressure_without_its_counterpart_stays_alone() -> None:
    found = entry("8716-3", statement("organizer", "26", vital("8480-6", "120", "mm[Hg]")))
    assert {first_code(each["code"]) for each in resources(found, "Observation")} == {"85353-1", "8480-6"}


def test_a_negated_observation_is_never_read_as_found() -> None:
    found = entry(
        "47420-5", statement("observation", "67", coded("code", "1-8") + PROBLEM, extra=' negationInd="true"')
    )
    made = only(found, "Observation")
    assert made["valueString"] == "negated: 38341003"
    assert "valueCodeableConcept" not in made


KINDS = [
    ("18776-5", statement("observation", "44", coded("code", "1-8"), mood="INT"), "ServiceRequest"),
    ("18776-5", statement("encounter", "40", coded("code", "1-8"), mood="INT"), "Encounter"),
    ("18776-5", statement("act", "20", coded("code", "311401005") + "<text>Walk</text>", mood="INT"), "ServiceRequest"),
    ("61146-7", statement("observation", "121", coded("code", "1-8") + '<value xsi:type="PQ" value="1" unit="kg"/>',
                          mood="GOL"), "Goal"),
    ("47519-4", statement("procedure", "14", coded("code", "80146002")), "Procedure"),
    ("47519-4", statement("procedure", "14", coded("code", "80146002"), mood="RQO"), "ServiceRequest"),
    ("47519-4", statement("procedure", "13", coded("code", "80146002")), "Procedure"),
    ("47519-4", statement("observation", "13", coded("code", "80146002")), "Observation"),
    ("42348-3", statement("observation", "48", coded("code", "304251008") + PROBLEM), "Consent"),
    ("46264-8", statement("supply", "50", coded("code", "87405001")), "DeviceUseStatement"),
    ("46264-8", statement("supply", "43", coded("code", "87405001"), mood="INT"), "DeviceRequest"),
    ("85847-2", statement("organizer", "500", coded("code", "86744-0")), "CareTeam"),
    ("10157-6", statement("organizer", "45", '<subject><relatedSubject><code code="FTH" '
                          'codeSystem="2.16.840.1.113883.5.111"/></relatedSubject></subject>'), "FamilyMemberHistory"),
    ("48768-6", statement("act", "60", related("COMP", statement("act", "61", coded("code", "SELF")))), "Coverage"),
    ("29762-2", statement("observation", "38", coded("code", "1-8") + '<value xsi:type="ST">x</value>'), "Observation"),
    ("11369-6", statement("substanceAdministration", "52", DRUG), "Immunization"),
    ("11369-6", statement("substanceAdministration", "120", DRUG, mood="INT"), "MedicationRequest"),
    ("75310-3", statement("act", "132", related("REFR", statement("observation", "4", PROBLEM))), "Condition"),
    ("10183-2", statement("act", "35", related("SUBJ", statement("substanceAdministration", "16", DRUG))),
     "MedicationStatement"),
    ("34109-9", statement("act", "202", coded("code", "34109-9") + "<text>Note</text>"), "DocumentReference"),
    ("30954-2", statement("observation", "", coded("code", "1-8")), "Observation"),
    ("11450-4", statement("act", "", status("active") + related("SUBJ", statement("observation", "", PROBLEM))),
     "Condition"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "inner", "kind"), KINDS, ids=[f"{kind} {at}" for at, (_, _, kind) in enumerate(KINDS)]
)
def test_each_kind_of_entry_becomes_its_resource(code: str, inner: str, kind: str) -> None:
    found = entry(code, inner)
    assert len(resources(found, kind)) >= (2 if kind == "DocumentReference" else 1)
    assert "ccda.entry-not-mapped" not in codes(found)
    assert faults(found.drafts) == []
    composition = only(found, "Composition")
    assert any(each["reference"].startswith(f"{kind}/") for each in composition["section"][0]["entry"])


def test_entries_that_are_not_mapped_are_counted_by_section() -> None:
    odd = '<act classCode="ACT" moodCode="EVN"><templateId root="1.2.3"/></act>'
    found = converted(document(section("18776-5", odd, odd), section("30954-2", odd)))
    told = [(issue.place, issue.message[:2]) for issue in found.issues]
    body = "component/structuredBody/component"
    assert told == [(f"{body}[1]/section", "2 "), (f"{body}[2]/section", "1 ")]
    assert not found.refused


def test_one_broken_entry_costs_no_other() -> None:
    good = statement("observation", "38", coded("code", "1-8") + '<value xsi:type="ST">x</value>')
    empty = "<observation/>"
    found = converted(document(section("29762-2", empty, "<entry/>", good)))
    assert len(resources(found, "Observation")) == 2
    assert faults(found.drafts) == []


def test_one_id_with_two_meanings_is_two_resources_and_with_one_meaning_one() -> None:
    one = statement("observation", "38", coded("code", "1-8") + '<value xsi:type="ST">x</value>')
    other = one.replace(">x<", ">y<")
    assert len(resources(converted(document(section("29762-2", one, one))), "Observation")) == 1
    assert len(resources(converted(document(section("29762-2", one, other))), "Observation")) == 2


def test_issues_hold_places_and_no_value_of_the_patient() -> None:
    odd = '<effectiveTime value="ZZTOP"/><value xsi:type="PQ" value="ZZTOP"/>'
    found = entry("29762-2", statement("observation", "38", coded("code", "1-8") + odd))
    assert codes(found) == {"ccda.date-invalid", "ccda.value-type-mismatch"}
    assert all("ZZTOP" not in f"{issue}" for issue in found.issues)
    assert {issue.place for issue in found.issues} == {"component/structuredBody/component[1]/section/entry[1]"}
