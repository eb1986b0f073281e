"""Orders, drugs, vaccinations, schedules, charges and problems: what each message becomes, and what moves patients."""

import pytest

from tests.unit.ingest.hl7v2_support import PID, codes, faults, fields, only, resources, sent

PATIENT = PID.rstrip("\r")


@pytest.mark.parametrize(
    ("kind", "segments", "made"),
    [
        ("ORM^O01", ("ORC|NW|P1|F1", "OBR|1|P1|F1|80053^Panel^C4"), "ServiceRequest"),
        ("OML^O21", ("ORC|NW|P1", "OBR|1|P1||2345-7^Glucose^LN"), "ServiceRequest"),
        ("OML^O33", ("SPM|1|S1", "ORC|NW|P1", "OBR|1|P1||2345-7^Glucose^LN"), "Specimen"),
        ("ORL^O22", ("MSA|AA|1", "ORC|OK|P1|F1", "OBR|1|P1|F1|2345-7^Glucose^LN"), "ServiceRequest"),
        ("OMG^O19", ("ORC|NW|P1", "OBR|1|P1||71046^Chest^C4"), "ServiceRequest"),
        ("OMP^O09", ("ORC|NW|P1", "RXO|1191^Aspirin^RXNORM|1||tab"), "MedicationRequest"),
        ("RDE^O11", ("ORC|NW|P1", "RXE||1191^Aspirin^RXNORM|1||tab"), "MedicationRequest"),
        ("RDS^O13", ("ORC|RE|P1", "RXD|1|1191^Aspirin^RXNORM|20240311|30|tab"), "MedicationDispense"),
        ("RGV^O15", ("ORC|RE|P1", "RXG|1|1||1191^Aspirin^RXNORM|1||tab"), "MedicationRequest"),
        ("RAS^O17", ("ORC|RE|P1", "RXA|0|1|20240311||1191^Aspirin^RXNORM|1|tab"), "MedicationAdministration"),
        ("VXU^V04", ("ORC|RE|P1", "RXA|0|1|20240311||141^Flu^CVX|0.5|mL^mL^UCUM"), "Immunization"),
        ("SIU^S12", ("SCH|A1|A2||||||||||^^^20240312090000^20240312093000",), "Appointment"),
        ("DFT^P03", ("FT1|1|T1||20240311|20240311|CG|99213^Visit^C4|||1",), "ChargeItem"),
        ("PPR^PC1", ("PRB|AD|20240311|E11.9^Diabetes^I10|P1",), "Condition"),
        ("PGL^PC6", ("GOL|AD|20240311|289169006^Weight loss^SCT|G1",), "Goal"),
        ("PPP^PCB", ("PTH|AD|PW^Hip pathway^L|W1|20240311",), "CarePlan"),
        ("REF^I12", ("RF1|P|R|Med||O|R1",), "ServiceRequest"),
        ("OMD^O03", ("ORC|NW|P1", "ODS|D||D1^Low salt^L"), "NutritionOrder"),
        ("OMN^O07", ("ORC|NW|P1", "RQD|1|I1^Gauze^L|||2|EA^Each^L"), "SupplyRequest"),
        ("OUL^R22", ("SPM|1|S1", "OBR|1||F1|2345-7^Glucose^LN", "OBX|1|NM|2345-7^G^LN||90||||||F"), "DiagnosticReport"),
        ("BAR^P01", ("DG1|1||E11.9^Diabetes^I10",), "Condition"),
        ("ADT^A60", ("IAM|1|DA|7980^Penicillin^RXNORM|SV|Rash",), "AllergyIntolerance"),
    ],
)  # fmt: skip
def test_each_type_becomes_its_resource(kind: str, segments: tuple[str, ...], made: str) -> None:
    found = sent(kind, PATIENT, *segments)
    assert not found.refused, codes(found)
    assert resources(found, made)
    assert faults(found.drafts) == []
    assert "hl7v2.segment-kept-in-landing" not in codes(found)


@pytest.mark.parametrize(
    ("event", "sent_status", "status"),
    [
        ("S12", "", "booked"),
        ("S12", "Pending", "pending"),
        ("S15", "", "cancelled"),
        ("S16", "", "cancelled"),
        ("S17", "", "entered-in-error"),
        ("S26", "", "noshow"),
        ("S14", "COMPLETE", "fulfilled"),
    ],
)
def test_the_status_of_an_appointment_is_sch_25_else_the_event(event: str, sent_status: str, status: str) -> None:
    sch = fields("SCH", {2: "A2", 11: "^^^20240312090000^20240312093000", 25: sent_status})
    assert only(sent(f"SIU^{event}", PATIENT, sch), "Appointment")["status"] == status


def test_an_appointment_has_the_patient_and_every_resource_as_participants() -> None:
    found = sent(
        "SIU^S12", fields("SCH", {2: "A2", 9: "30", 10: "min", 11: "^^^20240312090000"}), PATIENT, "RGS|1",
        "AIS|1||C1^Checkup^L", "AIG|1||D1^Ultrasound^L|E^Equipment^L", "AIL|1||W^1",
        "AIP|1||77^Jones^Ann^^^^^^H|P^Physician^L",
    )  # fmt: skip
    appointment = only(found, "Appointment")
    actors = [one["actor"]["reference"].partition("/")[0] for one in appointment["participant"]]
    assert actors == ["Patient", "Device", "Location", "Practitioner"]
    assert (appointment["start"], appointment["end"]) == ("2024-03-12T09:00:00-05:00", "2024-03-12T09:30:00-05:00")
    assert appointment["serviceType"][0]["coding"][0]["code"] == "C1"
    assert resources(found, "ServiceRequest") == []


def test_a_late_order_does_not_tell_a_second_time_when_the_first_told_it_as_timing() -> None:
    found = sent(
        "OUL^R23", PATIENT, "ORC|SC|P1|F1", "TQ1|1|54|BID||||202110091600-0800|202111091600-0800",
        fields("OBR", {1: "1", 2: "P1", 3: "F1", 4: "93306^Echo^C4", 6: "20060131155500"}), "ORC|NW|P1|F1",
    )  # fmt: skip
    order = only(found, "ServiceRequest")
    assert [name for name in order if name.startswith("occurrence")] == ["occurrenceTiming"]
    assert faults(found.drafts) == []


def test_an_organization_is_never_at_home() -> None:
    found = sent(
        "OMG^O19", PATIENT, fields("ORC", {1: "NW", 2: "P1", 21: "Clinic^L^1", 22: "1 Way^^Town^CA^90012^^H"}),
        "OBR|1|P1||2345-7^Glucose^LN",
    )  # fmt: skip
    (clinic,) = [one for one in resources(found, "Organization") if "address" in one]
    assert clinic["address"][0]["city"] == "Town"
    assert "use" not in clinic["address"][0]
    assert faults(found.drafts) == []


@pytest.mark.parametrize(("length", "unit"), [("20100406132803", "MIN"), ("1e3", "MIN"), ("9", "PARSEC"), ("0", "MIN")])
def test_a_length_that_no_appointment_has_is_left_out_and_told(length: str, unit: str) -> None:
    found = sent("SIU^S12", PATIENT, fields("SCH", {2: "A2", 9: length, 10: unit, 11: "^^^20240312090000"}))
    assert "minutesDuration" not in only(found, "Appointment")
    assert ("hl7v2.number-invalid", "SCH-9") in {(issue.code, issue.place) for issue in found.issues}
    assert faults(found.drafts) == []


def test_two_appointments_of_one_message_both_say_that_their_times_are_not_known() -> None:
    found = sent("SIU^S12", PATIENT, "SCH||A2", "SCH||A3")
    assert all({"_start", "_end"} <= set(one) for one in resources(found, "Appointment"))
    assert faults(found.drafts) == []


def test_an_encoded_order_is_based_on_the_written_one_and_a_dispense_answers_it() -> None:
    found = sent(
        "RDS^O13", PATIENT, "ORC|NW|P1^H", "TQ1|1||BID", "RXO|1191^Aspirin^RXNORM|1||tab", "RXR|PO",
        "RXE||1191^Aspirin^RXNORM|1||tab||||||||||RX7", "TQ1|1||BID", "RXR|PO",
        "RXD|1|1191^Aspirin^RXNORM|20240311|30|tab||RX7",
    )  # fmt: skip
    written, encoded = resources(found, "MedicationRequest")
    assert (written["intent"], encoded["intent"]) == ("original-order", "filler-order")
    assert encoded["basedOn"][0]["reference"].startswith("MedicationRequest/")
    assert all(one["dosageInstruction"][0]["timing"]["code"] for one in (written, encoded))
    assert written["dosageInstruction"][0]["route"]["coding"][0]["code"] == "PO"
    prescriptions = only(found, "MedicationDispense")["authorizingPrescription"]
    assert [one.get("identifier", {}).get("value") for one in prescriptions] == [None, "RX7"]


def test_a_timing_says_only_what_fhir_has_units_for() -> None:
    tq1 = fields("TQ1", {1: "1", 3: "&&^^^^8^h", 6: "10^d", 13: "5^fortnights", 14: "20"})
    found = sent("OMP^O09", PATIENT, "ORC|NW|P1", tq1, "RXO|1191^Aspirin^RXNORM|1||tab")
    repeat = only(found, "MedicationRequest")["dosageInstruction"][0]["timing"]["repeat"]
    assert repeat == {
        "period": 8,
        "periodUnit": "h",
        "boundsDuration": {"value": 10, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"},
        "count": 20,
    }


@pytest.mark.parametrize(
    ("rxa", "status"),
    [
        ({20: "CP"}, "completed"),
        ({20: "RE"}, "not-done"),
        ({20: "CP", 21: "D"}, "entered-in-error"),
        ({5: "998^None^CVX"}, "not-done"),
    ],
)
def test_the_status_of_an_immunization(rxa: dict[int, str], status: str) -> None:
    segment = fields("RXA", {1: "0", 2: "1", 3: "20240311", 5: "141^Flu^CVX", 6: "999", **rxa})
    found = only(sent("VXU^V04", PATIENT, "ORC|RE|P1", segment), "Immunization")
    assert found["status"] == status
    assert "doseQuantity" not in found


def test_what_an_obx_says_of_an_immunization_is_its_element() -> None:
    found = sent(
        "VXU^V04", PATIENT, "ORC|RE|P1", "RXA|0|1|20240311||141^Flu^CVX|0.5|mL^mL^UCUM",
        "OBX|1|CE|64994-7^Eligibility^LN|1|V01^Not eligible^HL70064||||||F",
        "OBX|2|CE|69764-9^Document type^LN|2|253^Flu sheet^L||||||F", "OBX|3|DT|29769-7^Presented^LN|2|20240311||||||F",
        "OBX|4|CE|31044-1^Reaction^LN|3|VXC9^Fever^L||||||F",
    )  # fmt: skip
    immunization = only(found, "Immunization")
    assert immunization["programEligibility"][0]["coding"][0]["code"] == "V01"
    assert immunization["education"] == [{"documentType": "Flu sheet 253", "presentationDate": "2024-03-11"}]
    assert only(found, "Observation")["code"]["coding"][0]["code"] == "31044-1"


def test_an_order_with_a_result_status_is_a_report_and_one_without_is_not() -> None:
    obx = "OBX|1|NM|2345-7^Glucose^LN||90||||||F"
    ordered = sent("OML^O21", PATIENT, "ORC|NW|P1", "OBR|1|P1||2345-7^Glucose^LN", obx)
    assert resources(ordered, "DiagnosticReport") == []
    assert only(ordered, "ServiceRequest")["supportingInfo"][0]["reference"].startswith("Observation/")
    stated = sent("OML^O21", PATIENT, "ORC|NW|P1", fields("OBR", {2: "P1", 4: "2345-7^Glucose^LN", 25: "F"}), obx)
    assert only(stated, "DiagnosticReport")["status"] == "final"


def test_two_practitioners_of_one_number_without_an_authority_are_two() -> None:
    visit = fields("PV1", {2: "I", 7: "7^Jones^Ann", 8: "7^Smith^Bob", 19: "V1"})
    assert len(resources(sent("ADT^A01", PATIENT, visit), "Practitioner")) == 2


@pytest.mark.parametrize(
    ("event", "mrg", "accounts"),
    [("A41", "MRG|||A1^^^H", ["A2", "A1"]), ("A36", "MRG|13^^^H^MR||A1^^^H", ["A2", "A1"])],
)
def test_a_merged_account_is_kept_with_the_one_that_replaces_it(event: str, mrg: str, accounts: list[str]) -> None:
    pid = fields("PID", {3: "12^^^H^MR", 5: "Doe^Jane", 18: "A2^^^H"})
    found = sent(f"ADT^{event}", pid, mrg)
    assert [one["identifier"][0]["value"] for one in resources(found, "Account")] == accounts


def test_linked_patients_see_each_other() -> None:
    found = sent("ADT^A24", "PID|1||12^^^H^MR||Doe^Jane", "PID|2||13^^^H^MR||Doe^J")
    links = [patient["link"][0] for patient in resources(found, "Patient")]
    assert [(link["type"], link["other"]["reference"]) for link in links] == [
        ("seealso", "Patient/H|13"), ("seealso", "Patient/H|12"),
    ]  # fmt: skip


def test_a_deleted_person_is_inactive_and_nothing_is_erased() -> None:
    found = sent("ADT^A29", PATIENT)
    assert only(found, "Patient")["active"] is False
    assert "hl7v2.person-deleted" in codes(found)


def test_a_route_without_a_dose_says_that_the_dose_is_not_known() -> None:
    found = sent("RAS^O17", PATIENT, "ORC|RE|P1", "RXA|0|1|20240311||1191^Aspirin^RXNORM", "RXR|PO")
    assert set(only(found, "MedicationAdministration")["dosage"]) == {"dose", "route"}
    assert faults(found.drafts) == []


@pytest.mark.parametrize("event", ["A41", "A44", "A45"])
def test_a_move_that_does_not_say_what_is_moved_is_refused(event: str) -> None:
    assert "hl7v2.segment-missing" in codes(sent(f"ADT^{event}", PATIENT))


def test_an_order_without_a_detail_is_known_by_its_numbers() -> None:
    found = sent("ORM^O01", PATIENT, "ORC|OC|P1|F1", "NTE|1||stopped")
    order = only(found, "ServiceRequest")
    assert [one["value"] for one in order["identifier"]] == ["P1", "F1"]
    assert (order["status"], order["note"]) == ("revoked", [{"text": "stopped"}])


def test_a_note_that_belongs_to_nothing_stays_in_landing_and_is_said_so() -> None:
    found = sent("ADT^A08", PATIENT, "NTE|1||a note on a person")
    assert [issue.place for issue in found.issues if issue.code == "hl7v2.segment-kept-in-landing"] == ["NTE"]
