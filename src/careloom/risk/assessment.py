"""What a model says of one patient at one moment, ready to be shown, written and acted on; pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from careloom.risk.care_gaps import Finding
from careloom.risk.explain import Explanation, Factor, Statement
from careloom.risk.explain_days import DaysExplanation

Band = Literal["low", "moderate", "high"]
UNCOMPARED = "not compared with the guideline's text: look it up"
"""Stands beside a suggestion whose rule was written from knowledge: `careloom.risk.care_gaps.Source.checked` is no."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Interval:
    """How sure the model is: see `careloom.risk.models_interval.RiskInterval`.

    event_possible, no_event_possible  which outcomes cannot be ruled out; both: the model does not know
    """

    low: float
    high: float
    event_possible: bool
    no_event_possible: bool


@dataclass(frozen=True, slots=True)
class Days:
    """Days that a model foretells beside the risk, such as those of a stay, with their interval.

    outcome   what happens at their end
    since     from when they are counted
    share     of such intervals that hold, 0..1
    high      None: too few rows made the interval
    why       what adds days and what takes some off
    """

    outcome: str
    since: datetime
    expected: float
    low: float
    high: float | None
    share: float
    why: DaysExplanation

    def end(self, days: float) -> datetime:
        """The moment so many days on."""
        return self.since + timedelta(days=days)

    @property
    def sentence(self) -> str:
        """The same in words."""
        if self.high is None:
            return f"Expected days until the {self.outcome}: {self.expected:.1f}; too few patients tell an interval."
        return (
            f"Expected days until the {self.outcome}: {self.expected:.1f}, "
            f"{100 * self.share:.0f} % interval {self.low:.1f} to {self.high:.1f}."
        )

    def as_json(self) -> Json:
        """The days as plain JSON."""
        return {
            "outcome": self.outcome, "since": self.since.isoformat(), "expected": self.expected, "low": self.low,
            "high": self.high, "share": self.share, "explanation": _days_json(self.why),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Assessment:
    """One risk of one patient.

    model         ``readmission-30d@3``
    index_time    the moment that it holds for; nothing later was used
    until         end of the horizon
    index_key     the resource that the index is (``Encounter/17``); empty for a moment of its own
    running       true where that stay had not ended: the index is the moment of asking
    probability   calibrated, 0..1
    alert_from    from which probability on somebody is told; None for a model without
    prevalence    share of events in what it was trained on; None where it does not say
    left_out      facts that a consent withholds from who asked
    basis         resources of every fact that a feature rests on, with the version read
    days          None for a model that foretells none, and for a stay that is looked at as if it ended now
    """

    patient_id: str
    model: str
    outcome: str
    index_time: datetime
    until: datetime
    index_key: str
    running: bool
    probability: float
    alert_from: float | None
    explanation: Explanation
    interval: Interval | None = None
    prevalence: float | None = None
    gaps: tuple[Finding, ...] = ()
    left_out: int = 0
    basis: tuple[str, ...] = field(default=())
    days: Days | None = None

    @property
    def is_alert(self) -> bool:
        """True where somebody is to be told."""
        return self.alert_from is not None and self.probability >= self.alert_from

    @property
    def band(self) -> Band | None:
        """high from the threshold of alerts on; low below what happens on average; None where neither is known."""
        if self.is_alert:
            return "high"
        if self.prevalence is None:
            return None
        return "low" if self.probability < self.prevalence else "moderate"

    @property
    def relative_risk(self) -> float | None:
        """To what happens on average; None where that is not known."""
        return self.probability / self.prevalence if self.prevalence else None

    @property
    def open_gaps(self) -> tuple[Finding, ...]:
        """What a guideline asks for and the record does not show."""
        return tuple(one for one in self.gaps if one.status == "gap")

    def as_json(self) -> Json:
        """The assessment as plain JSON."""
        interval = self.interval
        return {
            "patient": f"Patient/{self.patient_id}", "model": self.model, "outcome": self.outcome,
            "index_time": self.index_time.isoformat(), "until": self.until.isoformat(), "index": self.index_key or None,
            "running": self.running, "probability": self.probability, "alert_from": self.alert_from,
            "alert": self.is_alert, "band": self.band, "relative_risk": self.relative_risk,
            "interval": None if interval is None else {n: getattr(interval, n) for n in interval.__slots__},
            "explanation": explanation_json(self.explanation), "care_gaps": [gap_json(one) for one in self.open_gaps],
            "unknown": sum(one.status == "unknown" for one in self.gaps), "left_out": self.left_out,
            "basis": list(self.basis), "days": None if self.days is None else self.days.as_json(),
        }  # fmt: skip


def explanation_json(one: Explanation) -> Json:
    """An explanation as plain JSON."""
    return {
        "base": one.base, "rest": one.rest, "calibration": one.calibration,
        "factors": [_factor_json(factor) for factor in one.factors],
    }  # fmt: skip


def _factor_json(one: Factor) -> Json:
    return {
        "concept": one.concept, "log_odds": one.log_odds, "modifiable": one.is_modifiable, "text": one.text,
        "statements": _statements_json(one.statements),
    }  # fmt: skip


def _days_json(one: DaysExplanation) -> Json:
    factors = [
        {
            "concept": factor.concept, "days": factor.days, "modifiable": factor.is_modifiable, "text": factor.text,
            "statements": _statements_json(factor.statements),
        }
        for factor in one.factors
    ]  # fmt: skip
    return {"base": one.base, "rest": one.rest, "floor": one.floor, "factors": factors}


def _statements_json(told: tuple[Statement, ...]) -> list[Json]:
    return [
        {
            "feature": said.feature, "text": said.text, "value": said.value, "unit": said.unit, "count": said.count,
            "facts": [
                {"resource": fact.resource, "time": None if fact.time is None else fact.time.isoformat()}
                for fact in said.facts
            ],
        }
        for said in told
    ]  # fmt: skip


def gap_json(one: Finding) -> Json:
    """A care gap as plain JSON, with who says so beside it."""
    source = one.rule.source
    return {
        "rule": one.rule.rule_id, "title": one.rule.title, "kind": one.rule.kind, "text": one.rule.text,
        "source": {name: getattr(source, name) for name in source.__slots__},
        "because": list(dict.fromkeys(fact.reference for fact in one.because)),
    }  # fmt: skip


def mitigation(one: Assessment, at_most: int = 5) -> str:
    """What can be done, in words: factors that somebody can change, then what guidelines suggest, with their source."""
    changeable = [factor for factor in one.explanation.factors if factor.is_modifiable and factor.log_odds > 0]
    parts = [f"Can be changed: {', '.join(factor.concept for factor in changeable)}."] if changeable else []
    parts += [gap_sentence(gap) for gap in one.open_gaps[:at_most]]
    return " ".join(parts)


def gap_sentence(one: Finding) -> str:
    """A suggestion with its source and edition; one whose wording was compared with nothing says so."""
    source = one.rule.source
    mark = f"; {UNCOMPARED}" if source.checked == "no" else ""
    return f"{one.rule.text.rstrip('.')} ({source.organisation}, {source.guideline}, {source.year}{mark})."


def percent(probability: float) -> str:
    """A probability as a clinician reads it."""
    value = 100 * probability
    return "below 1 %" if value < 1 else "above 99 %" if value > 99 else f"{value:.0f} %"
