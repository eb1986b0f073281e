"""The risk that a record is given back its name, for three attackers: prosecutor, journalist, marketer."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.deid.risk_classes import Classes, coded, columns_there, combined
from careloom.deid.risk_population import inverse_size, sampling_share
from careloom.errors import QueryError

Real = npt.NDArray[np.float64]
NO_SUPERSET = "none: the people of the table are taken for all people, which is the worst case"
BY_TABLE = "population table: the number of people with the same quasi-identifiers"
BY_ESTIMATE = "estimate from the number of people: negative binomial (Benedetti, Franconi 1998), a simple random sample"


@dataclass(frozen=True, slots=True)
class AttackerRisk:
    """The risks of one attacker, as probabilities 0..1; None without records.

    attacker         prosecutor, journalist or marketer
    maximum          of the record at most risk; None for the marketer, who wants many and no one in particular
    average          expected share of records that are given their right name
    above_threshold  share of records whose risk lies above `threshold`; None for the marketer
    threshold        the probability that this share is counted from
    population       how the size of a class among all people is known
    outside          records whose class the population table has fewer of than the table: their own count stands for it
    """

    attacker: str
    maximum: float | None
    average: float | None
    above_threshold: float | None
    threshold: float
    population: str
    outside: int = 0

    def as_json(self) -> dict[str, Any]:
        """Names with units."""
        return {
            "attacker": self.attacker,
            "maximum_risk_probability": self.maximum,
            "average_risk_probability": self.average,
            "records_above_threshold_share": self.above_threshold,
            "threshold_probability": self.threshold,
            "population_by": self.population,
            "records_outside_population": self.outside,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Superset:
    """What is known of the people that the table was drawn from.

    inverse  [classes] 1/F, or its expectation, F the people of the class
    by       how it is known
    outside  records of classes whom the population table has fewer of
    """

    inverse: Real
    by: str
    outside: int = 0


def superset_of(classes: Classes, frame: pl.DataFrame, population: pl.DataFrame | int | None) -> Superset:
    """What a population says of the classes: a table with the quasi-identifiers, a number of people, or nothing.

    frame   the table that the classes are of
    raises  QueryError if the population lacks a column, has one of another type, or is smaller than the table
    """
    if population is None:
        return Superset(1 / classes.sizes, NO_SUPERSET)
    if isinstance(population, int):
        share = sampling_share(classes.patients, population)
        return Superset(inverse_size(classes.sizes, share), BY_ESTIMATE)
    columns_there(population, classes.columns, "population")
    both = []
    for name in classes.columns:
        if population.schema[name] != frame.schema[name]:
            raise QueryError(
                f"population: column '{name}' is {population.schema[name]}, in the table {frame.schema[name]}",
                "bring both into one form",
            )
        both.append(coded(pl.concat([frame[name], population[name]])).codes)
    first, of_row = combined(both)
    people = np.bincount(of_row[frame.height :], minlength=first.size)
    of_class = np.zeros(classes.sizes.size, np.int64)
    of_class[classes.of_row] = people[of_row[: frame.height]]
    short = of_class < classes.sizes
    known = np.maximum(of_class, classes.sizes)
    return Superset(1 / known, BY_TABLE, int(classes.sizes[short].sum()))


def prosecutor(classes: Classes, threshold: float) -> AttackerRisk:
    """An attacker who knows that somebody is in the table: the risk of a record is 1 / size of its class.

    source  El Emam K, Guide to the De-Identification of Personal Health Information, 2013, "Measuring the Probability
            of Re-Identification"; the same numbers as ARX (RiskModelSampleSummary)
    """
    return _risk("prosecutor", classes, Superset(1 / classes.sizes, "not needed"), threshold)


def journalist(classes: Classes, superset: Superset, threshold: float) -> AttackerRisk:
    """An attacker who does not know who is in the table: the risk of a record is 1 / people of its class.

    The average is the larger of the two of the source: classes / their people, and the marketer's.
    source  as for `prosecutor`
    """
    found = _risk("journalist", classes, superset, threshold)
    if found.average is None:
        return found
    by_classes = classes.sizes.size / float((1 / superset.inverse).sum())
    return AttackerRisk(
        found.attacker,
        found.maximum,
        max(found.average, by_classes),
        found.above_threshold,
        threshold,
        superset.by,
        superset.outside,
    )


def marketer(classes: Classes, superset: Superset, threshold: float) -> AttackerRisk:
    """An attacker who links the whole table to a list of all people: the expected share of right links.

    source  Dankar FK, El Emam K, PAIS 2010 (EDBT/ICDT Workshops): sum of f/F over the classes, over the records
    """
    found = _risk("marketer", classes, superset, threshold)
    return AttackerRisk(found.attacker, None, found.average, None, threshold, superset.by, superset.outside)


def _risk(attacker: str, classes: Classes, superset: Superset, threshold: float) -> AttackerRisk:
    if not 0 < threshold <= 1:
        raise QueryError("threshold: it is no probability above 0", "give a number above 0 and at most 1, e.g. 0.09")
    if classes.patients == 0:
        return AttackerRisk(attacker, None, None, None, threshold, superset.by)
    sizes, risk = classes.sizes, superset.inverse
    return AttackerRisk(
        attacker,
        float(risk.max()),
        float((sizes * risk).sum() / classes.patients),
        float(sizes[risk > threshold].sum() / classes.patients),
        threshold,
        superset.by,
        superset.outside,
    )
