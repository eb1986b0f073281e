"""Facts of simulated patients: those that their FHIR feed says, and of nobody."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson
import polars as pl
import pytest

from careloom.errors import AccessError, Conflict, QueryError
from careloom.risk.features_definition import shipped_features
from careloom.services.access import Principal
from careloom.services.risk_cohorts import CohortAsk, cohort
from careloom.services.risk_facts import make_facts, read_facts, zone_facts
from careloom.services.risk_simulated import MOST_PATIENTS, SimulatedFactsAsk, simulate_facts, wanted
from careloom.services.simulate import SimulateAsk, simulate
from tests.api.kit import Installation

PATIENTS, SEED = 4, 3
TOLD = ["kind", "time", "system", "code", "value", "unit", "detail"]
ONCE = ["birth", "sex", "race", "ethnicity", "language", "coverage", "death"]
"""Kinds that every hospital of the simulation tells of a patient whom it knows: counted once here."""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path / "installation") as one:
        yield one


def counted(facts: pl.DataFrame) -> Counter[tuple[object, ...]]:
    told = facts.select(TOLD).with_columns(
        pl.col("value").round(6),
        code=pl.when(pl.col("kind") != "site").then("code"),  # a feed's organization gets an id of the store
    )
    once = pl.col("kind").is_in(ONCE)
    return Counter(told.filter(~once).iter_rows()) + Counter(set(told.filter(once).iter_rows()))


def test_they_are_what_the_feed_says(made: Installation, tmp_path: Path) -> None:
    simulate(SimulateAsk(tmp_path / "feeds", PATIENTS, SEED, feeds=("fhir",), with_notes=False, processes=1))
    made.ingest(tmp_path / "feeds")
    codes = list(wanted(shipped_features("general")))
    said = zone_facts(made.platform, made.operator, "identified").filter(
        (pl.col("kind") != "observation") | pl.col("code").is_in(codes)
    )
    report = simulate_facts(made.platform, made.operator, SimulatedFactsAsk(PATIENTS, SEED))
    ours = read_facts(made.platform, made.operator, "synthetic", report.name)
    assert counted(ours) == counted(said)
    assert report.rows == ours.height > 1000
    waited = ours.with_columns((pl.col("available_time") - pl.col("time")).dt.total_seconds().alias("waited"))
    assert waited["waited"].min() == 0
    assert waited.filter((pl.col("kind") == "observation") & (pl.col("waited") > 0)).height > 100


def test_a_cohort_is_extracted_from_them_and_the_event_is_audited(made: Installation) -> None:
    report = simulate_facts(made.platform, made.operator, SimulatedFactsAsk(30, 1))
    found = cohort(made.platform, made.operator, "synthetic", CohortAsk("readmission_30_days", report.name))
    assert sum(found.counts["states"].values()) > 5
    told = [
        one for one in map(orjson.dumps, made.platform.store("synthetic").audit_events()) if b"risk-simulate" in one
    ]
    assert len(told) == 1
    assert b'"type":"count","valueString":"30"' in told[0]


def test_who_may_not_train_simulates_nobody_here(made: Installation) -> None:
    stranger = Principal("rosa", frozenset({"auditor"}), frozenset({"synthetic"}))
    with pytest.raises(AccessError):
        simulate_facts(made.platform, stranger, SimulatedFactsAsk(1))


@pytest.mark.parametrize("patients", [0, MOST_PATIENTS + 1])
def test_a_number_out_of_range_is_refused(made: Installation, patients: int) -> None:
    with pytest.raises(QueryError):
        simulate_facts(made.platform, made.operator, SimulatedFactsAsk(patients))


def test_facts_of_the_zones_own_resources_are_not_overwritten(made: Installation) -> None:
    make_facts(made.platform, made.operator, "synthetic")
    with pytest.raises(Conflict):
        simulate_facts(made.platform, made.operator, SimulatedFactsAsk(1))
