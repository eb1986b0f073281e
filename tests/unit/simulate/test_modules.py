"""Modules as data: what they name exists, what the grammar does not know is refused."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from careloom.simulate.actions import is_reached
from careloom.simulate.codes import concept, snomed, tables
from careloom.simulate.history import History
from careloom.simulate.hospital import build_hospital
from careloom.simulate.measures import measures, panels
from careloom.simulate.modules import Module, _state, by_name, ladders, modules
from careloom.simulate.patients import simulate_patient
from careloom.simulate.prevention import plan
from careloom.simulate.rules import BadRuleError, amount, probability
from careloom.simulate.stays import kinds
from careloom.terminology.systems import SNOMED_CT

ROOM = Path(__file__).parents[3] / "src/careloom/simulate"
SET = re.compile(r'\.features\["([^"]+)"\] = ')
"""A feature as the engine sets it."""


class Somebody:
    """Whoever a rule is asked about: given features, all others 0."""

    def __init__(self, **features: float) -> None:
        self._features = features

    def feature(self, name: str) -> float:
        return self._features.get(name, 0.0)


@cache
def people(count: int) -> list[History]:
    """The first patients of one hospital."""
    place = build_hospital(5)
    return [simulate_patient(number, 5, hospital=place) for number in range(1, count + 1)]


def every_action(module: Module) -> Iterator[Mapping[str, Any]]:
    for state in module.states.values():
        for actions in (state.enter, state.review, *(event.actions for event in state.events)):
            yield from unfolded(actions)


def unfolded(actions: Any) -> Iterator[Mapping[str, Any]]:
    for action in actions:
        yield action
        yield from unfolded(action.get("actions", []))
        for option in action.get("options", []):
            yield from unfolded(option["actions"])


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_what_a_module_names_exists(module: Module) -> None:
    for action in every_action(module):
        kind = action["do"]
        if kind in ("diagnose", "resolve", "procedure", "image"):
            assert concept(action["what"])
        elif kind in ("start", "stop"):
            assert tables()[action["drug"]]["ingredient"]
        elif kind == "panel":
            assert action["panel"] in panels()
        elif kind == "measure":
            assert set(action["measures"]) <= set(measures())
        elif kind in ("step", "step_up"):
            assert action.get("to", 0) < len(ladders()[action["ladder"]])
        elif kind == "book":
            assert snomed(action["type"])
        for finding in (*action.get("found", []), *action.get("excluded", [])):
            assert concept(finding)
        if "when" in action:
            assert action["when"]["measure"] in measures()
    for state in module.states.values():
        assert set(state.effects) | set(state.reach) | set(state.drift) <= set(measures())
        assert all(low < high for low, high in state.reach.values())
        assert set(state.panels) <= set(panels())
        for raised in (state.raises, *(event.raises for event in state.events)):
            assert raised in ("", "none", "visit", "virtual", "emergency") or raised[5:] in kinds()


def test_names_beside_codes_of_snomed_ct_are_our_own() -> None:
    """Its fully specified names, which end in a semantic tag and begin with a capital, are not ours to ship."""
    named = [code for name in tables() for code in concept(name) if code.system == SNOMED_CT]
    entries = [*plan()["allergies"].values(), *plan()["reactions"].values()]
    entries += [answer for question in plan()["social"].values() for answer in question["answers"]]
    names = [code.display for code in named] + [entry["snomed"][1] for entry in entries if "snomed" in entry]
    assert len(names) > 100
    assert [name for name in names if name.endswith(")") or not (name[0].islower() or name[1].isupper())] == []


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_a_module_names_its_sources_with_a_year(module: Module) -> None:
    assert module.sources
    assert all(re.search(r"(19|20)[0-9]{2}", source) for source in module.sources)


def test_a_foretold_way_out_is_the_only_one() -> None:
    """Two ways would compete, and the probability in the answer key would not be that of what happens."""
    for module in modules():
        for state in module.states.values():
            if any(way.outcome for way in state.to):
                assert len(state.to) == 1


def asked(document: Any) -> Iterator[str]:
    """The features that rules and actions in a document ask for."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key in ("odds", "slope", "effect"):
                yield from value
            elif key in ("if", "unless") or (key == "when" and isinstance(value, str)):
                yield value
            else:
                yield from asked(value)
            if key == "points":
                yield from (name for one in value for name in one[1:])
    elif isinstance(document, list):
        for value in document:
            yield from asked(value)


def told(document: Any) -> Iterator[str]:
    """The features that a document makes true: by diagnoses, notes, scores, ladders of drugs, relatives, risks."""
    if isinstance(document, dict):
        if document.get("do") == "diagnose":
            yield document["what"]
        if document.get("do") in ("note", "score") or {"share", "feature"} <= set(document):
            yield document["feature"]
        yield from document.get("risk", {})
        for steps in document.get("ladders", {}).values():
            yield from (f"rx.{tables()[drug]['ingredient']}" for step in steps for drug in step["drugs"])
        for value in document.values():
            yield from told(value)
    elif isinstance(document, list):
        for value in document:
            yield from told(value)


def test_somebody_sets_every_feature_that_is_asked_for() -> None:
    """A feature that nobody sets is 0 for ever: what hangs on it never happens."""
    files = [file for folder in ("", "modules", "population") for file in (ROOM / folder).glob("*.toml")]
    documents = {
        file.name: tomllib.loads(file.read_text("utf-8")) for file in files if not file.name.startswith("csv_")
    }
    by_engine = {name for file in ROOM.glob("*.py") for name in SET.findall(file.read_text("utf-8"))}
    known = {"age", "male"} | by_engine | {name for document in documents.values() for name in told(document)}
    known |= {f"level.{name}" for name in measures()} | {f"allergic.{name}" for name in plan()["allergies"]}
    wanted = {(name, file) for file, document in documents.items() for name in asked(document)}
    assert len(wanted) > 50
    assert sorted((name, file) for name, file in wanted if name not in known) == []


def test_every_step_of_a_ladder_names_drugs() -> None:
    for steps in ladders().values():
        for step in steps:
            assert all(drug in tables() for drug in step["drugs"])
            assert set(step.get("effects", {})) <= set(measures())


def test_what_stays_and_prevention_name_exists() -> None:
    for kind in kinds().values():
        spec = kind.spec
        assert concept(spec["diagnosis"])
        assert set(spec["vitals"]) | set(spec["labs"]) <= set(measures())
        assert set(spec["admission"]) | set(spec["daily"]) <= set(panels())
        assert all(drug in tables() for drug in [*spec["drugs"], *(one[0] for one in spec.get("home", []))])
        assert set(spec["readmit_as"]) - {"other"} <= set(kinds())
        assert all(concept(one[0]) for one in spec["procedures"])
    assert all(concept(name) for name in plan()["family"])
    assert {panel for one in panels().values() for panel in one.measures} <= set(measures())


RISKS: list[tuple[float, float, dict[str, float], float]] = [
    (60.0, 1.0, {}, 0.0),
    (66.0, 1.0, {}, 0.0),
    (66.0, 1.0, {"hypertension": 1.0}, 1.0),
    (75.0, 1.0, {}, 1.0),
    (74.9, 0.0, {}, 0.0),
    (75.0, 0.0, {}, 1.0),
    (60.0, 0.0, {"diabetes": 1.0}, 0.0),
    (60.0, 0.0, {"diabetes": 1.0, "heart_failure": 1.0}, 1.0),
    (50.0, 1.0, {"stroke_past": 1.0}, 1.0),
    (50.0, 1.0, {"infarct": 1.0, "old_myocardial_infarction": 1.0}, 0.0),
    (50.0, 1.0, {"infarct": 1.0, "hypertension": 1.0}, 1.0),
]
"""Age, whether male, what is true, whether CHA2DS2-VASc asks for anticoagulation (2 in men, 3 in women)."""


@pytest.mark.parametrize(("age", "male", "features", "expected"), RISKS)
def test_the_risk_of_stroke_is_scored_as_published(
    age: float, male: float, features: dict[str, float], expected: float
) -> None:
    score = next(action for action in every_action(by_name()["atrial_fibrillation"]) if action["do"] == "score")
    assert is_reached(Somebody(age=age, male=male, **features), score) == bool(expected)


def test_anticoagulation_starts_where_the_risk_of_stroke_asks_for_it() -> None:
    """Most people with atrial fibrillation are at risk; the module leaves a fifth of those untreated."""
    held = people(250)
    with_it = [one for one in held if any("I48.91" in {code.code for code in made.codes} for made in one.conditions)]
    drugs = {tables()[name]["rxnorm"][0] for name in ("rivaroxaban_20", "warfarin_5")}
    treated = [one for one in with_it if any(course.codes[0].code in drugs for course in one.medications)]
    assert len(treated) >= len(with_it) / 2 > 1


STAGES = {"N18.31": (45.0, 60.0), "N18.32": (30.0, 45.0), "N18.4": (15.0, 30.0), "N18.6": (0.0, 15.0)}
"""KDIGO 2024: filtration rate [mL/min/1.73 m2] of stages 3a, 3b, 4, and of the kidney's failure."""


def test_the_filtration_rate_at_diagnosis_is_that_of_the_stage() -> None:
    """Give or take what the laboratory's equation and the day add: ten."""
    seen = 0
    for number, history in enumerate(people(250), 1):
        for one in history.conditions:
            low, high = STAGES.get(one.codes[0].code, (0.0, 0.0))
            for rate in history.observations:
                if high and rate.codes[0].code == "33914-3" and rate.encounter == one.encounter:
                    assert low - 10.0 < float(str(rate.value)) < high + 10.0, (number, one.codes[0].code)
                    seen += 1
    assert seen > 3


def test_an_effect_and_a_reach_of_one_measure_are_refused() -> None:
    with pytest.raises(BadRuleError):
        _state("ill", {"effects": {"gfr": -3.0}, "reach": {"gfr": [20.0, 30.0]}}, "here")


def test_a_rule_adds_on_the_log_odds_scale() -> None:
    rule = probability({"by_age": [[0, 0.1], [65, 0.2]], "odds": {"smoker": 2.0}}, "here")
    assert rule(Somebody(age=40.0)) == pytest.approx(0.1)
    assert rule(Somebody(age=70.0)) == pytest.approx(0.2)
    assert rule(Somebody(age=40.0, smoker=1.0)) == pytest.approx(2.0 / 9.0 / (1.0 + 2.0 / 9.0))


def test_a_rate_multiplies() -> None:
    rule = amount({"base": 0.5, "odds": {"smoker": 2.0}, "slope": {"severity": [1.0, 0.1]}}, "here")
    assert rule(Somebody(smoker=1.0, severity=1.0)) == pytest.approx(1.0)


@pytest.mark.parametrize("spec", [{"base": 0.1, "hazard": 2}, {"odds": {"smoker": 2.0}}, {"by_age_female": [[0, 0.1]]}])
def test_a_rule_outside_of_the_grammar_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(BadRuleError):
        probability(spec, "here")


def test_every_module_of_the_plan_is_there() -> None:
    assert {
        "type_2_diabetes", "hypertension", "heart_failure", "copd", "asthma", "chronic_kidney_disease", "stroke",
        "coronary_disease", "atrial_fibrillation", "pneumonia", "sepsis", "breast_cancer", "colon_cancer",
        "lung_cancer", "depression", "pregnancy", "fractures", "dementia",
    } <= set(by_name())  # fmt: skip
