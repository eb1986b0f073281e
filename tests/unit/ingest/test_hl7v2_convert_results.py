import pytest

from tests.unit.ingest.hl7v2_support import HEAD, PID, codes, converted, faults, fields, only, resources, sent


def observed(values: dict[int, str]) -> dict[str, object]:
    found = sent("ORU^R01", PID + "OBR|1||F1|X^Panel^L", fields("OBX", {3: "1-8^Test^LN", 11: "F", **values}))
    assert not faults(found.drafts)
    return only(found, "Observation")


# results


@pytest.mark.parametrize(
    ("obx", "expected"),
    [
        ({2: "NM", 5: "7.5", 6: "mg^^UCUM"},
         {"valueQuantity": {"value": 7.5, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}}),
        ({2: "NM", 5: "7", 6: "mg^milligram^L"}, {"valueQuantity": {"value": 7, "unit": "milligram"}}),
        ({2: "NM", 5: "<0.5"}, {"valueQuantity": {"value": 0.5, "comparator": "<"}}),
        ({2: "NM", 5: "pending"}, {"valueString": "pending"}),
        ({2: "NM", 5: "1e400"}, {"valueString": "1e400"}),
        ({2: "NM", 5: "1" * 30}, {"valueString": "1" * 30}),
        ({2: "SN", 5: ">=^60"}, {"valueQuantity": {"value": 60, "comparator": ">="}}),
        ({2: "SN", 5: "^1^:^128"}, {"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}),
        ({2: "SN", 5: "^1^-^3"}, {"valueRange": {"low": {"value": 1}, "high": {"value": 3}}}),
        ({2: "SN", 5: "^2^+"}, {"valueString": "2 +"}),
        ({2: "SN", 5: "<>^2"}, {"valueString": "<> 2"}),
        ({2: "CWE", 5: "1^Yes^L"}, {"valueCodeableConcept": {"coding": [{"code": "1", "display": "Yes"}]}}),
        ({2: "CE", 5: "^Free"}, {"valueCodeableConcept": {"coding": [{"display": "Free"}], "text": "Free"}}),
        ({2: "ST", 5: "a\\T\\b"}, {"valueString": "a&b"}),
        ({2: "TX", 5: "one~two"}, {"valueString": "one\ntwo"}),
        ({2: "FT", 5: "one\\.br\\two"}, {"valueString": "one\ntwo"}),
        ({2: "", 5: "words"}, {"valueString": "words"}),
        ({2: "DT", 5: "20240101"}, {"valueDateTime": "2024-01-01"}),
        ({2: "TS", 5: "202401011530+0100"}, {"valueDateTime": "2024-01-01T15:30:00+01:00"}),
        ({2: "DT", 5: "soon"}, {"valueString": "soon"}),
        ({2: "TM", 5: "1530"}, {"valueTime": "15:30:00"}),
        ({2: "DR", 5: "20240101^20240102"}, {"valuePeriod": {"start": "2024-01-01", "end": "2024-01-02"}}),
        ({2: "NR", 5: "1^3"}, {"valueRange": {"low": {"value": 1}, "high": {"value": 3}}}),
        ({2: "NA", 5: "1^2~3^4"}, {"valueString": "1^2\n3^4"}),
        ({2: "XPN", 5: "Doe^Jane"}, {"valueString": "Doe Jane"}),
        ({2: "QQ", 5: "what"}, {"valueString": "what"}),
        ({2: "NM", 5: '""'}, {}),
        ({2: "NM", 5: ""}, {}),
    ],
)  # fmt: skip
def test_values_follow_their_type(obx: dict[int, str], expected: dict[str, object]) -> None:
    found = observed(obx)
    assert {key: value for key, value in found.items() if key.startswith("value")} == expected


def test_several_values_become_components() -> None:
    found = observed({2: "NM", 5: "60~120", 6: "mm[Hg]^^UCUM"})
    assert [part["valueQuantity"]["value"] for part in found["component"]] == [60, 120]  # type: ignore[union-attr, index, attr-defined]


@pytest.mark.parametrize(
    ("status", "expected"),
    [("F", "final"), ("C", "corrected"), ("P", "preliminary"), ("D", "entered-in-error"), ("X", "cancelled"),
     ("I", "registered"), ("", "unknown"), ("?", "unknown")],
)  # fmt: skip
def test_result_status(status: str, expected: str) -> None:
    assert observed({2: "NM", 5: "1", 11: status})["status"] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("70-99", {"low": {"value": 70}, "high": {"value": 99}, "text": "70-99"}),
        ("<5", {"high": {"value": 5}, "text": "<5"}),
        (">= 60", {"low": {"value": 60}, "text": ">= 60"}),
        ("<130 optimal", {"text": "<130 optimal"}),
        ("99-70", {"text": "99-70"}),
    ],
)
def test_reference_ranges_are_read_where_they_are_plain(text: str, expected: dict[str, object]) -> None:
    assert observed({2: "NM", 5: "1", 7: text})["referenceRange"] == [expected]


def test_lines_of_text_with_one_code_are_one_observation_and_notes_stay_with_their_result() -> None:
    found = sent(
        "ORU^R01",
        PID + "OBR|1||F1|X^Panel^L",
        "NTE|1||about the order",
        "OBX|1|TX|1-8^T^LN|1|first||||||F",
        "OBX|2|TX|1-8^T^LN|1|  second||||||F",
        "NTE|1||about the text",
        "NTE|2||and more",
        "OBX|3|TX|1-8^T^LN|2|other||||||F",
    )
    first, other = resources(found, "Observation")
    assert first["valueString"] == "first\n  second"
    assert first["note"] == [{"text": "about the text\nand more"}]
    assert "note" not in other
    assert only(found, "ServiceRequest")["note"] == [{"text": "about the order"}]


def test_repeated_results_of_one_code_keep_apart() -> None:
    found = sent("ORU^R01", PID + "OBR|1||F1|X", "OBX|1|NM|1-8||1||||||F", "OBX|2|NM|1-8||2||||||F")
    ids = [draft.source_id for draft in found.drafts if draft.resource["resourceType"] == "Observation"]
    assert len(set(ids)) == 2
    assert len(only(found, "DiagnosticReport")["result"]) == 2


def test_a_correction_of_one_line_meets_the_line_it_corrects() -> None:
    whole = sent("ORU^R01", PID + "OBR|1||F1|X", "OBX|1|NM|1-8||1||||||F", "OBX|2|NM|2-6||2||||||F")
    alone = sent("ORU^R01", PID + "OBR|1||F1|X", "OBX|1|NM|2-6||3||||||C")
    ids = {draft.source_id for draft in whole.drafts if draft.resource["resourceType"] == "Observation"}
    assert {draft.source_id for draft in alone.drafts if draft.resource["resourceType"] == "Observation"} < ids


def test_an_order_counts_once_for_orc_and_obr() -> None:
    found = sent("ORU^R01", PID + "ORC|RE|P1|F1||CM", "OBR|1|P1|F1|X", "ORC|RE|P2|F2||IP", "OBR|2|P2|F2|Y")
    assert [one["status"] for one in resources(found, "ServiceRequest")] == ["completed", "active"]
    assert len(resources(found, "DiagnosticReport")) == 2


def test_an_order_control_without_a_request_is_still_an_order() -> None:
    found = sent("ORU^R01", PID + "ORC|NW|P1|F1", "OBX|1|NM|1-8||1||||||F")
    assert only(found, "ServiceRequest")["identifier"][0]["value"] == "P1"
    assert not faults(found.drafts)


def test_a_specimen_segment_is_preferred_to_the_orders_own() -> None:
    obr = fields("OBR", {1: "1", 3: "F1", 4: "X", 14: "20240311", 15: "BLD"})
    found = sent("ORU^R01", PID + obr, "OBX|1|NM|1-8||1||||||F", "SPM|1|^S1||SER^Serum^HL70487")
    assert only(found, "Specimen")["identifier"][0]["value"] == "S1"
    reference = only(found, "DiagnosticReport")["specimen"][0]
    assert only(found, "Observation")["specimen"] == reference
    assert only(sent("ORU^R01", PID + obr), "Specimen")["receivedTime"] == "2024-03-11"


def test_observations_about_a_specimen_have_it_as_focus() -> None:
    found = sent("ORU^R01", PID + "OBR|1||F1|X", "SPM|1|^S1", "OBX|1|NM|1-8||1||||||F")
    assert "Specimen/" in only(found, "Observation")["focus"][0]["reference"]
    assert "result" not in only(found, "DiagnosticReport")


def test_an_attached_file_is_the_reports_form() -> None:
    found = sent("ORU^R01", PID + "OBR|1||F1|X", "OBX|1|ED|P||^application^pdf^Base64^JVBERi0xLjQK||||||F")
    assert only(found, "DiagnosticReport")["presentedForm"] == [
        {"contentType": "application/pdf", "data": "JVBERi0xLjQK"}
    ]


def test_a_file_that_is_not_what_it_says_is_left_out_with_a_warning() -> None:
    found = sent("ORU^R01", PID + "OBR|1||F1|X", "OBX|1|ED|P||^application^pdf^Base64^%%%||||||F")
    assert only(found, "DiagnosticReport")["presentedForm"] == [{"contentType": "application/pdf"}]
    assert "hl7v2.attachment-invalid" in codes(found)


def test_two_patients_in_one_message_keep_their_own_results() -> None:
    found = sent(
        "ORU^R01",
        PID + "OBR|1||F1|X",
        "OBX|1|NM|1-8||1||||||F",
        "PID|2||13^^^H^MR",
        "OBR|1||F2|X",
        "OBX|1|NM|1-8||2||||||F",
    )
    assert [one["subject"]["reference"] for one in resources(found, "Observation")] == ["Patient/H|12", "Patient/H|13"]


def test_an_address_that_is_no_uri_is_kept_as_a_title_with_a_warning() -> None:
    found = sent("ORU^R01", PID + "OBR|1||F1|X", "OBX|1|RP|S^Slide||uuid://host/slide^^image^png||||||F")
    text = str([draft.resource for draft in found.drafts])
    assert "'title': 'uuid://host/slide'" in text
    assert "'url': 'uuid:" not in text
    assert "hl7v2.attachment-invalid" in {issue.code for issue in found.issues}
    assert faults(found.drafts) == []


def test_text_beyond_a_megabyte_becomes_an_attachment() -> None:
    found = observed({2: "FT", 5: "x" * 1_000_001})
    assert "valueString" not in found
    assert found["extension"][0]["valueAttachment"]["contentType"].startswith("text/plain")  # type: ignore[index]


# documents


def test_a_document_without_content_never_wipes_a_stored_one() -> None:
    found = sent("MDM^T03", PID + fields("TXA", {2: "DS", 12: "D1", 17: "AU"}))
    draft = next(draft for draft in found.drafts if draft.resource["resourceType"] == "DocumentReference")
    assert draft.action == "mention"
    assert "hl7v2.document-without-content" in codes(found)
    assert not faults(found.drafts)


def test_a_cancelled_document_is_marked_as_an_error() -> None:
    found = sent("MDM^T11", PID + fields("TXA", {2: "DS", 12: "D1"}))
    draft = next(draft for draft in found.drafts if draft.resource["resourceType"] == "DocumentReference")
    assert (draft.action, draft.resource["status"]) == ("put", "entered-in-error")


def test_a_replacement_names_what_it_replaces() -> None:
    found = sent("MDM^T10", PID + fields("TXA", {2: "DS", 12: "D2", 13: "D1"}), "OBX|1|TX|x||new text||||||F")
    assert only(found, "DocumentReference")["relatesTo"][0]["code"] == "replaces"


# time


@pytest.mark.parametrize(
    ("zone", "sent_time", "expected"),
    [
        ("", "202407011200", "2024-07-01T12:00:00Z"),
        ("+05:30", "202407011200", "2024-07-01T12:00:00+05:30"),
        ("America/New_York", "202407011200", "2024-07-01T12:00:00-04:00"),
        ("America/New_York", "202401011200", "2024-01-01T12:00:00-05:00"),
        ("Not/AZone", "202401011200", "2024-01-01T12:00:00Z"),
        ("+05:30", "202407011200-0100", "2024-07-01T12:00:00-01:00"),
        ("+05:30", "20240701", "2024-07-01"),
    ],
)
def test_times_without_a_zone_take_the_sources(zone: str, sent_time: str, expected: str) -> None:
    raw = HEAD.format("ADT^A01").replace("-0500", "") + PID + fields("PV1", {2: "I", 19: "V", 44: sent_time})
    found = converted(raw, **({"timezone": zone} if zone else {}))
    assert only(found, "Encounter")["period"]["start"] == expected
    assert ("hl7v2.timezone-assumed" in codes(found)) == expected.endswith("Z")


def test_the_messages_own_offset_comes_before_the_sources() -> None:
    found = sent("ADT^A01", PID + fields("PV1", {2: "I", 19: "V", 44: "202407011200"}), timezone="+01:00")
    assert only(found, "Encounter")["period"]["start"] == "2024-07-01T12:00:00-05:00"


def test_details_of_an_order_and_data_of_a_file_get_what_fhir_asks_with_them() -> None:
    order = fields("OBR", {1: "1", 3: "F1", 46: "S1^Service^L"})
    found = sent("ORU^R01", PID + order, "OBX|1|ED|P||^?^?^Base64^AAAA||||||F")
    assert only(found, "ServiceRequest")["code"]["text"] == "unknown"
    assert only(found, "DiagnosticReport")["presentedForm"][0]["contentType"] == "application/octet-stream"
    assert not faults(found.drafts)
