"""One look at a zone: every resource past every rule, counted by source, type and path. Memory does not grow with text.

Per resource it keeps some tens of bytes (ids, content hashes, measured values), per broken rule and place at most
`MOST_ROWS` row numbers.
"""

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from careloom.errors import InputError
from careloom.fhir.drafts import Resource
from careloom.quality import surveys, surveys_blame, surveys_feeds, surveys_numbers
from careloom.quality.checking import Check
from careloom.quality.checks import CHECKS, compile_rule
from careloom.quality.paths import WHOLE
from careloom.quality.rules import EVERY_TYPE, Rule, Rulebook
from careloom.quality.scene import Scene
from careloom.quality.surveys import Ask, Seen, Survey

MOST_ROWS = 10_000
"""Row numbers kept for one rule, source, type and path: the first to arrive; the count goes on."""


class SurveyKind(NamedTuple):
    """One kind of survey: how it is made, and the parameters that it takes."""

    make: Callable[[Ask], Survey]
    parameters: frozenset[str] = frozenset()


SURVEYS: dict[str, SurveyKind] = {
    "duplicates": SurveyKind(surveys.Duplicates),
    "shared-identifiers": SurveyKind(surveys.shared_identifiers),
    "same-person": SurveyKind(surveys.same_person),
    "late-messages": SurveyKind(surveys.LateMessages),
    "patients-with": SurveyKind(surveys.PatientsWith, frozenset({"among"})),
    "overlaps": SurveyKind(surveys.Overlaps, frozenset({"classes"})),
    "mapped-values": SurveyKind(surveys.MappedValues, frozenset({"systems"})),
    "outliers": SurveyKind(surveys_numbers.Outliers, frozenset({"distance", "least_patients"})),
    "usual-unit": SurveyKind(surveys_numbers.UsualUnit, frozenset({"share", "least_values"})),
    "own-history": SurveyKind(surveys_numbers.OwnHistory, frozenset({"least_values", "tolerance"})),
    "after-birth": SurveyKind(surveys_blame.against_birth, frozenset({"days"})),
    "before-death": SurveyKind(surveys_blame.against_death, frozenset({"days"})),
    "within-encounter": SurveyKind(surveys_blame.against_encounter, frozenset({"days"})),
    "volume": SurveyKind(surveys_feeds.Volume, frozenset({"distance", "least_a_day", "days"})),
    "gaps": SurveyKind(surveys_feeds.Gaps, frozenset({"least_a_day", "days"})),
}
"""Name in a rule -> kind, of what looks at many resources together."""


@dataclass(slots=True)
class Cell:
    """One rule in one place: a source, a type and a path.

    total   resources (or values, or days) that the rule applies to; `failed` of them break it
    rows    numbers of resources that do, at most `MOST_ROWS`
    notes   what breaks it where that is no resource
    """

    rule: str
    source: str
    kind: str
    path: str
    total: int = 0
    failed: int = 0
    rows: "array[int]" = field(default_factory=lambda: array("q"))
    notes: tuple[str, ...] = ()

    def fail(self, row: int) -> None:
        """Counts one resource that breaks the rule."""
        self.failed += 1
        if len(self.rows) < MOST_ROWS:
            self.rows.append(row)


@dataclass(slots=True)
class Fields:
    """How often each top-level element is there, in resources of one source and type."""

    source: str
    kind: str
    total: int = 0
    present: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Assessed:
    """Everything that one look found."""

    cells: tuple[Cell, ...]
    fields: tuple[Fields, ...]


class _Lane(NamedTuple):
    """What resources of one source and type pass."""

    fields: Fields
    checks: list[tuple[Check, Cell]]
    takers: list[Callable[[Seen], None]]


class Assessment:
    """Takes resources one by one; all patients and encounters must have been met by the scene before.

    raises  InputError if a rule names no kind of check, or gives it a parameter that it does not take
    """

    def __init__(self, book: Rulebook, scene: Scene) -> None:
        for rule in book.rules:
            _refuse_unknown(rule)
        self._book = book
        self._scene = scene
        self._checked = [rule for rule in book.rules if rule.check in CHECKS]
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._cells: list[Cell] = []
        self._surveys = [
            (rule, SURVEYS[rule.check].make(Ask(rule, scene, book))) for rule in book.rules if rule.check in SURVEYS
        ]

    def take(self, resource: Resource, row: int, source: str, *, is_late: bool | None = None) -> None:
        """Checks one resource; see `careloom.quality.surveys.Seen`."""
        kind = resource["resourceType"]
        lane = self._lanes.get((source, kind))
        if lane is None:
            lane = self._lanes[source, kind] = self._lane(source, kind)
        lane.fields.total += 1
        lane.fields.present.update(resource.keys())
        for check, cell in lane.checks:
            verdict = check(resource)
            if verdict is not None:
                cell.total += 1
                if not verdict:
                    cell.fail(row)
        seen = Seen(resource, kind, row, source, is_late)
        for take in lane.takers:
            take(seen)

    def _lane(self, source: str, kind: str) -> _Lane:
        checks: list[tuple[Check, Cell]] = []
        for rule in self._checked:
            for path in rule.paths_for(kind):
                cell = Cell(rule.id, source, kind, "" if path == WHOLE else path)
                self._cells.append(cell)
                checks.append((compile_rule(rule, kind, path, self._scene, self._book), cell))
        takers: list[Callable[[Seen], None]] = [survey.take for rule, survey in self._surveys if _concerns(rule, kind)]
        return _Lane(Fields(source, kind), checks, takers)

    def finish(self) -> Assessed:
        """What was found; call it once, at the end."""
        for rule, survey in self._surveys:
            for outcome in survey.outcomes():
                cell = Cell(rule.id, outcome.source, outcome.kind, outcome.path, outcome.total, outcome.broken)
                cell.rows = array("q", outcome.rows[:MOST_ROWS])
                cell.notes = outcome.notes
                self._cells.append(cell)
        cells = sorted(self._cells, key=lambda cell: (cell.rule, cell.source, cell.kind, cell.path))
        fields = sorted((lane.fields for lane in self._lanes.values()), key=lambda one: (one.source, one.kind))
        return Assessed(tuple(cells), tuple(fields))


def _concerns(rule: Rule, kind: str) -> bool:
    """Whether a survey must see resources of a type: those that it is about, and what others hang on."""
    among = rule.parameters.get("among", "")
    return kind in rule.on or EVERY_TYPE in rule.on or kind in (among, "Patient", "Encounter")


def _refuse_unknown(rule: Rule) -> None:
    if rule.check not in CHECKS and rule.check not in SURVEYS:
        names = ", ".join(sorted({*CHECKS, *SURVEYS}))
        raise InputError(f"rule {rule.id}: there is no check {rule.check[:60]}", f"Choose one of {names}.")
    taken = CHECKS[rule.check].parameters if rule.check in CHECKS else SURVEYS[rule.check].parameters
    unknown = sorted(rule.parameters.keys() - taken)
    if unknown:
        raise InputError(f"rule {rule.id}: check {rule.check} takes no parameter {unknown[0]}", "See the grammar.")
