"""Records as rows of one kind: what was when, in which encounter, with what number. Times are minutes since 1970."""

import polars as pl

from careloom.synth.records import EVENTS, Records

DAY = 1_440
OPEN_END = 1 << 40
"""The minute at which something ends that has no end."""
_SEPARATOR = "\t"


def minutes(column: str) -> pl.Expr:
    """Whole minutes since 1970 of a time."""
    return pl.col(column).dt.epoch("s") // 60


def visits(given: Records) -> pl.DataFrame:
    """One row an encounter of a known patient, in order of time within a patient.

    returns  [n] patient_id, encounter_id, code (kind|system|code), minute, value [min of stay; null: no end], e (its
             number within the patient, from 0), day (since 1970)
    """
    code = pl.concat_str(pl.col("kind").fill_null(""), pl.col("system").fill_null(""), "code", separator="|")
    return (
        given.encounters.join(given.patients, "patient_id", "semi")
        .select(
            "patient_id", "encounter_id", code=code, minute=minutes("start"),
            value=(minutes("stop") - minutes("start")).clip(0).cast(pl.Float64),
        )
        .sort("patient_id", "minute", "encounter_id")
        .with_columns(e=pl.int_range(pl.len()).over("patient_id"), day=pl.col("minute") // DAY)
    )  # fmt: skip


def events(given: Records, known: pl.DataFrame) -> pl.DataFrame:
    """One row an event that belongs to one of the `visits`.

    returns  [n] kind, patient_id, e, code (system|code), minute, value (number, or minutes that it lasted; null: none),
             answer (system, code and text), d (day of the encounter, from 0)
    """
    frames = []
    for kind in EVENTS:
        frame: pl.DataFrame = getattr(given, kind)
        code = pl.concat_str(pl.col("system").fill_null(""), "code", separator="|")
        lasts = pl.lit(None, pl.Float64) if kind == "observations" else (minutes("stop") - minutes("start")).clip(0)
        answer = pl.lit(None, pl.String)
        if kind == "observations":
            lasts = pl.col("value")
            answer = pl.concat_str(
                pl.col("answer_system").fill_null(""), pl.col("answer_code").fill_null(""), pl.col("answer"),
                separator=_SEPARATOR,
            )  # fmt: skip
        frames.append(
            frame.select(
                "patient_id", "encounter_id", kind=pl.lit(kind), code=code, minute=minutes("start"),
                value=lasts.cast(pl.Float64), answer=answer,
            )
        )  # fmt: skip
    begins = known.select("patient_id", "encounter_id", "e", begin="minute", lasts="value")
    rows = pl.concat(frames).join(begins, ["patient_id", "encounter_id"], maintain_order="left")
    last = (pl.col("lasts").fill_null(OPEN_END) // DAY).cast(pl.Int64)
    offset = ((pl.col("minute") - pl.col("begin")) // DAY).clip(0, last)
    return rows.with_columns(d=offset).drop("encounter_id", "begin", "lasts")


def answer_parts(answers: pl.Series) -> pl.DataFrame:
    """[n] answer_system, answer_code, answer from what `events` calls the answer; empty ones are null."""
    parts = answers.str.splitn(_SEPARATOR, 3).struct.rename_fields(["answer_system", "answer_code", "answer"])
    return parts.struct.unnest().with_columns(pl.col("answer_system", "answer_code").replace("", None))
