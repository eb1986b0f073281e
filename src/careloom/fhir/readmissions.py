"""A cohort of hospital discharges, and who came back unplanned within 30 days; pure.

After the Hospital-Wide All-Cause Unplanned Readmission measure of the Centers for Medicare & Medicaid Services (NQF
1789). An index is the discharge of an adult from an inpatient stay, alive, not against advice, and not into another
facility; stays that follow on each other are one. The outcome is the first inpatient stay that begins within 30 days; a
planned one counts as none, and ends the look. Where it differs from the measure: age from 18, not 65; planned is what
the encounter calls elective, for the measure's lists of procedures are not at hand; psychiatric, rehabilitation and
cancer stays are not excluded, for feeds seldom tell them apart.

Nothing after the index time enters a row but in its columns ``label_*``. Whether a discharge is an index can turn on
the day after it, as in the measure: who is in another house by then was transferred.
"""

import polars as pl

ADULT_YEARS = 18
DAYS = 30
LOOK_BACK_DAYS = 365
_INPATIENT = ("IMP", "ACUTE")
_NO_STAY = ("entered-in-error", "cancelled", "planned")
_ELECTIVE = "EL"
"""HL7 v3 ActPriority."""
_LEFT = {"exp": "died", "aadvice": "left against advice", "other-hcf": "transferred"}
"""HL7 discharge-disposition (FHIR R4) -> why the discharge is no index."""
_SECONDS_PER_DAY = 86_400
_DAY_LETTERS = len("2024-01-31")
_US_PER_YEAR = 365.2425 * _SECONDS_PER_DAY * 1e6


def instant(text: pl.Expr) -> pl.Expr:
    """A FHIR date or dateTime as a moment in UTC: midnight where no time is said, the first where no day is."""
    length = text.str.len_chars()
    whole = pl.when(length == 4).then(text + "-01-01").when(length == 7).then(text + "-01").otherwise(text)
    dated = whole.str.slice(0, 10).str.to_datetime("%Y-%m-%d", strict=False, time_unit="us", time_zone="UTC")
    timed = text.str.replace("Z$", "+00:00").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", strict=False, time_unit="us")
    return pl.coalesce(pl.when(length > 10).then(timed.dt.convert_time_zone("UTC")), dated)


def _lacks_day() -> pl.Expr:
    """True where a begin or end is a month or a year only: a policy that keeps years makes no cohort of days."""
    return pl.any_horizontal(pl.col(name).str.len_chars() < _DAY_LETTERS for name in ("start", "end")).fill_null(
        value=False
    )


def stays_of(encounters: pl.DataFrame) -> pl.DataFrame:
    """[n] inpatient stays by patient and begin: key (of their first encounter), patient_key, begin, end, is_elective,
    disposition. Encounters without a day are none; such as overlap, or begin where the one before ended elsewhere
    within a day, are one stay.

    encounters  rows of the view readmission_encounter
    """
    told = encounters.filter(
        pl.col("class").is_in(_INPATIENT) & ~pl.col("status").fill_null("").is_in(_NO_STAY)
        & pl.col("patient_key").is_not_null()
    ).with_columns(instant(pl.col("start")).alias("begin"), instant(pl.col("end")).alias("over"))  # fmt: skip
    told = told.filter(~_lacks_day()).drop_nulls("begin").sort("patient_key", "begin", "key")
    ended = pl.col("over").fill_null(pl.col("begin")).cum_max().shift().over("patient_key")
    is_elsewhere = (pl.col("provider_key") != pl.col("provider_key").shift()).fill_null(value=False)
    room = pl.when(is_elsewhere).then(pl.duration(days=1)).otherwise(pl.duration(days=0))
    is_new = (pl.col("begin") > ended + room).fill_null(value=True)
    numbered = told.with_columns(is_new.cum_sum().over("patient_key").alias("stay"))
    last = pl.col("over").fill_null(pl.col("begin")).arg_max()
    return (
        numbered.group_by("patient_key", "stay", maintain_order=True)
        .agg(
            pl.col("key").first(), pl.col("begin").first(),
            pl.when(pl.col("over").null_count() == 0).then(pl.col("over").max()).alias("end"),
            (pl.col("priority").first() == _ELECTIVE).fill_null(value=False).alias("is_elective"),
            pl.col("disposition").get(last).alias("disposition"),
        )
        .drop("stay")
    )  # fmt: skip


def readmissions(encounters: pl.DataFrame, patients: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """The cohort, sorted by patient and index time, and how many stays are no index, by reason.

    encounters  rows of the view readmission_encounter
    patients    rows of the view readmission_patient
    returns     [n] index_key, patient_key, index_time (UTC: the discharge), admission_time, length_of_stay_days,
                age_years (at admission), is_elective, stays_before (within 365 days before admission),
                disposition; label_readmitted (null where less than 30 days are told after it), label_time,
                label_died (within 30 days)
    """
    stays = stays_of(encounters)
    known = patients.select(
        "key", instant(pl.col("birth_date")).alias("born"), instant(pl.col("deceased")).alias("died")
    )
    whole = stays.join(known, left_on="patient_key", right_on="key", how="left", maintain_order="left")
    age = (pl.col("begin") - pl.col("born")).dt.total_microseconds() / _US_PER_YEAR
    reason = (
        pl.when(pl.col("end").is_null()).then(pl.lit("not over"))
        .when(pl.col("disposition").is_in(list(_LEFT))).then(pl.col("disposition").replace(_LEFT))
        .when(pl.col("died") <= pl.col("end")).then(pl.lit("died"))
        .when(age.is_null()).then(pl.lit("of unknown age")).when(age < ADULT_YEARS).then(pl.lit("of a child"))
    )  # fmt: skip
    judged = whole.with_columns(age.alias("age_years"), reason.alias("reason"))
    dayless = encounters.filter(pl.col("class").is_in(_INPATIENT) & _lacks_day()).height
    counts = {"without a day": dayless} if dayless else {}
    counts |= dict(judged.drop_nulls("reason")["reason"].value_counts(sort=True).iter_rows())
    until = pl.select(pl.max_horizontal(pl.lit(stays["begin"].max()), pl.lit(stays["end"].max()))).item()
    return _labelled(judged, stays, until), counts


def _labelled(judged: pl.DataFrame, stays: pl.DataFrame, until: object) -> pl.DataFrame:
    later = stays.select(
        "patient_key", pl.col("begin").alias("next_begin"), pl.col("is_elective").alias("next_elective")
    )
    month, year = pl.duration(days=DAYS), pl.duration(days=LOOK_BACK_DAYS)
    index = judged.filter(pl.col("reason").is_null()).sort("patient_key", "end")
    pairs = index.select("key", "patient_key", "begin", "end").join(later, on="patient_key", how="inner")
    before = (
        pairs.filter((pl.col("next_begin") < pl.col("begin")) & (pl.col("next_begin") >= pl.col("begin") - year))
        .group_by("key").agg(pl.len().cast(pl.Int32).alias("stays_before"))
    )  # fmt: skip
    first = (
        pairs.filter((pl.col("next_begin") > pl.col("end")) & (pl.col("next_begin") <= pl.col("end") + month))
        .sort("next_begin").group_by("key", maintain_order=True).first()
        .select("key", "next_begin", "next_elective")
    )  # fmt: skip
    joined = index.join(before, on="key", how="left").join(first, on="key", how="left")
    came_back = pl.col("next_begin").is_not_null() & ~pl.col("next_elective").fill_null(value=False)
    is_told = (pl.col("end") + month <= pl.lit(until)).fill_null(value=False)
    return joined.sort("patient_key", "end").select(
        pl.col("key").alias("index_key"), "patient_key", pl.col("end").alias("index_time"),
        pl.col("begin").alias("admission_time"),
        ((pl.col("end") - pl.col("begin")).dt.total_seconds() / _SECONDS_PER_DAY).alias("length_of_stay_days"),
        "age_years", "is_elective", pl.col("stays_before").fill_null(0), "disposition",
        pl.when(came_back).then(pl.lit(value=True)).when(is_told).then(pl.lit(value=False)).alias("label_readmitted"),
        pl.when(came_back).then("next_begin").alias("label_time"),
        (pl.col("died") <= pl.col("end") + month).fill_null(value=False).alias("label_died"),
    )  # fmt: skip
