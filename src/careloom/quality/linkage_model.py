"""The model of record linkage as values: comparisons, levels, blocks, cautions, thresholds, read from TOML."""

import math
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from careloom.errors import SetupError
from careloom.quality.linkage_traits import COLUMNS
from careloom.runtime import packaged

UNKNOWN = "unknown"
REMEDY = "Compare it with the model that ships: src/careloom/quality/linkage/model.toml."


@dataclass(frozen=True, slots=True)
class Level:
    """One way in which a trait of two patients may agree.

    sql   empty on the last level: everything else
    m, u  probability of the level when both are one person; when they are two
    tf    column whose frequency of the shared value takes the place of u, empty if none does
    """

    name: str
    words: str
    sql: str
    m: float
    u: float
    tf: str = ""

    @property
    def bits(self) -> float:
        """What the level says: log2 of m / u, before the frequency of the value is known."""
        return math.log2(self.m / self.u)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One trait: where `unknown` holds it says nothing; else the first level whose condition holds counts."""

    name: str
    words: str
    unknown: str
    most_bits: float
    levels: tuple[Level, ...]

    @property
    def tf_columns(self) -> tuple[str, ...]:
        """The columns whose frequencies count."""
        return tuple(level.tf for level in self.levels if level.tf)


@dataclass(frozen=True, slots=True)
class Block:
    """Pairs that agree: `left` columns of one with `right` columns of the other, or a member of the list `any_of`.

    without   comparisons that training on this block says nothing about
    is_fresh  only pairs of which at least one patient is new or changed
    crowd     column that is true for patients who are left out here: too many share their key
    """

    left: tuple[str, ...]
    right: tuple[str, ...]
    any_of: str = ""
    without: frozenset[str] = frozenset()
    is_fresh: bool = False
    crowd: str = ""

    @property
    def sql(self) -> str:
        """The condition over ``l`` and ``r``."""
        left, right = (self.left, self.right) if not self.any_of else ((self.any_of,), (self.any_of,))
        conditions = [f"l.{one} = r.{other}" for one, other in zip(left, right, strict=True)]
        conditions += ["(l.is_fresh OR r.is_fresh)"] if self.is_fresh else []
        return " AND ".join(conditions + ([f"NOT l.{self.crowd} AND NOT r.{self.crowd}"] if self.crowd else []))


@dataclass(frozen=True, slots=True)
class Caution:
    """A pair whose comparisons all show one of these levels waits for a person, whatever its score."""

    name: str
    words: str
    when: tuple[tuple[str, frozenset[str]], ...]

    def speaks_against(self, levels: dict[str, str]) -> bool:
        """True when a pair with these levels (comparison -> level) must not be linked without a person."""
        return all(levels.get(comparison, UNKNOWN) in names for comparison, names in self.when)


@dataclass(frozen=True, slots=True)
class Training:
    """How EM learns; see the grammar of model.toml."""

    least_patients: int
    prior_matches: float
    prior_random: float
    prior_patients: float
    random_pairs: int
    block_pairs: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Model:
    """The whole model; `replaced` gives one with trained values.

    link, review   least probabilities
    partners       further resources of the same person that a patient has, on average
    most_per_key   patients who may share a key of a block
    """

    link: float
    review: float
    partners: float
    most_per_key: int
    training: Training
    comparisons: tuple[Comparison, ...]
    blocks: tuple[Block, ...]
    training_blocks: tuple[Block, ...]
    cautions: tuple[Caution, ...]

    def prior(self, patients: int) -> float:
        """Probability that two of so many patients, picked at random, are one person."""
        return min(self.partners / max(patients - 1, 1), 0.5)

    def comparison(self, name: str) -> Comparison:
        """The comparison of that name."""
        return next(one for one in self.comparisons if one.name == name)

    def replaced(self, values: dict[str, list[tuple[float, float]]], partners: float) -> "Model":
        """The same model with these m and u, in order of the levels, each within `Comparison.most_bits`."""
        comparisons = tuple(
            replace(
                one,
                levels=tuple(
                    replace(level, m=m, u=max(u, m / 2**one.most_bits))
                    for level, (m, u) in zip(one.levels, values[one.name], strict=True)
                ),
            )
            for one in self.comparisons
        )
        return replace(self, comparisons=comparisons, partners=partners)


@cache
def default_model() -> Model:
    """The model that ships."""
    return read_model(packaged("quality", "linkage/model.toml").decode())


def read_model(text: str) -> Model:
    """A model from TOML.

    raises  SetupError that names the part which does not keep to the grammar
    """
    try:
        read = tomllib.loads(text)
        model = _model(read)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise SetupError(f"linkage model: not as its grammar says ({type(error).__name__}: {error})", REMEDY) from None
    _check(model)
    return model


def _model(read: dict[str, Any]) -> Model:
    return Model(
        link=float(read["decision"]["link"]),
        review=float(read["decision"]["review"]),
        partners=float(read["decision"]["partners"]),
        most_per_key=int(read["decision"]["most_per_key"]),
        training=Training(**read["training"]),
        comparisons=tuple(_comparison(one) for one in read["comparison"]),
        blocks=tuple(_block(one) for one in read["block"]),
        training_blocks=tuple(_block(one) for one in read["training_block"]),
        cautions=tuple(
            Caution(one["name"], one["words"], tuple((name, frozenset(these)) for name, these in one["when"].items()))
            for one in read["caution"]
        ),
    )


def _comparison(read: dict[str, Any]) -> Comparison:
    levels = tuple(
        Level(one["name"], one["words"], one.get("sql", ""), float(one["m"]), float(one["u"]), one.get("tf", ""))
        for one in read["levels"]
    )
    return Comparison(read["name"], read["words"], read["unknown"], float(read["most_bits"]), levels)


def _block(read: dict[str, Any]) -> Block:
    left = tuple(read.get("left", read.get("columns", ())))
    right = tuple(read.get("right", read.get("columns", ())))
    return Block(left, right, read.get("any_of", ""), frozenset(read.get("except", ())))


def _check(model: Model) -> None:
    """raises SetupError where parts contradict each other: a level that nothing can reach, a column that is none."""
    if not 0 < model.review <= model.link < 1:
        raise SetupError("linkage model: review and link must be probabilities, review the smaller one", REMEDY)
    names = {one.name: {level.name for level in one.levels} | {UNKNOWN} for one in model.comparisons}
    for one in model.comparisons:
        if [bool(level.sql) for level in one.levels] != [True] * (len(one.levels) - 1) + [False]:
            raise SetupError(f"linkage model: only the last level of {one.name} has no condition", REMEDY)
        for kind in ("m", "u"):
            if abs(sum(getattr(level, kind) for level in one.levels) - 1) > 1e-6:
                raise SetupError(f"linkage model: {kind} of {one.name} must add up to 1", REMEDY)
        if any(not 0 < value < 1 for level in one.levels for value in (level.m, level.u)):
            raise SetupError(f"linkage model: a probability of {one.name} is not between 0 and 1", REMEDY)
        if any(level.bits > one.most_bits for level in one.levels):
            raise SetupError(f"linkage model: a level of {one.name} counts for more than most_bits", REMEDY)
    for block in (*model.blocks, *model.training_blocks):
        columns = {*block.left, *block.right, *([block.any_of] if block.any_of else [])}
        if not columns <= set(COLUMNS) or len(block.left) != len(block.right) or not columns:
            raise SetupError("linkage model: a block names a column that is none", REMEDY)
        if not block.without <= names.keys():
            raise SetupError("linkage model: a training block excepts a comparison that is none", REMEDY)
    for caution in model.cautions:
        if any(comparison not in names or not levels <= names[comparison] for comparison, levels in caution.when):
            raise SetupError(f"linkage model: caution {caution.name} names a level that is none", REMEDY)
