"""What was told of patients, written down as tables: fresh ids, times, codes with what they say."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.synth.records import BASE, EVENTS, Records, metadata
from careloom.synth.records_rows import DAY, OPEN_END, answer_parts
from careloom.synth.records_streams import UNKNOWN
from careloom.synth.records_vocabulary import Vocabulary

Ints = npt.NDArray[np.int64]
_PATIENT, _ENCOUNTER = "synthetic-{}", "synthetic-{}-{}"


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Words in order, patient by patient.

    who     [n] which patient, from 0
    words   [n]
    minute  [n] when, since 1970
    values  [n] what the word stands for: minutes, or the value of an observation
    birth   [patients] day since 1970
    dead    [patients] minute
    """

    who: Ints
    words: Ints
    minute: Ints
    values: npt.NDArray[np.float64]
    birth: Ints
    dead: Ints

    @staticmethod
    def none() -> "Told":
        """Nothing of nobody."""
        empty = np.zeros(0, np.int64)
        return Told(empty, empty, empty, np.zeros(0), empty, empty)


def decode(vocabulary: Vocabulary, told: Told, first: int) -> Records:
    """The tables. What ends after death or the end of the data has not ended; a drug ends with the patient.

    first  number of the first patient
    """
    spelt = pl.DataFrame(
        {
            "word": np.arange(vocabulary.size),
            "kind": [kind for kind, _ in vocabulary.keys],
            "key": [code for _, code in vocabulary.keys],
            "bin": vocabulary.bins,
        }
    )
    rows = pl.DataFrame(
        {"who": told.who, "word": told.words, "minute": told.minute, "value": told.values}, nan_to_null=True
    ).join(spelt, "word", "left", maintain_order="left")
    visit = pl.col("kind") == "encounter"
    rows = rows.with_columns(
        visit=visit.cum_sum().over("who"), place=pl.int_range(pl.len()).over("who"), patient_id=_patient(first)
    ).with_columns(encounter_id=pl.format("{}-{}", "patient_id", "visit"))
    people = _people(vocabulary, told, rows, first)
    limits = people.select("patient_id", limit=pl.min_horizontal(
        pl.col("death").dt.epoch("s") // 60, pl.lit((vocabulary.last_day + 1) * DAY - 1)), dead=pl.col("death").is_not_null())  # fmt: skip # noqa: E501
    rows = rows.join(limits, "patient_id", "left", maintain_order="left")
    frames = {name: _events(vocabulary, name, rows) for name in EVENTS}
    return Records(people, _visits(vocabulary, rows), **frames)


def _patient(first: int) -> pl.Expr:
    return pl.format("synthetic-{}", pl.col("who") + first)


def _time(minutes: pl.Expr) -> pl.Expr:
    return pl.from_epoch(minutes * 60, time_unit="s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _people(vocabulary: Vocabulary, told: Told, rows: pl.DataFrame, first: int) -> pl.DataFrame:
    birth, dead = pl.col("birth"), pl.col("dead")
    people = pl.DataFrame({"who": np.arange(len(told.birth)), "birth": told.birth, "dead": told.dead}).select(
        "who",
        patient_id=_patient(first),
        birth=pl.when(birth > UNKNOWN).then(birth).cast(pl.Int32).cast(pl.Date),
        death=_time(pl.when(dead < OPEN_END).then(dead)),
    )
    for name in vocabulary.statics:
        answers = pl.Series(vocabulary.entries["static", name].bins.answers, dtype=pl.String)
        said = rows.filter((pl.col("kind") == "static") & (pl.col("key") == name)).select("who", "bin")
        texts = answers.extend_constant(None, 1).gather(said["bin"].clip(0, len(answers) - 1))
        people = people.join(said.select("who", texts.alias(name)), "who", "left", maintain_order="left")
    return people.select("patient_id", *BASE[1:], *vocabulary.statics)


def _code(vocabulary: Vocabulary, kind: str, rows: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """The rows with system, code and the columns that hang on the code."""
    told: list[dict[str, Any]] = [
        {"key": key, "code": key.rpartition("|")[2], "system": key.rpartition("|")[0] or None, **entry.told}
        for (its, key), entry in vocabulary.entries.items()
        if its == kind
    ]
    schema = {name: pl.String() for name in ("key", "code", "system", *columns)}
    return rows.join(pl.DataFrame(told, schema=schema), "key", "left", maintain_order="left")


def _visits(vocabulary: Vocabulary, rows: pl.DataFrame) -> pl.DataFrame:
    coded = _code(vocabulary, "encounter", rows.filter(pl.col("kind") == "encounter").drop("kind"), ("display",))
    system = pl.col("system").str.splitn("|", 2).struct.rename_fields(["kind", "system"])
    coded = coded.with_columns(
        system.struct.field("kind").replace("", None), system.struct.field("system").alias("url")
    )
    stop = pl.when(pl.col("value").is_not_null()).then(pl.col("minute") + pl.col("value").cast(pl.Int64))
    return coded.select(
        "encounter_id", "patient_id", "kind", pl.col("url").replace("", None).alias("system"), "code", "display",
        start=_time(pl.col("minute")), stop=_time(pl.min_horizontal(stop, pl.when(stop.is_not_null()).then("limit"))),
    )  # fmt: skip


def _events(vocabulary: Vocabulary, name: str, rows: pl.DataFrame) -> pl.DataFrame:
    columns = ("display", "unit", "category") if name == "observations" else ("display",)
    coded = _code(vocabulary, name, rows.filter(pl.col("kind") == name), columns)
    coded = coded.with_columns(
        event_id=pl.format("{}-{}", "patient_id", "place"), start=_time(pl.col("minute")),
        stop=_time(_stop(name)),
    )  # fmt: skip
    if name == "observations":
        coded = coded.with_columns(_answers(vocabulary, coded))
    table = metadata(()).table(name)
    return coded.select(pl.col(column.name).cast(column.polars_type) for column in table.columns)


def _stop(name: str) -> pl.Expr:
    stop = pl.when(pl.col("value").is_not_null()).then(pl.col("minute") + pl.col("value").cast(pl.Int64))
    within = pl.when(stop <= pl.col("limit")).then(stop)
    if name == "conditions":
        return within
    return pl.when(pl.col("dead") & stop.is_not_null()).then(pl.min_horizontal(stop, "limit")).otherwise(within)


def _answers(vocabulary: Vocabulary, coded: pl.DataFrame) -> list[pl.Series]:
    """What the answer of each observation says; null where it is a number."""
    texts: list[str | None] = [None] * vocabulary.size
    for (kind, key), entry in vocabulary.entries.items():
        if kind == "observations":
            for at, answer in enumerate(entry.bins.answers):
                texts[vocabulary.first[kind, key] + at] = answer
    said = pl.Series(texts, dtype=pl.String).gather(coded["word"])
    return answer_parts(said).get_columns()
