"""The sections that a document's template requires."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.ingest.ccda_structure import check_document
from careloom.ingest.record_facts import fact_of
from careloom.pipeline.record import FileContext, Record
from careloom.runtime import packaged

DOCUMENTS = tomllib.loads(packaged("ingest", "maps/ccda_documents.toml").decode())["document"]
DISCHARGE = "2.16.840.1.113883.10.20.22.1.8"


def document(root: str, sections: list[str], edition: str = ' extension="2015-08-01"') -> bytes:
    body = "".join(f"<component><section><templateId root='{one}'/></section></component>" for one in sections)
    return f'<ClinicalDocument><templateId root="{root}"{edition}/>{body}</ClinicalDocument>'.encode()


def complete(root: str) -> list[str]:
    told = DOCUMENTS[root]
    return [section[-1] for section in told["sections"]] + [one for _, sets in told["either"] for one in sets[-1]]


@pytest.mark.parametrize("root", sorted(DOCUMENTS))
def test_a_document_with_all_required_sections_lacks_nothing(root: str) -> None:
    assert check_document(document(root, complete(root))) == (DOCUMENTS[root]["name"], [])


@pytest.mark.parametrize("root", sorted(DOCUMENTS))
def test_each_required_section_that_is_not_there_is_named(root: str) -> None:
    _, issues = check_document(document(root, []))
    assert len(issues) == len(DOCUMENTS[root]["sections"]) + len(DOCUMENTS[root]["either"])
    assert all(issue.code == "ccda.section-missing" and not issue.refuses for issue in issues)


def test_either_of_two_sections_will_do() -> None:
    referral = "2.16.840.1.113883.10.20.22.1.14"
    sections = [section[-1] for section in DOCUMENTS[referral]["sections"]]
    assert check_document(document(referral, [*sections, "2.16.840.1.113883.10.20.22.2.9"]))[1] == []
    assert len(check_document(document(referral, [*sections, "2.16.840.1.113883.10.20.22.2.8"]))[1]) == 1


@pytest.mark.parametrize(
    "raw", [document(DISCHARGE, [], ""), document("1.2.3", []), b"", b"<templateId", "é".encode("utf-16")]
)
def test_documents_of_other_editions_and_kinds_are_not_checked(raw: bytes) -> None:
    assert check_document(raw) == ("", [])
    fact = fact_of(Record(0, raw, "document", FileContext("ccda")))
    assert fact is not None
    assert fact.faults is None


def test_the_fact_of_a_document_counts_what_it_lacks() -> None:
    fact = fact_of(Record(0, document(DISCHARGE, complete(DISCHARGE)[1:]), "document", FileContext("ccda")))
    assert fact is not None
    assert fact.faults == 1


@given(st.binary(max_size=200))
def test_any_bytes_are_checked_without_a_fault(raw: bytes) -> None:
    check_document(b"<templateId root='2.16.840.1.113883.10.20.22.1.8' extension='2015-08-01'/>" + raw)
