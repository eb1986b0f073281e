"""What a cohort is, as data: index events, rules, outcome, censoring and death, read from TOML.

The grammar stands at the head of ``definitions/readmission_30_days.toml``. What is not understood is refused with its
place: a rule that is skipped in silence would let in whom it was to keep out.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, Literal, get_args

import orjson

from careloom.errors import FormatError, NotFound
from careloom.risk.cohorts_events import KINDS
from careloom.runtime import packaged, packaged_names
from careloom.terminology.systems import canonical

RuleKind = Literal["age", "sex", "event", "history", "alive"]
Choose = Literal["all", "first", "last", "yearly"]
DeathPolicy = Literal["drop", "negative", "competing", "none"]
FollowUp = Literal["data", "patient"]
Json = dict[str, Any]
Expand = Callable[[str], Mapping[str, tuple[str, ...]]]
"""A value set's URL -> its codes by system."""
LONGEST_WINDOW_DAYS = 73_050
"""Of a window of observation: 200 years, before which calendars of programs may end."""


@dataclass(frozen=True, slots=True)
class EventSet:
    """Facts that are meant together.

    codes, prefixes  by canonical URI of the system; both empty: every fact of the kind
    details          one of them, where any is named; never one of `not_details`
    value_set        URL that was expanded into `codes`, for the record
    """

    name: str
    kind: str
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prefixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    details: tuple[str, ...] = ()
    not_details: tuple[str, ...] = ()
    value_set: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """When a prediction is made.

    event         name of an event set; empty where `date` is the index of everybody
    offset_hours  of the index time from the event
    choose        which of a patient's candidates that pass every rule remain
    """

    event: str = ""
    date: datetime | None = None
    offset_hours: float = 0.0
    choose: Choose = "all"


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition that a candidate has to meet; the head of the ready definitions says what each kind reads."""

    name: str
    kind: RuleKind
    why: str = ""
    min_years: float | None = None
    below_years: float | None = None
    is_: str = ""
    event: str = ""
    must: Literal["have", "lack"] = "have"
    days: float = 0.0
    at_least: int = 1
    same_encounter: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is foretold: an event in (index, index + horizon]; with `happens` False that it does not come.

    anchor  ``index`` or ``event``: what the horizon is counted from
    before  an event set of the same encounter that ends the look; empty for none
    death   a death in the look is the outcome, too; where `before` ended it, to the end of that day (UTC)
    """

    event: str
    horizon_days: float
    anchor: Literal["index", "event"] = "index"
    happens: bool = True
    same_encounter: bool = False
    before: str = ""
    death: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole cohort.

    observation_days  no feature of a model that is trained on it looks further back than so many days before the index
                      time; 0: each looks as far as it says. Rules look as far as each of them says
    """

    name: str
    title: str
    source: str
    events: Mapping[str, EventSet]
    index: Index
    rules: tuple[Rule, ...]
    outcome: Outcome
    observation_days: float = 0.0
    follow_up: FollowUp = "data"
    death: DeathPolicy = "none"

    @property
    def digest(self) -> str:
        """32 hexadecimal digits of all that decides who is in and what the label is; the window decides neither."""
        told = replace(self, observation_days=0.0)
        return sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS, default=dict)).hexdigest()[:32]


def ready() -> list[str]:
    """Names of the definitions that ship."""
    names = packaged_names("risk", "definitions", ".toml")
    return sorted(name.rpartition("/")[2].removesuffix(".toml") for name in names)


def shipped(name: str, expand: Expand | None = None) -> Definition:
    """A definition that ships. raises NotFound"""
    return from_toml(shipped_text(name), expand)


def shipped_text(name: str) -> str:
    """The text of a definition that ships. raises NotFound"""
    if name not in ready():
        raise NotFound("there is no such cohort", f"Name a file, or one of {', '.join(ready())}.")
    return packaged("risk", f"definitions/{name}.toml").decode()


def from_toml(text: str, expand: Expand | None = None) -> Definition:
    """The definition that a text says.

    expand  tells what a value set means; without it a definition with one is refused
    raises  FormatError, which names the place
    """
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormatError(f"cohort: it is no TOML ({error})", "Mend the line that is named.") from None
    return _Reader(expand).definition(told)


class _Reader:
    def __init__(self, expand: Expand | None) -> None:
        self._expand = expand

    def definition(self, told: Json) -> Definition:
        known = ("name", "title", "source", "observation_days", "events", "index", "rules", "outcome", "censoring",
                 "death")  # fmt: skip
        only(told, known, "the file")
        events = {name: self._event(name, one) for name, one in table(told, "events", "the file").items()}
        index = _index(table(told, "index", "the file"), events)
        rules = tuple(_rule(one, f"rules[{place}]", events) for place, one in enumerate(told.get("rules", ())))
        _require([one.name for one in rules], "rules")
        censoring, death = told.get("censoring", {}), told.get("death", {})
        only(censoring, ("follow_up",), "censoring")
        only(death, ("policy",), "death")
        return Definition(
            name=word(told, "name", "the file"),
            title=word(told, "title", "the file"),
            source=word(told, "source", "the file"),
            events=events,
            index=index,
            rules=rules,
            outcome=_outcome(table(told, "outcome", "the file"), events),
            observation_days=_window(told),
            follow_up=one_of(censoring, "follow_up", get_args(FollowUp), "censoring", "data"),
            death=one_of(death, "policy", get_args(DeathPolicy), "death", "none"),
        )

    def _event(self, name: str, told: Json) -> EventSet:
        return event_set(name, told, self._expand)


def event_set(name: str, told: Json, expand: Expand | None) -> EventSet:
    """One block ``[events.NAME]``. raises FormatError"""
    place = f"events.{name}"
    only(told, ("kind", "codes", "prefixes", "value_set", "details", "not_details"), place)
    codes, value_set = _by_system(told.get("codes", {}), f"{place}.codes"), told.get("value_set", "")
    if value_set:
        if expand is None:
            raise FormatError(f"cohort: {place}.value_set", "Value sets are known where a terminology is loaded.")
        for system, more in expand(value_set).items():
            codes[system] = tuple(dict.fromkeys((*codes.get(system, ()), *more)))
    return EventSet(
        name=name,
        kind=one_of(told, "kind", KINDS, place),
        codes=codes,
        prefixes=_by_system(told.get("prefixes", {}), f"{place}.prefixes"),
        details=_words(told.get("details", []), f"{place}.details"),
        not_details=_words(told.get("not_details", []), f"{place}.not_details"),
        value_set=value_set,
    )


def _window(told: Json) -> float:
    days = number(told, "observation_days", "the file", 0.0)
    if days > LONGEST_WINDOW_DAYS:
        remedy = f"Write days, {LONGEST_WINDOW_DAYS:,} at most; leave it away for the whole record."
        raise FormatError("cohort: the file.observation_days", remedy)
    return days


def _index(told: Json, events: Mapping[str, EventSet]) -> Index:
    only(told, ("event", "date", "offset_hours", "choose"), "index")
    if ("event" in told) == ("date" in told):
        raise FormatError("cohort: index", "Say either event or date.")
    day = told.get("date")
    if day is not None and not isinstance(day, date):
        raise FormatError("cohort: index.date", "Write a day as TOML does: 2024-01-01.")
    return Index(
        event="" if day is not None else known_event(told, "index", events),
        date=None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC),
        offset_hours=number(told, "offset_hours", "index", 0.0, negative=True),
        choose=one_of(told, "choose", get_args(Choose), "index", "all"),
    )


_READS = {
    "age": ("min_years", "below_years"), "sex": ("is",), "history": ("days",), "alive": (),
    "event": ("event", "must", "days", "at_least", "same_encounter"),
}  # fmt: skip


def _rule(told: Json, place: str, events: Mapping[str, EventSet]) -> Rule:
    kind = one_of(told, "kind", get_args(RuleKind), place)
    only(told, ("name", "why", "kind", *_READS[kind]), place)
    made = Rule(
        name=word(told, "name", place),
        kind=kind,
        why=told.get("why", ""),
        min_years=told.get("min_years"),
        below_years=told.get("below_years"),
        is_=word(told, "is", place) if kind == "sex" else "",
        event=known_event(told, place, events) if kind == "event" else "",
        must=one_of(told, "must", ("have", "lack"), place, "have"),
        days=number(told, "days", place, None if kind == "history" else 0.0),
        at_least=int(number(told, "at_least", place, 1)),
        same_encounter=bool(told.get("same_encounter", False)),
    )
    if kind == "age" and made.min_years is None and made.below_years is None:
        raise FormatError(f"cohort: {place}", "Say min_years, below_years or both.")
    return made


def _outcome(told: Json, events: Mapping[str, EventSet]) -> Outcome:
    only(told, ("event", "horizon_days", "from", "happens", "same_encounter", "before", "death"), "outcome")
    before = told.get("before", "")
    if before and before not in events:
        raise FormatError("cohort: outcome.before", f"Name one of the events: {', '.join(events)}.")
    horizon = number(told, "horizon_days", "outcome", None)
    if horizon <= 0:
        raise FormatError("cohort: outcome.horizon_days", "Say a number of days above 0.")
    return Outcome(
        event=known_event(told, "outcome", events),
        horizon_days=horizon,
        anchor=one_of(told, "from", ("index", "event"), "outcome", "index"),
        happens=bool(told.get("happens", True)),
        same_encounter=bool(told.get("same_encounter", False)),
        before=before,
        death=bool(told.get("death", False)),
    )


def only(told: Json, known: tuple[str, ...], place: str) -> None:
    """Refuses what nobody would read. raises FormatError"""
    unknown = sorted(set(told) - set(known))
    if unknown:
        raise FormatError(f"cohort: {place} says {unknown[0]}, which means nothing", f"Known: {', '.join(known)}.")


def table(told: Json, name: str, place: str) -> Json:
    """A table that has to be there. raises FormatError"""
    found = told.get(name)
    if not isinstance(found, dict) or not found:
        raise FormatError(f"cohort: {place} has no [{name}]", "The ready definitions show how it is written.")
    return found


def word(told: Json, name: str, place: str) -> str:
    """A text that has to be there. raises FormatError"""
    found = told.get(name)
    if not isinstance(found, str) or not found.strip():
        raise FormatError(f"cohort: {place} has no {name}", "Write a text.")
    return found


def number(told: Json, name: str, place: str, usual: float | None, *, negative: bool = False) -> float:
    """A number; `usual` where nothing is said, None for one that has to be said. raises FormatError"""
    found = told.get(name, usual)
    if isinstance(found, bool) or not isinstance(found, int | float) or (found < 0 and not negative):
        raise FormatError(f"cohort: {place}.{name}", "Write a number" + ("." if negative else " from 0 on."))
    return float(found)


def one_of(told: Json, name: str, known: tuple[Any, ...], place: str, usual: str | None = None) -> Any:
    """One of some words. raises FormatError"""
    found = told.get(name, usual)
    if found not in known:
        raise FormatError(f"cohort: {place}.{name}", f"Say one of {', '.join(known)}.")
    return found


def known_event(told: Json, place: str, events: Mapping[str, EventSet]) -> str:
    """The name of an event set. raises FormatError"""
    found = told.get("event")
    if found not in events:
        raise FormatError(f"cohort: {place}.event", f"Name one of the events: {', '.join(events)}.")
    return str(found)


def _words(found: object, place: str) -> tuple[str, ...]:
    if not isinstance(found, list) or any(not isinstance(one, str) or not one for one in found):
        raise FormatError(f"cohort: {place}", "Write a list of texts.")
    return tuple(found)


def _by_system(found: object, place: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(found, dict):
        raise FormatError(f"cohort: {place}", 'Write the codes by system: { icd10cm = ["E11"] }.')
    return {_system(name, place): _words(codes, f"{place}.{name}") for name, codes in found.items()}


def _system(name: str, place: str) -> str:
    found = canonical(name)
    if found is None:
        raise FormatError(f"cohort: {place}: no system is called {name}", "Write its URI.")
    return found


def _require(names: list[str], place: str) -> None:
    if len(set(names)) != len(names):
        raise FormatError(f"cohort: two {place} have one name", "Attrition counts by name: give each its own.")
