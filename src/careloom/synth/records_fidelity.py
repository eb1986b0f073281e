"""How alike synthetic records are to real ones that no generator saw. Judge other real ones too: none passes those."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from careloom.synth.records import EVENTS, Records
from careloom.synth.records_integrity import broken, learnt_only

CODES_AT_MOST = 1_000
VALUES_AT_LEAST = 50
CLINICAL = ("conditions", "medications", "procedures")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CodesLikeness:
    """R2 (coefficient of determination, 1 is best) of how often codes are there, synthetic for real.

    patients    share of patients who ever have each code
    visits      share of encounters in which each code is: unigrams
    together    share of encounters in which each two codes are: bigrams
    following   share of encounters with one code whose next has the other: sequential bigrams
    """

    patients: float
    visits: float
    together: float
    following: float


@dataclass(frozen=True, slots=True)
class RecordsLikeness:
    """The measures; of distances (Kolmogorov-Smirnov, 0 to 1) 0 is best.

    codes        of all events, and of conditions, medications and procedures alone
    gaps         days between starts of encounters
    ages         years at first encounter
    counts       table -> rows of a patient
    values       mean over observed codes of which both have `VALUES_AT_LEAST`
    persistence  correlation of a value with the one before of the same patient, mean over codes: real, synthetic
    deaths       share of patients who died: real, synthetic
    broken       what does not hold together -> rows
    """

    codes: CodesLikeness
    clinical: CodesLikeness
    gaps: float
    ages: float
    counts: dict[str, float]
    values: float
    persistence: tuple[float, float]
    deaths: tuple[float, float]
    broken: dict[str, int]


def judge_records(real: Records, synthetic: Records) -> RecordsLikeness:
    """How alike they are. real: those that no generator saw, observations `daily`"""
    numbers = [_values(each) for each in (real, synthetic)]
    shared = [code for code in numbers[0] if min(len(each.get(code, ())) for each in numbers) >= VALUES_AT_LEAST]
    persistent = [_persistence(each, shared) for each in (real, synthetic)]
    return RecordsLikeness(
        codes=codes_likeness(real, synthetic, EVENTS),
        clinical=codes_likeness(real, synthetic, CLINICAL),
        gaps=distance(_gaps(real), _gaps(synthetic)),
        ages=distance(_ages(real), _ages(synthetic)),
        counts={name: distance(_counts(real, name), _counts(synthetic, name)) for name in ("encounters", *EVENTS)},
        values=float(np.mean([distance(numbers[0][code], numbers[1][code]) for code in shared] or [np.nan])),
        persistence=(persistent[0], persistent[1]),
        deaths=(_deaths(real), _deaths(synthetic)),
        broken=broken(synthetic, learnt_only(real)),
    )


def distance(one: Floats, other: Floats) -> float:
    """Kolmogorov-Smirnov distance of two samples; 1 where one is empty."""
    if not len(one) or not len(other):
        return 0.0 if len(one) == len(other) else 1.0
    at = np.concatenate([one, other])
    below = [np.searchsorted(np.sort(each), at, side="right") / len(each) for each in (one, other)]
    return float(np.abs(below[0] - below[1]).max())


def codes_likeness(real: Records, synthetic: Records, tables: tuple[str, ...]) -> CodesLikeness:
    """R2 of codes in these tables: of those of either, the most frequent of the real ones first."""
    told = [coded_visits(each, tables) for each in (real, synthetic)]
    counted = pl.concat([each.select("code", of=pl.lit(at)) for at, each in enumerate(told)])
    ordered = counted.group_by("code").agg((pl.col("of") == 0).sum().alias("real"), pl.len())
    codes = ordered.sort(["real", "len", "code"], descending=[True, True, False])["code"].head(CODES_AT_MOST)
    sides = [
        _shares(visits_matrix(each, frame, codes), each) for each, frame in zip((real, synthetic), told, strict=True)
    ]
    return CodesLikeness(*(r_squared(*pair) for pair in zip(*sides, strict=True)))


def coded_visits(given: Records, tables: tuple[str, ...]) -> pl.DataFrame:
    """[n] encounter_id and code (table|system|code), each pair once."""
    key = pl.concat_str(pl.col("system").fill_null(""), "code", separator="|")
    frames: list[pl.DataFrame] = [
        getattr(given, name).select("encounter_id", code=pl.lit(f"{name}|") + key) for name in tables
    ]
    return pl.concat(frames).drop_nulls().unique()


def visits_matrix(given: Records, coded: pl.DataFrame, codes: pl.Series) -> npt.NDArray[np.float32]:
    """[encounters, codes] 1 where the code is; encounters by patient and time."""
    visits = ordered_visits(given).select("encounter_id").with_row_index("row")
    columns = pl.DataFrame({"code": codes}).with_row_index("column")
    cells = coded.join(visits, "encounter_id").join(columns, "code")
    out = np.zeros((visits.height, len(codes)), np.float32)
    out[cells["row"].to_numpy(), cells["column"].to_numpy()] = 1
    return out


def ordered_visits(given: Records) -> pl.DataFrame:
    """The encounters by patient and time."""
    return given.encounters.sort("patient_id", "start", "encounter_id")


def r_squared(real: Floats, synthetic: Floats) -> float:
    """Coefficient of determination of the synthetic shares for the real ones, over all that are there in either."""
    there = (real > 0) | (synthetic > 0)
    real, synthetic = real[there], synthetic[there]
    spread = float(((real - real.mean()) ** 2).sum()) if len(real) else 0.0
    return 1 - float(((real - synthetic) ** 2).sum()) / spread if spread else float("nan")


def _shares(matrix: npt.NDArray[np.float32], given: Records) -> tuple[Floats, Floats, Floats, Floats]:
    who = ordered_visits(given)["patient_id"].to_numpy()
    starts = np.flatnonzero(np.concatenate([[True], who[1:] != who[:-1]])) if len(who) else np.zeros(0, np.int64)
    ever = np.maximum.reduceat(matrix, starts, axis=0) if len(who) else matrix
    follows = np.flatnonzero(who[1:] == who[:-1])
    visits = max(1, len(matrix))
    together = (matrix.T @ matrix) / visits
    after = (matrix[follows].T @ matrix[follows + 1]) / max(1, len(follows))
    upper = np.triu_indices(matrix.shape[1], 1)
    parts = (ever.mean(0), matrix.mean(0), together[upper], after.ravel())
    return tuple(each.astype(np.float64) for each in parts)  # type: ignore[return-value]


def _gaps(given: Records) -> Floats:
    days = ordered_visits(given).select(gap=pl.col("start").diff().over("patient_id").dt.total_minutes() / 1_440)
    return days.drop_nulls().to_series().to_numpy()


def _ages(given: Records) -> Floats:
    first = given.encounters.group_by("patient_id").agg(pl.col("start").min()).join(given.patients, "patient_id")
    return (
        first.select((pl.col("start").dt.date() - pl.col("birth")).dt.total_days() / 365.25)
        .drop_nulls()
        .to_series()
        .to_numpy()
    )


def _counts(given: Records, name: str) -> Floats:
    rows: pl.DataFrame = getattr(given, name)
    counted = given.patients.select("patient_id").join(rows.group_by("patient_id").len(), "patient_id", "left")
    return counted["len"].fill_null(0).cast(pl.Float64).to_numpy()


def _values(given: Records) -> dict[str, Floats]:
    numbers = given.observations.drop_nulls("value").group_by("code").agg("value")
    return {code: np.array(values) for code, values in numbers.iter_rows()}


def _persistence(given: Records, codes: list[str]) -> float:
    numbers = given.observations.filter(pl.col("code").is_in(codes)).drop_nulls("value").sort("start")
    pairs = numbers.with_columns(before=pl.col("value").shift(1).over("patient_id", "code")).drop_nulls("before")
    found = pairs.group_by("code").agg(pl.corr("value", "before").alias("r"), pl.len())
    return float(found.filter((pl.col("len") >= VALUES_AT_LEAST) & pl.col("r").is_finite())["r"].mean() or 0.0)  # type: ignore[arg-type]


def _deaths(given: Records) -> float:
    return given.patients["death"].count() / max(1, given.patients.height)
