"""Recall and precision of the rules on dirt that was planted with a key; rules never see the key."""

from collections import Counter, defaultdict
from typing import NamedTuple

import pytest

from careloom.quality.rules import packaged_rulebook
from tests.unit.quality.dirt import EXPECTED, KINDS, Injector
from tests.unit.quality.hospital import broken, clean_hospital

CLAIMS = {rule.id for rule in packaged_rulebook().rules if rule.severity != "information"}
"""Rules whose failing says that a resource is dirty; those of severity information tell how rich the data is."""


class Measure(NamedTuple):
    """What came out: shares, and what was missed or accused by kind and rule."""

    recall: float
    precision: float
    missed: Counter[str]
    accused: Counter[str]


def measure(patients: int, each: int, seed: int) -> Measure:
    """Plants every kind `each` times in a clean hospital and compares what the rules say with the key."""
    injector = Injector(clean_hospital(patients, seed), seed)
    for kind in KINDS:
        injector.plant(kind, each)
    found = broken(injector.resources)
    missed = Counter(
        piece.kind
        for piece in injector.key
        if not any(found.get(rule, set()) & piece.ids for rule in EXPECTED[piece.kind])
    )
    dirty = {name for piece in injector.key for name in piece.ids}
    flagged: dict[str, set[str]] = defaultdict(set)
    for rule in CLAIMS:
        for name in found.get(rule, ()):
            flagged[name].add(rule)
    accused = Counter(rule for name, rules in flagged.items() if name not in dirty for rule in rules)
    wrong = sum(name not in dirty for name in flagged)
    return Measure(1 - missed.total() / len(injector.key), 1 - wrong / len(flagged), missed, accused)


def test_the_clean_hospital_breaks_no_rule() -> None:
    assert broken(clean_hospital(60, 7)) == {}


def test_every_kind_of_dirt_names_rules_that_there_are() -> None:
    assert set(EXPECTED) == set(KINDS)
    assert set().union(*EXPECTED.values()) <= {rule.id for rule in packaged_rulebook().rules}


@pytest.mark.parametrize("seed", [1, 2])
def test_planted_dirt_is_found_and_nothing_else(seed: int) -> None:
    found = measure(80, 3, seed)
    assert found.recall >= 0.99, found
    assert found.precision >= 0.99, found


@pytest.mark.long
def test_planted_dirt_is_found_in_many_hospitals() -> None:
    measures = [measure(400, 10, seed) for seed in range(100, 120)]
    recall = sum(one.recall for one in measures) / len(measures)
    precision = sum(one.precision for one in measures) / len(measures)
    assert recall >= 0.99, [one.missed for one in measures]
    assert precision >= 0.99, [one.accused for one in measures]
