"""Leaks of time: facts after the index, facts recorded after it, codes of the outcome, fields filled later, folds that
overlap."""

import re
import tomllib
from functools import cache

import polars as pl

from careloom.risk.cohorts_definition import EventSet
from careloom.risk.cohorts_match import meant
from careloom.risk.leaks import LeakFinding, Scene
from careloom.runtime import packaged

_CODED = ("diagnosis", "procedure", "medication", "observation")
_ORDER = {"admission": 0, "discharge": 1, "after": 2}


def _facts(scene: Scene) -> pl.DataFrame | None:
    """The facts with the index time and encounter of their row; None where one of both is not there."""
    if scene.facts is None or not scene.has("candidate", "index_time"):
        return None
    named = ["candidate", "index_time", *(["encounter_key"] if scene.has("encounter_key") else [])]
    index = scene.rows.select(named).rename({"encounter_key": "index_encounter"}, strict=False)
    return scene.facts.join(index, on="candidate", how="inner")


def after_index(scene: Scene) -> list[LeakFinding]:
    """Facts of a feature that were true at or after the index time."""
    facts = _facts(scene)
    if facts is None:
        return []
    late = facts.filter(pl.col("time") >= pl.col("index_time"))
    return _by_feature(
        late, "feature-after-index", "facts at or after the index time",
        "End the window of the feature before the index time.",
    )  # fmt: skip


def recorded_late(scene: Scene) -> list[LeakFinding]:
    """Facts of a feature that are dated before the index time and were known at or after it only."""
    facts = _facts(scene)
    if facts is None:
        return []
    late = facts.filter(
        (pl.col("available_time") >= pl.col("index_time")) & (pl.col("time") < pl.col("index_time"))
    )  # fmt: skip
    return _by_feature(
        late, "recorded-after-index", "facts dated before the index time and known after it",
        "Choose facts by when they were issued or recorded, not by when they were true.",
    )  # fmt: skip


def outcome_codes(scene: Scene) -> list[LeakFinding]:
    """Facts of a feature with a code of the outcome in the index's own encounter: the bill for what is foretold."""
    facts = _facts(scene)
    coded = [one for one in scene.outcome if one.kind in _CODED]
    if facts is None or not coded or "index_encounter" not in facts.columns:
        return []
    billed = facts.filter(_means(scene, coded) & (pl.col("encounter_key") == pl.col("index_encounter")))
    return _by_feature(
        billed, "outcome-code-in-window", "facts with a code of the outcome in the encounter of the index",
        "Leave the codes of the outcome, and codes that are made for its bill, out of the features.",
    )  # fmt: skip


def _means(scene: Scene, coded: list[EventSet]) -> pl.Expr:
    columns = set() if scene.facts is None else set(scene.facts.columns)
    if not {"kind", "system", "code", "detail"} <= columns:
        return pl.lit(value=False)
    return pl.any_horizontal([meant(one) for one in coded])


def _by_feature(late: pl.DataFrame, kind: str, what: str, remedy: str) -> list[LeakFinding]:
    counted = late.group_by("feature").agg(pl.len().alias("facts"), pl.col("candidate").n_unique().alias("rows"))
    return [
        LeakFinding(kind, row["feature"], f"{row['facts']} {what}, in {row['rows']} rows", remedy, row["rows"])
        for row in counted.sort("feature").to_dicts()
    ]


@cache
def _fields() -> tuple[tuple[re.Pattern[str], int, str], ...]:
    told = tomllib.loads(packaged("risk", "leaks.toml").decode())["fields"]
    return tuple((re.compile(one["pattern"], re.IGNORECASE), _ORDER[one["known_at"]], one["why"]) for one in told)


def future_fields(scene: Scene) -> list[LeakFinding]:
    """Columns that are filled later than the moment of the index, by the names in ``leaks.toml``."""
    now = _ORDER[scene.known_at]
    found = []
    for name in scene.features:
        for pattern, known_at, why in _fields():
            if known_at > now and pattern.fullmatch(name):
                evidence = f"the index is at {scene.known_at}; {why}"
                found.append(LeakFinding("future-coded-field", name, evidence, "Leave it out, or move the index."))
                break
    return found


def temporal_overlap(scene: Scene) -> list[LeakFinding]:
    """Training rows at or after the first test row, or whose label was known after it, of folds apart in time."""
    parts = scene.parts
    if not scene.is_temporal or not scene.has("index_time") or not {"train", "test"} <= set(parts):
        return []
    first, train = parts["test"]["index_time"].min(), parts["train"]
    remedy = "Cut once: train on rows whose horizon ended before the first index time of the test."
    late = train.filter(pl.col("index_time") >= first).height
    if late:
        evidence = f"{late} training rows are at or after the first row of the test"
        return [LeakFinding("temporal-overlap", "train", evidence, remedy, late)]
    if scene.has("horizon_end"):
        reaching = train.filter(pl.col("horizon_end") > first).height
        if reaching:
            evidence = f"the label windows of {reaching} training rows reach into the time of the test"
            return [LeakFinding("temporal-overlap", "train", evidence, remedy, reaching)]
    return []
