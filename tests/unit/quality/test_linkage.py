"""Patients linked: the right ones, with reasons, the same every time."""

import math
from dataclasses import replace
from typing import Any

import pytest

from careloom.errors import SetupError
from careloom.quality import linkage_splink
from careloom.quality.linkage import Linkage, Pair, link
from careloom.quality.linkage_clusters import clusters
from careloom.quality.linkage_model import UNKNOWN, default_model
from careloom.quality.linkage_traits import Traits, traits_of
from tests.linkage_people import SSN, People
from tests.linkage_scores import Score, febrl, score


def patient(patient_id: str, given: str = "Anna", family: str = "Kowalski", **other: Any) -> Traits:
    number = other.pop("ssn", "")
    resource = {"id": patient_id, "name": [{"family": family, "given": given.split()}], "birthDate": "1980-05-07",
                "gender": "female"} | other  # fmt: skip
    if number:
        resource["identifier"] = [{"system": SSN, "value": number}]
    return traits_of(resource)


def only(found: Linkage) -> Pair:
    assert len(found.pairs) == 1
    return found.pairs[0]


@pytest.fixture(scope="module")
def town() -> tuple[list[str], list[Traits]]:
    """(person, traits) of a small town."""
    made = People(11).records(600)
    return [key for key, _ in made], [replace(traits_of(one), id=f"{at:05d}") for at, (_, one) in enumerate(made)]


@pytest.fixture(scope="module")
def linked(town: tuple[list[str], list[Traits]]) -> Linkage:
    return link(town[1])


def test_two_patients_are_enough() -> None:
    pair = only(link([patient("b", ssn="123-45-6780"), patient("a", ssn="123456780")]))
    assert (pair.left, pair.right, pair.decision) == ("a", "b", "link")
    assert {reason.trait: reason.level for reason in pair.reasons}["number"] == "same"


@pytest.mark.parametrize("count", [0, 1])
def test_nobody_is_no_duplicate(count: int) -> None:
    assert link([patient("a")][:count]).pairs == ()


def test_missing_traits_say_nothing() -> None:
    pair = only(link([patient("a", gender="unknown"), patient("b")]))
    silent = {reason.trait for reason in pair.reasons if reason.level == UNKNOWN}
    assert silent == {"sex", "generation", "number", "residence"}
    assert all(reason.bits == 0 for reason in pair.reasons if reason.trait in silent)


def test_the_bits_of_the_reasons_and_the_prior_make_the_weight() -> None:
    found = link([patient("a"), patient("b")])
    pair = only(found)
    prior = found.model.prior(2)
    said = sum(reason.bits for reason in pair.reasons)
    assert pair.weight == pytest.approx(said + math.log2(prior / (1 - prior)), abs=0.001)
    assert pair.probability == pytest.approx(1 / (1 + 2**-pair.weight), abs=1e-6)


def test_twins_wait_for_a_person() -> None:
    home = {"address": [{"line": ["12 Maple St"], "postalCode": "02139"}], "telecom": [{"value": "617 555 0123"}]}
    found = link([patient("a", "Anna", **home), patient("b", "Beatrix", **home)])
    assert all(pair.decision == "review" and "twins" in pair.cautions for pair in found.pairs)


def test_father_and_son_of_one_name_are_not_linked() -> None:
    home = {"address": [{"line": ["12 Maple St"], "postalCode": "02139"}], "telecom": [{"value": "617 555 0123"}]}
    found = link([patient("a", **home), patient("b", birthDate="1951-11-23", **home)])
    assert [pair for pair in found.pairs if pair.decision == "link"] == []


MAIDEN = {"use": "maiden", "family": "Kowalski"}
ALIKE = [
    ("a short name", {"given": "Bill"}, {"given": "William"}, "given", "nickname"),
    ("a slip", {"family": "Kowalski"}, {"family": "Kowalsky"}, "family", "near"),
    ("names exchanged", {}, {"given": "Kowalski", "family": "Anna"}, "family", "moved"),
    ("day and month exchanged", {}, {"birthDate": "1980-07-05"}, "birth", "slip"),
    ("a middle name first", {"given": "Anna Maria"}, {"given": "Maria"}, "given", "moved"),
    ("a married name", {}, {"name": [{"family": "Weatherby", "given": ["Anna"]}, MAIDEN]}, "family", "moved"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "one", "other", "trait", "level"), ALIKE, ids=[row[0] for row in ALIKE])
def test_what_registration_desks_do(what: str, one: Any, other: Any, trait: str, level: str) -> None:
    pair = only(link([patient("a", ssn="123-45-6780", **one), patient("b", ssn="123-45-6780", **other)]))
    assert {reason.trait: reason.level for reason in pair.reasons}[trait] == level
    assert pair.decision == "link"


def test_a_rare_name_counts_for_more_than_a_frequent_one() -> None:
    crowd = [patient(f"c{at}", f"Given{'abcdefghij'[at % 10]}{'abcdefghij'[at // 10]}", "Smith",
                     birthDate=f"19{at:02d}-01-02") for at in range(100)]  # fmt: skip
    pairs = [patient("x1", "Zelda", "Smith"), patient("x2", "Zelda", "Smith"),
             patient("y1", "Zelda", "Umlauft", birthDate="1981-03-03"),
             patient("y2", "Zelda", "Umlauft", birthDate="1981-03-03")]  # fmt: skip
    found = {(pair.left, pair.right): pair for pair in link(crowd + pairs).pairs}
    bits = [
        {reason.trait: reason.bits for reason in found[pair].reasons}["family"] for pair in (("x1", "x2"), ("y1", "y2"))
    ]
    assert bits[0] < bits[1]


def test_the_same_patients_give_the_same_bytes_in_any_order(town: Any, linked: Linkage) -> None:
    assert repr(link(list(reversed(town[1])))) == repr(linked)


def test_new_patients_are_compared_with_all_others_under_the_trained_model(town: Any, linked: Linkage) -> None:
    fresh = {one.id for one in town[1][:40]}
    again = link(town[1], model=linked.model, fresh=fresh)
    expected = [pair for pair in linked.pairs if pair.left in fresh or pair.right in fresh]
    assert again.model == linked.model
    assert list(again.pairs) == expected
    assert again.compared < linked.compared


def test_a_town_is_linked_well(town: Any, linked: Linkage) -> None:
    found = score(town[0], town[1], linked)
    assert found.f1 >= 0.97
    assert found.precision >= 0.99


@pytest.mark.long
def test_febrl_4_is_linked_without_looking_at_its_answers() -> None:
    keys, patients = febrl(4)
    found: Score = score(keys, patients, link(patients))
    assert found.f1 >= 0.995


def test_nothing_of_the_patients_reaches_a_disk(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with linkage_splink.comparing([patient("a"), patient("b")]) as comparer:
        rows = comparer._database.execute(
            "SELECT value FROM duckdb_settings() WHERE name = 'temp_directory'"
        ).fetchall()
        assert rows in ([("",)], [(None,)])
        assert comparer._database.execute("PRAGMA database_list").fetchall()[0][2] is None
    link([patient("a"), patient("b")])
    assert list(tmp_path.rglob("*")) == []


def test_too_little_memory_is_told_and_spills_nothing() -> None:
    crowd = [patient(f"{at:06d}", birthDate="1980-05-07") for at in range(3000)]
    with pytest.raises(SetupError):
        link(crowd, memory_bytes=40_000_000)


def test_what_a_whole_town_shares_brings_nobody_together() -> None:
    crowd = [patient(f"c{at:03d}", f"Given{at:03d}", f"Family{at:03d}", ssn="517-23-4410") for at in range(40)]
    twice = [patient("x1", "Zelda", "Umlauft", ssn="517-23-4410"), patient("x2", "Zelda", "Umlauft", ssn="517-23-4410")]
    found = link([*crowd, *twice], model=replace(default_model(), most_per_key=10))
    assert found.crowds >= 3
    assert [(pair.left, pair.right) for pair in found.pairs] == [("x1", "x2")]
    assert found.compared < 40


def test_groups_are_made_of_the_links(town: Any, linked: Linkage) -> None:
    edges = [(pair.left, pair.right) for pair in linked.pairs if pair.decision == "link"]
    found = clusters([], edges, [], {one.id: one for one in town[1]})
    assert sum(len(group) for group in found.members) >= len(edges)
