"""Care gaps: each rule on cases from its own words; what is not known, what is later than the date, what is over."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import InputError
from careloom.risk.care_gaps import care_gaps, concepts, rules
from careloom.risk.care_gaps_facts import facts_of
from careloom.terminology.packaged import lookup
from careloom.terminology.systems import CVX, ICD_10_CM, LOINC, RXNORM, SNOMED_CT, is_loinc, is_snomed_concept
from tools import check_codes

AS_OF = datetime(2026, 6, 30, tzinfo=UTC)
Resource = dict[str, Any]


def born(day: str, sex: str) -> Resource:
    return {"resourceType": "Patient", "id": "p", "birthDate": day, "gender": sex}


def dx(code: str, day: str = "2020-01-01", **more: Any) -> Resource:
    system = SNOMED_CT if code.isdigit() else ICD_10_CM
    coded = {"coding": [{"system": system, "code": code}]}
    return {"resourceType": "Condition", "id": f"dx-{code}", "code": coded, "onsetDateTime": day} | more


def lab(code: str, value: float, unit: str, day: str = "2026-06-01") -> Resource:
    return {
        "resourceType": "Observation", "id": f"lab-{code}-{day}", "status": "final", "effectiveDateTime": day,
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }  # fmt: skip


def said(code: str, answer: str, day: str = "2026-01-01") -> Resource:
    return {
        "resourceType": "Observation", "id": f"said-{day}", "status": "final", "effectiveDateTime": day,
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "valueCodeableConcept": {"coding": [{"system": SNOMED_CT, "code": answer}]},
    }  # fmt: skip


def did(code: str, day: str) -> Resource:
    coded = {"coding": [{"system": SNOMED_CT, "code": code}]}
    return {
        "resourceType": "Procedure",
        "id": f"did-{day}",
        "status": "completed",
        "code": coded,
        "performedDateTime": day,
    }


def drug(code: str, name: str = "", day: str = "2026-01-01", **more: Any) -> Resource:
    coded = {"coding": [{"system": RXNORM, "code": code, "display": name}]}
    return {
        "resourceType": "MedicationRequest", "id": f"drug-{code}", "status": "active", "intent": "order",
        "medicationCodeableConcept": coded, "authoredOn": day,
    } | more  # fmt: skip


def shot(code: str, day: str) -> Resource:
    coded = {"coding": [{"system": CVX, "code": code}]}
    given = {"resourceType": "Immunization", "id": f"shot-{code}-{day}", "status": "completed"}
    return given | {"vaccineCode": coded, "occurrenceDateTime": day}


MAN, WOMAN = born("1966-01-01", "male"), born("1966-01-01", "female")
OLD_MAN, OLD_WOMAN = born("1956-01-01", "male"), born("1948-01-01", "female")
YOUNG_WOMAN, YOUNG_MAN = born("2002-01-01", "female"), born("1996-01-01", "male")
SMOKES, STOPPED, NEVER = "449868002", "8517006", "266919005"
EF_LOW, EGFR_GOOD, EGFR_BAD = (
    lab("10230-1", 35, "%"),
    lab("33914-3", 55, "mL/min/{1.73_m2}"),
    lab("33914-3", 25, "mL/min/{1.73_m2}"),
)
PACKS, GOOD_A1C, HIGH_POTASSIUM = (
    lab("8664-5", 30, "{pack-years}"),
    lab("4548-4", 6.5, "%"),
    lab("2823-3", 5.4, "mmol/L"),
)
DIABETES, FAILURE, KIDNEYS, FLUTTER = dx("E11.9"), dx("I50.22"), dx("N18.31"), dx("I48.91")

CASES: list[tuple[str, str, list[Resource]]] = [
    ("colorectal_cancer_screening", "gap", [MAN, did("73761001", "2016-06-29")]),
    ("colorectal_cancer_screening", "met", [MAN, did("73761001", "2016-07-01")]),
    ("colorectal_cancer_screening", "met", [MAN, lab("29771-3", 0, "1", "2025-07-01")]),
    ("colorectal_cancer_screening", "not applicable", [MAN, dx("C18.9", "2010-01-01")]),
    ("colorectal_cancer_screening", "not applicable", [YOUNG_MAN]),
    ("colorectal_cancer_screening", "not applicable", [MAN, dx("K51.90", "2010-01-01")]),
    ("colorectal_cancer_screening", "not applicable", [MAN, dx("Z86.0100", "2019-01-01")]),
    ("breast_cancer_screening", "gap", [WOMAN, did("71651007", "2024-06-01")]),
    ("breast_cancer_screening", "met", [WOMAN, did("24623002", "2024-07-01")]),
    ("breast_cancer_screening", "not applicable", [MAN]),
    ("breast_cancer_screening", "not applicable", [WOMAN, dx("Z85.3")]),
    ("cervical_cancer_screening", "gap", [YOUNG_WOMAN, lab("21440-3", 0, "1", "2025-01-01")]),
    ("cervical_cancer_screening", "met", [WOMAN, lab("21440-3", 0, "1", "2022-01-01")]),
    ("cervical_cancer_screening", "met", [YOUNG_WOMAN, lab("10524-7", 0, "1", "2024-01-01")]),
    ("cervical_cancer_screening", "not applicable", [WOMAN, dx("Z90.710")]),
    ("lung_cancer_screening", "gap", [MAN, said("72166-2", SMOKES), PACKS]),
    ("lung_cancer_screening", "met", [MAN, said("72166-2", SMOKES), PACKS, lab("79086-5", 0, "1")]),
    ("lung_cancer_screening", "not applicable", [MAN, said("72166-2", SMOKES), lab("8664-5", 5, "{pack-years}")]),
    ("lung_cancer_screening", "unknown", [MAN, said("72166-2", STOPPED), PACKS]),
    ("lung_cancer_screening", "gap", [MAN, said("72166-2", SMOKES, "2015-01-01"), said("72166-2", STOPPED), PACKS]),
    ("lung_cancer_screening", "not applicable", [MAN, said("72166-2", NEVER)]),
    ("aortic_aneurysm_screening", "gap", [OLD_MAN, said("72166-2", STOPPED)]),
    ("aortic_aneurysm_screening", "met", [OLD_MAN, said("72166-2", STOPPED), lab("24558-9", 0, "1", "2012-01-01")]),
    ("aortic_aneurysm_screening", "unknown", [OLD_MAN]),
    ("aortic_aneurysm_screening", "not applicable", [OLD_MAN, said("72166-2", NEVER)]),
    ("diabetes_screening", "gap", [MAN, lab("39156-5", 31, "kg/m2")]),
    ("diabetes_screening", "met", [MAN, lab("39156-5", 31, "kg/m2"), lab("2345-7", 99, "mg/dL", "2024-01-01")]),
    ("diabetes_screening", "not applicable", [MAN, lab("39156-5", 22, "kg/m2")]),
    ("diabetes_screening", "unknown", [MAN]),
    ("blood_pressure_screening", "gap", [MAN, lab("8480-6", 120, "mm[Hg]", "2025-01-01")]),
    ("blood_pressure_screening", "met", [YOUNG_MAN, lab("8480-6", 120, "mm[Hg]", "2025-01-01")]),
    ("blood_pressure_screening", "not applicable", [MAN, dx("I10")]),
    ("statin_primary_prevention", "gap", [MAN, dx("I10"), lab("79423-0", 12, "%")]),
    ("statin_primary_prevention", "met", [MAN, dx("I10"), lab("79423-0", 12, "%"), drug("314231")]),
    ("statin_primary_prevention", "unknown", [MAN, dx("I10")]),
    ("statin_primary_prevention", "not applicable", [MAN, dx("I10"), lab("79423-0", 6, "%")]),
    ("osteoporosis_screening", "gap", [OLD_WOMAN]),
    ("osteoporosis_screening", "met", [OLD_WOMAN, did("312681000", "2015-01-01")]),
    ("hepatitis_c_screening", "gap", [MAN]),
    ("hepatitis_c_screening", "met", [MAN, lab("13955-0", 0, "1", "2005-01-01")]),
    ("hiv_screening", "gap", [MAN]),
    ("hiv_screening", "not applicable", [MAN, dx("B20")]),
    ("depression_screening", "not applicable", [born("2008-01-01", "male")]),
    ("depression_screening", "gap", [MAN]),
    ("depression_screening", "met", [MAN, lab("55757-9", 1, "{score}", "2020-01-01")]),
    ("smoking_cessation", "gap", [MAN, said("72166-2", SMOKES)]),
    ("smoking_cessation", "met", [MAN, said("72166-2", SMOKES), did("225323000", "2026-02-01")]),
    ("smoking_cessation", "unknown", [MAN]),
    ("a1c_twice_a_year", "gap", [MAN, DIABETES, lab("4548-4", 6.4, "%", "2025-12-01")]),
    ("a1c_twice_a_year", "met", [MAN, DIABETES, lab("4548-4", 6.4, "%", "2026-01-15")]),
    ("a1c_twice_a_year", "not applicable", [MAN]),
    ("a1c_quarterly", "gap", [MAN, DIABETES, lab("4548-4", 8.4, "%", "2026-01-15")]),
    ("a1c_quarterly", "met", [MAN, DIABETES, lab("4548-4", 8.4, "%", "2026-05-15")]),
    ("a1c_quarterly", "not applicable", [MAN, DIABETES, lab("4548-4", 6.4, "%", "2026-01-15")]),
    ("diabetic_eye_examination", "gap", [MAN, DIABETES, did("36228007", "2025-01-01"), lab("4548-4", 8.0, "%")]),
    ("diabetic_eye_examination", "met", [MAN, DIABETES, did("36228007", "2025-01-01"), GOOD_A1C]),
    ("diabetic_eye_examination", "gap", [MAN, DIABETES, dx("E11.319"), did("36228007", "2025-01-01"), GOOD_A1C]),
    ("diabetic_urine_albumin", "gap", [MAN, dx("44054006")]),
    ("diabetic_urine_albumin", "met", [MAN, dx("44054006"), lab("9318-7", 12, "mg/g", "2025-09-01")]),
    ("diabetic_kidney_function", "gap", [MAN, DIABETES]),
    ("diabetic_kidney_function", "met", [MAN, DIABETES, EGFR_GOOD]),
    ("diabetic_foot_examination", "gap", [MAN, DIABETES]),
    ("diabetic_foot_examination", "met", [MAN, DIABETES, did("401191002", "2026-01-01")]),
    ("diabetic_statin", "gap", [MAN, DIABETES]),
    ("diabetic_statin", "met", [MAN, DIABETES, drug("259255", "atorvastatin 80 MG Oral Tablet")]),
    ("diabetic_statin", "not applicable", [MAN, DIABETES, dx("I25.10")]),
    ("diabetic_heart_failure_sglt2", "gap", [MAN, DIABETES, FAILURE]),
    ("diabetic_heart_failure_sglt2", "met", [MAN, DIABETES, FAILURE, drug("1545658")]),
    ("metformin_low_filtration", "gap", [MAN, DIABETES, drug("861007"), EGFR_BAD]),
    ("metformin_low_filtration", "not applicable", [MAN, DIABETES, drug("861007"), EGFR_GOOD]),
    ("metformin_low_filtration", "unknown", [MAN, DIABETES, drug("861007")]),
    ("metformin_low_filtration", "gap", [MAN, DIABETES, drug("861007"), lab("33914-3", 25, "mL/min/1.73m2")]),
    ("metformin_low_filtration", "unknown", [MAN, DIABETES, drug("861007"), lab("33914-3", 25, "mg/dL")]),
    ("hfref_renin_angiotensin", "gap", [MAN, FAILURE, EF_LOW]),
    ("hfref_renin_angiotensin", "met", [MAN, FAILURE, EF_LOW, drug("1656340")]),
    ("hfref_renin_angiotensin", "unknown", [MAN, FAILURE]),
    ("hfref_renin_angiotensin", "not applicable", [MAN, FAILURE, EF_LOW, dx("T78.3XXA")]),
    ("hfref_beta_blocker", "gap", [MAN, FAILURE, EF_LOW, drug("866924", "metoprolol tartrate 25 MG Oral Tablet")]),
    ("hfref_beta_blocker", "met", [MAN, FAILURE, EF_LOW, drug("866436")]),
    ("hfref_mineralocorticoid_antagonist", "gap", [MAN, FAILURE, EF_LOW, EGFR_GOOD, lab("2823-3", 4.2, "mmol/L")]),
    ("hfref_mineralocorticoid_antagonist", "not applicable", [MAN, FAILURE, EF_LOW, EGFR_GOOD, HIGH_POTASSIUM]),
    ("hfref_mineralocorticoid_antagonist", "unknown", [MAN, FAILURE, EF_LOW, EGFR_GOOD]),
    ("hfref_sglt2", "gap", [MAN, FAILURE, EF_LOW]),
    ("hfref_sglt2", "not applicable", [MAN, FAILURE, lab("10230-1", 55, "%")]),
    ("atrial_fibrillation_anticoagulation", "gap", [OLD_MAN, FLUTTER, dx("I10")]),
    ("atrial_fibrillation_anticoagulation", "met", [OLD_MAN, FLUTTER, dx("I10"), drug("1232086")]),
    ("atrial_fibrillation_anticoagulation", "not applicable", [MAN, FLUTTER, dx("I10")]),
    ("atrial_fibrillation_anticoagulation", "not applicable", [WOMAN, FLUTTER, dx("I10")]),
    ("atrial_fibrillation_anticoagulation", "not applicable", [born("1850-01-01", "male"), FLUTTER, dx("I10")]),
    ("atrial_fibrillation_direct_anticoagulant", "gap", [OLD_MAN, FLUTTER, drug("855332")]),
    ("atrial_fibrillation_direct_anticoagulant", "met", [OLD_MAN, FLUTTER, drug("1364445", "apixaban 5 MG")]),
    ("atrial_fibrillation_direct_anticoagulant", "not applicable", [OLD_MAN, FLUTTER, drug("855332"), dx("Z95.2")]),
    ("atherosclerosis_statin", "gap", [MAN, dx("I25.10")]),
    ("atherosclerosis_statin", "not applicable", [OLD_WOMAN, dx("I25.10")]),
    ("severe_hypercholesterolemia_statin", "gap", [MAN, lab("18262-6", 210, "mg/dL")]),
    ("severe_hypercholesterolemia_statin", "unknown", [MAN]),
    ("severe_hypercholesterolemia_statin", "not applicable", [MAN, lab("18262-6", 120, "mg/dL")]),
    ("kidney_diabetes_renin_angiotensin", "gap", [MAN, DIABETES, lab("9318-7", 80, "mg/g")]),
    ("kidney_diabetes_renin_angiotensin", "met", [MAN, DIABETES, lab("9318-7", 80, "mg/g"), drug("314076")]),
    ("kidney_albuminuria_renin_angiotensin", "gap", [MAN, lab("9318-7", 350, "mg/g")]),
    ("kidney_albuminuria_renin_angiotensin", "not applicable", [MAN, lab("9318-7", 80, "mg/g")]),
    ("kidney_diabetes_sglt2", "gap", [MAN, DIABETES, KIDNEYS, EGFR_GOOD]),
    ("kidney_diabetes_sglt2", "not applicable", [MAN, DIABETES, KIDNEYS, lab("33914-3", 15, "mL/min/{1.73_m2}")]),
    ("kidney_albuminuria_sglt2", "gap", [MAN, KIDNEYS, EGFR_GOOD, lab("9318-7", 250, "mg/g")]),
    ("kidney_albuminuria_sglt2", "gap", [MAN, KIDNEYS, EGFR_GOOD, FAILURE]),
    ("kidney_albuminuria_sglt2", "not applicable", [MAN, KIDNEYS, EGFR_GOOD, lab("9318-7", 50, "mg/g")]),
    ("kidney_statin", "gap", [MAN, KIDNEYS, EGFR_GOOD]),
    ("kidney_statin", "not applicable", [MAN, KIDNEYS, EGFR_GOOD, dx("Z94.0")]),
    ("kidney_monitoring", "gap", [MAN, KIDNEYS, EGFR_GOOD]),
    ("kidney_monitoring", "met", [MAN, KIDNEYS, EGFR_GOOD, lab("9318-7", 50, "mg/g")]),
    ("kidney_nsaid", "gap", [OLD_MAN, drug("197806"), EGFR_BAD]),
    ("kidney_nsaid", "not applicable", [OLD_MAN, drug("243670", "aspirin 81 MG Oral Tablet"), EGFR_BAD]),
    ("influenza_vaccine", "gap", [MAN, shot("88", "2025-06-01")]),
    ("influenza_vaccine", "met", [MAN, shot("150", "2025-10-01")]),
    ("tetanus_vaccine", "gap", [MAN]),
    ("tetanus_vaccine", "met", [MAN, shot("115", "2018-01-01")]),
    ("zoster_vaccine", "gap", [MAN, shot("187", "2024-01-01")]),
    ("zoster_vaccine", "met", [MAN, shot("187", "2024-01-01"), shot("187", "2024-05-01")]),
    ("pneumococcal_vaccine", "gap", [MAN, shot("33", "2024-01-01")]),
    ("pneumococcal_vaccine", "met", [MAN, shot("215", "2024-01-01"), shot("33", "2025-01-01")]),
    ("pneumococcal_vaccine", "met", [MAN, shot("327", "2025-01-01")]),
    ("hepatitis_b_vaccine", "gap", [YOUNG_MAN, shot("43", "2020-01-01"), shot("43", "2020-02-01")]),
    ("hepatitis_b_vaccine", "not applicable", [YOUNG_MAN, dx("B18.1", "2015-01-01")]),
    ("hepatitis_b_vaccine", "met", [YOUNG_MAN, shot("189", "2020-01-01"), shot("189", "2020-02-01")]),
    ("rsv_vaccine", "gap", [OLD_WOMAN]),
    ("rsv_vaccine", "met", [OLD_WOMAN, shot("305", "2024-09-01")]),
    ("hpv_vaccine", "gap", [YOUNG_WOMAN, shot("165", "2014-01-01")]),
    ("hpv_vaccine", "met", [YOUNG_WOMAN, shot("165", "2014-01-01"), shot("165", "2014-08-01")]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "status", "record"), CASES)
def test_a_rule_comes_to_what_its_source_says(rule: str, status: str, record: list[Resource]) -> None:
    (found,) = care_gaps(facts_of(record), AS_OF, only=[rule])
    assert found.status == status
    assert bool(found.missing) == (status == "unknown")
    assert all(fact.reference for fact in found.because)


def test_every_rule_has_a_gap_and_another_case_and_a_whole_source() -> None:
    assert len(rules()) >= 25
    for rule in rules():
        assert {status for name, status, _ in CASES if name == rule.rule_id} >= {"gap"}, rule.rule_id
        assert len({status for name, status, _ in CASES if name == rule.rule_id}) >= 2, rule.rule_id
        assert all((rule.source.organisation, rule.source.guideline, rule.source.recommendation, rule.source.strength))
        assert 2010 < rule.source.year <= rule.reviewed.year
    assert len({rule.rule_id for rule in rules()}) == len(rules())


def test_every_rule_says_with_what_it_was_compared_and_claims_no_strength_beyond_it() -> None:
    for rule in rules():
        assert rule.source.checked in {"text", "abstract", "summary", "no"}, rule.rule_id
        if rule.source.checked == "no":
            assert rule.source.strength == "not compared", rule.rule_id


def test_a_finding_names_the_facts_behind_it() -> None:
    (found,) = care_gaps(
        facts_of([MAN, DIABETES, lab("4548-4", 8.4, "%", "2026-01-15")]), AS_OF, only=["a1c_quarterly"]
    )
    assert [fact.reference for fact in found.because] == ["Condition/dx-E11.9", "Observation/lab-4548-4-2026-01-15"]


@pytest.mark.parametrize(
    ("status", "record"),
    [
        ("not applicable", [MAN, dx("E11.9", "2026-07-01")]),
        ("not applicable", [MAN, dx("E11.9", abatementDateTime="2025-01-01")]),
        ("gap", [MAN, dx("E11.9", abatementDateTime="2026-08-01")]),
        ("not applicable", [MAN, dx("E11.9", verificationStatus={"coding": [{"code": "refuted"}]})]),
        ("not applicable", [MAN, dx("E11.9", clinicalStatus={"coding": [{"code": "resolved"}]})]),
        ("gap", [MAN, DIABETES, drug("314231", day="2026-07-15")]),
        ("gap", [MAN, DIABETES, drug("314231", status="stopped")]),
        ("met", [MAN, DIABETES, drug("314231", dispenseRequest={"validityPeriod": {"end": "2026-12-31"}})]),
        ("gap", [MAN, DIABETES, drug("314231", dispenseRequest={"validityPeriod": {"end": "2026-03-31"}})]),
        ("unknown", [DIABETES]),
    ],
)
def test_only_what_held_on_the_date_counts(status: str, record: list[Resource]) -> None:
    assert care_gaps(facts_of(record), AS_OF, only=["diabetic_statin"])[0].status == status


def test_components_partial_dates_and_medications_by_reference_are_read() -> None:
    panel = {
        "resourceType": "Observation", "id": "bp", "status": "final", "effectiveDateTime": "2026-05",
        "code": {"coding": [{"system": LOINC, "code": "85354-9"}]},
        "component": [
            {
                "code": {"coding": [{"system": LOINC, "code": "8480-6"}]},
                "valueQuantity": {"value": 120, "code": "mm[Hg]"},
            },
        ],
    }  # fmt: skip
    medication = {"resourceType": "Medication", "id": "m", "code": {"coding": [{"system": RXNORM, "code": "314231"}]}}
    asked = drug("0") | {"medicationReference": {"reference": "Medication/m"}}
    del asked["medicationCodeableConcept"]
    undated = {"resourceType": "Procedure", "id": "u", "status": "completed", "code": {}}
    told = facts_of([MAN, DIABETES, panel, medication, asked, undated])
    assert told.undated == 1
    found = {one.rule.rule_id: one.status for one in care_gaps(told, AS_OF)}
    assert (found["blood_pressure_screening"], found["diabetic_statin"]) == ("met", "met")


def test_an_unknown_rule_or_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(InputError):
        care_gaps(facts_of([MAN]), AS_OF, only=["leeches"])
    with pytest.raises(InputError):
        care_gaps(facts_of([MAN]), AS_OF.replace(tzinfo=None))


def test_no_code_of_a_concept_is_wrong_by_the_packaged_tables() -> None:
    """Prefixes of diagnoses exist, packaged ingredients are ingredients of that name, check digits hold."""
    for concept in concepts().values():
        for prefix in concept.prefixes:
            dotted = f"{prefix[:3]}.{prefix[3:]}" if len(prefix) > 3 else prefix
            assert lookup(ICD_10_CM, dotted) is not None, (concept.name, dotted)
        for system, code in concept.codes:
            found = lookup(system, code)
            if system == RXNORM:
                assert found is not None, (concept.name, code)
                assert found.properties["tty"][0] in ("IN", "PIN"), (concept.name, code)
            assert system != LOINC or is_loinc(code), (concept.name, code)
            assert system != SNOMED_CT or is_snomed_concept(code), (concept.name, code)


def test_names_of_codes_are_those_of_their_publishers(suites: Path) -> None:
    lists = check_codes.read_lists(suites)
    files = [Path("src/careloom/risk/care_gaps/concepts.toml")]
    for file, content in check_codes.documents(files):
        for use in check_codes.used(content, file):
            assert check_codes.judged(use, lists).verdict not in ("wrong", "name"), use
