"""What a visit is about: its main problem, complaints, suspicions, signs. Drawn once, so that its notes agree."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from careloom.simulate.history import Code, Condition, Encounter, History, Medication, Observation, Procedure, Report
from careloom.simulate.narrative.people import Invented
from careloom.simulate.narrative.render import Chance
from careloom.simulate.narrative.social import Social
from careloom.simulate.narrative.times import years_between
from careloom.simulate.narrative.words import Concept, concept_of, concepts, concepts_of, table

SYSTEMS = ("general", "eyes", "ears", "heart", "lungs", "abdomen", "urinary", "limbs", "neuro", "mind", "skin")
_RED_FLAGS = ("fever", "chest_pain", "dyspnea", "syncope", "vomiting", "confusion", "bleeding", "hemoptysis")
EFFORT = {"exertional_dyspnea": "dyspnea", "exertional_chest_pain": "chest_pain"}
"""What comes on exertion -> what it is when it comes at rest too."""
_INFANT = ("fever", "vomiting", "diarrhea", "rash", "dry_cough", "runny_nose")
"""What is asked about a child below three, who tells nothing."""
_FEVER_CELSIUS = 37.8


@dataclass(slots=True)
class Patient:
    """A history with its indexes, and what was invented for the person once."""

    history: History
    invented: Invented
    social: Social
    sites: dict[str, str]
    conditions: dict[str, Condition] = field(default_factory=dict)
    observations: dict[str, list[Observation]] = field(default_factory=dict)
    reports: dict[str, list[Report]] = field(default_factory=dict)
    procedures: dict[str, list[Procedure]] = field(default_factory=dict)
    results: dict[str, list[Observation]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.conditions = {one.key: one for one in self.history.conditions}
        for seen in self.history.observations:
            self.observations.setdefault(seen.encounter, []).append(seen)
            if seen.report:
                self.results.setdefault(seen.report, []).append(seen)
        for report in self.history.reports:
            self.reports.setdefault(report.encounter, []).append(report)
        for done in self.history.procedures:
            self.procedures.setdefault(done.encounter, []).append(done)


def choose_sites(chance: Chance, history: History) -> dict[str, str]:
    """For each problem that sits somewhere its place in this patient: as a report says, else by chance.

    Sides agree with each other.
    """
    side = int(chance.uniform() * 2)
    told = " ".join(report.conclusion.lower() for report in history.reports)
    out = {}
    for name, places in table("site").items():
        named = [place for place in places if any(word in told for word in concepts()[place].words("formal"))]
        out[name] = named[0] if named else places[side % len(places)]
    return out


@dataclass(frozen=True, slots=True)
class Course:
    """One encounter as its notes tell it.

    main        the problem that it is about; None where the record names none
    complaints  concepts that the patient tells of; `signs` those an examiner finds
    never       concepts that must not be denied: they are, or may be, there; nor may what has one of the codes `coded`
    is_infant   below three, who tells nothing; `is_child`: below thirteen, who is not asked about habits
    suspected   thought of and not settled; `excluded`: thought of and ruled out
    onset_days  how long the complaints had lasted
    """

    encounter: Encounter
    main: Condition | None
    reason: Code | None
    complaints: tuple[Concept, ...]
    signs: tuple[Concept, ...]
    never: frozenset[str]
    suspected: tuple[Concept, ...]
    excluded: tuple[Concept, ...]
    onset_days: int
    is_infant: bool
    is_child: bool
    coded: frozenset[tuple[str, str]]


def course_of(chance: Chance, patient: Patient, encounter: Encounter) -> Course:
    """What an encounter is about."""
    end = encounter.end or encounter.start
    own = [one for one in patient.history.conditions if one.encounter == encounter.key]
    active = active_conditions(patient.history.conditions, end)
    own.sort(key=lambda one: one.category != "encounter-diagnosis")
    active = [one for one in active if not is_birth(one) or one.encounter == encounter.key]
    main = _main(own, active, encounter.reasons)
    reason = encounter.reasons[0] if encounter.reasons else None
    about = concept_of(main.codes) if main else concept_of((reason,)) if reason else None
    acute = encounter.kind in {"inpatient", "emergency"} or (main is not None and main.encounter == encounter.key)
    names = _some(chance, about.symptoms, 4) if about is not None and acute else ()
    if about is not None and about.label == "symptom":
        names = (about.name,)
    signs = _some(chance, about.signs, 3) if about is not None and acute else ()
    suspects = about.suspects if about is not None and acute else ()
    known = {concept.name for one in active if (concept := concept_of(one.codes)) is not None}
    never = set(names) | set(signs) | known
    for one in active:
        if (concept := concept_of(one.codes)) is not None:
            never |= set(concept.symptoms) | set(concept.signs)
    never |= {rest for effort, rest in EFFORT.items() if effort in never}
    if _feverish(patient.observations.get(encounter.key, ())):
        never.add("fever")
    told = [code.code for one in active for code in one.codes]
    open_suspects = [name for name in suspects if name not in known and not concepts()[name].is_told_by(told)]
    cut = min(len(open_suspects), int(chance.uniform() * 2))
    years = years_between(patient.history.person.birth, encounter.start)
    return Course(
        encounter,
        main,
        reason,
        tuple(concepts()[name] for name in names),
        tuple(concepts()[name] for name in signs),
        frozenset(never),
        tuple(concepts()[name] for name in open_suspects[:cut]),
        tuple(concepts()[name] for name in open_suspects[cut:] if name not in never),
        1 + int(chance.uniform() * 9),
        years < 3,
        years < 13,
        frozenset((code.system, code.code) for one in active for code in one.codes),
    )


def _main(own: Sequence[Condition], active: Sequence[Condition], reasons: Sequence[Code]) -> Condition | None:
    """The condition that is treated: the reason's, else one that was diagnosed here, else a chronic one."""
    wanted = {code.code for code in reasons}
    for one in [*own, *active]:
        if wanted & {code.code for code in one.codes}:
            return one
    if own:
        return own[0]
    return active[0] if active and not reasons else None


def active_conditions(conditions: Iterable[Condition], at: datetime) -> list[Condition]:
    """Conditions known and not over at a time."""
    return [one for one in conditions if one.recorded <= at and (one.abatement is None or one.abatement > at)]


def is_birth(condition: Condition) -> bool:
    """True for the diagnosis of having been born, which is told at birth only."""
    return condition.codes[0].code.startswith("Z38")


def past_conditions(conditions: Iterable[Condition], at: datetime) -> list[Condition]:
    """Conditions that were over by a time."""
    return [one for one in conditions if one.abatement is not None and one.abatement <= at]


def _some(chance: Chance, names: Sequence[str], most: int) -> tuple[str, ...]:
    """The first names, a chance number of them, at least one: the first ones are the most telling."""
    if not names:
        return ()
    return tuple(names[: 1 + int(chance.uniform() * min(most, len(names)))])


def _feverish(seen: Iterable[Observation]) -> bool:
    return any(one.unit == "Cel" and isinstance(one.value, int | float) and one.value >= _FEVER_CELSIUS for one in seen)


def denied(chance: Chance, course: Course, system: str = "", most: int = 4) -> list[Concept]:
    """Symptoms that the patient does not have: of a system, or those of alarm."""
    asked = [concepts()[name] for name in _INFANT] if course.is_infant else _symptoms(system)
    pool = [one for one in asked if one.name not in course.never and not set(one.codes) & course.coded]
    first = int(chance.uniform() * len(pool)) if pool else 0
    count = min(most, len(pool))
    return [pool[(first + step) % len(pool)] for step in range(count)]


def _symptoms(system: str) -> list[Concept]:
    if not system:
        return [concepts()[name] for name in _RED_FLAGS]
    return list(concepts_of(system, "symptom"))


def active_medications(taken: Iterable[Medication], at: datetime) -> list[Medication]:
    """What is taken at home at a time: begun and not ended, not given by nurses."""
    return [one for one in taken if one.start <= at and (one.end is None or one.end > at) and not one.administered]
