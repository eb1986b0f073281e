"""One look at a table with one row a patient: how well its people can hide, in numbers with units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import polars as pl

from careloom.deid.risk_attackers import AttackerRisk, journalist, marketer, prosecutor, superset_of
from careloom.deid.risk_classes import Classes, SmallCells, as_rows, classes_of, small_cells
from careloom.deid.risk_diversity import counts_of, distinct, entropy, recursive
from careloom.deid.risk_population import UniquePeople, unique_people
from careloom.deid.risk_targets import Sensitive, distances, sensitive_of, violating
from careloom.deid.targets import SLACK, Targets

RECURSIVE_L = (2, 3)


@dataclass(frozen=True, slots=True)
class SensitiveRisk:
    """How well the classes hide a sensitive column; each number is of the worst class, None without records.

    column       its name
    distinct_l   different values
    entropy_l    exp of their entropy
    recursive_c  (l, c): recursive (c, l)-diversity holds for each c above; c is None where no c is large enough
    t            Earth mover's distance to the table, 0..1
    distance     "ordered" or "equal": how far values are from each other
    """

    column: str
    distinct_l: int | None
    entropy_l: float | None
    recursive_c: tuple[tuple[int, float | None], ...]
    t: float | None
    distance: str

    def as_json(self) -> dict[str, Any]:
        """Names with units."""
        return {
            "column": self.column,
            "distinct_l_values": self.distinct_l,
            "entropy_l_values": self.entropy_l,
            "recursive": [{"l_values": least, "c_above_ratio": c} for least, c in self.recursive_c],
            "t_distance": self.t,
            "distance": self.distance,
        }


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the report, ready to show.

    name    stable, in lower case
    value   None where there is nothing to measure
    unit    patients, classes, values, share, probability, distance, ratio, people, tables
    target  what was asked, in the same unit; None if nothing was
    holds   whether it is met; None if nothing was asked
    column  the sensitive column it is about; empty for all
    """

    name: str
    value: float | None
    unit: str
    target: float | None = None
    holds: bool | None = None
    column: str = ""

    def as_json(self) -> dict[str, Any]:
        """The line as it is."""
        return {
            "name": self.name,
            "column": self.column or None,
            "value": self.value,
            "unit": self.unit,
            "target": self.target,
            "holds": self.holds,
        }


@dataclass(frozen=True, slots=True)
class RiskReport:
    """The residual disclosure risk of a table. No value of a patient stands in it: names of columns and counts only.

    patients           records of the table
    quasi_identifiers  the columns that an attacker may know
    k                  patients in the smallest class; None without records
    class_sizes        (size, classes of that size)
    attackers          prosecutor, journalist, marketer
    unique_people      estimated uniques of the population; None if its size is not known
    sensitive          one for each sensitive column
    cells              the small cells of each cross-table
    cells_below        a cell of fewer patients, but not none, is small
    missing            patients in classes that miss a target
    targets            what was asked
    """

    patients: int
    quasi_identifiers: tuple[str, ...]
    k: int | None
    class_sizes: tuple[tuple[int, int], ...]
    attackers: tuple[AttackerRisk, ...]
    unique_people: UniquePeople | None
    sensitive: tuple[SensitiveRisk, ...]
    cells: tuple[SmallCells, ...]
    cells_below: int
    missing: int
    targets: Targets

    @property
    def holds(self) -> bool:
        """True if every target is met; an empty table meets all."""
        return all(measure.holds is not False for measure in self.measures())

    def measures(self) -> tuple[Measure, ...]:
        """The report as lines, in the order in which to read it."""
        return (*self._of_all(), *(line for column in self.sensitive for line in self._of(column)))

    def _of_all(self) -> list[Measure]:
        asked = self.targets.smallest_class
        attacker = {each.attacker: each for each in self.attackers}
        lines = [
            Measure("patients", self.patients, "patients"),
            Measure("classes", sum(classes for _, classes in self.class_sizes), "classes"),
            _at_least("smallest_class", self.k, "patients", asked if asked > 1 else None),
            Measure("alone_in_class", self._share(dict(self.class_sizes).get(1, 0)), "share"),
            Measure("patients_missing_a_target", self.missing, "patients"),
            _at_most("prosecutor_maximum", attacker["prosecutor"].maximum, "probability", self.targets.maximum_risk),
            Measure("prosecutor_average", attacker["prosecutor"].average, "probability"),
            Measure("prosecutor_above_threshold", attacker["prosecutor"].above_threshold, "share"),
            Measure("journalist_maximum", attacker["journalist"].maximum, "probability"),
            Measure("journalist_average", attacker["journalist"].average, "probability"),
            Measure("journalist_above_threshold", attacker["journalist"].above_threshold, "share"),
            Measure("marketer_average", attacker["marketer"].average, "probability"),
        ]
        if self.unique_people is not None:
            lines.append(Measure("unique_people", self.unique_people.people, "people"))
        with_small = sum(1 for each in self.cells if each.small)
        lines += [
            Measure("tables_with_small_cells", with_small, "tables"),
            Measure("tables", len(self.cells), "tables"),
        ]
        return lines

    def _of(self, column: SensitiveRisk) -> list[Measure]:
        asked, name = self.targets, column.column
        lines = [
            _at_least("distinct_l", column.distinct_l, "values", asked.distinct_l, name),
            _at_least("entropy_l", column.entropy_l, "values", asked.entropy_l, name),
            _at_most("t", column.t, "distance", asked.t, name),
        ]
        if asked.recursive_cl is not None:
            c, least = asked.recursive_cl
            above = dict(column.recursive_c)[least]
            holds = self.patients == 0 or (above is not None and above < c)
            lines.append(Measure(f"recursive_c_for_l_{least}", above, "ratio", c, holds, name))
        return lines

    def _share(self, patients: int) -> float | None:
        return patients / self.patients if self.patients else None

    def as_json(self) -> dict[str, Any]:
        """The report for JSON; each number has its unit in its name or beside it."""
        unique = self.unique_people
        return {
            "holds": self.holds,
            "patients": self.patients,
            "quasi_identifiers": list(self.quasi_identifiers),
            "null": "a value of its own",
            "measures": [each.as_json() for each in self.measures()],
            "class_sizes": [{"size_patients": size, "classes": classes} for size, classes in self.class_sizes],
            "attackers": [each.as_json() for each in self.attackers],
            "unique_people": None
            if unique is None
            else {
                "people": unique.people,
                "population_share": unique.share,
                "method": unique.method,
                "zayatz_people": unique.zayatz,
                "pitman_people": unique.pitman,
            },
            "sensitive": [each.as_json() for each in self.sensitive],
            "small_cells_below_patients": self.cells_below,
            "cross_tables": as_rows(self.cells),
        }


def assess(
    frame: pl.DataFrame,
    quasi_identifiers: Sequence[str],
    sensitive: Sequence[str] = (),
    targets: Targets | None = None,
    *,
    population: pl.DataFrame | int | None = None,
    ordered: Mapping[str, bool] | None = None,
) -> RiskReport:
    """The residual disclosure risk of a table with one row a patient.

    quasi_identifiers  columns that an attacker may know of a person: at least one
    sensitive          columns that must not become known
    targets            what must hold
    population         the people that the table was drawn from: a table with the quasi-identifiers, their number, or
                       None if the table is all there is
    ordered            whether a sensitive column's values stand in a row; by default numbers, dates and times do
    raises             QueryError for a column that is not there, or is of no plain type

    Null is a value of its own: two patients whose ZIP code is not known are alike, and unlike all whose is.
    """
    targets = targets or Targets()
    classes = classes_of(frame, quasi_identifiers)
    hidden = sensitive_of(frame, sensitive, ordered)
    superset = superset_of(classes, frame, population)
    people = population.height if isinstance(population, pl.DataFrame) else population
    return RiskReport(
        classes.patients,
        classes.columns,
        classes.k,
        classes.histogram(),
        (
            prosecutor(classes, targets.threshold),
            journalist(classes, superset, targets.threshold),
            marketer(classes, superset, targets.threshold),
        ),
        None if people is None or people < classes.patients else unique_people(classes.histogram(), people),
        tuple(_sensitive(classes, column, targets) for column in hidden),
        small_cells(classes, targets.cells_below, targets.columns_crossed),
        targets.cells_below,
        int(classes.sizes[violating(classes, hidden, targets)].sum()),
        targets,
    )


def _sensitive(classes: Classes, column: Sensitive, targets: Targets) -> SensitiveRisk:
    distance = "ordered" if column.ordered else "equal"
    asked = () if targets.recursive_cl is None else (targets.recursive_cl[1],)
    least = sorted({*RECURSIVE_L, *asked})
    if classes.patients == 0:
        return SensitiveRisk(column.name, None, None, tuple((each, None) for each in least), None, distance)
    counts = counts_of(classes, column.values)
    above = [(each, float(recursive(counts, each).max())) for each in least]
    return SensitiveRisk(
        column.name,
        int(distinct(counts).min()),
        float(entropy(counts).min()),
        tuple((each, c if isfinite(c) else None) for each, c in above),
        float(distances(counts, column).max()),
        distance,
    )


def _at_least(name: str, value: float | None, unit: str, target: float | None, column: str = "") -> Measure:
    holds = None if target is None else (inf if value is None else value) >= target - SLACK
    return Measure(name, value, unit, target, holds, column)


def _at_most(name: str, value: float | None, unit: str, target: float | None, column: str = "") -> Measure:
    holds = None if target is None else (0.0 if value is None else value) <= target + SLACK
    return Measure(name, value, unit, target, holds, column)
