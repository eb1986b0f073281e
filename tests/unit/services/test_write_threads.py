"""Changes of many threads at once come out as in some order of them, and each has its event."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from careloom.errors import CareloomError, Conflict, Erased, Precondition, Unprocessable
from careloom.services.changes import Change
from careloom.services.records import read
from careloom.services.write import write
from tests.api.kit import Installation

THREADS = 8


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("threads")) as made:
        yield made


def at_once(acts: list[Callable[[], str]]) -> list[str]:
    """What each came to, the name of its error where it raised one."""

    def outcome(act: Callable[[], str]) -> str:
        try:
            return act()
        except CareloomError as error:
            return type(error).__name__

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(outcome, acts))


def create(made: Installation, kind: str, **fields: object) -> str:
    change = Change("create", kind, resource={"resourceType": kind, **fields})
    return write(made.platform, made.operator, "identified", change).id


def test_of_threads_that_change_the_same_version_one_wins(installation: Installation) -> None:
    name = create(installation, "Organization", name="first")

    def update(number: int) -> str:
        resource = {"resourceType": "Organization", "id": name, "name": str(number)}
        change = Change("update", "Organization", name, resource=resource, if_match='W/"1"')
        return write(installation.platform, installation.operator, "identified", change).became

    found = at_once([lambda number=number: update(number) for number in range(THREADS)])  # type: ignore[misc]
    assert sorted(found) == sorted(["updated", *[Precondition.__name__] * (THREADS - 1)])


@pytest.mark.parametrize("round_", range(5))
def test_no_reference_leads_to_what_another_thread_deletes(installation: Installation, round_: int) -> None:
    patient = create(installation, "Patient", active=True)

    def observe() -> str:
        return create(
            installation, "Observation", status="final", code={"text": "pulse"},
            subject={"reference": f"Patient/{patient}"},
        )  # fmt: skip

    def remove() -> str:
        change = Change("delete", "Patient", patient)
        return write(installation.platform, installation.operator, "identified", change).became

    *observed, removed = at_once([observe] * (THREADS - 1) + [remove])
    if removed == "deleted":
        assert observed == [Unprocessable.__name__] * (THREADS - 1)
        with pytest.raises(Erased):
            read(installation.platform, installation.operator, "identified", "Patient", patient)
    else:
        assert removed == Conflict.__name__
        assert read(installation.platform, installation.operator, "identified", "Patient", patient).version == "1"


def test_a_refused_change_touches_no_other_of_its_group(installation: Installation) -> None:
    store = installation.platform.store("identified")
    before = store.verify_audit().rows

    def observe(number: int) -> str:
        lost = {"subject": {"reference": "Patient/nobody"}} if number % 3 == 0 else {}
        return create(installation, "Observation", status="final", code={"text": "pulse"}, **lost)

    found = at_once([lambda number=number: observe(number) for number in range(24)])  # type: ignore[misc]
    assert [one == Unprocessable.__name__ for one in found] == [number % 3 == 0 for number in range(24)]
    chain = store.verify_audit()
    assert (chain.is_whole, chain.rows - before) == (True, 24)
    assert store.check().is_whole
