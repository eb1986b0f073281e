"""A model of what happened to a patient in its order: facts before the index as codes, bins of values and gaps of time.

    book = codebook(facts_of_training_rows)
    frame = histories(book.told(facts), candidates)      columns code_1 (the latest), code_2, ..., days_1, days_2, ...
    model.score(frame)                                   as every `careloom.risk.models.Model`

A gated recurrent network reads the facts from the oldest to the latest and says log odds after each: what a fact adds
is by how much it moved them, so contributions are exact, in the order of time, and need no background patients. It is
trained by `careloom.risk.models_sequence_torch` and scored here by numpy alone.

source  gated recurrent unit, reset after the product, as torch.nn.GRU: Cho K et al, EMNLP 2014; arXiv:1406.1078
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from careloom.errors import FormatError, InputError, IntegrityError
from careloom.risk.evaluate_measures import Floats
from careloom.risk.models_features import ModelFeature
from careloom.tables.tensors import packed, unpacked

FILE = "model.safetensors"
LENGTH = 64
"""Facts that are read: the latest so many."""
LONGEST_GAP_DAYS = 3650.0
ROWS_AT_ONCE = 4096
NAMES = ("embedding", "gap", "input", "input_bias", "state", "state_bias", "head", "head_bias")
"""Arrays of a network: [V + 1, E], [2, E], [3H, E], [3H], [3H, H], [3H], [2H], []. The head reads the last state and
the mean of all."""
Array = NDArray[np.float32]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Codebook:
    """What facts are called, made on training rows.

    edges   code -> rising borders between the bins of its values; a code without has none
    levels  the codes with their bins, those that training saw often enough, sorted
    """

    levels: tuple[str, ...]
    edges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def told(self, facts: pl.DataFrame) -> pl.DataFrame:
        """Facts with `token`: the code, and ``|0`` to ``|k`` for the bin of its value.

        facts  [m] candidate, order (greater: later), days (before the index; null: not known), code, value
        """
        bins = pl.lit(None, pl.Int64)
        for code, borders in self.edges.items():
            place = sum((pl.col("value") >= border).cast(pl.Int64) for border in borders)
            bins = pl.when((pl.col("code") == code) & pl.col("value").is_not_null()).then(place).otherwise(bins)
        named = facts.with_columns(bin=bins)
        with_bin = pl.concat_str([pl.col("code"), pl.lit("|"), pl.col("bin").cast(pl.String)])
        return named.select("candidate", "order", "days", token=pl.coalesce(with_bin, "code"))


def codebook(facts: pl.DataFrame, *, bins: int = 5, fewest: int = 50, most: int = 600) -> Codebook:
    """Names of facts, by those of training rows alone.

    facts   as `Codebook.told` takes them
    bins    of the values of each code, equally many facts in each
    fewest  facts that make a token a level; rarer ones are ``other`` together
    most    levels; the most frequent are kept
    raises  InputError for no fact, or fewer than 2 bins
    """
    if facts.is_empty() or bins < 2:
        raise InputError("a codebook", "it needs facts of training rows, and 2 bins at least")
    edges = {}
    for (code,), part in facts.drop_nulls("value").group_by("code", maintain_order=True):
        values = part["value"].to_numpy()
        borders = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
        kept = borders[borders > values.min()]
        if kept.size:
            edges[str(code)] = tuple(kept.tolist())
    counted = Codebook((), edges).told(facts)["token"].value_counts(sort=True)
    often = counted.filter(pl.col("count") >= fewest).sort("count", "token", descending=[True, False]).head(most)
    return Codebook(tuple(often["token"].sort().to_list()), edges)


def histories(told: pl.DataFrame, candidates: pl.Series, length: int = LENGTH) -> pl.DataFrame:
    """The latest facts of each candidate side by side, in the order of `candidates`.

    told     [m] candidate, order, days, token as `Codebook.told` gives them
    returns  [n] candidate, code_1 ... code_length (String), days_1 ... days_length (Float64): place 1 is the latest;
             null where there are no more facts
    """
    ranked = (
        told.sort("candidate", "order", "token", descending=[False, True, False])
        .with_columns(place=pl.int_range(1, pl.len() + 1).over("candidate"))
        .filter(pl.col("place") <= length)
    )
    kept = ranked.group_by("candidate", maintain_order=True).agg("token", "days")
    columns = [
        pl.col(source).list.get(place, null_on_oob=True).alias(f"{name}_{place + 1}")
        for name, source in (("code", "token"), ("days", "days"))
        for place in range(length)
    ]
    rows = pl.DataFrame({"candidate": candidates}).join(kept, on="candidate", how="left", maintain_order="left")
    return rows.select("candidate", *columns)


def sequence_features(book: Codebook, length: int = LENGTH) -> tuple[ModelFeature, ...]:
    """The features of `histories`: codes, then days before the index."""
    names = [f"Fact {place}, counted from the latest" for place in range(1, length + 1)]
    codes = [
        ModelFeature(f"code_{place}", "code", concept, levels=book.levels) for place, concept in enumerate(names, 1)
    ]
    days = [
        ModelFeature(f"days_{place}", "number", concept, "d", minimum=0.0, maximum=LONGEST_GAP_DAYS)
        for place, concept in enumerate(names, 1)
    ]
    return (*codes, *days)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A trained network; `weights` by `NAMES`.

    edges   borders of the values of each code, as its `Codebook` has them
    epochs  how many of its training it is from
    """

    length: int
    weights: Mapping[str, Array]
    edges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    epochs: int = 0

    @property
    def kind(self) -> str:
        """``sequence``."""
        return "sequence"

    def log_odds(self, told: Floats) -> Floats:
        """[n] log odds of encoded rows, after the latest fact."""
        whole: Floats = self._prefixes(told)[:, -1]
        return whole

    def parts(self, told: Floats) -> Floats:
        """[n, 2 length + 1] by how much each fact moved the log odds, under its code; last those of an empty record."""
        prefixes = self._prefixes(told)
        found = np.zeros((told.shape[0], 2 * self.length + 1))
        found[:, : self.length] = np.diff(prefixes, axis=1)[:, ::-1]
        found[:, -1] = prefixes[:, 0]
        return found

    def _prefixes(self, told: Floats) -> Floats:
        """[n, length + 1] log odds before the oldest fact, and after each; a place without a fact moves nothing."""
        blocks = [self._of_block(told[at : at + ROWS_AT_ONCE]) for at in range(0, told.shape[0], ROWS_AT_ONCE)]
        return np.concatenate(blocks) if blocks else np.zeros((0, self.length + 1))

    def _of_block(self, told: Floats) -> Floats:
        codes, days = told[:, : self.length], told[:, self.length :]
        there = ~np.isnan(codes)
        state = np.zeros((told.shape[0], self.weights["state"].shape[1]), dtype=np.float32)
        total, counts = np.zeros_like(state), np.zeros((told.shape[0], 1), dtype=np.float32)
        found = np.empty((told.shape[0], self.length + 1))
        found[:, 0] = self._head(state, state)
        for step in range(self.length):
            place = self.length - 1 - step
            now = np.flatnonzero(there[:, place])
            if now.size:
                state[now] = self._step(codes[now, place].astype(np.int64), days[now, place], state[now])
                total[now] += state[now]
                counts[now] += 1
            found[:, step + 1] = self._head(state, (total / np.maximum(counts, 1)).astype(np.float32))
        return found

    def _head(self, state: Array, mean: Array) -> Floats:
        width = state.shape[1]
        head = self.weights["head"]
        odds: Floats = (state @ head[:width] + mean @ head[width:] + self.weights["head_bias"]).astype(np.float64)
        return odds

    def _step(self, codes: NDArray[np.int64], days: Floats, state: Array) -> Array:
        weights, width = self.weights, state.shape[1]
        told = weights["embedding"][codes] + gaps(days) @ weights["gap"]
        new = told @ weights["input"].T + weights["input_bias"]
        old = state @ weights["state"].T + weights["state_bias"]
        reset = _sigmoid(new[:, :width] + old[:, :width])
        update = _sigmoid(new[:, width : 2 * width] + old[:, width : 2 * width])
        candidate = np.tanh(new[:, 2 * width :] + reset * old[:, 2 * width :])
        moved: Array = (1 - update) * candidate + update * state
        return moved

    def files(self) -> tuple[Json, dict[str, bytes]]:
        """The arrays as safetensors."""
        edges = {code: list(borders) for code, borders in sorted(self.edges.items())}
        return {"file": FILE, "length": self.length, "edges": edges, "epochs": self.epochs}, {
            FILE: packed(self.weights)
        }


def gaps(days: Floats) -> Array:
    """[n, 2] how long ago, on a scale that tells days from weeks and years alike; and whether nobody knows."""
    unknown = np.isnan(days)
    scaled = np.log1p(np.where(unknown, 0.0, np.clip(days, 0.0, LONGEST_GAP_DAYS))) / np.log1p(LONGEST_GAP_DAYS)
    return np.column_stack([scaled, unknown]).astype(np.float32)


def _sigmoid(odds: Array) -> Array:
    risk: Array = (1 / (1 + np.exp(-np.clip(odds, -30, 30)))).astype(np.float32)
    return risk


def sequence(features: tuple[ModelFeature, ...], told: Mapping[str, Any], content: bytes) -> Sequence:
    """The network that `Sequence.files` wrote. raises FormatError"""
    try:
        weights = unpacked(content)
    except IntegrityError as error:
        raise FormatError(f"{FILE}: it is no safetensors file", "Take the file as it was written.") from error
    length = told.get("length")
    if not isinstance(length, int) or length < 1 or len(features) != 2 * length or set(weights) != set(NAMES):
        raise FormatError(f"{FILE}: arrays or length are not those of model.json", "Take both files of one model.")
    levels = len(features[0].levels)
    size, width = weights["embedding"].shape[-1], weights["state"].shape[-1]
    shapes = {
        "embedding": (levels + 1, size), "gap": (2, size), "input": (3 * width, size), "input_bias": (3 * width,),
        "state": (3 * width, width), "state_bias": (3 * width,), "head": (2 * width,), "head_bias": (),
    }  # fmt: skip
    if any(weights[name].shape != shape or weights[name].dtype != np.float32 for name, shape in shapes.items()):
        raise FormatError(f"{FILE}: an array has another shape", "Take both files of one model.")
    if not all(np.isfinite(one).all() for one in weights.values()):
        raise FormatError(f"{FILE}: a number is not finite", "Train the model again.")
    return Sequence(length, weights, _edges(told.get("edges", {})), int(told.get("epochs", 0)))


def _edges(told: Any) -> dict[str, tuple[float, ...]]:
    try:
        return {str(code): tuple(float(one) for one in borders) for code, borders in told.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise FormatError("model.json: edges", "Write the rising borders of each code.") from error


def by_fact(model: Sequence, features: tuple[ModelFeature, ...], told: Floats) -> pl.DataFrame:
    """What each fact of each row adds to the log odds.

    told     [n, 2 length] encoded rows
    returns  [k] row, place (1: the latest), token (``other`` for one that training did not know), days (null: not
             known), log_odds
    """
    length, levels = model.length, (*features[0].levels, "other")
    parts = model.parts(told)
    rows, places = np.nonzero(~np.isnan(told[:, :length]))
    codes, days = told[rows, places].astype(np.int64), told[rows, places + length]
    return pl.DataFrame(
        {
            "row": rows,
            "place": places + 1,
            "token": [levels[code] for code in codes],
            "days": pl.Series(days).fill_nan(None),
            "log_odds": parts[rows, places],
        }
    )
