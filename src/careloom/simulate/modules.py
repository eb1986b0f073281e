"""Disease modules: state machines read from ``modules/*.toml``, checked and compiled once.

The grammar stands in docs/reference/simulator-modules.md. What a file says that the grammar does not know is refused.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from careloom.runtime import packaged, packaged_names
from careloom.simulate.rules import BadRuleError, Rule, amount, probability

Action = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Transition:
    """A way out of a state.

    chance      probability over `years`, asked at the beginning of a year of the patient; None for a delay
    outcome     name in the answer key of what the draw decides; empty for none
    after_days  delay, uniform between the two; None for a chance
    share       of several delays the one that is taken, by weight
    """

    state: str
    chance: Rule | None
    years: int
    outcome: str
    after_days: tuple[float, float] | None
    share: float
    when: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that recurs in a state: so many times a year, in an encounter of a kind, with actions."""

    name: str
    rate: Rule
    raises: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class State:
    """A state: what happens on entry, what it does to measures, the care it asks for, the ways out.

    effects  measure -> what the state adds to the set point
    reach    measure -> between what two values entering the state brings the set point, whatever it was before
    """

    name: str
    raises: str
    enter: tuple[Action, ...]
    effects: Mapping[str, float]
    reach: Mapping[str, tuple[float, float]]
    drift: Mapping[str, float]
    visit_every_days: float
    panels: Mapping[str, float]
    review: tuple[Action, ...]
    events: tuple[Event, ...]
    to: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A state in which a patient may already be at the first contact, with how long ago it began."""

    state: str
    chance: Rule
    years_before: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Module:
    """One state machine; `initial` is the state of whoever no entry hits."""

    name: str
    about: str
    order: int
    sources: tuple[str, ...]
    initial: str
    ages: tuple[float, float]
    sex: str
    entries: tuple[Entry, ...]
    states: Mapping[str, State]
    ladders: Mapping[str, tuple[Mapping[str, Any], ...]]


@cache
def modules() -> tuple[Module, ...]:
    """All modules, in the order in which they are asked."""
    read = [_module(name) for name in packaged_names("simulate", "modules", ".toml")]
    return tuple(sorted(read, key=lambda module: (module.order, module.name)))


@cache
def by_name() -> dict[str, Module]:
    """The modules by name."""
    return {module.name: module for module in modules()}


@cache
def ladders() -> dict[str, tuple[Mapping[str, Any], ...]]:
    """Every ladder of drugs by its name, whatever module declares it."""
    return {name: steps for module in modules() for name, steps in module.ladders.items()}


def _module(path: str) -> Module:
    table = tomllib.loads(packaged("simulate", path).decode())
    take = _taker(
        table,
        path,
        {"name", "about", "order", "sources", "initial", "ages", "sex", "entry", "states", "ladders", "check"},
    )
    states = {name: _state(name, spec, f"{path} {name}") for name, spec in take("states").items()}
    module = Module(
        take("name"), take("about"), take("order"), tuple(take("sources")), take("initial"),
        tuple(take("ages", [0.0, 130.0])), take("sex", "any"),
        tuple(_entry(spec, path) for spec in take("entry", [])), states,
        {name: tuple(steps) for name, steps in take("ladders", {}).items()},
    )  # fmt: skip
    targets = [module.initial, *(entry.state for entry in module.entries)]
    targets += [way.state for state in states.values() for way in state.to]
    if missing := [target for target in targets if target not in states]:
        raise BadRuleError(f"{path}: no state {missing[0]!r}")
    return module


def _taker(table: Mapping[str, Any], place: str, known: set[str]) -> Callable[..., Any]:
    """A getter that has refused keys outside of the grammar."""
    if unknown := set(table) - known:
        raise BadRuleError(f"{place}: the grammar has no {min(unknown)!r}")

    def take(key: str, *default: Any) -> Any:
        if key in table:
            return table[key]
        if not default:
            raise BadRuleError(f"{place}: {key!r} is missing")
        return default[0]

    return take


def _state(name: str, spec: Mapping[str, Any], place: str) -> State:
    take = _taker(
        spec,
        place,
        {"raise", "enter", "effects", "reach", "drift", "visit_every_days", "panels", "review", "events", "to"},
    )
    if twice := set(take("effects", {})) & set(take("reach", {})):
        raise BadRuleError(f"{place}: {min(twice)!r} has an effect and a reach; write one of them")
    return State(
        name, take("raise", ""), tuple(take("enter", [])), take("effects", {}),
        {measure: (float(low), float(high)) for measure, (low, high) in take("reach", {}).items()}, take("drift", {}),
        float(take("visit_every_days", 0.0)), take("panels", {}), tuple(take("review", [])),
        tuple(_event(event, place) for event in take("events", [])),
        tuple(_transition(way, place) for way in take("to", [])),
    )  # fmt: skip


def _event(spec: Mapping[str, Any], place: str) -> Event:
    take = _taker(spec, place, {"name", "rate", "raise", "do"})
    return Event(
        take("name"), amount(take("rate"), f"{place} {take('name')}"), take("raise", "visit"), tuple(take("do", []))
    )


def _transition(spec: Mapping[str, Any], place: str) -> Transition:
    take = _taker(spec, place, {"state", "chance", "years", "outcome", "after_days", "share", "when"})
    chance, delay = take("chance", None), take("after_days", None)
    if (chance is None) == (delay is None):
        raise BadRuleError(f"{place}: a way out has either a chance or after_days")
    rule = probability(chance, f"{place} to {take('state')}") if chance is not None else None
    days = (float(delay[0]), float(delay[1])) if delay is not None else None
    return Transition(
        take("state"), rule, take("years", 1), take("outcome", ""), days, float(take("share", 1.0)), take("when", "")
    )


def _entry(spec: Mapping[str, Any], place: str) -> Entry:
    take = _taker(spec, place, {"state", "chance", "years_before"})
    low, high = take("years_before", [0.5, 10.0])
    return Entry(take("state"), probability(take("chance"), f"{place} entry"), (float(low), float(high)))
