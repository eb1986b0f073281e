import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.ingest.detect import Detection, Match, detect

PATIENT = {"resourceType": "Patient", "id": "a"}
KNOWN = ("Id", "BIRTHDATE", "FIRST", "LAST")
MESSAGE = b"MSH|^~\\&|LAB|H|EHR|H|20240101||ORU^R01|1|P|2.5\rPID|1||7\r"


def known(header: tuple[str, ...]) -> Match | None:
    return Match("synthea/patients", 0) if header == KNOWN else None


def found(head: bytes) -> Detection:
    return detect(head, known)


@pytest.mark.parametrize(
    ("head", "format_name"),
    [
        (json.dumps(PATIENT).encode(), "fhir"),
        (b"\xef\xbb\xbf\n  " + json.dumps(PATIENT, indent=2).encode(), "fhir"),
        (b'[{"resourceType":"Patient"}]', "fhir"),
        (b'{"a": 1}\n{"a": 2}\n', "fhir"),
        (MESSAGE, "hl7v2"),
        (b"\xef\xbb\xbf\r\n  " + MESSAGE, "hl7v2"),
        (b"\x0b" + MESSAGE + b"\x1c\r", "hl7v2"),
        (b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + MESSAGE, "hl7v2"),
        (b"BHS|^~\\&|A\r" + MESSAGE, "hl7v2"),
        (b"/* from the lab */\n" + MESSAGE, "hl7v2"),
        (b"MSH#*~\\&#LAB#H\rPID#1\r", "hl7v2"),
        (b"Id,BIRTHDATE,FIRST,LAST\n1,2000-01-01,A,B\n", "csv"),
        (b"Id;BIRTHDATE;FIRST;LAST\r\n", "csv"),
        (b"Id\tBIRTHDATE\tFIRST\tLAST\n", "csv"),
        (b'"Id"|"BIRTHDATE"|"FIRST"|"LAST"\n', "csv"),
        (b"sep=;\r\nId;BIRTHDATE;FIRST;LAST\r\n1;2;3;4\r\n", "csv"),
        ("Id,BIRTHDATE,FIRST,LAST\n1,2000-01-01,Zoë,B\n".encode("utf-16"), "csv"),
        ("Id,BIRTHDATE,FIRST,LAST\n1,2000-01-01,Zoë,B\n".encode("utf-16-be"), "csv"),
        (b"Patient-ID: 7\nDate: 2024-01-01\n\nComes with fever, cough, and a rash.\n", "notes"),
        (b"Comes with fever, cough, and a rash.\nNo travel, no pets, no contacts.\n", "notes"),
        ("Müde und heiser.\n".encode("cp1252"), "notes"),
        ("Müde und heiser.\n".encode("utf-16-le"), "notes"),
        (b"MSHA is an agency\n", "notes"),
    ],
)  # fmt: skip
def test_the_first_bytes_tell_the_format(head: bytes, format_name: str) -> None:
    assert (found(head).format, found(head).problem) == (format_name, None)


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"", "ingest.empty-file"),
        (b" \r\n\t\n", "ingest.blank-file"),
        (b"\x89PNG\r\n\x1a\n\x00", "ingest.image-not-read"),
        (b"\xff\xd8\xff\xe0", "ingest.image-not-read"),
        (b"\x00" * 128 + b"DICM", "ingest.dicom-not-read"),
        (b"PK\x03\x04\x14\x00", "ingest.office-not-read"),
        (b"BZh91AY", "ingest.packed-not-read"),
        (b'<!DOCTYPE lolz [<!ENTITY lol "lol">]><lolz>&lol;</lolz>', "ingest.xml-not-read"),
        (b"resourceType: Patient\nid: a\n", "ingest.yaml-not-read"),
        (b"# an example\nresourceType: Patient\nid: a\n", "ingest.yaml-not-read"),
        (b"category:\n- coding:\n  - code: sdoh\n    display: x\nresourceType: Observation\n", "ingest.yaml-not-read"),
        (b"PID|1||7||DOE^J\rPV1|1|I\r", "ingest.hl7v2-no-msh"),
        (b"a,b,c\n1,2,3\n4,5,6\n", "ingest.csv-unknown-header"),
        (b"patient_id;visit;score\n", "ingest.csv-unknown-header"),
        ('{"resourceType":"Patient"}'.encode("utf-16"), "ingest.json-not-utf8"),
        ('{"resourceType":"Patient"}'.encode("utf-16-le"), "ingest.json-not-utf8"),
        (bytes(range(256)) * 4, "ingest.unknown-binary"),
        (b"\x7fELF\x02\x01", "ingest.program-not-read"),
    ],
)
def test_what_is_not_read_is_named_with_the_true_reason(head: bytes, code: str) -> None:
    detection = found(head)
    assert detection.problem is not None
    assert detection.problem[0] == code
    assert detection.problem[1]
    assert detection.problem[2]


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("Id,BIRTHDATE,FIRST,LAST\n1,2000-01-01,Zoë,B\n".encode(), "utf-8"),
        ("Id,BIRTHDATE,FIRST,LAST\n1,2000-01-01,Zoë,B\n".encode("cp1252"), "cp1252"),
        ("\ufeffId,BIRTHDATE,FIRST,LAST\n1,2000-01-01,Zoë,B\n".encode("utf-16-le"), "utf-16-le"),
        ("\ufeffId,BIRTHDATE,FIRST,LAST\n1,2000-01-01,Zoë,B\n".encode("utf-16-be"), "utf-16-be"),
        (("Id,BIRTHDATE,FIRST,LAST\n" + "ë" * 40000).encode()[:65536 - 1], "utf-8"),
    ],
)  # fmt: skip
def test_the_encoding_of_a_table_is_found(head: bytes, encoding: str) -> None:
    detection = found(head)
    assert detection.format == "csv"
    assert detection.details["encoding"] == encoding
    assert detection.header == KNOWN
    assert detection.match == Match("synthea/patients", 0)


def test_a_mapping_may_declare_what_the_bytes_do_not_say() -> None:
    detection = detect(b"a,b,c\n", lambda _: Match("own/x", None, {"quote": "'"}))
    assert detection.details == {"encoding": "utf-8", "delimiter": ",", "quote": "'"}


def test_the_type_of_a_resource_stands_in_the_details() -> None:
    assert found(b'{\n "resourceType" : "Bundle"').details["resource_type"] == "Bundle"


@given(st.binary(max_size=400))
def test_any_bytes_have_a_format_or_a_reason(head: bytes) -> None:
    detection = found(head)
    assert detection.format
    assert detection.problem or detection.format in ("fhir", "hl7v2", "csv", "notes")


@given(st.text(max_size=200))
def test_any_text_has_a_format_or_a_reason(text: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        assert found(text.encode(encoding, "surrogatepass")).format
