"""An evaluation made elsewhere: read where it is whole and of this version; else its first fault is named."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from careloom.errors import FormatError
from careloom.mlops.card_evaluation import Kind, evaluation, template
from tests.unit.mlops.card_made import DIGEST, NOW, SAME_SOURCE

NAME = "readmission-30d@3.external.json"


def filled(**changed: Any) -> dict[str, Any]:
    """The template, filled in."""
    told = template(DIGEST, SAME_SOURCE.measures)
    told |= {
        "at": (NOW - timedelta(days=2)).isoformat(), "data": "Another hospital, 2025", "party": "Its quality office",
        "process": "As it is.",
        "measures": {"auroc": {"value": 0.7, "low": 0.65, "high": 0.75}, "slope": {"value": 1.1}},
        "counts": {"n": 400, "patients": 300, "events": 50},
        "subgroups": [
            {"attribute": "sex", "group": "female", "n": 200, "patients": 150, "events": 25, "auroc": 0.71},
            {"attribute": "sex", "group": "other", "n": None, "patients": None, "events": None, "auroc": None},
        ],
    }  # fmt: skip
    return told | changed


def read(told: dict[str, Any], kind: Kind = "external") -> Any:
    return evaluation(orjson.dumps(told), NAME, kind, DIGEST, NOW)


def test_a_file_that_is_filled_in_is_a_judgement_of_the_version() -> None:
    found = read(filled())
    assert (found.of, found.party, found.data) == (DIGEST, "Its quality office", "Another hospital, 2025")
    assert found.measures["auroc"] == {"value": 0.7, "low": 0.65, "high": 0.75}
    assert found.counts == {"n": 400, "patients": 300, "events": 50}
    assert [row["n"] for row in found.subgroups] == [200, None]
    assert read(filled(party="", process=""), "local").party == ""


def test_the_template_itself_is_refused_until_it_is_filled_in() -> None:
    told = template(DIGEST, SAME_SOURCE.measures)
    assert {"auroc", "brier", "slope"} <= set(told["measures"])
    with pytest.raises(FormatError):
        read(told)


def group(**changed: Any) -> dict[str, Any]:
    return {"subgroups": [{"attribute": "sex", "group": "female", "n": 200, "auroc": 0.7} | changed]}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "another version": ({"of": "sha256:other"}, "of"),
    "no moment": ({"at": ""}, "at"),
    "no offset": ({"at": "2026-11-28T12:00:00"}, "at"),
    "the future": ({"at": (NOW + timedelta(days=1)).isoformat()}, "at"),
    "no data": ({"data": " "}, "data"),
    "nobody": ({"party": ""}, "party"),
    "nobody knows how": ({"process": ""}, "process"),
    "misspelt": ({"mesures": {}}, "mesures"),
    "no measure": ({"measures": {}}, "measures"),
    "no value": ({"measures": {"auroc": {"value": None}}}, "measures"),
    "words for a number": ({"measures": {"auroc": {"value": "0.7"}}}, "measures.auroc"),
    "beyond one": ({"measures": {"auroc": {"value": 70}}}, "measures.auroc"),
    "outside its interval": ({"measures": {"auroc": {"value": 0.7, "low": 0.72, "high": 0.8}}}, "measures.auroc"),
    "half a patient": ({"counts": {"n": 400, "patients": 300.5}}, "counts.patients"),
    "more events than rows": ({"counts": {"n": 400, "events": 401}}, "counts.events"),
    "no rows": ({"subgroups": {"sex": 1}}, "subgroups"),
    "no group": (group(group=""), "subgroups[0].group"),
    "few patients": (group(patients=10), "subgroups[0]"),
    "few rows": (group(n=10), "subgroups[0]"),
    "uncounted": (group(n=None), "subgroups[0]"),
    "words in a row": (group(auroc="high"), "subgroups[0]"),
}


@pytest.mark.parametrize(("changed", "place"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_named_with_what_to_do(changed: dict[str, Any], place: str) -> None:
    with pytest.raises(FormatError) as caught:
        read(filled(**changed))
    assert caught.value.where.startswith(NAME)
    assert caught.value.where.endswith(f": {place}")
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("content", "place"), [(b'{"of": \n x}', "line 2, column 2"), (b"[]", ".json"), (b"\xff", "line 1")]
)
def test_what_is_no_object_of_json_is_named_by_its_place(content: bytes, place: str) -> None:
    with pytest.raises(FormatError) as caught:
        evaluation(content, NAME, "external", DIGEST, NOW)
    assert place in caught.value.where


def test_a_report_of_the_platform_about_the_same_version_is_read_as_it_is() -> None:
    told = filled(report={"rows": 1}, by="careloom", against={})

    assert read(told) == read(filled())
