"""Views of several resources: shown of every zone, written of all but the identified one, told in the audit chain."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import polars as pl
import pytest

from careloom.errors import AccessError, Conflict, QueryError
from careloom.services.access import Principal
from careloom.services.view import ViewAsk
from careloom.services.view_derived import DERIVED, view_derived
from tests.api.kit import Installation
from tests.store_kit import event, put

LAB = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}]
WRITES = [
    put("Patient", "p1", ("p1",), birthDate="1950-01-01"),
    *(
        put(
            "Encounter", f"e{number}", ("p1",), status="finished", subject={"reference": "Patient/p1"},
            period={"start": f"2024-0{number}-01T00:00:00Z", "end": f"2024-0{number}-10T00:00:00Z"},
            **{"class": {"code": "IMP"}},
        )
        for number in (1, 2, 6)
    ),
    put(
        "Observation", "o1", ("p1",), status="final", category=LAB, subject={"reference": "Patient/p1"},
        effectiveDateTime="2024-01-02", code={"coding": [{"system": "http://loinc.org", "code": "2951-2"}]},
        valueQuantity={"value": 140, "system": "http://unitsofmeasure.org", "code": "mmol/L"},
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("derived")) as installation:
        for zone in ("identified", "synthetic"):
            with installation.platform.store(zone).transaction(event(zone=zone)) as transaction:
                transaction.write(list(WRITES))
        yield installation


@pytest.mark.parametrize("zone", ["identified", "synthetic"])
def test_every_zone_is_shown_alike(made: Installation, zone: str) -> None:
    cohort = view_derived(made.platform, made.operator, zone, ViewAsk("readmissions"))
    assert [row["label_readmitted"] for row in cohort.shown] == [True, False, None]
    assert cohort.resources == {"Encounter": 3, "Patient": 1}
    labs = view_derived(made.platform, made.operator, zone, ViewAsk("labs_pivot"))
    assert labs.shown[0]["sodium_mmol_per_l"] == 140.0
    told = [one for one in made.platform.store(zone).audit_events() if b"readmission_patient" in orjson.dumps(one)]
    assert told


@pytest.mark.parametrize("name", DERIVED)
def test_a_file_is_written_once_and_never_of_the_identified_zone(made: Installation, tmp_path: Path, name: str) -> None:
    ask = ViewAsk(name, tmp_path / "out.parquet")
    report = view_derived(made.platform, made.operator, "synthetic", ask)
    assert pl.read_parquet(tmp_path / "out.parquet").height == report.rows > 0
    with pytest.raises(Conflict):
        view_derived(made.platform, made.operator, "synthetic", ask)
    with pytest.raises(QueryError):
        view_derived(made.platform, made.operator, "identified", ViewAsk(name, tmp_path / "never.parquet"))
    assert not (tmp_path / "never.parquet").exists()


def test_who_may_not_search_a_zone_sees_nothing(made: Installation) -> None:
    scientist = Principal("s", frozenset({"data-scientist"}), frozenset({"research"}))
    with pytest.raises(AccessError):
        view_derived(made.platform, scientist, "identified", ViewAsk("readmissions"))
