import pytest

from careloom.ingest.hl7v2_to_fhir import convert
from careloom.pipeline.record import FileContext, Record
from tests.unit.ingest.hl7v2_support import (
    HEAD,
    PID,
    codes,
    converted,
    faults,
    fields,
    golden_messages,
    only,
    resources,
    sent,
)


def patient_with(values: dict[int, str]) -> dict[str, object]:
    return only(sent("ADT^A08", fields("PID", {3: "12^^^H^MR", **values})), "Patient")


# who the message is about


@pytest.mark.parametrize(
    ("pid", "identity"),
    [
        ({3: "12^^^H^MR"}, "H|12"),
        ({3: "9^^^SSA^SS~12^^^H^MR"}, "H|12"),
        ({3: "5^^^X^PI~12^^^H^MR~13^^^H^MR"}, "H|12"),
        ({3: "5^^^^MR~12^^^H^MR"}, "H|12"),
        ({3: "5^^^X^PI~7^^^^MR"}, "|7"),
        ({3: "12"}, "|12"),
        ({3: "12^^^&1.2.3&ISO^MR"}, "1.2.3|12"),
        ({3: "12^^^^MR^FAC"}, "FAC|12"),
        ({3: "9^^^SSA^SS"}, "SS|SSA|9"),
        ({3: "9^^^H^AN~8^^^H^DL"}, "DL|H|8"),
        ({3: '""', 2: "44^^^H"}, "H|44"),
        ({4: "55"}, "|55"),
        ({19: "123-45-6789"}, "SS|http://hl7.org/fhir/sid/us-ssn|123-45-6789"),
    ],
)
def test_the_patients_identity_follows_one_rule(pid: dict[int, str], identity: str) -> None:
    found = sent("ADT^A08", fields("PID", pid))
    assert [draft.source_id for draft in found.drafts if draft.resource["resourceType"] == "Patient"] == [identity]


@pytest.mark.parametrize(
    ("kind", "segments", "code"),
    [
        ("ADT^A01", (), "hl7v2.segment-missing"),
        ("ADT^A01", ("PID|1||||Doe^Jane",), "hl7v2.patient-id-missing"),
        ("ORU^R01", (PID + "OBX|1|NM|x^y||1", "PID|2||||Other"), "hl7v2.patient-id-missing"),
        ("MDM^T02", (PID,), "hl7v2.segment-missing"),
        ("ADT^A40", (PID,), "hl7v2.segment-missing"),
        ("ADT^A40", (PID + "MRG|12^^^H^MR",), "hl7v2.merge-into-itself"),
        ("ADT^A40", (PID + "MRG|",), "hl7v2.merge-into-itself"),
        ("MFN^M02", (PID,), "hl7v2.message-type-not-mapped"),
        ("ADT^A99", (PID,), "hl7v2.message-type-not-mapped"),
        ("Doe, Jane", (PID,), "hl7v2.message-type-not-mapped"),
        ("", (PID,), "hl7v2.message-type-missing"),
        ("ACK", ("MSA|AA|1",), "hl7v2.acknowledgement"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(kind: str, segments: tuple[str, ...], code: str) -> None:
    found = sent(kind, *segments)
    assert found.refused
    assert found.drafts == []
    assert [issue.code for issue in found.issues if issue.refuses] == [code]
    assert all(issue.remedy for issue in found.issues if issue.refuses)


def test_the_type_that_is_not_mapped_is_named_unless_it_could_be_a_value() -> None:
    assert "MFN^M02" in sent("MFN^M02").issues[-1].message
    assert "JANE" not in sent("Jane").issues[-1].message.upper()


@pytest.mark.parametrize(
    ("kind", "segments"), [("ORU", ""), ("ORU^^ORU_R01", ""), ("ADT", "EVN|A08\r"), ("ADT^^ADT_A01", "")]
)
def test_a_missing_trigger_is_taken_from_elsewhere_with_a_warning(kind: str, segments: str) -> None:
    found = sent(kind, segments + PID + "OBX|1|NM|x^y||1||||||F")
    assert not found.refused
    assert "hl7v2.message-type-inferred" in codes(found)


def test_a_problem_of_the_framer_refuses_the_record() -> None:
    record = Record(0, b"", "message 1", FileContext("hl7v2"), ("ingest.cut", "the file ends", "send it again"))
    assert [issue.code for issue in convert(record).issues] == ["ingest.cut"]


def test_admissions_put_patient_and_visit_where_results_mention_them() -> None:
    visit = PID + "PV1|1|I|W^1^2||||||||||||||||V1^^^H"
    actions = {draft.resource["resourceType"]: draft.action for draft in sent("ADT^A01", visit).drafts}
    assert actions == {
        "Patient": "put", "Encounter": "put", "MessageHeader": "put", "Provenance": "put",
        "Location": "mention", "Organization": "mention", "Device": "mention",
    }  # fmt: skip
    actions = {
        draft.resource["resourceType"]: draft.action
        for draft in sent("ORU^R01", visit, "OBR|1||F1|X", "OBX|1|NM|1-8^T^LN||1||||||F").drafts
    }
    assert {kind for kind, action in actions.items() if action == "put"} == {
        "Observation", "DiagnosticReport", "ServiceRequest", "MessageHeader", "Provenance",
    }  # fmt: skip


@pytest.mark.parametrize("raw", golden_messages())
def test_the_same_message_twice_gives_the_same_drafts(raw: bytes) -> None:
    assert converted(raw) == converted(raw)


def test_segments_that_are_not_mapped_are_named_once() -> None:
    found = sent("ADT^A01", PID + "ZPI|secret", "ZPI|more", "ROL|1", "PV1|1|O||||||||||||||||V1")
    assert [issue.place for issue in found.issues if issue.code == "hl7v2.segment-kept-in-landing"] == ["ZPI", "ROL"]
    assert not any("secret" in issue.message for issue in found.issues)


def test_a_training_message_is_marked() -> None:
    assert "hl7v2.not-production" in codes(converted((HEAD.format("ADT^A08") + PID).replace("|P|", "|T|")))


# the patient


@pytest.mark.parametrize(
    ("pid", "element", "expected"),
    [
        ({7: "19800102"}, "birthDate", "1980-01-02"),
        ({7: "1980"}, "birthDate", "1980"),
        ({7: "19801399"}, "birthDate", None),
        ({7: "00000000"}, "birthDate", None),
        ({8: "F"}, "gender", "female"),
        ({8: "female"}, "gender", "female"),
        ({8: "A"}, "gender", "other"),
        ({8: "Q"}, "gender", None),
        ({24: "Y"}, "multipleBirthBoolean", True),
        ({24: "Y", 25: "2"}, "multipleBirthInteger", 2),
        ({29: "20240101"}, "deceasedDateTime", "2024-01-01"),
        ({30: "Y"}, "deceasedBoolean", True),
        ({29: "20240101", 30: "Y"}, "deceasedBoolean", None),
        ({30: "N"}, "deceasedBoolean", False),
    ],
)
def test_demographics_follow_the_guide(pid: dict[int, str], element: str, expected: object) -> None:
    assert patient_with(pid).get(element) == expected


def test_a_birth_time_travels_with_the_date() -> None:
    found = patient_with({7: "198001021530"})
    assert found["_birthDate"] == {
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
                "valueDateTime": "1980-01-02T15:30:00-05:00",
            }
        ]
    }


def test_administrative_sex_is_not_taken_for_birth_sex() -> None:
    assert "birthsex" not in str(patient_with({8: "F"}))


def test_race_and_ethnicity_become_us_core_extensions_with_text() -> None:
    race, ethnicity = patient_with({10: "2106-3^White^CDCREC~X^Other^L", 22: "H"})["extension"]  # type: ignore[misc]
    assert [part["url"] for part in race["extension"]] == ["ombCategory", "text"]
    assert race["extension"][-1]["valueString"] == "White, Other"
    assert ethnicity["extension"][0]["valueCoding"]["code"] == "2135-2"


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        ("(555)555-5555", {"system": "phone", "value": "(555)555-5555", "use": "home"}),
        ("^PRN^CP^^1^217^5550142", {"system": "phone", "value": "+1 217 5550142", "use": "home"}),
        ("^NET^Internet^a@b.org", {"system": "email", "value": "a@b.org", "use": "home"}),
        ("^WPN^FX^^^^^^^^^555-0100", {"system": "fax", "value": "555-0100", "use": "work"}),
        ("a@b.org", {"system": "email", "value": "a@b.org", "use": "home"}),
    ],
)
def test_contacts_follow_the_guide(contact: str, expected: dict[str, str]) -> None:
    assert patient_with({13: contact})["telecom"] == [expected]


def test_identifiers_are_kept_once_with_kind_and_system() -> None:
    found = patient_with({2: "12^^^H^MR", 19: "123-45-6789"})["identifier"]
    assert [(one["value"], one["system"]) for one in found] == [  # type: ignore[union-attr, index, attr-defined]
        ("12", "urn:careloom:hl7v2:authority:H"),
        ("123-45-6789", "http://hl7.org/fhir/sid/us-ssn"),
    ]


def test_people_become_related_persons_and_all_next_of_kin_contacts() -> None:
    found = sent("ADT^A08", PID + "NK1|1|Doe^John|SPO", "NK1|2|Works|EMR||555-0100|||||||||")
    assert only(found, "RelatedPerson")["name"] == [{"family": "Doe", "given": ["John"]}]
    contacts = only(found, "Patient")["contact"]
    assert [one["relationship"][0]["coding"][0]["code"] for one in contacts] == ["SPS", "E"]


def test_a_merge_links_both_patients() -> None:
    found = sent("ADT^A40", PID + "MRG|13^^^H^MR~14^^^H^MR")
    kept, *prior = resources(found, "Patient")
    assert [(link["type"], link["other"]["reference"]) for link in kept["link"]] == [
        ("replaces", "Patient/H|13"), ("replaces", "Patient/H|14"),
    ]  # fmt: skip
    assert all(one["active"] is False and one["link"][0]["type"] == "replaced-by" for one in prior)
    patients = [draft for draft in found.drafts if draft.resource["resourceType"] == "Patient"]
    assert [draft.action for draft in patients] == ["put", "put", "put"]


# the visit


@pytest.mark.parametrize(
    ("event", "pv1", "status"),
    [
        ("A01", {2: "I"}, "in-progress"),
        ("A03", {2: "I"}, "finished"),
        ("A04", {2: "O"}, "arrived"),
        ("A05", {2: "P"}, "planned"),
        ("A08", {2: "I"}, "in-progress"),
        ("A08", {2: "P"}, "planned"),
        ("A08", {2: "I", 45: "20240312"}, "finished"),
        ("A08", {2: "U"}, "unknown"),
        ("A11", {2: "I"}, "cancelled"),
        ("A13", {2: "I", 45: "20240312"}, "in-progress"),
    ],
)
def test_the_status_of_a_visit_comes_from_event_discharge_and_class(
    event: str, pv1: dict[int, str], status: str
) -> None:
    found = sent(f"ADT^{event}", PID + fields("PV1", {19: "V1", **pv1}))
    assert only(found, "Encounter")["status"] == status


@pytest.mark.parametrize(
    ("pv1", "identity"),
    [
        ({2: "I", 19: "V1^^^H"}, "H|V1"),
        ({2: "I", 19: "V1"}, "H|12|visit|V1"),
        ({2: "I", 50: "A9^^^H"}, "H|A9"),
        ({2: "I", 44: "202403110800"}, "H|12|admitted|2024-03-11T08:00:00"),
        ({2: "I"}, "H|12|message|N1"),
    ],
)
def test_the_visits_identity_follows_one_rule(pv1: dict[int, str], identity: str) -> None:
    found = sent("ADT^A01", PID + fields("PV1", pv1))
    assert [draft.source_id for draft in found.drafts if draft.resource["resourceType"] == "Encounter"] == [identity]


def test_a_person_update_without_a_visit_makes_none() -> None:
    assert resources(sent("ADT^A31", PID + "PV1|1|N"), "Encounter") == []


def test_a_discharge_before_the_admission_is_left_out_with_a_warning() -> None:
    found = sent("ADT^A03", PID + fields("PV1", {2: "I", 19: "V", 44: "20240312", 45: "20240310"}))
    assert only(found, "Encounter")["period"] == {"start": "2024-03-12"}
    assert "hl7v2.period-reversed" in codes(found)


def test_diagnoses_stand_in_the_visit_and_retracted_ones_do_not() -> None:
    found = sent(
        "ADT^A01",
        PID + "PV1|1|I||||||||||||||||||V1",
        fields("DG1", {3: "I10^Hypertension^I10C", 6: "F", 15: "1"}),
        fields("DG1", {3: "J45^Asthma^I10C", 21: "D"}),
        fields("DG1", {4: "Chest pain & cough"}),
        "DG1|4",
    )
    confirmed, retracted, spoken = resources(found, "Condition")
    assert confirmed["verificationStatus"]["coding"][0]["code"] == "confirmed"
    assert retracted["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert spoken["code"] == {"text": "Chest pain & cough"}
    assert [one.get("rank") for one in only(found, "Encounter")["diagnosis"]] == [1, None]
    assert "hl7v2.segment-empty" in codes(found)
    assert not faults(found.drafts)


def test_severity_goes_to_the_reaction_or_is_the_criticality() -> None:
    found = sent("ADT^A01", PID + "AL1|1|DA|1^Penicillin^L|SV|Hives", "AL1|2|FA|2^Nuts^L|SV")
    drug, food = resources(found, "AllergyIntolerance")
    assert (drug["reaction"][0]["severity"], drug.get("criticality")) == ("severe", None)
    assert (food["criticality"], food["category"]) == ("high", ["food"])


def test_a_coverage_without_a_payor_says_that_it_is_unknown() -> None:
    found = sent("ADT^A01", PID + "IN1|1|P1")
    assert only(found, "Coverage")["payor"][0]["extension"][0]["valueCode"] == "unknown"
    assert not faults(found.drafts)


def test_a_period_known_to_differing_precision_is_cut_to_what_is_known_of_both() -> None:
    found = sent("ADT^A03", PID + fields("PV1", {2: "I", 19: "V", 44: "202403120800", 45: "20240312"}))
    assert only(found, "Encounter")["period"] == {"start": "2024-03-12", "end": "2024-03-12"}
    assert "hl7v2.period-imprecise" in codes(found)
    assert not faults(found.drafts)
