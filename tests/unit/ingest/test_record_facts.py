"""What a raw record says of itself."""

from datetime import UTC, datetime

import pytest

from careloom.ingest.record_facts import fact_of
from careloom.pipeline.record import FileContext, Record, RecordFact


def fact(raw: str, record_format: str = "hl7v2", **options: str) -> RecordFact | None:
    return fact_of(Record(0, raw.encode(), "message 1", FileContext(record_format, options=options)))


HEADER = "MSH|^~\\&|LAB|NORTH|X|Y|{time}||{kind}|{control}|P|2.5.1"


@pytest.mark.parametrize(
    ("time", "zone", "expected"),
    [
        ("20240102030405", "", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("20240102030405+0100", "", datetime(2024, 1, 2, 2, 4, 5, tzinfo=UTC)),
        ("20240102030405-0500", "+01:00", datetime(2024, 1, 2, 8, 4, 5, tzinfo=UTC)),
        ("20240102", "+01:00", datetime(2024, 1, 1, 23, tzinfo=UTC)),
        ("202401", "", None),
        ("soon", "", None),
        ("", "", None),
    ],
)
def test_the_time_of_a_message_is_that_of_its_header_in_utc(time: str, zone: str, expected: datetime | None) -> None:
    raw = HEADER.format(time=time, kind="ADT^A01", control="C1") + "\rPID|1"
    found = fact(raw, timezone=zone) if zone else fact(raw)
    assert found == RecordFact("ADT^A01", expected, "C1", faults=2)


@pytest.mark.parametrize(
    ("raw", "kind", "control"),
    [
        (HEADER.format(time="", kind="ORU^R01^ORU_R01", control="7"), "ORU^R01", "7"),
        (HEADER.format(time="", kind="adt^a08", control="8"), "ADT^A08", "8"),
        (HEADER.format(time="", kind="ACK", control="9"), "ACK", "9"),
        (HEADER.format(time="", kind="DOE^JANE", control="9"), "unknown", "9"),
        ("\x0bjunk\rMSH|^~\\&|||||||VXU^V04|1\rPID|MSH", "VXU^V04", "1"),
        ("MSH|", "unknown", ""),
        ("no message at all", "unknown", ""),
        ("", "unknown", ""),
    ],
)
def test_what_is_not_shaped_like_a_type_is_not_kept_as_one(raw: str, kind: str, control: str) -> None:
    found = fact(raw)
    assert found is not None
    assert (found.kind, found.control_id) == (kind, control)


DOCUMENT = """<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><realmCode code="US"/>
<templateId root="2.16.840.1.113883.10.20.22.1.2"/><id extension='T1' root="1.2.3"/>
<code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><title>x</title><effectiveTime value="20240102030405+0100"/>
<recordTarget><patientRole><id root="9" extension="A"/></patientRole></recordTarget></ClinicalDocument>"""


def test_a_document_is_known_by_its_own_id_code_and_time() -> None:
    expected = RecordFact("34133-9", datetime(2024, 1, 2, 2, 4, 5, tzinfo=UTC), "1.2.3^T1")
    assert fact(DOCUMENT, "ccda") == expected
    assert fact(DOCUMENT.replace("<", "<cda:").replace("<cda:/", "</cda:").replace("<cda:?", "<?"), "ccda") == expected


def test_a_document_without_a_head_says_nothing() -> None:
    assert fact("<ClinicalDocument><recordTarget/><id root='1'/></ClinicalDocument>", "ccda") == RecordFact("unknown")


def test_other_formats_say_nothing_of_themselves() -> None:
    assert fact("{}", "fhir") is None
