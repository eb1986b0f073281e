"""Whether, and at which moment, one patient is predicted for: the rules of a cohort without a frame.

A cohort's own index events are judged as `careloom.risk.cohorts.extract` judges them (a property test). Beside them a
patient can be looked at now, while the stay that the index waits for still runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from careloom.risk.cohorts_definition import Definition, Rule
from careloom.risk.facts_one import Fact, seconds_of
from careloom.risk.features_one import Matcher, Moment, known_by

State = Literal["open", "over", "not-eligible", "no-index"]
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class IndexMoment:
    """A moment at which a prediction could be made.

    failed  names of the cohort's rules that do not hold then
    """

    moment: Moment
    failed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a patient stands to a cohort as of a time.

    state   open: the newest index is within its horizon; over: its horizon has passed, or what ends it has happened;
            not-eligible: the newest index fails rules; no-index: nothing that a prediction is made at has happened
    index   the newest index; None for no-index
    """

    state: State
    index: IndexMoment | None = None


class Judge:
    """Judges patients by one cohort; remembers codes, so keep one for many patients."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self._matcher = Matcher(definition.events.values())

    def standing(self, facts: Sequence[Fact], as_of: datetime) -> Standing:
        """Where a patient stands, by what had happened until `as_of`.

        Of a cohort of everybody on a day, that day is `as_of`.
        """
        by_set = self._matcher.sorted_out(facts)
        found = [one for one in self._moments(by_set, as_of) if one.time <= as_of]
        if not found:
            return Standing("no-index")
        newest = self._judged(found[-1], facts, by_set)
        if newest.failed:
            return Standing("not-eligible", newest)
        is_over = self._is_ended(newest.moment, by_set, as_of) or as_of >= self.horizon_end(newest.moment)
        return Standing("over" if is_over else "open", newest)

    def _is_ended(self, moment: Moment, by_set: dict[str, list[Fact]], as_of: datetime) -> bool:
        """Whether the event of the index's own encounter that ends the look has happened."""
        before = self.definition.outcome.before
        return bool(before and moment.encounter_key) and any(
            fact.time is not None and fact.time <= as_of and fact.encounter_key == moment.encounter_key
            for fact in by_set[before]
        )

    def horizon_end(self, moment: Moment) -> datetime:
        """Until when the outcome is looked for after an index."""
        outcome = self.definition.outcome
        late = self.definition.index.offset_hours if outcome.anchor == "event" else 0.0
        return moment.time + timedelta(days=outcome.horizon_days) - timedelta(seconds=round(late * 3600))

    def begun(self, moment: Moment) -> datetime:
        """When the index event was."""
        return moment.time - timedelta(hours=self.definition.index.offset_hours)

    def indexes(self, facts: Sequence[Fact], as_of: datetime | None = None) -> list[IndexMoment]:
        """Every index of a patient by time, with the rules that it fails.

        as_of  the index of a cohort whose index is a date, in the place of that date
        """
        by_set = self._matcher.sorted_out(facts)
        return [self._judged(one, facts, by_set) for one in self._moments(by_set, as_of)]

    def _moments(self, by_set: dict[str, list[Fact]], as_of: datetime | None) -> list[Moment]:
        index = self.definition.index
        if index.date is not None:
            return [Moment(as_of or index.date)]
        offset = timedelta(seconds=round(index.offset_hours * 3600))
        made: dict[tuple[datetime, str], Moment] = {}
        for fact in by_set[index.event]:
            if fact.time is not None:
                value, detail = fact.value, fact.detail
                moment = Moment(fact.time + offset, fact.encounter_key, fact.resource_key, value, detail)
                made.setdefault((moment.time, moment.resource_key), moment)
        return [made[key] for key in sorted(made)]

    def now(self, facts: Sequence[Fact], as_of: datetime, encounter_key: str = "") -> IndexMoment | None:
        """The index that an end of the stay at `as_of` would be; None where no stay runs then, or not this one.

        encounter_key  the stay that is meant; empty for the newest that runs
        """
        ended = {fact.resource_key for fact in facts if fact.kind == "discharge" and fact.time and fact.time <= as_of}
        running = [
            fact for fact in facts
            if fact.kind == "admission" and fact.time is not None and fact.time <= as_of
            and fact.resource_key not in ended and encounter_key in ("", fact.resource_key)
        ]  # fmt: skip
        if not running:
            return None
        stay = running[-1]
        days = seconds_of(as_of - (stay.time or as_of)) / _DAY_SECONDS
        moment = Moment(as_of, stay.encounter_key, stay.resource_key, days)
        return self._judged(moment, facts, self._matcher.sorted_out(facts))

    def _judged(self, moment: Moment, facts: Sequence[Fact], by_set: dict[str, list[Fact]]) -> IndexMoment:
        failed = [rule.name for rule in self.definition.rules if not self._holds(rule, moment, facts, by_set)]
        return IndexMoment(moment, tuple(failed))

    def _holds(self, rule: Rule, moment: Moment, facts: Sequence[Fact], by_set: dict[str, list[Fact]]) -> bool:
        if rule.kind == "event":
            held = known_by(by_set[rule.event], moment, rule.days, is_strict=False, same_encounter=rule.same_encounter)
            has = len({fact.resource_key for fact in held}) >= rule.at_least
            return has if rule.must == "have" else not has
        if rule.kind == "age":
            age = _age(facts, moment.time)
            low = rule.min_years is None or (age is not None and age >= rule.min_years)
            high = rule.below_years is None or (age is not None and age < rule.below_years)
            return low and high
        if rule.kind == "sex":
            return any(fact.kind == "sex" and fact.code == rule.is_ for fact in facts)
        times = [(fact.kind, fact.time) for fact in facts if fact.time is not None]
        if rule.kind == "alive":
            died = min((time for kind, time in times if kind == "death"), default=None)
            return died is None or died > moment.time
        first = min((time for kind, time in times if kind not in ("birth", "death")), default=None)
        return first is not None and first <= moment.time - timedelta(seconds=round(rule.days * _DAY_SECONDS))


def _age(facts: Sequence[Fact], at: datetime) -> int | None:
    """Completed years."""
    born = min((fact.time for fact in facts if fact.kind == "birth" and fact.time is not None), default=None)
    if born is None:
        return None
    now, then = at.astimezone(UTC), born.astimezone(UTC)
    return now.year - then.year - ((now.month, now.day) < (then.month, then.day))
