"""A rehearsed attack: somebody holds a list of named people and looks for them in the research table."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.deid.risk_classes import Classes, Coded, coded, columns_there, grouped_by
from careloom.errors import QueryError
from careloom.metrics import Proportion, wilson_interval

Real = npt.NDArray[np.float64]
NEAR_SHARE = 0.8  # of the errors in a column with near values, those that stay near; an assumption of ours
SURE = 1e-9
PEOPLE_TRIED = 1_000


@dataclass(frozen=True, slots=True)
class Known:
    """A column that the attacker knows, and how well.

    column   in both tables, of one type and form
    error    chance that the attacker's value is wrong, 0 to below 1
    missing  chance that the attacker lacks it, 0..1
    near     numbers this close, or dates so many days apart, agree in part; None if only equal ones agree
    """

    column: str
    error: float = 0.02
    missing: float = 0.0
    near: float | None = None

    def __post_init__(self) -> None:
        if not (0 <= self.error < 1 and 0 <= self.missing <= 1 and (self.near is None or self.near > 0)):
            raise QueryError(
                f"known column '{self.column}': error, missing or near lies outside its range",
                "give an error from 0 to below 1, missing from 0 to 1, near above 0",
            )


@dataclass(frozen=True, slots=True)
class Attack:
    """What an attack found, counted against the truth.

    tried        people looked for
    present      of them, those who are in the research table
    claimed      of those tried, those with one best match alone
    right        claims that are true
    precision    right of claimed, with a 95 % interval
    recall       right of present, with a 95 % interval
    guessed      expected right ones if the attacker also guesses among equally good matches, share of those present
    chance       the same share for an attacker who knows nothing and picks a record
    """

    tried: int
    present: int
    claimed: int
    right: int
    precision: Proportion
    recall: Proportion
    guessed: float | None
    chance: float | None

    def as_json(self) -> dict[str, Any]:
        """Names with units."""
        return {
            "tried_people": self.tried,
            "present_people": self.present,
            "claimed_people": self.claimed,
            "right_people": self.right,
            "precision_share": self.precision.share,
            "precision_share_low": self.precision.low,
            "precision_share_high": self.precision.high,
            "recall_share": self.recall.share,
            "recall_share_low": self.recall.low,
            "recall_share_high": self.recall.high,
            "guessed_share": self.guessed,
            "chance_share": self.chance,
        }


def attack_of(present: Sequence[bool], matches: Sequence[tuple[int, bool]], records: int) -> Attack:
    """The counts of an attack.

    present  for each person tried, whether they are in the table
    matches  for each, (how many patients match best, whether the right one is among them)
    records  of the table
    """
    claimed = sum(1 for ties, _ in matches if ties == 1)
    right = sum(1 for ties, among in matches if ties == 1 and among)
    there = sum(present)
    guessed = sum(1 / ties for ties, among in matches if among)
    return Attack(
        len(matches),
        there,
        claimed,
        right,
        wilson_interval(right, claimed),
        wilson_interval(right, there),
        guessed / there if there else None,
        1 / records if records and there else None,
    )


def damaged(identified: pl.DataFrame, known: Sequence[Known], seed: int) -> pl.DataFrame:
    """The list as an attacker may have it: values wrong and missing as often as `known` says.

    A wrong value is another row's; in a column with near values, four of five are off by no more than that.
    """
    _check(identified, known, "identified")
    generator = np.random.default_rng(seed)
    changed = []
    for each in known:
        values = identified[each.column]
        wrong = generator.random(values.len()) < each.error
        gone = generator.random(values.len()) < each.missing
        other = values.gather(generator.permutation(values.len()))
        if each.near is not None:
            off = np.ceil(generator.random(values.len()) * each.near) * generator.choice([-1, 1], values.len())
            close = generator.random(values.len()) < NEAR_SHARE
            moved = _moved(values, off)
            other = moved.zip_with(pl.Series(close), other)
        spoiled = other.zip_with(pl.Series(wrong), values)
        nothing = pl.Series([None], dtype=values.dtype).new_from_index(0, values.len())
        changed.append(nothing.zip_with(pl.Series(gone), spoiled).alias(each.column))
    return identified.with_columns(changed)


def _check(frame: pl.DataFrame, known: Sequence[Known], role: str) -> tuple[str, ...]:
    if not known:
        raise QueryError("known columns: none is named", "name what an attacker may know")
    names = columns_there(frame, [each.column for each in known], role)
    for each in known:
        kind = frame.schema[each.column]
        if each.near is not None and not (kind.is_numeric() or kind in (pl.Date, pl.Datetime)):
            raise QueryError(f"{role}: column '{each.column}' is {kind}, where nothing is near", "leave near out")
    return names


def _moved(values: pl.Series, off: Real) -> pl.Series:
    steps = pl.Series(off.astype(np.int64))
    far = (steps * 86_400_000_000).cast(pl.Duration("us")) if values.dtype.is_temporal() else steps
    moved: pl.Series = values + far
    return moved.cast(values.dtype)


def linkage_attack(
    research: pl.DataFrame,
    identified: pl.DataFrame,
    known: Sequence[Known],
    seed: int,
    *,
    person: str = "person",
    people_tried: int = PEOPLE_TRIED,
) -> Attack:
    """How many named people are found in the research table by what somebody knows of them, rightly and wrongly.

    research, identified  one row a person, the known columns in one form (bring the list into the table's form with the
                          hierarchies that made it: an attacker can); the list as the attacker has it, see `damaged`
    person                a column of both that tells the truth; the attacker does not see it
    seed                  of the people looked for
    raises                QueryError

    A pair scores the sum of log2 weights of Fellegi and Sunter (J Am Stat Assoc 1969;64:1183-1210), column by column:
    a rare value that agrees counts more. What the list or the table does not say counts nothing. A claim is made
    when one record alone scores best.
    """
    names = _check(research, known, "research")
    _check(identified, known, "identified")
    columns_there(research, [person], "research")
    columns_there(identified, [person], "identified")
    for name in names:
        if research.schema[name] != identified.schema[name]:
            raise QueryError(f"known columns: '{name}' has two types in the two tables", "bring both into one form")
    chosen = np.random.default_rng(seed).permutation(identified.height)[:people_tried]
    people = identified.sort(person)[np.sort(chosen)]
    columns = [coded(research[name]) for name in names]
    scorer = _Scorer(tuple(known), tuple(columns), grouped_by(names, [each.codes for each in columns]))
    place = {value: at for at, value in enumerate(research[person].to_list())}
    present, matches = [], []
    for one, row in zip(people[person].to_list(), people.select(names).rows(), strict=True):
        at = place.get(one)
        present.append(at is not None)
        matches.append(scorer.best(row, at))
    return attack_of(present, matches, research.height)


@dataclass(frozen=True, slots=True, eq=False)
class _Scorer:
    """Scores all classes of the research table at once."""

    known: tuple[Known, ...]
    columns: tuple[Coded, ...]
    classes: Classes

    def best(self, row: tuple[Any, ...], true_record: int | None) -> tuple[int, bool]:
        """(records that score best, whether the right one is among them)."""
        score = np.zeros(self.classes.sizes.size)
        for place, value in enumerate(row):
            if value is not None:
                score += self._weights(place, value)[self.classes.codes[:, place]]
        if score.size == 0:
            return 0, False
        best = score >= score.max() - SURE
        ties = int(self.classes.sizes[best].sum())
        return ties, true_record is not None and bool(best[self.classes.of_row[true_record]])

    def _weights(self, place: int, value: Any) -> Real:
        """[values] The weight of each value of a column against one that the attacker has."""
        column, known = self.columns[place], self.known[place]
        said = column.values.is_not_null().to_numpy()
        shares = np.bincount(column.codes, minlength=said.size) / max(1, self.classes.patients)
        equal = (column.values == value).fill_null(value=False).to_numpy()
        near = np.zeros(said.size, np.bool_)
        if known.near is not None:
            near = (_distance(column.values, value) <= known.near).fill_null(value=False).to_numpy() & ~equal
        far = said & ~equal & ~near
        close = NEAR_SHARE * known.error if known.near is not None else 0.0
        weights = np.zeros(said.size)
        for which, chance in ((equal, 1 - known.error), (near, close), (far, known.error - close)):
            weights[which] = log2(max(chance, SURE) / max(float(shares[which].sum()), SURE))
        return weights


def _distance(values: pl.Series, value: Any) -> pl.Series:
    """How far values are from one; days for dates and times."""
    apart: pl.Series = values - value
    return (apart.dt.total_seconds() / 86_400 if values.dtype.is_temporal() else apart).abs()
