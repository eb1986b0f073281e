"""Searches by identifiers: of a resource by its type, and of what a reference points to without an address."""

from collections.abc import Iterator
from typing import Any

import pytest

from careloom.errors import QueryError
from careloom.services.search import search
from tests.api.kit import OBSERVATION, PATIENT, Installation

V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"


def numbered(kind: str, value: str, name: str = "p1") -> dict[str, Any]:
    identifier = {"type": {"coding": [{"system": V2, "code": kind}]}, "system": f"http://h/{kind}", "value": value}
    return PATIENT | {"id": name, "identifier": [identifier]}


LOGICAL = OBSERVATION | {"id": "o2", "subject": {"identifier": {"system": "http://h/MR", "value": "7"}}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("identifiers")) as opened:
        opened.ingest([numbered("MR", "7"), numbered("SS", "7", "p2"), numbered("MR", "8", "p3"), OBSERVATION, LOGICAL])
        yield opened


@pytest.mark.parametrize(
    ("query", "names"),
    [
        (f"Patient?identifier:of-type={V2}|MR|7", {"p1"}),
        (f"Patient?identifier:of-type={V2}|SS|7", {"p2"}),
        (f"Patient?identifier:of-type={V2}|MR|7,{V2}|MR|8", {"p1", "p3"}),
        (f"Patient?identifier:of-type={V2}|DL|7", set()),
        ("Patient?identifier:of-type=http://other|MR|7", set()),
        ("Patient?identifier=7", {"p1", "p2"}),
        ("Patient?identifier=http://h/MR|7", {"p1"}),
        ("Observation?subject:identifier=http://h/MR|7", {"o2"}),
        ("Observation?patient:identifier=7", {"o2"}),  # it names no type: it may be a patient
        ("Observation?subject:identifier=8", set()),
        (f"Observation?patient.identifier:of-type={V2}|MR|7", {"o1"}),
        (f"Patient?identifier:of-type={V2}|MR|7&_total=accurate", {"p1"}),
    ],
)
def test_identifiers_find_what_has_them(made: Installation, query: str, names: set[str]) -> None:
    own = {
        made.stored_id(kind, name): name
        for kind in ("Patient", "Observation")
        for name in ("p1", "p2", "p3", "o1", "o2")
    }
    page = search(made.platform, made.operator, "identified", query)
    assert {own[one.resource()["id"]] for one in page.found} == names


@pytest.mark.parametrize(
    "query",
    ["Patient?identifier:of-type=7", f"Patient?identifier:of-type={V2}|MR|", "Patient?gender:of-type=a|b|c"],
)
def test_what_is_no_identifier_with_its_type_is_refused(made: Installation, query: str) -> None:
    with pytest.raises(QueryError, match="of-type"):
        search(made.platform, made.operator, "identified", query)
