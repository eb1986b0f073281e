"""The terminologies that ship with the package."""

import gzip
import json
from datetime import date
from pathlib import Path

import pytest

from careloom.terminology.packaged import PACKAGED, icd10cm_notes, lookup
from careloom.terminology.systems import ICD_10_CM, LOINC

CASES = [
    ("E11.9", "Type 2 diabetes mellitus without complications", False, ("E11",)),
    ("E11", "Type 2 diabetes mellitus", True, ("E08-E13",)),
    ("E08-E13", "Diabetes mellitus", True, ("4",)),
    ("4", "Endocrine, nutritional and metabolic diseases", True, ()),
    (
        "S72.001A",
        "Fracture of unspecified part of neck of right femur, initial encounter for closed fracture",
        False,
        ("S72.001",),
    ),
    ("W52.XXXD", "Crushed, pushed or stepped on by crowd or human stampede, subsequent encounter", False, ("W52",)),
    ("I10", "Essential (primary) hypertension", False, ("I10-I1A",)),
]


@pytest.mark.parametrize(("code", "name", "is_abstract", "parents"), CASES)
def test_a_code_of_icd10cm_has_its_name(code: str, name: str, is_abstract: bool, parents: tuple[str, ...]) -> None:
    concept = lookup(ICD_10_CM, code)
    assert concept is not None
    assert (concept.name, concept.is_abstract, concept.parents) == (name, is_abstract, parents)
    assert (concept.version, concept.is_active) == ("2026-04", True)


@pytest.mark.parametrize("code", ["", "E11.", "E119", "e11.9", "E11.99", "S72.001AX", "ZZZ", "\t", "99"])
def test_a_code_that_is_not_there_is_none(code: str) -> None:
    assert lookup(ICD_10_CM, code) is None


def test_a_system_without_a_table_has_no_codes() -> None:
    assert lookup("http://example.org/none", "1") is None
    assert PACKAGED.children("http://example.org/none", "1") == ()
    assert PACKAGED.search("pain", "http://example.org/none") == []


def test_another_version_than_that_of_the_table_is_not_answered() -> None:
    assert PACKAGED.find(ICD_10_CM, "E11.9", "2026-04") is not None
    assert PACKAGED.find(ICD_10_CM, "E11.9", "2025") is None
    assert PACKAGED.children(ICD_10_CM, "E11", "2025") == ()


def test_inclusion_terms_children_and_notes_are_kept() -> None:
    hypertension = lookup(ICD_10_CM, "I10")
    assert hypertension is not None
    assert "high blood pressure" in hypertension.names
    assert PACKAGED.children(ICD_10_CM, "E11")[-1] == "E11.A"
    assert PACKAGED.children(ICD_10_CM, "S72.001")[:3] == ("S72.001A", "S72.001B", "S72.001C")
    assert ("excludes1", "gestational diabetes (O24.4-)") in icd10cm_notes("E11")
    assert icd10cm_notes("E11.00") == ()


def test_the_release_says_when_it_ends() -> None:
    (release,) = [release for release in PACKAGED.releases() if release.system == ICD_10_CM]
    assert release.concepts == 98466
    assert not release.is_expired(date(2026, 9, 30))
    assert release.is_expired(date(2026, 10, 1))


SEARCHES = [
    ("Type 2 diabetes mellitus without complications", "E11.9"),
    ("heart failure", "I50"),
    ("HEART   FAILURE!", "I50"),
    ("asthma", "J45"),
    ("diabtes melitus type 2", "E11"),
    ("malaria cerebral", "B50.0"),
    ("high blood pressure", "I10"),
    ("E11.65", "E11.65"),
    ("e11.65", "E11.65"),
]


@pytest.mark.parametrize(("text", "code"), SEARCHES)
def test_a_text_finds_its_code_first(text: str, code: str) -> None:
    assert PACKAGED.search(text, ICD_10_CM, 5)[0].concept.code == code


@pytest.mark.parametrize("text", ["", "   ", "!!!", "xyzzyx qqq"])
def test_a_text_without_known_words_finds_nothing(text: str) -> None:
    assert PACKAGED.search(text, ICD_10_CM) == []


def test_matches_are_best_first_and_no_more_than_asked() -> None:
    found = PACKAGED.search("fracture of neck of right femur", ICD_10_CM, 7)
    assert len(found) == 7
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)
    assert len({match.concept.code for match in found}) == 7


def test_every_code_of_the_publishers_list_is_there_with_its_name(suites: Path) -> None:
    folder = suites / "term_icd10cm"
    listed = set(gzip.decompress((folder / "code-list-April-2026.txt.gz").read_bytes()).decode().split())
    tabular = gzip.decompress((folder / "icd10cm_tabular.jsonl.gz").read_bytes()).splitlines()
    rows = [json.loads(line) for line in tabular]
    named = {row["code"]: row for row in rows}
    wrong = []
    for raw in listed:
        code = f"{raw[:3]}.{raw[3:]}" if len(raw) > 3 and "-" not in raw else raw
        concept = lookup.__wrapped__(ICD_10_CM, code)
        row = named.get(code)
        right = concept is not None and concept.name != ""
        if concept is not None and row is not None:
            terms = {" ".join(term.split()).replace("|", "/") for term in (row["desc"], *row["inclusion"])}
            right = concept.name == row["desc"] and {*concept.names, concept.name} == terms
            right = right and (row["parent"] is None or concept.parents == (row["parent"],))
        if not right:
            wrong.append(code)
    assert (len(listed), len(rows), wrong) == (98466, 46881, [])


def test_a_table_of_another_system_is_not_mixed_in() -> None:
    assert {match.concept.system for match in PACKAGED.search("glucose", LOINC)} <= {LOINC}
