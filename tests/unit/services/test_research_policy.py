"""The research zone is of one policy, as that policy is now, or nobody reads it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.errors import NotFound, StateError
from careloom.services.deidentify import deidentify
from careloom.services.encode import codebook_of
from careloom.services.search import search
from careloom.services.vault_epochs import rotate
from careloom.store.rows import Write
from careloom.store.zone_policy import ZonePolicy
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.store_kit import event


class Stopped(Exception):  # noqa: N818 - reads as what happened
    pass


def stop(done: int, _total: int, _so_far: dict[str, Any]) -> None:
    if done:
        raise Stopped


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    """A research zone under the first policy; each transaction holds one resource."""
    with Installation(tmp_path, ingest={"batch_records": 1}) as installation:
        installation.ingest([PATIENT, OBSERVATION])
        deidentify(installation.platform, installation.operator, "first")
        yield installation


def found(made: Installation) -> list[str]:
    page = search(made.platform, made.operator, "research", "Observation")
    return [one.resource()["effectiveDateTime"] for one in page.found]


def write(made: Installation, policy: ZonePolicy | None) -> None:
    with made.platform.store("research").transaction(event(zone="research"), policy) as step:
        step.write([Write("Observation", "stray", b"{}")])


@pytest.mark.parametrize("policy", [None, ZonePolicy("first", "1", "of another text")], ids=["none", "another"])
def test_a_resource_that_no_current_policy_made_is_refused(made: Installation, policy: ZonePolicy | None) -> None:
    with pytest.raises(StateError):
        write(made, policy)
    assert len(found(made)) == 1


def test_a_run_under_another_policy_that_was_stopped_closes_the_zone_until_one_has_ended(made: Installation) -> None:
    with pytest.raises(Stopped):
        deidentify(made.platform, made.operator, "safe-harbor", watch=stop)
    for look in (found, lambda made: codebook_of(made.platform, made.operator, "patients")):
        with pytest.raises(StateError):
            look(made)
    deidentify(made.platform, made.operator, "safe-harbor")
    assert [len(moment) for moment in found(made)] == [4]


def test_a_run_under_the_same_policy_that_was_stopped_leaves_the_zone_open(made: Installation) -> None:
    with pytest.raises(Stopped):
        deidentify(made.platform, made.operator, "first", watch=stop)
    assert len(found(made)) == 1


def test_a_run_under_new_names_that_was_stopped_closes_the_zone_so_that_nobody_links_both(made: Installation) -> None:
    before = found(made)
    rotate(made.platform, made.operator)
    assert found(made) == before
    with pytest.raises(Stopped):
        deidentify(made.platform, made.operator, "first", watch=stop)
    for look in (found, lambda made: codebook_of(made.platform, made.operator, "patients")):
        with pytest.raises(StateError, match="two epochs"):
            look(made)
    deidentify(made.platform, made.operator, "first")
    assert len(found(made)) == 1
    assert found(made) != before


def test_nothing_that_the_policy_before_let_through_can_be_read_any_more(made: Installation) -> None:
    lake, store = made.platform.lake("research"), made.platform.store("research")
    before = lake.state("silver/observations").version
    deidentify(made.platform, made.operator, "safe-harbor")
    assert {one.resource().get("effectiveDateTime", "2026") for one in store.scan(every_version=True)} == {"2026"}
    with pytest.raises(NotFound):
        lake.read("silver/observations", before)
    assert lake.read("silver/observations").height == 1
    assert store.check().is_whole


def test_a_policy_that_has_changed_since_closes_the_zone(made: Installation) -> None:
    old = ZonePolicy("first", "0", "digest of an older text")
    with made.platform.store("research").transaction(event(zone="research")) as step:
        step.policies.begin(old)
        step.policies.settle(old)
    with pytest.raises(StateError):
        found(made)
    refused = [one for one in made.events("research") if one["operation"] == "search" and one["outcome"] == "failed"]
    assert len(refused) == 1
    deidentify(made.platform, made.operator, "first")
    assert len(found(made)) == 1


def test_the_policy_stands_in_the_audit_chain(made: Installation) -> None:
    events = [one for one in made.events("research") if one["operation"] == "deidentify"]
    assert events
    assert all(one["detail"]["policy"] for one in events)
