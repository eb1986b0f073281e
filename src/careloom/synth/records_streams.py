"""Records as streams of words, one a patient, and the clock that goes with them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.synth.records import EVENTS, Records
from careloom.synth.records_rows import events, visits
from careloom.synth.records_vocabulary import FRAME, Vocabulary

FEATURES = 3
_YEAR = 365.25
UNKNOWN = -(10**7)
"""In the place of a day that nobody knows."""
_BEFORE, _AFTER = -2, -1
"""Places before the events of a day: the gap, the encounter."""
Ints = npt.NDArray[np.int64]
Clock = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Streams:
    """Words of many patients behind each other.

    patients  their ids, in order
    words     [n] of all
    clock     [n, FEATURES] what is known of time after each word
    starts    [patients + 1] where each patient's words begin
    left_out  table -> rows that no stream tells: codes without a word, second ones of a day, beyond the length
    """

    patients: tuple[str, ...]
    words: npt.NDArray[np.int32]
    clock: Clock
    starts: Ints
    left_out: dict[str, int]

    def __len__(self) -> int:
        return len(self.patients)

    def at(self, patient: int) -> slice:
        """Where the words of a patient are."""
        return slice(int(self.starts[patient]), int(self.starts[patient + 1]))


def clock(day: Ints, birth: Ints, first: Ints, last: int) -> Clock:
    """[n, FEATURES] age, time since the first encounter, time to the end of the data; 0 where not known.

    day, birth, first  [n] days since 1970; `UNKNOWN` where nobody knows
    """
    known = day > UNKNOWN
    aged = np.where(known & (birth > UNKNOWN), (day - birth) / _YEAR / 100, 0)
    since = np.where(known, np.log1p(np.maximum(day - first, 0)) / 8, 0)
    left = np.where(known, (last - day) / _YEAR / 10, 0)
    return np.stack([aged, since, left], axis=-1).astype(np.float32)


def encode(vocabulary: Vocabulary, given: Records, longest: int) -> Streams:
    """Streams of the patients who have an encounter, each at most so many words: later encounters fall off whole.

    A stream that was cut has no end, so that nobody learns that lives end there.
    """
    known = visits(given)
    happened = events(given, known)
    parts = (_frame_rows(vocabulary, given, known), _visit_rows(vocabulary, known), _event_rows(vocabulary, happened))
    rows = pl.concat(parts)
    rows = rows.drop_nulls("word").sort("patient_id", "e", "d", "rank", maintain_order=True)
    rows = rows.unique(["patient_id", "e", "d", "rank"], keep="first", maintain_order=True)
    rows = _without_lost_encounters(vocabulary, rows)
    rows = _cut(_with_later(vocabulary, rows), longest)
    starts = np.concatenate([[0], np.cumsum(rows.group_by("patient_id", maintain_order=True).len()["len"].to_numpy())])
    who = rows["patient_id"].unique(maintain_order=True)
    facts = rows.select("patient_id", "day").join(_facts(given, known), "patient_id", "left", maintain_order="left")
    day, birth, first = (facts[name].to_numpy() for name in ("day", "birth", "first"))
    told = clock(day, birth, first, vocabulary.last_day)
    early = rows.select((pl.col("e") < 0) & (pl.col("rank") <= len(vocabulary.statics))).to_series().to_numpy()
    told[early, 0] = 0  # the age is not said yet
    left = {kind: happened.filter(pl.col("kind") == kind).height for kind in EVENTS}
    kept = np.bincount(vocabulary.kinds[rows["word"].to_numpy()], minlength=len(FRAME) + 2 + len(EVENTS))[
        -len(EVENTS) :
    ]
    left = {kind: count - int(there) for (kind, count), there in zip(left.items(), kept, strict=True)}
    return Streams(tuple(who), rows["word"].to_numpy().astype(np.int32), told, starts.astype(np.int64), left)


_SCHEMA = {
    "patient_id": pl.String, "e": pl.Int64, "d": pl.Int64, "rank": pl.Int64, "word": pl.Int64, "day": pl.Int64,
}  # fmt: skip


def _facts(given: Records, known: pl.DataFrame) -> pl.DataFrame:
    first = known.group_by("patient_id").agg(first=pl.col("day").min(), last=pl.col("day").max(), end=pl.col("e").max())
    birth = pl.col("birth").cast(pl.Int32).cast(pl.Int64).fill_null(UNKNOWN)
    return first.join(given.patients, "patient_id").with_columns(birth=birth).sort("patient_id")


def _frame_rows(vocabulary: Vocabulary, given: Records, known: pl.DataFrame) -> pl.DataFrame:
    """Statics, start and age before the encounters; the end after them."""
    facts = _facts(given, known)
    ids, frames = facts["patient_id"], []
    for rank, name in enumerate(vocabulary.statics):
        frames.append(_rows(ids, -1, rank, _words(vocabulary, "static", name, None, facts[name]), UNKNOWN))
    first = facts["first"]
    frames.append(_rows(ids, -1, len(frames), _words(vocabulary, "start", "", first, None), first))
    ages = facts.select(
        pl.when(pl.col("birth") > UNKNOWN).then((pl.col("first") - pl.col("birth")).clip(0))
    ).to_series()
    frames.append(_rows(ids, -1, len(frames), _words(vocabulary, "age", "", ages, None), first))
    lived = facts.select((pl.col("death").dt.epoch("s") // 86_400 - pl.col("last")).clip(0)).to_series()
    end = pl.Series(np.full(len(ids), vocabulary.first["end", ""]))
    if ("death", "") in vocabulary.first:
        dead = _words(vocabulary, "death", "", lived, None)
        end = pl.select(pl.when(lived.is_not_null()).then(dead).otherwise(end)).to_series()
    frames.append(_rows(ids, facts["end"] + 1, 0, end, facts["last"]))
    return pl.concat(frames)


def _visit_rows(vocabulary: Vocabulary, known: pl.DataFrame) -> pl.DataFrame:
    gaps = known.with_columns(gap=pl.col("day").diff().over("patient_id")).drop_nulls("gap")
    words = _words(vocabulary, "gap", "", gaps["gap"], None)
    before = _rows(gaps["patient_id"], gaps["e"], 0, words, gaps["day"]).with_columns(d=pl.lit(_BEFORE, pl.Int64))
    none = pl.lit(None, pl.String)
    visits = known.with_columns(kind=pl.lit("encounter"), d=pl.lit(_AFTER, pl.Int64), answer=none)
    return pl.concat([before, *_coded(vocabulary, visits)])


def _event_rows(vocabulary: Vocabulary, happened: pl.DataFrame) -> pl.DataFrame:
    frames = _coded(vocabulary, happened.sort("minute").with_columns(day=pl.lit(0, pl.Int64)))
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *frames])


def _coded(vocabulary: Vocabulary, rows: pl.DataFrame) -> list[pl.DataFrame]:
    """Rows with the word of their code and value; those without a word have null."""
    frames = []
    for (kind, code), group in rows.group_by("kind", "code", maintain_order=True):
        key = (str(kind), str(code))
        if key in vocabulary.first:
            words = _words(vocabulary, *key, group["value"], group["answer"])
            rank = int(vocabulary.ranks[vocabulary.first[key]])
            frames.append(_rows(group["patient_id"], group["e"], rank, words, group["day"]).with_columns(d=group["d"]))
    return frames


def _words(
    vocabulary: Vocabulary, kind: str, code: str, values: pl.Series | None, answers: pl.Series | None
) -> pl.Series:
    """[n] the word of a code with each value; null where a missing value has no word."""
    bins, first = vocabulary.entries[kind, code].bins, vocabulary.first[kind, code]
    if bins.answers and answers is not None:
        places = {answer: at for at, answer in enumerate(bins.answers)}
        other = len(places) if bins.blank else None
        return answers.replace_strict(places, default=other, return_dtype=pl.Int64) + first
    if values is None:
        return pl.Series(np.full(len(answers if answers is not None else ()), first))
    return pl.Series(bins.encode(values.cast(pl.Float64).fill_null(np.nan).to_numpy()) + first)


def _rows(ids: pl.Series, e: pl.Series | int, rank: int, words: pl.Series, day: pl.Series | int) -> pl.DataFrame:
    frame = pl.DataFrame({"patient_id": ids, "word": words})
    return frame.with_columns(e=pl.lit(e), d=pl.lit(0), rank=pl.lit(rank), day=pl.lit(day)).select(
        pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items()
    )


def _without_lost_encounters(vocabulary: Vocabulary, rows: pl.DataFrame) -> pl.DataFrame:
    """Without encounters of a kind that has no word, and what is in them; their gap stays away too."""
    visited = rows.filter(pl.col("d") == _AFTER).select("patient_id", "e")
    frame = rows.filter((pl.col("e") < 0) | pl.col("word").is_in(_ends(vocabulary)))
    inside = rows.filter(~((pl.col("e") < 0) | pl.col("word").is_in(_ends(vocabulary)))).join(
        visited, ["patient_id", "e"], "semi"
    )
    opens = inside.group_by("patient_id").agg(first=pl.col("e").min())
    inside = inside.join(opens, "patient_id").filter((pl.col("d") != _BEFORE) | (pl.col("e") != pl.col("first")))
    kept = pl.concat([frame.join(opens, "patient_id", "semi"), inside.drop("first")])
    return kept.sort("patient_id", "e", "d", "rank", maintain_order=True)


def _ends(vocabulary: Vocabulary) -> list[int]:
    return np.flatnonzero(vocabulary.is_kind("death", "end")).tolist()


def _with_later(vocabulary: Vocabulary, rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with a ``later`` before the events of each later day, and the day of each event."""
    begun = (
        pl.when(pl.col("d") == _AFTER)
        .then(pl.col("day"))
        .forward_fill()
        .over("patient_id", order_by=["e", "d", "rank"])
    )
    within = (pl.col("d") >= 0) & (pl.col("e") >= 0) & ~pl.col("word").is_in(_ends(vocabulary))
    rows = rows.with_columns(day=pl.when(within).then(begun + pl.col("d")).otherwise(pl.col("day")))
    if ("later", "") not in vocabulary.first:
        return rows.filter(~within | (pl.col("d") == 0))
    blocks = rows.filter(within).select("patient_id", "e", "d", "day").unique().sort("patient_id", "e", "d")
    step = pl.col("d").diff().over("patient_id", "e").fill_null(pl.col("d"))
    blocks = blocks.with_columns(step=step).filter(pl.col("step") > 0)
    words = _words(vocabulary, "later", "", blocks["step"], None)
    later = blocks.with_columns(rank=pl.lit(-1, pl.Int64), word=words.cast(pl.Int64)).select(*_SCHEMA)
    return pl.concat([rows.select(*_SCHEMA), later]).sort("patient_id", "e", "d", "rank", maintain_order=True)


def _cut(rows: pl.DataFrame, longest: int) -> pl.DataFrame:
    """At most so many words a patient, up to the end of an encounter if there is one."""
    place = pl.int_range(pl.len()).over("patient_id")
    rows = rows.with_columns(place=place, length=pl.len().over("patient_id"))
    over = (pl.col("length") > longest) & (pl.col("place") < longest)
    full = rows.filter(over).group_by("patient_id").agg(stop=pl.col("e").max())
    rows = rows.join(full, "patient_id", "left", maintain_order="left")
    whole = pl.col("e") < pl.max_horizontal("stop", pl.lit(1))
    keep = pl.col("stop").is_null() | (whole & (pl.col("place") < longest))
    return rows.filter(keep).drop("place", "length", "stop")
