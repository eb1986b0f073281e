"""Whatever arrives: no exception, no invalid resource, the same drafts for the same bytes."""

import gzip
import random
from pathlib import Path

import pytest

from careloom.fhir.validate import check
from careloom.ingest.conversion import Conversion
from tests.ccda_mutants import mutant
from tests.growth import refuse_worse_than_linear
from tests.unit.ingest.ccda_support import codes, converted, document, faults, golden_documents, section

SEEDS = golden_documents()


def sound(found: Conversion) -> None:
    assert found.refused == (not found.drafts)
    assert all(issue.message for issue in found.issues)
    assert not {"ccda.document-broken", "ccda.entry-broken"} & codes(found)  # they hide what we did not think of
    assert [issue.code for draft in found.drafts for issue in check(draft.resource) if issue.refuses] == []


@pytest.mark.parametrize("seed", range(4))
def test_mutated_documents_yield_valid_drafts_or_a_reason(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        raw = mutant(rng.choice(SEEDS), rng)
        found = converted(raw)
        sound(found)


@pytest.mark.parametrize("value", ["\u00b2", "-1", "1e3", "", "99999999999"])
def test_a_version_that_is_no_number_costs_nothing(value: str) -> None:
    sound(converted(document(header=f'<versionNumber value="{value}"/>')))


def test_the_same_bytes_give_the_same_drafts() -> None:
    for raw in SEEDS:
        assert converted(raw) == converted(raw)
        assert faults(converted(raw).drafts) == []


@pytest.mark.long
def test_ten_thousand_mutated_documents_of_other_people(suites: Path) -> None:
    seeds = list(SEEDS)
    for place in sorted(suites.glob("ccda_*/**/*.xml*")):
        raw = gzip.decompress(place.read_bytes()) if place.suffix == ".gz" else place.read_bytes()
        if b"<ClinicalDocument" in raw and len(raw) < 200_000:
            seeds.append(raw)
    rng = random.Random(20240311)
    stored = 0
    for _ in range(10_000):
        found = converted(mutant(rng.choice(seeds), rng))
        sound(found)
        stored += not found.refused
    assert stored > 2_000


def test_work_grows_with_the_document_and_not_with_its_square() -> None:
    entry = '<act classCode="ACT" moodCode="EVN"><templateId root="1.2.3"/><code code="x"/></act>'

    def of(size: int) -> str:
        rows = "".join(f'<tr><td ID="c{number}">cell <b>{number}</b></td></tr>' for number in range(size))
        return document(*[section("11450-4", *[entry] * (size // 20), text=f"<table>{rows}</table>")] * 5)

    refuse_worse_than_linear(converted, of, 400)


def test_references_to_nowhere_cost_no_more_than_one_look() -> None:
    value = (
        '<observation classCode="OBS" moodCode="EVN"><id root="1.2.{0}"/><code code="a"/>'
        '<value xsi:type="ED"><reference value="#n{0}"/></value></observation>'
    )

    def of(size: int) -> str:
        rows = "".join(f'<tr><td ID="c{number}">cell <b>{number}</b></td></tr>' for number in range(2 * size))
        return document(section("29762-2", *map(value.format, range(size)), text=f"<table>{rows}</table>"))

    refuse_worse_than_linear(converted, of, 200)
