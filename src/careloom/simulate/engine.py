"""How a patient moves through the states of the modules: the years, the chances, what a state brings with it."""

import heapq
from datetime import datetime, timedelta

from careloom.simulate import actions, care, mortality, stays
from careloom.simulate.history import Outcome
from careloom.simulate.life import Life
from careloom.simulate.measures import set_point, shift_to
from careloom.simulate.modules import Event, Module, State, Transition, by_name, modules

YEAR = timedelta(days=365.25)
_MARGIN = timedelta(days=4)
"""What is decided for a year happens at least so long before its end: a visit waits for office hours."""


def run(life: Life) -> None:
    """Lets time pass until the present or death."""
    while life.queue and not life.is_over:
        time, _, handler, arguments = heapq.heappop(life.queue)
        life.now = time
        handler(life, *arguments)


def begin(life: Life) -> None:
    """The first contact: what the patient already has, then the first year."""
    _refresh(life)
    known: list[tuple[Module, State, datetime]] = []
    for module in modules():
        if not _concerns(life, module):
            life.states[module.name] = module.initial
            continue
        entry = next((entry for entry in module.entries if life.draw.hit(entry.chance(life))), None)
        life.states[module.name] = entry.state if entry else module.initial
        if entry is None:
            continue
        state = module.states[entry.state]
        span = min(life.draw.uniform(*entry.years_before), max(0.1, life.age - module.ages[0]))
        _take_effects(life, module, state, with_drift_since=span)
        known.append((module, state, life.now - timedelta(days=span * 365.25)))
        actions.note_features(life, state.enter)
    _refresh(life)
    care.first_visit(life, known)
    if life.age < 0.02:
        stays.admit(life, "birth", None, ())
    year_start(life)


def _concerns(life: Life, module: Module) -> bool:
    """Whether a module can concern a patient at all by sex."""
    return module.sex in ("any", "male" if life.male else "female")


def _refresh(life: Life) -> None:
    """Features that follow from levels."""
    life.features["obese"] = float(life.age >= 18 and set_point(life, "bmi") >= 30.0)


def year_start(life: Life) -> None:
    """The beginning of a year of the patient: what is decided for it, from what is true now."""
    _refresh(life)
    life.year_end = life.now + YEAR
    mortality.decide_year(life)
    _bring_forward(life)
    for module in modules():
        if not _concerns(life, module) or not module.ages[0] <= life.age < module.ages[1]:
            continue
        state = module.states[life.states[module.name]]
        _arm_chances(life, module, state, 1.0, at_year_start=True)
        for event in state.events:
            _arm_event(life, module, state, event, 1.0)
    life.year += 1
    life.plan(life.year_end, year_start)


def _bring_forward(life: Life) -> None:
    """What is decided to happen within several years happens before a death that is decided since.

    So the probability in the answer key stays that of the draw: nobody dies out of an onset that was drawn.
    """
    if life.death is None:
        return
    for name, (time, target, _) in list(life.pending.items()):
        if time >= life.death - _MARGIN and _is_foretold(by_name()[name], target):
            span = max(timedelta(hours=1), life.death - 2 * _MARGIN - life.now)
            _decide(life, by_name()[name], target, life.now + life.draw.uniform() * span)


def enter(life: Life, module: Module, name: str) -> None:
    """Moves a module to a state now, with all that the state brings."""
    state = module.states[name]
    life.states[module.name] = name
    life.pending.pop(module.name, None)
    life.drop_shifts(module.name)
    _take_effects(life, module, state)
    actions.note_features(life, state.enter)
    left = 1.0 if life.year_end is None else max(0.0, (life.year_end - life.now) / YEAR)
    if state.raises or state.enter:
        _raise(life, module, state.raises, state.enter, name)
    if life.states[module.name] != name:
        return  # what the state raised moved on already
    _arm_chances(life, module, state, left, at_year_start=False)
    for event in state.events:
        _arm_event(life, module, state, event, left)
    _arm_delay(life, module, state)


def _take_effects(life: Life, module: Module, state: State, *, with_drift_since: float = 0.0) -> None:
    for measure, value in state.effects.items():
        per_year = state.drift.get(measure, 0.0)
        life.add_shift(measure, module.name, value + per_year * min(8.0, with_drift_since), per_year)
    for measure, (low, high) in state.reach.items():
        change = shift_to(life, measure, life.draw.uniform(low, high))
        life.add_shift(measure, module.name, change, state.drift.get(measure, 0.0))
    for measure, per_year in state.drift.items():
        if measure not in state.effects and measure not in state.reach:
            life.add_shift(measure, module.name, per_year * min(8.0, with_drift_since), per_year)


def _arm_chances(life: Life, module: Module, state: State, left: float, *, at_year_start: bool) -> None:
    """Decides the ways out by chance; the earliest that is drawn is the one taken."""
    first: tuple[datetime, str] | None = None
    for way in state.to:
        if way.chance is None or not module.ages[0] <= life.age < module.ages[1]:
            continue
        years_left = left + (way.years - 1 - life.year % way.years if way.years > 1 else 0)
        if way.years > 1 and at_year_start and life.year % way.years:
            continue  # decided at the beginning of the block
        chance = way.chance(life)
        if years_left < way.years:
            chance = 1.0 - (1.0 - chance) ** (years_left / way.years)
        is_hit = life.draw.hit(chance)
        _answer(life, way, chance, is_hit=is_hit, at_year_start=at_year_start)
        if is_hit:
            span = max(timedelta(hours=1), _horizon(life, way, years_left) - _MARGIN)
            time = life.now + life.draw.uniform() * span
            if first is None or time < first[0]:
                first = (time, way.state)
    if first is not None:
        _decide(life, module, first[1], first[0])


def _horizon(life: Life, way: Transition, years_left: float) -> timedelta:
    """How long there is for what was drawn: until the end of its years, or the death that is decided."""
    span = years_left * YEAR
    if life.death is not None and way.outcome:
        span = min(span, life.death - life.now - _MARGIN)
    return span


def _answer(life: Life, way: Transition, chance: float, *, is_hit: bool, at_year_start: bool) -> None:
    if way.outcome and at_year_start and life.now + way.years * YEAR <= life.present:
        life.history.outcomes.append(Outcome(way.outcome, life.now, care.last_encounter(life), chance, float(is_hit)))


def _decide(life: Life, module: Module, target: str, time: datetime) -> None:
    life.count += 1
    life.pending[module.name] = (time, target, life.count)
    life.plan(time, _pass, module.name, target, life.count)


def _pass(life: Life, module_name: str, target: str, token: int) -> None:
    """A decided transition comes true, unless something else was decided since."""
    held = life.pending.get(module_name)
    if held is None or held[2] != token:
        return
    module = by_name()[module_name]
    raises = module.states[target].raises
    if raises.startswith("stay:") and not stays.may_admit(life) and not _is_foretold(module, target):
        _decide(life, module, target, stays.next_admission(life))
        return
    enter(life, module, target)


def _is_foretold(module: Module, target: str) -> bool:
    """Whether the answer key holds the way into a state: it may not wait then."""
    return any(way.outcome and way.state == target for state in module.states.values() for way in state.to)


def _arm_delay(life: Life, module: Module, state: State) -> None:
    """Decides the ways out by delay: one of them, by share."""
    ways = [way for way in state.to if way.after_days is not None and (not way.when or life.feature(way.when))]
    if not ways:
        return
    way = ways[0] if len(ways) == 1 else life.draw.weighted(ways, [way.share for way in ways])
    low, high = way.after_days if way.after_days is not None else (0.0, 0.0)
    _decide(life, module, way.state, life.since(life.draw.uniform(low, high)))


def _arm_event(life: Life, module: Module, state: State, event: Event, left: float) -> None:
    """Decides when a recurring event happens until the end of the year."""
    mean = event.rate(life) * left
    if mean <= 0.0 or life.year_end is None:
        return
    count = life.draw.count(mean)
    for _ in range(min(count, 12)):
        life.plan(life.now + life.draw.uniform() * (life.year_end - life.now), _happen, module.name, state.name, event)


def _happen(life: Life, module_name: str, state_name: str, event: Event) -> None:
    """A recurring event, if the state still holds."""
    if life.states[module_name] == state_name:
        _raise(life, by_name()[module_name], event.raises, event.actions, event.name)


def _raise(life: Life, module: Module, raises: str, what: tuple[actions.Action, ...], name: str) -> None:
    """Runs actions in the contact that they ask for; in the stay under way where there is one."""
    if life.now < life.busy_until and life.last_stay is not None and raises != "none":
        held, life.encounter = life.encounter, life.last_stay
        actions.perform(life, module, what)
        life.encounter = held
    elif raises.startswith("stay:"):
        if stays.may_admit(life):
            stays.admit(life, raises[5:], module, what)
        else:
            care.emergency(life, module, what)
    elif raises == "emergency":
        care.emergency(life, module, what)
    elif raises in ("", "visit", "virtual"):
        care.unplanned_visit(life, module, what, is_virtual=raises == "virtual")
    else:
        actions.perform(life, module, what)
