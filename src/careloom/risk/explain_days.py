"""Why so many days are foretold: factors by clinical concept in days, each in words, with the facts behind it.

Days come from the model (`careloom.risk.models_days.DaysModel.parts`); nothing is estimated here. Base, factors, the
rest and the floor sum to the days that are expected.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from careloom.risk.explain import FACTORS_SHOWN, Statement, Told, ranked
from careloom.risk.features_definition import Feature
from careloom.risk.features_one import OneRow


@dataclass(frozen=True, slots=True)
class DaysFactor:
    """One clinical concept.

    days           what it adds; below 0 where it takes some off
    is_modifiable  somebody can change a part of it before the end
    """

    concept: str
    days: float
    is_modifiable: bool
    statements: tuple[Statement, ...]

    @property
    def text(self) -> str:
        """The factor as sentences."""
        said = " ".join(one.text for one in self.statements)
        return f"{self.concept} {in_days(self.days)}. {said}".rstrip()


@dataclass(frozen=True, slots=True)
class DaysExplanation:
    """All of it, in days.

    base     the days of a patient of whom nothing is special
    factors  the greatest first, by what they add or take off
    rest     what all other concepts add together
    floor    what the days that have passed already add: no answer lies below them
    """

    base: float
    factors: tuple[DaysFactor, ...]
    rest: float
    floor: float

    @property
    def total(self) -> float:
        """The days that are expected."""
        return self.base + sum(one.days for one in self.factors) + self.rest + self.floor


def explained_days(
    told: Told, features: Sequence[Feature], row: OneRow, versions: Mapping[str, int], shown: int = FACTORS_SHOWN
) -> DaysExplanation:
    """The explanation of one row, as `careloom.risk.explain.explained` of a risk.

    told  in days, with ``base`` and ``floor``
    """
    greatest, rest = ranked(told, features, row, versions, shown)
    factors = tuple(DaysFactor(one.concept, one.adds, one.is_modifiable, one.statements) for one in greatest)
    return DaysExplanation(told.by_concept["base"], factors, rest, told.by_concept["floor"])


def in_days(days: float) -> str:
    """What is added or taken off, in words: ``adds 1.3 days``."""
    size = f"{abs(days):.1f}"
    much = "less than 0.1 days" if size == "0.0" else f"{size} days"
    return f"adds {much}" if days > 0 else f"takes {much} off"
