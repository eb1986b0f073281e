"""What a module may do in a contact: diagnose, treat, order; the grammar names an action by ``do``."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from careloom.simulate import prescriptions
from careloom.simulate.codes import concept
from careloom.simulate.history import Condition, Procedure, Report
from careloom.simulate.life import Life
from careloom.simulate.measures import observe, run_panel, set_point
from careloom.simulate.modules import Module
from careloom.simulate.rules import Subject

Action = Mapping[str, Any]


def perform(life: Life, module: Module | None, what: Iterable[Action]) -> None:
    """Does the actions in order; each may depend on chance, a feature, or a measure."""
    for action in what:
        if "if" in action and not life.feature(action["if"]):
            continue
        if "unless" in action and life.feature(action["unless"]):
            continue
        if "when" in action and not _holds(life, action["when"]):
            continue
        if "chance" in action and not life.draw.hit(action["chance"]):
            continue
        _ACTIONS[action["do"]](life, module, action)


def note_features(life: Life, what: Iterable[Action]) -> None:
    """Makes known what entering a state makes true, before anybody writes it down."""
    for action in what:
        if action["do"] == "diagnose":
            life.features[action["what"]] = 1.0
        elif action["do"] == "note":
            life.features[action["feature"]] = float(action.get("value", 1.0))


def _holds(life: Life, when: Mapping[str, Any]) -> bool:
    value = set_point(life, when["measure"])
    return bool(value > when.get("above", float("-inf")) and value < when.get("below", float("inf")))


def diagnose(life: Life, name: str, module: str, *, stage: str = "", is_acute: bool = False) -> Condition:
    """Writes a diagnosis down; one that is open already stays."""
    held = life.open_conditions.get(name)
    if held is not None:
        return held
    onset = life.backdate or life.now
    made = Condition(
        life.key("C"), concept(name), onset, life.now, None, life.at_encounter(), module,
        "encounter-diagnosis" if is_acute else "problem-list-item", stage=stage,
    )  # fmt: skip
    life.history.conditions.append(made)
    life.open_conditions[name] = made
    life.features[name] = 1.0
    if life.encounter is not None and not life.encounter.reasons:
        life.encounter.reasons.append(made.codes[0])
    return made


def resolve(life: Life, name: str) -> None:
    """Closes a diagnosis."""
    held = life.open_conditions.pop(name, None)
    if held is not None:
        held.abatement = max(life.now, held.recorded)
    life.features[name] = 0.0


def do_procedure(life: Life, name: str, *, minutes: int = 30, reason: str = "") -> None:
    """Writes a procedure down."""
    held = life.open_conditions.get(reason)
    life.history.procedures.append(
        Procedure(life.key("X"), concept(name), life.now, life.now + timedelta(minutes=minutes), life.at_encounter(),
                  held.key if held is not None else "")
    )  # fmt: skip


def image(life: Life, action: Action) -> None:
    """An examination by imaging or pathology, with findings told as found or excluded."""
    found = tuple(concept(name)[0] for name in action.get("found", []))
    excluded = tuple(concept(name)[0] for name in action.get("excluded", []))
    held = life.open_conditions.get(action.get("reason", ""))
    life.history.reports.append(
        Report(
            life.key("R"), concept(action["what"]), action.get("category", "radiology"), life.now,
            life.now + timedelta(minutes=20), life.now + timedelta(minutes=life.draw.whole(60, 300)),
            life.at_encounter(), held.codes[0] if held is not None else None, action.get("conclusion", ""),
            tuple((code, True) for code in found) + tuple((code, False) for code in excluded),
        )
    )  # fmt: skip


def _diagnose(life: Life, module: Module | None, action: Action) -> None:
    made = diagnose(
        life, action["what"], module.name if module else "", stage=action.get("stage", ""),
        is_acute=bool(action.get("days")),
    )  # fmt: skip
    if action.get("days") and made.abatement is None:
        low, high = action["days"]
        life.plan(life.since(life.draw.uniform(low, high)), _resolve_later, action["what"])


def _resolve_later(life: Life, name: str) -> None:
    resolve(life, name)


def _start(life: Life, module: Module | None, action: Action) -> None:
    prescriptions.start(life, action["drug"], reason=action.get("reason", ""), days=action.get("for_days"))


def _move(life: Life, _: Module | None, action: Action) -> None:
    now = life.states[action["module"]]
    if now in action.get("from", [now]):
        life.hooks.enter(life, action["module"], action["state"])


def _book(life: Life, module: Module | None, action: Action) -> None:
    low, high = action["days"]
    name, what = module.name if module else "", tuple(action.get("actions", []))
    for number in range(action.get("times", 1)):
        when = life.since(life.draw.uniform(low, high) + number * action.get("every_days", 0.0))
        life.hooks.book(life, when, action.get("type", "visit_follow_up"), action.get("role", ""), name, what)


def _one_of(life: Life, module: Module | None, action: Action) -> None:
    chosen = life.draw.weighted(action["options"], [option.get("share", 1.0) for option in action["options"]])
    perform(life, module, chosen["actions"])


def is_reached(subject: Subject, action: Action) -> bool:
    """Whether a score of points reaches what the action asks of the subject's sex.

    An item of `points` counts once, whichever of its features is there; of `by_age` the most that the age earns counts.
    """
    total = sum(points for points, *names in action["points"] if any(subject.feature(name) for name in names))
    total += max((points for start, points in action["by_age"] if subject.feature("age") >= start), default=0)
    sex = "male" if subject.feature("male") else "female"
    return bool(total + action["by_sex"][sex] >= action["at_least"][sex])


def _score(life: Life, _: Module | None, action: Action) -> None:
    life.features[action["feature"]] = float(is_reached(life, action))


_ACTIONS: dict[str, Callable[[Life, Module | None, Action], Any]] = {
    "diagnose": _diagnose,
    "resolve": lambda life, _, action: resolve(life, action["what"]),
    "note": lambda life, _, action: life.features.__setitem__(action["feature"], float(action.get("value", 1.0))),
    "score": _score,
    "start": _start,
    "stop": lambda life, _, action: prescriptions.stop(life, action["drug"], for_reason=action.get("for", "")),
    "step": lambda life, _, action: prescriptions.step_to(life, action["ladder"], action["to"]),
    "step_up": lambda life, _, action: prescriptions.step_up(life, action["ladder"]),
    "panel": lambda life, _, action: run_panel(life, action["panel"], action.get("extra")),
    "measure": lambda life, _, action: observe(life, action["measures"], action.get("extra")),
    "procedure": lambda life, _, action: do_procedure(
        life, action["what"], minutes=action.get("minutes", 30), reason=action.get("reason", "")
    ),
    "image": lambda life, _, action: image(life, action),
    "move": _move,
    "book": _book,
    "one_of": _one_of,
}
