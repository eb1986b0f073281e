"""What a model card is made of: the version, its lineage, how it was judged, how it is watched, what people declare.

Everything is plain data: a card knows no model and no patient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from careloom.errors import FormatError
from careloom.mlops.card_declared import Declarations

COUNTS = ("n", "patients", "events")
PARTS = ("value", "low", "high")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """A version judged on data that it did not learn from.

    of         digest of the version that was judged
    at         when, UTC
    data       which data, in words: source, setting, period
    measures   name -> value, low, high as of `careloom.risk.evaluate`, or of another kind of model; null: not defined
    counts     n, patients, events; those that are kept
    subgroups  rows of `careloom.risk.subgroups`: attribute, group and measures; those of a small group are null
    operating  threshold, alerts_per_100, ppv, recall, net_benefit, at_risk; None where nobody is alerted
    party      who did it; empty: the developer
    process    how, in words; empty: as the project's evaluation does
    elsewhere  what models made anew did later and at other sites: `careloom.risk.models_elsewhere`
    """

    of: str
    at: datetime
    data: str
    measures: Mapping[str, Mapping[str, float | None]]
    counts: Mapping[str, int]
    subgroups: tuple[Mapping[str, Any], ...] = ()
    operating: Mapping[str, float | None] | None = None
    party: str = ""
    process: str = ""
    elsewhere: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Watched:
    """One thing that monitoring looks at.

    about   data, prediction, validity, fairness, quality or system
    value   what was last found; None before the first look
    limit   beyond it somebody is told
    state   ok, warning or alarm
    """

    name: str
    about: str
    limit: float | None
    value: float | None = None
    state: Literal["ok", "warning", "alarm", "unknown"] = "unknown"


@dataclass(frozen=True, slots=True)
class Monitoring:
    """How a version is watched: when it was last looked at, how often that is, and what was found.

    of, at  digest of the version that was looked at, and when
    """

    of: str
    at: datetime
    every_days: float
    watched: tuple[Watched, ...]


@dataclass(frozen=True, slots=True)
class CardFacts:
    """All that a card of one version is made of.

    Computable (the card computes it): what `model`, `training`, `lineage`, `same_source`, `external`, `local` and
    `monitoring` hold. Declared (a person answers for it in ``card.toml`` beside the task): what `declared` holds.

    name, version   as registered; `digest` over the files of the package
    registered_at   UTC
    model           ``model.json`` of the package
    training        manifest of the training set: cohort with steps, features, facts, split, folds, missing, leaks; and
                    ``demographics`` (attribute -> group -> patients of the training fold) where somebody counted
    lineage         git_revision, snapshot, environment, seeds, ... as registered
    registered      what of `declared` was registered with the version; without texts where none was
    trained_here    the training data are records of the place that uses the model
    external        judged on another source; None where nobody did
    local           judged in the data of the place of use; None where nobody did
    monitoring      None before it is served
    """

    name: str
    version: int
    digest: str
    registered_at: datetime
    model: Mapping[str, Any]
    declared: Declarations
    training: Mapping[str, Any] = field(default_factory=dict)
    lineage: Mapping[str, Any] = field(default_factory=dict)
    trained_here: bool = False
    same_source: Judged | None = None
    external: Judged | None = None
    local: Judged | None = None
    monitoring: Monitoring | None = None
    registered: Declarations = field(default_factory=Declarations)

    @property
    def basis(self) -> dict[str, str]:
        """What an attribute can rest on -> what tells one state of it from the next; what is not there is left out."""
        found = {"version": self.digest}
        for name, one in self._dated.items():
            if one is not None:
                found[name] = f"{one.of}@{one.at.isoformat()}"
        return found

    @property
    def _dated(self) -> dict[str, Judged | Monitoring | None]:
        return {
            "evaluation": self.same_source,
            "external": self.external,
            "local": self.local,
            "monitoring": self.monitoring,
        }

    def dated(self, name: str) -> Judged | Monitoring | None:
        """What stands behind a name of `basis` that has a date."""
        return self._dated.get(name)


def judged(report: Mapping[str, Any], of: str = "", at: datetime | None = None) -> Judged:
    """A report of an evaluation as it is kept.

    report  ``data`` and either ``measures`` (name -> value, low, high) with ``counts`` or ``rows``, as
            `careloom.risk.models_report`, or ``evaluation`` (fields of `careloom.risk.evaluate.Evaluation`); ``of`` and
            ``at`` (ISO 8601 with offset) unless they are handed in; and ``subgroups`` (rows, or an object with
            ``table``), ``operating`` or ``threshold``, ``party``, ``process`` where there are any
    of, at  the version that was judged and when, for a report that is part of a manifest
    raises  FormatError that names what lacks
    """
    told = report.get("evaluation") or {**report.get("measures", {}), **_counts(report)}
    have = {"of": of or report.get("of"), "at": at or report.get("at"), "data": report.get("data")}
    measures = {name: one for name, one in told.items() if isinstance(one, Mapping) and "value" in one}
    lacking = [name for name, value in have.items() if not value] or ([] if measures else ["measures"])
    if lacking:
        raise FormatError(f"report of an evaluation: no {lacking[0]}", "Take the report as the evaluation wrote it.")
    return Judged(
        of=str(have["of"]),
        at=moment(have["at"], "report of an evaluation: at"),
        data=str(have["data"]),
        measures={name: {part: one.get(part) for part in PARTS} for name, one in measures.items()},
        counts={name: int(told[name]) for name in COUNTS if isinstance(told.get(name), (int, float))},
        subgroups=_rows(report.get("subgroups") or ()),
        operating=report.get("operating") or report.get("threshold"),
        party=str(report.get("party", "")),
        process=str(report.get("process", "")),
        elsewhere=tuple((report.get("report") or report).get("elsewhere") or ()),
    )


def _counts(report: Mapping[str, Any]) -> Json:
    told = dict(report.get("counts") or report.get("rows") or {})
    return {"n": told["rows"], **told} if "rows" in told else told


def _rows(told: Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    rows = told.get("table", ()) if isinstance(told, Mapping) else told
    if any("attribute" not in row or "group" not in row for row in rows):
        raise FormatError("report of an evaluation: subgroups", "Each row has an attribute and a group.")
    return tuple(rows)


def moment(text: Any, where: str) -> datetime:
    """A moment with its offset. raises FormatError for another text"""
    try:
        found = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    except ValueError as error:
        raise FormatError(where, "Write it as 2026-11-30T12:00:00+00:00.") from error
    if found.tzinfo is None:
        raise FormatError(where, "Give it with its offset from UTC.")
    return found
