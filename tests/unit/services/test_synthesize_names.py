"""Two releases that want one name at the same time: one has it, the other is told, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from itertools import count
from threading import Barrier, Thread
from typing import Any

import pytest

from careloom.errors import Conflict
from careloom.services import privacy_ledger as ledger
from careloom.services import synthesize_certificate as certificates
from careloom.services.lake_read import RowsAsk, read_rows
from careloom.services.platform import Platform
from careloom.services.synthesize import fit, work
from careloom.services.synthesize_release import ReleaseAsk, release, released, withdraw
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge, sample
from careloom.services.synthesize_verify import verify
from tests.store_kit import fresh_database, postgresql_binaries, postgresql_cluster
from tests.synthesis_killed import BOTH, LOOSE, SMALL
from tests.synthesis_kit import OFFICER, SCIENTIST, Place


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    binaries = postgresql_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL in /usr/lib/postgresql")
    with postgresql_cluster(binaries) as folder:
        yield folder


_numbers = count()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    url = ""
    if request.param == "postgresql":
        folder = request.getfixturevalue("postgresql")
        for zone in ("identified", "research", "synthetic"):
            url = fresh_database(folder, f"names_{zone}").replace(f"names_{zone}", "names_{zone}")
    made = Place(tmp_path_factory.mktemp("names"), epsilon=40.0, database=url)
    made.model = fit(made.platform, SCIENTIST, made.ask(epsilon=0.5, options=SMALL))
    yield made
    made.platform.close()


def judged(place: Place, rows: int) -> str:
    name = str(sample(place.platform, SCIENTIST, SampleAsk(place.model["model"], rows))["sample"])
    judge(place.platform, SCIENTIST, JudgeAsk(name, kinds=("fidelity",)))
    return name


def race(place: Place, asks: list[ReleaseAsk]) -> dict[str, Any]:
    """Sample -> its release, or the error that it met; each on a platform of its own, all at once."""
    start, found = Barrier(len(asks)), {}

    def run(number: int, ask: ReleaseAsk) -> None:
        with Platform(place.platform.settings, place.platform.runtime, place.platform.keys) as own:
            start.wait()
            try:
                found[f"{number} {ask.sample}"] = release(own, BOTH, ask)
            except Conflict as error:
                found[f"{number} {ask.sample}"] = error

    threads = [Thread(target=run, args=one) for one in enumerate(asks)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return {name.partition(" ")[2]: each for name, each in sorted(found.items(), key=lambda one: str(type(one[1])))}


def test_of_two_samples_one_gets_the_name_and_the_other_is_told(place: Place) -> None:
    first, second = judged(place, 100), judged(place, 140)
    found = race(place, [ReleaseAsk(one, "wanted", own=LOOSE) for one in (first, second)])
    (winner,) = [name for name, one in found.items() if isinstance(one, dict)]
    (loser,) = {first, second} - {winner}
    assert isinstance(found[loser], Conflict)
    assert "gold/wanted" in found[loser].where
    rows = read_rows(place.platform, SCIENTIST, "synthetic", RowsAsk("gold/wanted")).frame
    assert rows.height == {first: 100, second: 140}[winner]
    content = certificates.certificate_bytes(place.platform, found[winner]["certificate"], "json")
    assert verify(place.platform, OFFICER, content)["whole"]
    one = work(place.platform, loser, "sample")
    assert (one.state, one.body["release"]) == ("judged", None)
    assert ledger.account(place.platform, OFFICER, "research")["unsettled"] == 0
    assert release(place.platform, BOTH, ReleaseAsk(loser, "other", own=LOOSE))["state"] == "open"


def test_of_two_who_ask_for_one_sample_one_is_served(place: Place) -> None:
    name = judged(place, 100)
    start, found = Barrier(2), []

    def run(table: str) -> None:
        start.wait()
        try:
            found.append(release(place.platform, BOTH, ReleaseAsk(name, table, own=LOOSE)))
        except Conflict as error:
            found.append(error)

    threads = [Thread(target=run, args=(table,)) for table in ("twice_a", "twice_b")]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(isinstance(one, Conflict) for one in found) == [False, True]
    assert len([one for one in released(place.platform, OFFICER) if one["release"] == name]) == 1


def test_a_name_that_was_given_back_is_free(place: Place) -> None:
    first, second = judged(place, 60), judged(place, 60)
    release(place.platform, BOTH, ReleaseAsk(first, "lent", own=LOOSE))
    with pytest.raises(Conflict):
        release(place.platform, BOTH, ReleaseAsk(second, "lent", own=LOOSE))
    withdraw(place.platform, SCIENTIST, first)
    assert release(place.platform, BOTH, ReleaseAsk(second, "lent", own=LOOSE))["release"] == second
