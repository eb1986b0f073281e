"""The vocabulary of records: which codes are worth a word, how numbers are binned, what rules hold between them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from careloom.errors import InputError
from careloom.synth.records import EVENTS, Records
from careloom.synth.records_bins import Bins, Floats, fit_answers, fit_bins
from careloom.synth.records_rows import DAY, OPEN_END, events, visits
from careloom.synth.records_vocabulary import Entry, Key, Vocabulary

_ONLY_AT_LEAST = 30
_REPEATS = 0.01


@dataclass(frozen=True, slots=True)
class Words:
    """How fine a vocabulary is.

    least         a code, an answer or a category of fewer patients has no word: it says too much of the few
    rows_per_bin  a bin holds at least about so many values
    only          ``kind|system|code`` -> value of the first static that a patient must have for it; None: learnt, where
                  all of at least 30 patients have the same
    """

    least: int = 5
    rows_per_bin: int = 40
    numbers: int = 10
    lengths: int = 8
    durations: int = 6
    gaps: int = 32
    days: int = 24
    only: Mapping[str, str] | None = None


def learn(given: Records, words: Words | None = None) -> Vocabulary:
    """The vocabulary of records. It holds codes and quantiles of the data, without those of few patients.

    raises  InputError where no patient has an encounter
    """
    words = words or Words()
    known = visits(given)
    if known.is_empty():
        raise InputError("no patient has an encounter", "Give records with encounters.")
    told = events(given, known)
    entries: dict[Key, Entry] = {("static", name): _static(given, name, words) for name in given.statics}
    entries |= _frame(given, known, told, words)
    for kind in EVENTS:
        entries |= _events(given, kind, told.filter(pl.col("kind") == kind), words)
    last = max(known["day"].to_list() + _latest(given))
    return Vocabulary(entries, given.statics, last, _hours(known))


def _latest(given: Records) -> list[int]:
    """Days of the last end of an encounter and the last death."""
    days = [frame.select(pl.col(name).max().dt.epoch("s") // 86_400).item() for frame, name in
            ((given.encounters, "stop"), (given.patients, "death"))]  # fmt: skip
    return [day for day in days if day is not None]


def _static(given: Records, name: str, words: Words) -> Entry:
    return Entry(fit_answers(given.patients[name].to_list(), words.least))


def _frame(given: Records, known: pl.DataFrame, told: pl.DataFrame, words: Words) -> dict[Key, Entry]:
    """The words that hold a stream together."""
    first = known.filter(pl.col("e") == 0).join(given.patients, "patient_id")
    epoch = pl.col("birth").cast(pl.Int32).cast(pl.Float64)
    ages = first.select((pl.col("day") - epoch).clip(0)).to_series()
    gaps = known.select(gap=pl.col("day").diff().over("patient_id")).drop_nulls()["gap"]
    last = known.group_by("patient_id").agg(pl.col("day").max()).join(given.patients, "patient_id")
    ends = last.select((pl.col("death").dt.epoch("s") // 86_400 - pl.col("day")).clip(0)).to_series().drop_nulls()
    blocks = told.select("patient_id", "e", "d").unique().sort("patient_id", "e", "d")
    steps = blocks.select(step=pl.col("d").diff().over("patient_id", "e").fill_null(pl.col("d"))).filter(
        pl.col("step") > 0
    )["step"]
    made: dict[Key, Entry] = {
        ("start", ""): Entry(_bins(first["day"], words.days, words, 0)),
        ("age", ""): Entry(_bins(ages, words.days, words, 0)),
    }
    made |= _encounters(given, known, words)
    made[("gap", "")] = Entry(_bins(gaps, words.gaps, words, 0))
    if len(steps):
        made[("later", "")] = Entry(_bins(steps, 4, words, 0))
    if len(ends):
        made[("death", "")] = Entry(_bins(ends, words.days // 2, words, 0))
    return made | {("end", ""): Entry(Bins())}


def _encounters(given: Records, known: pl.DataFrame, words: Words) -> dict[Key, Entry]:
    displays = given.encounters.select(
        code=pl.concat_str(pl.col("kind").fill_null(""), pl.col("system").fill_null(""), "code", separator="|"),
        display="display",
    )
    shown = _told(displays, ("display",))
    kept = _frequent(known, words.least)
    if kept.is_empty():  # fewer patients than `least`: every kind of encounter is kept, or nothing could be told
        kept = _frequent(known, 1)
    return {
        ("encounter", code): Entry(_bins(values, words.lengths, words, 0), shown[code])
        for code, values in _values(known, kept)
    }


def _events(given: Records, kind: str, rows: pl.DataFrame, words: Words) -> dict[Key, Entry]:
    frame: pl.DataFrame = getattr(given, kind)
    columns = ("display", "unit", "category") if kind == "observations" else ("display",)
    key = pl.concat_str(pl.col("system").fill_null(""), "code", separator="|").alias("code")
    coded = frame.select(key, *columns)
    shown = _told(coded, columns)
    kept = _frequent(rows, words.least)
    only = _only(given, kind, rows, words)
    repeats = _repeats(rows) if kind in ("conditions", "medications") else {}
    made: dict[Key, Entry] = {}
    for code, values in _values(rows, kept):
        answers = rows.filter(pl.col("code") == code)["answer"] if kind == "observations" else None
        if answers is not None and answers.count() > values.count():
            bins = fit_answers(answers.to_list(), words.least)
        else:
            bins = _bins(values, words.numbers if kind == "observations" else words.durations, words)
        made[(kind, code)] = Entry(
            bins, shown[code], only.get(code, ""), repeats.get(code, 0.0) > _REPEATS or not repeats
        )
    return made


def _bins(values: pl.Series, most: int, words: Words, decimals: int | None = None) -> Bins:
    numbers: Floats = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return fit_bins(numbers, min(most, max(1, len(numbers) // words.rows_per_bin)), decimals=decimals)


def _frequent(rows: pl.DataFrame, least: int) -> pl.DataFrame:
    """Codes of so many patients, the most frequent first."""
    counted = rows.group_by("code").agg(people=pl.col("patient_id").n_unique(), rows=pl.len())
    return counted.filter(pl.col("people") >= least).sort(["rows", "code"], descending=[True, False])


def _values(rows: pl.DataFrame, kept: pl.DataFrame) -> list[tuple[str, pl.Series]]:
    grouped = dict(rows.group_by("code").agg("value").iter_rows())
    return [(code, pl.Series(grouped[code], dtype=pl.Float64)) for code in kept["code"]]


def _told(rows: pl.DataFrame, columns: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Code -> the most frequent text of each column."""
    found = rows.group_by("code").agg(pl.col(name).drop_nulls().mode().sort().first() for name in columns)
    return {
        row["code"]: {name: row[name] for name in columns if row[name] is not None}
        for row in found.iter_rows(named=True)
    }


def _only(given: Records, kind: str, rows: pl.DataFrame, words: Words) -> dict[str, str]:
    if words.only is not None:
        return {key.partition("|")[2]: value for key, value in words.only.items() if key.partition("|")[0] == kind}
    if not given.statics:
        return {}
    first = given.patients.select("patient_id", value=given.statics[0])
    people = rows.select("patient_id", "code").unique().join(first, "patient_id")
    counted = people.group_by("code").agg(pl.len(), pl.col("value").n_unique().alias("values"), pl.col("value").first())
    alone = counted.filter((pl.col("len") >= _ONLY_AT_LEAST) & (pl.col("values") == 1)).drop_nulls("value")
    return dict(alone.select("code", "value").iter_rows())


def _repeats(rows: pl.DataFrame) -> dict[str, float]:
    """Code -> share of its rows that start while an earlier one has not ended."""
    until = pl.col("minute") + pl.col("value").fill_null(OPEN_END).cast(pl.Int64)
    spans = rows.sort("minute").with_columns(
        before=until.cum_max().shift(1).over("patient_id", "code").fill_null(-OPEN_END)
    )
    return dict(
        spans.group_by("code").agg((pl.col("before") > pl.col("minute")).mean()).select("code", "before").iter_rows()
    )


def _hours(known: pl.DataFrame) -> dict[str, tuple[float, ...]]:
    half = known.group_by("code", half=pl.col("minute") % DAY // 30).len()
    made: dict[str, list[float]] = {}
    for code, at, count in half.iter_rows():
        made.setdefault(code, [0.0] * 48)[at] += count
    return {code: tuple(counts) for code, counts in sorted(made.items())}
