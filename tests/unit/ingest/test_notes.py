"""Plain-text notes to DocumentReference."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.fhir import validate
from careloom.fhir.drafts import Resource
from careloom.ingest.conversion import Conversion
from careloom.ingest.notes import convert, split_header
from careloom.pipeline.record import FileContext, Record

HEADER = "Patient-ID: 4711\nEncounter-ID: V-1\nDate: 2024-03-01T14:20:00+01:00\nType: Discharge summary\nNote-ID: 9\n\n"


def make(raw: str | bytes, **options: str) -> Conversion:
    data = raw.encode() if isinstance(raw, str) else raw
    return convert(Record(0, data, "file", FileContext("notes", options=options)))


def text_of(resource: Resource) -> str:
    return base64.b64decode(resource["content"][0]["attachment"]["data"]).decode()


def test_a_note_with_a_header_becomes_a_document() -> None:
    made = make(HEADER + "Patient seen.\r\nDoing well.\n")
    assert made.issues == []
    (draft,) = made.drafts
    body = b"Patient seen.\r\nDoing well.\n"
    assert draft.source_id == "note|9"
    assert draft.resource == {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {
            "coding": [{"system": "http://loinc.org", "code": "18842-5", "display": "Discharge summary"}],
            "text": "Discharge summary",
        },
        "category": draft.resource["category"],
        "subject": {"reference": "Patient/4711"},
        "date": "2024-03-01T14:20:00+01:00",
        "context": {
            "encounter": [{"reference": "Encounter/V-1"}],
            "period": {"start": "2024-03-01T14:20:00+01:00"},
        },
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain; charset=utf-8",
                    "data": base64.b64encode(body).decode(),
                    "size": len(body),
                    "hash": base64.b64encode(hashlib.sha1(body).digest()).decode(),
                }
            }
        ],
    }
    assert [issue for issue in validate.check({**draft.resource, "id": "x"}) if issue.refuses] == []


def test_a_patient_that_comes_with_the_file_is_enough() -> None:
    made = make("Just text.", patient_id="7")
    assert made.drafts[0].resource["subject"] == {"reference": "Patient/7"}
    assert made.drafts[0].resource["type"]["coding"][0]["code"] == "34109-9"
    assert "context" not in made.drafts[0].resource
    assert [issue for issue in validate.check({**made.drafts[0].resource, "id": "x"}) if issue.refuses] == []


REFUSED = [
    ("Just text.", {}, "notes.no-patient"),
    ("Encounter-ID: 1\n\nJust text.", {}, "notes.no-patient"),
    ("Patient-ID:\n\nJust text.", {}, "notes.no-patient"),
    ("Patient-ID: 1\n\n  \n", {}, "notes.empty"),
    ("", {"patient_id": "1"}, "notes.empty"),
    ("Patient-ID: 1\n\ntext", {"patient_id": "2"}, "notes.conflict"),
    ("Patient-ID: 1\nDate: 2024-02-30\n\ntext", {}, "notes.bad-date"),
    ("Patient-ID: 1\nDate: yesterday\n\ntext", {}, "notes.bad-date"),
    (b"Patient-ID: 1\n\nte\x00xt", {}, "notes.control-character"),
    (b"Patient-ID: 1\n\nte\x07xt", {}, "notes.control-character"),
    (b"\xff\xfeP", {"patient_id": "1"}, "notes.encoding"),
    (b"\x81\x8d\x8f text", {"patient_id": "1"}, "notes.encoding"),
]


@pytest.mark.parametrize(("raw", "options", "code"), REFUSED)
def test_a_note_that_cannot_be_kept_is_refused(raw: str | bytes, options: dict[str, str], code: str) -> None:
    made = make(raw, **options)
    assert ([issue.code for issue in made.issues], made.drafts) == ([code], [])


def test_the_remedy_for_a_note_without_patient_says_how() -> None:
    assert "Patient-ID:" in make("text").issues[0].remedy


ENCODED = [
    ("Patient-ID: 1\n\nÄrztin – ok", "utf-8", {}, []),
    ("\ufeffPatient-ID: 1\n\nÄrztin – ok", "utf-8", {}, []),
    ("\ufeffPatient-ID: 1\n\nÄrztin – ok", "utf-16-le", {}, []),
    ("\ufeffPatient-ID: 1\n\nÄrztin – ok", "utf-16-be", {}, []),
    ("Patient-ID: 1\n\nÄrztin – ok", "utf-16-le", {"encoding": "utf-16-le"}, []),
    ("Patient-ID: 1\n\nÄrztin – ok", "cp1252", {}, ["notes.encoding-guessed"]),
]


@pytest.mark.parametrize(("text", "encoding", "options", "warned"), ENCODED)
def test_encodings_are_told_apart(text: str, encoding: str, options: dict[str, str], warned: list[str]) -> None:
    made = make(text.encode(encoding), **options)
    assert [issue.code for issue in made.issues] == warned
    assert text_of(made.drafts[0].resource) == "Ärztin – ok"


HEADERS = [
    ("Patient-ID: 1\n\nText: more\n", {"patient_id": "1"}, "Text: more\n"),
    ("---\nMRN: 1\nDATE : 2024\n---\nbody", {"patient_id": "1", "date": "2024"}, "body"),
    ("patient_id:1\r\n\r\nbody", {"patient_id": "1"}, "body"),
    ("Patient ID: 1\nChief complaint: pain\n", {"patient_id": "1"}, "Chief complaint: pain\n"),
    ("Patient-ID: 1\nPatient-ID: 2\n", {"patient_id": "1"}, "Patient-ID: 2\n"),
    ("Date: 2024\n\nbody", {}, "Date: 2024\n\nbody"),
    ("Allergies: none\nPatient-ID: 1\n\n", {}, "Allergies: none\nPatient-ID: 1\n\n"),
]


@pytest.mark.parametrize(("text", "declared", "body"), HEADERS)
def test_only_known_lines_with_a_patient_are_a_header(text: str, declared: dict[str, str], body: str) -> None:
    assert split_header(text) == (declared, body)


TYPES = [
    ("18842-5", {"coding": [{"system": "http://loinc.org", "code": "18842-5", "display": "Discharge summary"}]}),
    ("11490-0", {"coding": [{"system": "http://loinc.org", "code": "11490-0"}]}),
    (
        "H&P",
        {
            "coding": [{"system": "http://loinc.org", "code": "34117-2", "display": "History and physical note"}],
            "text": "H&P",
        },
    ),
    (
        "Postcard",
        {"coding": [{"system": "http://loinc.org", "code": "34109-9", "display": "Note"}], "text": "Postcard"},
    ),
]


@pytest.mark.parametrize(("text", "concept"), TYPES)
def test_types_are_loinc_codes_or_words(text: str, concept: dict[str, object]) -> None:
    assert make(f"Patient-ID: 1\nType: {text}\n\nbody").drafts[0].resource["type"] == concept


def test_a_time_without_offset_keeps_its_day_and_warns() -> None:
    made = make("Patient-ID: 1\nDate: 2024-03-01 14:20\n\nbody")
    assert [issue.code for issue in made.issues] == ["notes.no-timezone"]
    assert made.drafts[0].resource["context"]["period"] == {"start": "2024-03-01", "end": "2024-03-01"}
    assert "date" not in made.drafts[0].resource


def test_the_same_note_is_the_same_document_and_another_is_not() -> None:
    one, again, other = (make(f"Patient-ID: 1\n\n{text}").drafts[0].source_id for text in ("a", "a", "b"))
    assert one == again != other


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1).filter(str.strip))
def test_any_text_survives_unchanged(text: str) -> None:
    made = make(f"Patient-ID: 1\n\n{text}")
    assert text_of(made.drafts[0].resource) == text


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(raw: bytes) -> None:
    assert make(raw).issues or make(raw).drafts


@given(st.text())
def test_no_issue_holds_the_patient(text: str) -> None:
    for issue in make(f"Patient-ID: secret\nDate: secret{text}\nType: secret\n", patient_id="secrets").issues:
        assert "secret" not in f"{issue.place}{issue.message}{issue.remedy}"
