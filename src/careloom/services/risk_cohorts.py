"""Cohorts of a zone, why somebody is in one or not, and training sets that are pinned to a snapshot of its facts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from careloom.errors import CareloomError, Conflict, NotFound, QueryError, StateError
from careloom.risk.cohorts import Cohort
from careloom.risk.cohorts_any import AnyCohort, any_from_toml, extract_any, why_any
from careloom.risk.cohorts_definition import Definition, Expand, ready, shipped, shipped_text
from careloom.risk.cohorts_hints import Hint, said
from careloom.risk.cohorts_windows import WindowCohort, imported, is_task_file
from careloom.risk.definition_texts import INDEX_KIND, OBSERVED, PLACE, Texts, joined, recorded
from careloom.risk.features import built
from careloom.risk.features_definition import (
    FeatureSet,
    features_from_toml,
    ready_features,
    shipped_features,
    shipped_features_text,
)
from careloom.risk.features_registry import registry
from careloom.risk.features_training import NO_ROW, NO_ROW_REMEDY, TrainingSet, training_set
from careloom.risk.splits import patient_grouped, temporal
from careloom.risk.tasks import ready_tasks, shipped_task
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.services.risk_facts import (
    ZoneState,
    cohort_hints,
    newest_facts,
    read_facts,
    require_same,
    shift_of,
    state_of_zone,
    zone_facts,
)
from careloom.services.search import zone_of
from careloom.services.terminology import expand
from careloom.services.view import Watch
from careloom.services.view_table import OF_RESOURCES, require_kind
from careloom.store import lake_snapshots as snapshots
from careloom.store.zone_store import Zone

OPERATION = "risk-cohort"
ROWS_SHOWN = 1_000
SPLITS = ("patient", "temporal")
SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CohortAsk:
    """Which cohort of which facts.

    cohort  name of a definition that ships, or a TOML file
    facts   a version of the table of facts; ``newest`` for its newest snapshot; empty: the zone as it is, in memory
    notes   where facts are read in memory, what annotated notes say, too
    limit   rows in the report; 0 for counts only
    """

    cohort: str
    facts: str = ""
    notes: bool = False
    limit: int = 0


@dataclass(frozen=True, slots=True)
class TrainingAsk:
    """Which training set.

    features   name of a set that ships, or a TOML file
    split      patient or temporal; `cut` for the latter
    also       another set that ships, whose features come beside
    allow_leaks  the set is kept although the guard finds something; its manifest says what
    """

    cohort: str
    features: str = "general"
    facts: str = "newest"
    split: str = "patient"
    cut: datetime | None = None
    shares: Mapping[str, float] = field(default_factory=lambda: dict(SHARES))
    allow_leaks: bool = False
    also: str = ""


@dataclass(frozen=True, slots=True)
class CohortReport:
    """A cohort as counts, its first rows where any were asked for, and what it lacks because of its zone."""

    counts: Json
    rows: list[Json]
    hints: tuple[Hint, ...] = ()

    def as_json(self) -> Json:
        """The report as plain JSON."""
        return {**self.counts, "hints": [one.as_json() for one in self.hints], "shown": self.rows}


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """A training set in the lake: what it is read by, its manifest, and what its cohort lacks because of the zone."""

    name: str
    rows: int
    manifest: Json
    hints: tuple[Hint, ...] = ()

    def as_json(self) -> Json:
        """The report as plain JSON."""
        hints = [one.as_json() for one in self.hints]
        return {"name": self.name, "rows": self.rows, "hints": hints, "manifest": self.manifest}


def cohorts() -> list[Json]:
    """The definitions that ship: name, title, source, digest."""
    made = [shipped(name) for name in ready()]
    return [{"name": one.name, "title": one.title, "source": one.source, "digest": one.digest} for one in made]


def feature_sets() -> list[Json]:
    """The sets of features that ship: name, title, digest, and how many features."""
    made = [shipped_features(name) for name in ready_features()]
    return [{"name": one.name, "title": one.title, "digest": one.digest, "features": len(one.features)} for one in made]


def features_listed(name: str = "general") -> list[Json]:
    """The features of a set, as `careloom.risk.features_registry.registry`, with the tasks that ship and use them.

    name    a set that ships, or a TOML file; what its value sets mean is not looked up
    raises  NotFound; FormatError
    """
    known = ready_features()
    text = shipped_features_text(name) if name in known else _text(name, "set of features", known)
    return registry(features_from_toml(text, lambda _url: {}), [shipped_task(one) for one in ready_tasks()])


def cohort(
    platform: Platform, who: Principal, zone_name: str, ask: CohortAsk, watch: Watch | None = None
) -> CohortReport:
    """The cohort of a zone: attrition, states, and rows where any are asked for.

    raises  AccessError; NotFound, FormatError for the definition; QueryError; StateError for facts that are behind
    """
    definition, events = definition_and_facts(platform, who, zone_name, ask, watch)
    found = extract_any(definition, events, shift_days=shift_of(platform, zone_of(zone_name)))
    shown = found.rows.head(min(max(ask.limit, 0), ROWS_SHOWN)).to_dicts()
    _note(platform, who, zone_name, found, shown)
    return CohortReport(found.as_json(), shown, cohort_hints(platform, zone_of(zone_name), found, events))


def cohort_why(
    platform: Platform, who: Principal, zone_name: str, ask: CohortAsk, patient: str, watch: Watch | None = None
) -> list[Json]:
    """Why a patient's moments are in a cohort or not: as `careloom.risk.cohorts.why`.

    patient  id, or ``Patient/<id>``
    raises   as `cohort`; QueryError for a patient of whom nothing is known
    """
    definition, events = definition_and_facts(platform, who, zone_name, ask, watch)
    name = patient.rpartition("/")[2]
    zone = zone_of(zone_name)
    told = why_any(definition, events, name, shift_days=shift_of(platform, zone))
    about = [platform.store(zone).pseudonym(name)]
    note(platform, who, OPERATION, zone, subjects=about, detail={"cohort": definition.name, "act": "why"})
    return told


def make_training_set(platform: Platform, who: Principal, zone_name: str, ask: TrainingAsk) -> TrainingReport:
    """Makes a training set in the lake of a zone, pinned to a snapshot of its facts, and keeps it as one.

    Folds are by a hash keyed in this installation: the same patients stay in the same folds whenever it is made anew.

    raises  AccessError; NotFound; FormatError; QueryError for the identified zone, a split or an empty cohort;
            Conflict; StateError where facts are behind, or the guard finds a leak and `allow_leaks` is false
    """
    zone = zone_of(zone_name)
    if zone == "identified":
        raise QueryError("the identified zone has no lake", "Make training sets of the research or synthetic zone.")
    if ask.split not in SPLITS or (ask.split == "temporal") is (ask.cut is None):
        raise QueryError("the split", f"Say one of {', '.join(SPLITS)}; a day to cut at for temporal, and only for it.")
    pin = newest_facts(platform, zone) if ask.facts == "newest" else ask.facts
    definition, features, texts = _told(platform, who, ask)
    before = state_of_zone(platform, zone)
    events = read_facts(platform, who, zone_name, pin)
    found = extract_any(definition, events, shift_days=shift_of(platform, zone))
    lacks = cohort_hints(platform, zone, found, events)
    if found.rows.is_empty():
        raise QueryError(*said(lacks, NO_ROW, NO_ROW_REMEDY))
    days = definition.observation_days if isinstance(definition, Definition) else 0.0
    is_bounded = isinstance(definition, WindowCohort) and found.rows["observation_start"].is_not_null().any()
    columns = built(features.within(days), found.rows, events, found.index_kind, is_bounded=is_bounded)
    made = training_set(found, columns, *_split(platform, found, ask), pin)
    more: Json = {PLACE: texts.as_json(), "observation": "bounded" if is_bounded or days else "whole"}
    more |= {INDEX_KIND: found.index_kind} | ({OBSERVED: days} if days else {})
    made = replace(made, manifest=made.manifest | more)
    leaks = made.manifest["leaks"]
    if leaks and not ask.allow_leaks:
        told = "; ".join(f"{one['kind']} at {one['place']}" for one in leaks)
        note(platform, who, OPERATION, zone, outcome="failed", detail={"cohort": definition.name, "leaks": len(leaks)})
        raise StateError(f"the training set leaks: {told}", "Mend the cohort or its features, or allow it by name.")
    return replace(_kept(platform, who, zone, made, before), hints=lacks)


def _split(platform: Platform, found: Cohort, ask: TrainingAsk) -> tuple[pl.Series, Json]:
    if ask.cut is not None:
        told = {"kind": "temporal", "cut": ask.cut.isoformat(), "is_temporal": True}
        return temporal(found.rows, ask.cut), told
    key = platform.keys.derive("split", "risk")
    fold = patient_grouped(found.rows, key, ask.shares)
    return fold, {"kind": "patient", "shares": dict(ask.shares), "is_temporal": False}


def _kept(platform: Platform, who: Principal, zone: Zone, made: TrainingSet, before: ZoneState) -> TrainingReport:
    lake, run = platform.lake(zone), platform.run_id()
    require_kind(lake, made.schema.path, OF_RESOURCES)
    manifest = orjson.dumps(made.manifest, option=orjson.OPT_SORT_KEYS).decode()
    version = lake.replace(
        made.schema, [made.frame], run, before.marks, {OF_RESOURCES: OPERATION, "manifest": manifest}
    )
    try:
        require_same(platform, zone, before)
    except Conflict:
        lake.drop(made.schema.path)
        raise
    kept = snapshots.keep(lake, f"{made.schema.path}@{version}", run)
    subjects = map(platform.store(zone).pseudonym, made.frame["patient_id"].unique().to_list())
    detail = {"table": f"{kept.path}@{kept.version}", "facts": made.manifest["facts"].partition("#")[0]}
    note(platform, who, OPERATION, zone, action="create", subjects=subjects, detail=detail)
    return TrainingReport(kept.name, made.frame.height, made.manifest)


def definition_and_facts(
    platform: Platform, who: Principal, zone_name: str, ask: CohortAsk, watch: Watch | None
) -> tuple[AnyCohort, pl.DataFrame]:
    """The definition that is asked for, and the facts of it that `who` may see. raises as `cohort`"""
    zone = zone_of(zone_name)
    admit(platform, who, "search", zone, operation=OPERATION)
    try:
        definition = definition_named(platform, who, ask.cohort)
        if ask.facts:
            pin = newest_facts(platform, zone) if ask.facts == "newest" else ask.facts
            return definition, read_facts(platform, who, zone_name, pin)
        return definition, zone_facts(platform, who, zone_name, watch, notes=ask.notes)
    except CareloomError as error:
        note(platform, who, OPERATION, zone, outcome="failed", detail={"code": error.code})
        raise


def _note(platform: Platform, who: Principal, zone_name: str, found: Cohort, shown: list[Json]) -> None:
    zone = zone_of(zone_name)
    subjects = sorted({platform.store(zone).pseudonym(row["patient_id"]) for row in shown})
    detail = {"cohort": found.definition.name, "digest": found.definition.digest, "count": found.rows.height}
    note(platform, who, OPERATION, zone, subjects=subjects, detail=detail)


def _expander(platform: Platform, who: Principal) -> Expand:
    def expanded(url: str) -> dict[str, tuple[str, ...]]:
        made: dict[str, list[str]] = {}
        for member in expand(platform, who, url):
            made.setdefault(member.system, []).append(member.code)
        return {system: tuple(codes) for system, codes in made.items()}

    return expanded


def definition_named(platform: Platform, who: Principal, name: str) -> AnyCohort:
    """A definition that ships, of a file or of a text. raises NotFound; FormatError"""
    if name in ready():
        return shipped(name, _expander(platform, who))
    return any_from_toml(cohort_text(name), _expander(platform, who))


def cohort_text(name: str) -> str:
    """The TOML of a cohort: of a file or a text; of a task file of ACES as `careloom.risk.cohorts_windows.imported`.

    raises  NotFound for the file; FormatError for a task file that is no cohort
    """
    text = _text(name, "cohort", ready())
    return imported(text, "" if "\n" in name else Path(name).stem) if is_task_file(text) else text


def _told(platform: Platform, who: Principal, ask: TrainingAsk) -> tuple[AnyCohort, FeatureSet, Texts]:
    """The cohort and the features that are asked for, and their texts with what their value sets mean now."""
    cohorts, features, told = ready(), ready_features(), dict[str, Mapping[str, tuple[str, ...]]]()
    expand = recorded(_expander(platform, who), told)
    own = shipped_features_text(ask.features) if ask.features in features else _text(
        ask.features, "set of features", features
    )  # fmt: skip
    texts = Texts(
        shipped_text(ask.cohort) if ask.cohort in cohorts else cohort_text(ask.cohort),
        joined(own, shipped_features_text(ask.also)) if ask.also else own,
        told,
    )
    return any_from_toml(texts.cohort, expand), features_from_toml(texts.features, expand), texts


def _text(name: str, what: str, known: list[str]) -> str:
    """The text of a file, or what is one already: it has several lines."""
    if "\n" in name:
        return name
    try:
        return Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise NotFound(f"there is no such {what}", f"Name a TOML file, or one of {', '.join(known)}.") from None
