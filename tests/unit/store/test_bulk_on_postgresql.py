"""Import, export, view and erasure on PostgreSQL, as a role for which the policies on rows hold."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from careloom.services.erase import erase
from careloom.services.view import ViewAsk, view_zone
from tests.api.kit import OBSERVATION, PATIENT, Installation
from tests.api.test_bulk import WARD, Client
from tests.api.test_bulk_import import WRONG, Sender, by_type, ndjson, observations
from tests.store_kit import fresh_database


@pytest.fixture(scope="module")
def made(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("bulk")
    zones = ("identified", "research", "synthetic", "access")
    urls = [fresh_database(postgresql, f"bulk_{zone}", "careloom") for zone in zones]
    data: dict[str, Any] = {"directory": folder / "data", "database": urls[0].replace("identified", "{zone}")}
    with Installation(folder, data=data) as opened:
        yield opened


def test_what_is_imported_is_accounted_for_exported_whole_viewed_and_gone_once_it_is_erased(made: Installation) -> None:
    manifest = Sender(made).done(ndjson(PATIENT, *observations(0, 5), WRONG, OBSERVATION | {"id": "o0"}))
    assert by_type(manifest) == {"Observation": (5, 1, 1), "Patient": (1, 0, 0)}
    assert manifest["extension"]["isWhole"]
    made.ingest(WARD)
    client, store = Client(made), made.platform.store("identified")
    status = client.begun("_type=Patient,Observation")
    everything = client.manifest()
    lines = [orjson.loads(line) for line in client.lines(everything)]
    assert {f"{one['resourceType']}/{one['id']}" for one in lines} == set(store.all_names())
    assert view_zone(made.platform, made.operator, "identified", ViewAsk("patient")).rows == 2
    report = erase(made.platform, made.operator, f"Patient/{made.stored_id('Patient', 'p1')}")
    assert report["removed"]["export lines"] > 0
    left = client.get(status).json
    assert client.names(left) == {"p2", "o2"}
    assert store.check().is_whole
