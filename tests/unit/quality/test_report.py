import csv
import re
from html.parser import HTMLParser
from io import StringIO
from typing import Any

import pytest

from careloom.quality.report import report_of
from careloom.quality.report_csv import COLUMNS, as_csv, completeness_csv, findings_csv
from careloom.quality.report_html import as_html
from careloom.quality.rules import packaged_rulebook, rulebook
from tests.unit.quality.hospital import Resource, clean_hospital, look

HEAD = {
    "run_id": "20261101T000000Z-abc234", "zone": "identified", "source": "", "since": "", "actor": "eve",
    "started": "2026-11-01T00:00:00+00:00",
}  # fmt: skip


@pytest.fixture(scope="module")
def dirty() -> list[Resource]:
    resources = clean_hospital(5, 2)
    for one in resources[:40]:
        if one["resourceType"] == "Observation":
            one["effectiveDateTime"] = "2031-01-01"
    return resources


@pytest.fixture(scope="module")
def report(dirty: list[Resource]) -> dict[str, Any]:
    return HEAD | report_of(look(dirty), packaged_rulebook())


def rule(report: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in report["rules"] if one["id"] == name)
    return found


def test_a_rule_that_fails_says_how_often_where_and_why(report: dict[str, Any], dirty: list[Resource]) -> None:
    found = rule(report, "not-in-the-future")
    count = sum(one.get("effectiveDateTime") == "2031-01-01" for one in dirty)
    assert (found["status"], found["failed"]) == ("fail", count)
    assert found["percent"] == round(100 * count / found["total"], 4)
    assert found["places"][0]["type"] == "Observation"
    assert found["places"][0]["path"] == "effectiveDateTime"
    assert f"{count} of {found['total']:,}" in found["reason"]
    assert "Observation.effectiveDateTime from source main" in found["reason"]
    assert all(dirty[row]["effectiveDateTime"] == "2031-01-01" for row in found["examples"])


def test_a_threshold_turns_a_failure_into_a_pass(dirty: list[Resource]) -> None:
    book = rulebook("", {"not-in-the-future": 90})
    assert rule(report_of(look(dirty, book), book), "not-in-the-future")["status"] == "pass"


def test_a_rule_that_applies_to_nothing_says_so(report: dict[str, Any]) -> None:
    found = rule(report, "refills-plausible")
    assert (found["status"], found["percent"], found["total"]) == ("not applicable", None, 0)
    assert "Nothing that it applies to was there (MedicationRequest)." in found["reason"]


def test_scores_are_the_share_of_what_keeps_the_rules(report: dict[str, Any]) -> None:
    clean = report_of(look(clean_hospital(5, 2)), packaged_rulebook())
    assert clean["score"] == 100
    assert {one["score"] for one in clean["categories"]} == {100.0}
    assert 0 < report["score"] < 100
    by_name = {one["category"]: one["score"] for one in report["categories"]}
    assert by_name["conformance"] == 100
    assert by_name["plausibility"] < 100
    assert report["sources"] == [report["sources"][0] | {"source": "main", "score": report["score"]}]


def test_completeness_counts_every_field_of_a_source_and_type(report: dict[str, Any]) -> None:
    patients = next(one for one in report["completeness"] if one["type"] == "Patient")
    shares = {one["field"]: one["percent"] for one in patients["fields"]}
    assert (patients["total"], shares["birthDate"]) == (5, 100.0)
    assert "id" not in shares


def test_what_should_be_there_is_told_even_where_nobody_has_it() -> None:
    resources = [{key: value for key, value in one.items() if key != "telecom"} for one in clean_hospital(2, 2)]
    told = report_of(look(resources), packaged_rulebook())["completeness"]
    patients = next(one for one in told if one["type"] == "Patient")
    assert {"field": "telecom", "count": 0, "percent": 0.0} in patients["fields"]


def test_an_empty_zone_has_no_score() -> None:
    empty = HEAD | report_of(look([]), packaged_rulebook())
    assert empty["score"] is None
    assert {one["status"] for one in empty["rules"]} == {"not applicable"}
    assert "<h1>" in as_html(empty)


class _Outline(HTMLParser):
    """Headings, and tags that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_html_is_whole_loads_nothing_and_can_be_read_aloud(report: dict[str, Any]) -> None:
    page = as_html(report | {"actor": "<script>eve</script>"})
    outline = _Outline()
    outline.feed(page)
    assert outline.open == []
    tags = [tag for tag, _ in outline.seen]
    assert tags.count("h1") == 1
    assert not {"script", "link", "img", "iframe"} & set(tags)
    assert not re.search(r"(?:src|href)=|url\(|@import", page)
    headers = [attrs for tag, attrs in outline.seen if tag == "th"]
    assert headers
    assert all(attrs.get("scope") in ("col", "row") for attrs in headers)
    assert next(attrs for tag, attrs in outline.seen if tag == "html")["lang"] == "en"


def test_the_csv_has_a_line_for_each_place_and_runs_no_formula(report: dict[str, Any]) -> None:
    changed = report | {"rules": [{**report["rules"][0], "title": "=cmd()"}, *report["rules"][1:]]}
    lines = list(csv.DictReader(StringIO(as_csv(changed))))
    assert set(lines[0]) == set(COLUMNS)
    assert lines[0]["title"] == "'=cmd()"
    assert len(lines) == sum(max(1, len(one["places"])) for one in report["rules"])


def test_the_csv_of_findings_has_a_line_for_each_rule_the_gravest_that_fails_first(report: dict[str, Any]) -> None:
    lines = list(csv.DictReader(StringIO(findings_csv(report))))
    assert {one["rule"] for one in lines} == {one["id"] for one in report["rules"]}
    assert sorted((one["status"] for one in lines), key=["fail", "pass", "not applicable"].index) == [
        one["status"] for one in lines
    ]
    failed = [one for one in report["rules"] if one["status"] == "fail"]
    told = {one["rule"]: one for one in lines}
    for rule in failed:
        line = told[rule["id"]]
        assert (line["failed"], line["reason"]) == (str(rule["failed"]), rule["reason"])
        assert line["examples"] == "; ".join(str(one) for one in rule["examples"])
        assert len(line["where"].split("; ")) == sum(place["failed"] > 0 for place in rule["places"])
    severities = [told[one["rule"]]["severity"] for one in lines if one["status"] == "fail"]
    assert severities == sorted(severities, key=["error", "warning", "information"].index)


def test_the_csv_of_completeness_has_a_line_for_each_source_type_and_element(report: dict[str, Any]) -> None:
    lines = list(csv.DictReader(StringIO(completeness_csv(report))))
    assert len(lines) == sum(len(group["fields"]) for group in report["completeness"])
    (birth,) = [one for one in lines if (one["type"], one["field"]) == ("Patient", "birthDate")]
    assert birth == {
        "source": "main", "type": "Patient", "field": "birthDate", "total": "5", "count": "5", "percent": "100.0",
    }  # fmt: skip
