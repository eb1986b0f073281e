"""Under a mix of requests, killed workers and a restarted database nothing acknowledged is lost, and memory is flat."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.campaign import places
from tests.faults.children import in_child
from tests.faults.http_storm import registered, served
from tests.faults.soak import BUDGET, soak, verdict
from tests.faults.soak_load import Client, Seen, lost
from tests.store_kit import postgresql_binaries

FINE: dict[str, Any] = {"lost": [], "chain": [], "given_up": 0, "failed_share": BUDGET, "growth": 0.0}
WRONG = [
    ("lost", ["3-7: 404"], "3-7: 404"),
    ("chain", ["the audit chain is not whole"], "the audit chain is not whole"),
    ("given_up", 2, "2 requests got no right answer at all"),
    ("failed_share", 0.002, "0.200% of attempts failed, of 0.1%"),
    ("growth", 0.5, "memory grew by 50%"),
]


def test_what_holds_is_not_blamed() -> None:
    assert verdict(FINE) == []


@pytest.mark.parametrize(("what", "value", "said"), WRONG, ids=[row[0] for row in WRONG])
def test_each_thing_that_does_not_hold_is_told(what: str, value: object, said: str) -> None:
    assert verdict({**FINE, what: value}) == [said]


@pytest.mark.long
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_five_minutes_of_all_at_once_lose_nothing(tmp_path: Path, database: str) -> None:
    if database == "postgresql" and postgresql_binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    with places(database, is_durable=True) as (made, crash):
        restart = crash if database == "postgresql" else None
        told = soak(made(tmp_path, 1), restart, seconds=300, clients=8, every=60)
    assert verdict(told) == [], json.dumps(told, indent=1)


def test_what_is_lost_changed_or_there_twice_is_found(tmp_path: Path) -> None:
    with places("sqlite", is_durable=True) as (made, _):
        place = made(tmp_path, 1)
        server = served(place, in_child(lambda: registered(place))["secret"])
        token = server.client.headers["Authorization"].partition(" ")[2]
        seen, url = Seen(), str(server.client.base_url)
        try:
            client = Client(0, url, token, seen)
            for _ in range(3):
                client._create()
            client.http.close()
            assert lost(url, token, seen) == []
            seen.kept["0-0"] += 1
            server.client.delete(f"/fhir/identified/Observation/{seen.names['0-1']}")
            seen.kept["gone"], seen.names["gone"] = 1, "nobody"
            assert [one.partition(":")[0] for one in lost(url, token, seen)] == ["0-0", "0-1", "gone"]
        finally:
            server.client.close()
            server.kill()
