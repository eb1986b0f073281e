"""A run under a policy with targets: what is written meets them, stays so, and nothing is written where it cannot."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from careloom.errors import StateError
from careloom.runtime import Runtime
from careloom.services.deidentify import deidentify
from careloom.services.search import search
from careloom.tables.research import OBSERVATIONS, PATIENTS
from tests.api.kit import Installation
from tests.vault_kit import pulse

Json = dict[str, Any]


def person(number: int, born: int, state: str) -> Json:
    return {
        "resourceType": "Patient", "id": f"p{number}", "gender": ("female", "male")[number % 2],
        "birthDate": f"{born}-04-05", "address": [{"state": state, "postalCode": "01970"}],
        "deceasedBoolean": number % 4 < 2,
    }  # fmt: skip


def feed(size: int, odd: int) -> list[Json]:
    """Patients of four kinds, and some whom nobody looks like; a pulse of each."""
    some = [person(number, 1960, ("MA", "NY")[number // (size // 2)]) for number in range(size)]
    some += [person(size + number, 1931 + 7 * number, ("AK", "HI", "VT", "WY")[number % 4]) for number in range(odd)]
    return some + [pulse(f"o{one['id']}", one["id"]) for one in some]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    """With the same keys each time: dates are shifted by them, and now and then a year of birth with them."""
    with Installation(tmp_path, Runtime(random_bytes=Random(7).randbytes), deidentify={"policy": "expert"}) as made:
        yield made


def run(made: Installation) -> Json:
    return deidentify(made.platform, made.operator).as_json()


def smallest(frame: pl.DataFrame) -> Any:
    known = ["birth_year", "age_over_89", "gender", "birth_sex", "race", "ethnicity", "marital_status", "state"]
    return frame.group_by(known).len()["len"].min()


def test_what_is_written_meets_the_targets_and_a_second_run_changes_nothing(made: Installation) -> None:
    made.ingest(feed(96, 2))
    report = run(made)
    told = report["targets"]
    assert (told["before"]["k"], told["before"]["holds"], told["after"]["holds"]) == (1, False, True)
    assert told["after"]["k"] >= 11
    assert report["risk"]["holds"]
    suppressed = told["records_suppressed_patients"]
    assert suppressed + told["traits_suppressed_patients"] <= 0.05 * 98
    patients = made.platform.lake("research").read(PATIENTS.path)
    assert patients.height == 98 - suppressed
    assert smallest(patients) >= 11
    assert made.platform.lake("research").read(OBSERVATIONS.path).height == 98 - suppressed
    assert made.platform.store("research").count() == {"Patient": 98 - suppressed, "Observation": 98 - suppressed}
    assert report["issues"].get("deid.target-record", 0) == 2 * suppressed
    again = run(made)
    assert again["targets"] == told
    assert again["written"].keys() <= {"unchanged"}
    assert again["gone"] == 0


def test_nothing_is_written_where_the_targets_cannot_be_met(made: Installation) -> None:
    made.ingest(feed(4, 0))
    with pytest.raises(StateError):
        run(made)
    assert made.platform.store("research").count() == {}
    assert deidentify(made.platform, made.operator, "safe-harbor").as_json()["targets"] is None


def test_who_makes_a_group_too_small_leaves_the_zone_with_the_next_run(made: Installation) -> None:
    made.ingest(feed(96, 0))
    first = run(made)
    assert first["targets"]["records_suppressed_patients"] == 0
    made.ingest([person(200, 1905, "WY") | {"maritalStatus": {"coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "W"}]}}])  # fmt: skip
    second = run(made)
    assert second["targets"]["after"]["k"] >= 11
    assert smallest(made.platform.lake("research").read(PATIENTS.path)) >= 11


class Stopped(Exception):  # noqa: N818 - reads as what happened
    pass


def stop(done: int, _total: int, _so_far: Json) -> None:
    if done:
        raise Stopped


def found(made: Installation) -> int:
    return len(search(made.platform, made.operator, "research", "Patient").found)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_run_that_was_stopped_closes_the_zone_until_one_has_ended(tmp_path: Path, is_first: bool) -> None:
    """Two plans side by side, or half of one, may miss what each reaches."""
    with Installation(tmp_path, deidentify={"policy": "expert"}, ingest={"batch_records": 30}) as made:
        made.ingest(feed(96, 0))
        if not is_first:
            run(made)
            assert found(made) > 0
        with pytest.raises(Stopped):
            deidentify(made.platform, made.operator, watch=stop)
        with pytest.raises(StateError):
            found(made)
        run(made)
        assert found(made) > 0


def test_a_zone_that_misses_its_targets_after_all_stays_closed(tmp_path: Path) -> None:
    """Most patients move after the run has measured them: they were measured otherwise, and are held back."""
    with Installation(tmp_path, deidentify={"policy": "expert"}, ingest={"batch_records": 5}) as made:
        made.ingest(feed(24, 0))
        run(made)

        def move_most(done: int, _total: int, _so_far: Json) -> None:
            if done == 0:
                made.ingest([person(number, 1960, "WY") for number in range(20)])

        with pytest.raises(StateError, match="misses a target"):
            deidentify(made.platform, made.operator, watch=move_most)
        with pytest.raises(StateError, match="under targets"):
            found(made)


def test_what_another_policy_let_pass_cannot_be_read_in_the_past(made: Installation) -> None:
    made.ingest(feed(4, 0))
    store = made.platform.store("research")
    for policy, size in (("first", 20), ("safe-harbor", 4)):
        deidentify(made.platform, made.operator, policy)
        versions = [one for stored in store.scan(["Observation"]) for one in store.history("Observation", stored.id)]
        assert {len(one.resource()["effectiveDateTime"]) for one in versions} == {size}
    assert {one.version for one in versions} == {2}
