"""Drift of a watched model: what is found at five strengths, and how often an undrifted window raises an alarm.

``python bench/bench_drift.py [--windows 200] [--rows 1000] [--repeats 20] [--simulated 6000] [--seed 0] [--json]``

Real data: diabetes130 of ``CARELOOM_SUITES``; simulated: metabolic panels of patients of seed 7, four of each at most
(an admission within a year). A third of the patients fits a logistic regression, a third makes the profile, windows
are drawn of the last. A strength is the PSI between the profile and what all rows of the last third become: 0.02, 0.05,
0.15, 0.35, 0.80; medium is 0.10 to 0.25. Calibration has no bins: there a strength is the d whose square is that PSI
(as for two normal distributions of one spread), as log odds of 1.81 d. Another seed draws other thirds of the patients
and other windows.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression

from careloom.mlops.drift import PredictionWindow, judge
from careloom.mlops.drift_findings import Finding
from careloom.mlops.drift_measures import apart
from careloom.mlops.drift_profile import Profile, make_profile
from careloom.mlops.drift_sequential import NEW, control, limit_for
from careloom.mlops.drift_thresholds import Thresholds, shipped, thresholds
from careloom.risk.cohorts_table import extract_table, shipped_table
from careloom.simulate.hospital import build_hospital
from careloom.simulate.patients import PRESENT, simulate_patient

STRENGTHS = {"trace": 0.02, "small": 0.05, "medium": 0.15, "large": 0.35, "gross": 0.80}
CHINN = 1.81
GLUCOSE = 18.0156
"""mg/dL of glucose in a mmol/L: its molar mass in g/mol, over ten."""
SIMULATED = {"2345-7": "glucose", "2160-0": "creatinine", "3094-0": "urea", "2951-2": "sodium", "2823-3": "potassium"}
Make = Callable[[pl.DataFrame, float, np.random.Generator], pl.DataFrame]


@dataclass(frozen=True)
class Watched:
    """A model that is watched: its profile, and rows of patients that neither model nor profile has seen."""

    name: str
    profile: Profile
    rows: pl.DataFrame
    scores: np.ndarray
    outcomes: np.ndarray
    groups: dict[str, np.ndarray]
    people: np.ndarray


def diabetes() -> pl.DataFrame:
    """[n] patient_id, label and the features of the shipped definition."""
    folder = Path(os.environ.get("CARELOOM_SUITES", "../shared/data")) / "diabetes130"
    rows = extract_table(shipped_table("diabetes130"), pl.read_parquet(folder / "diabetic_data.parquet")).rows
    return rows.drop("candidate", "row_key").drop_nulls("label")


def simulated(patients: int) -> pl.DataFrame:
    """[n] patient_id, label and metabolic panels, four of each patient at most."""
    hospital, rows, draw = build_hospital(7), [], np.random.default_rng(7)
    for number in range(patients):
        history = simulate_patient(number, 7, hospital=hospital)
        by_time: dict[object, dict[str, object]] = {}
        for one in history.observations:
            name = SIMULATED.get(one.codes[0].code)
            if name is not None and isinstance(one.value, float):
                by_time.setdefault(one.time, {})[name] = one.value
        person = history.person
        stays = [one.start for one in history.encounters if one.kind == "inpatient"]
        ripe = [time for time in by_time if time.date() < date(PRESENT.year - 1, PRESENT.month, PRESENT.day)]
        for time in draw.permutation(np.array(ripe, dtype=object))[:4]:
            label = any(timedelta(0) < start - time <= timedelta(days=365) for start in stays)
            age = (time.date() - person.birth).days / 365.25
            seen = sum(start < time for start in stays)
            told = {name: by_time[time].get(name) for name in SIMULATED.values()}
            row = {"patient_id": str(number), "label": label, "age": age, "sex": str(person.sex), "stays": float(seen)}
            rows.append(row | told)
    return pl.DataFrame(rows, infer_schema_length=None)


def watched(name: str, table: pl.DataFrame, groups: list[str], draw: np.random.Generator) -> Watched:
    """Fits, profiles, and keeps the last third of the patients."""
    ids = table["patient_id"].unique().sort().to_numpy()
    third = dict(zip(ids, draw.integers(0, 3, ids.size), strict=True))
    at = np.array([third[one] for one in table["patient_id"]])
    features = [one for one in table.columns if one not in ("patient_id", "label")]
    matrix, label = encoded(table.select(features), at == 0), table["label"].to_numpy().astype(bool)
    model = LogisticRegression(max_iter=500, C=0.1).fit(matrix[at == 0], label[at == 0])
    scores = model.predict_proba(matrix)[:, 1]
    specs = []
    for one in features:
        column = table.filter(at == 0)[one]
        is_number = column.dtype.is_numeric()
        bounds = {"minimum": float(column.min()), "maximum": float(column.max())} if is_number else {}
        specs.append({"name": one, "type": "number" if is_number else "code", **bounds})
    mine = table.filter(at == 1)
    threshold = float(np.quantile(scores[at == 1], 0.9))
    profile = make_profile(
        mine, specs, scores[at == 1], label[at == 1], threshold=threshold, groups=mine.select(groups),
        people=mine["patient_id"],
    )  # fmt: skip
    rest = table.filter(at == 2)
    told = {one: rest[one].cast(pl.String).fill_null("").to_numpy().astype(str) for one in groups}
    people, kept = rest["patient_id"].to_numpy(), Profile.read(profile.as_json())
    return Watched(name, kept, rest.select(features), scores[at == 2], label[at == 2], told, people)


def encoded(frame: pl.DataFrame, fit: np.ndarray) -> np.ndarray:
    """Numbers standardised, texts as their frequent levels."""
    parts = []
    for column in frame:
        if column.dtype.is_numeric():
            values = column.cast(pl.Float64).fill_null(column.median()).to_numpy()
            parts.append(((values - values[fit].mean()) / (values[fit].std() or 1))[:, None])
        else:
            often = column.filter(fit).value_counts(sort=True).head(12)[column.name].drop_nulls().to_list()
            parts.append(np.column_stack([(column == one).fill_null(value=False).to_numpy() for one in often]))
    return np.hstack(parts).astype(np.float64)


def window_of(
    one: Watched, chosen: np.ndarray, frame: pl.DataFrame, scores: np.ndarray, came: np.ndarray
) -> PredictionWindow:
    """A window of rows, as it would be read from the log of predictions."""
    groups = {name: values[chosen] for name, values in one.groups.items()}
    alerts = scores >= one.profile.scores.threshold
    told = (scores, alerts, came.astype(np.int8), groups)
    return PredictionWindow(one.profile.bins(frame), *told, people=one.people[chosen])


def undrifted(one: Watched, windows: int, rows: int, how: Thresholds, draw: np.random.Generator) -> list[list[Finding]]:
    """What is no chance by itself (an alarm needs a size, too) in windows in which nothing changed, outcomes known."""
    found = []
    for _ in range(windows):
        chosen = draw.choice(one.scores.size, rows, replace=False)
        window = window_of(one, chosen, one.rows[chosen], one.scores[chosen], one.outcomes[chosen])
        found.append([each for each in judge(one.profile, window, window, how) if each.level != "none"])
    return found


def shifted(one: Watched, name: str) -> Make:
    """Adds so many standard deviations; what was counted in whole numbers stays so."""
    wide = float(one.rows[name].std())

    def make(frame: pl.DataFrame, by: float, draw: np.random.Generator) -> pl.DataFrame:
        return frame.with_columns(_as_counted(one, name, frame[name] + by * wide, draw))

    return make


def spread(one: Watched, name: str) -> Make:
    """Spreads a feature about its mean; what was counted in whole numbers stays so."""
    middle = float(one.rows[name].mean())

    def make(frame: pl.DataFrame, by: float, draw: np.random.Generator) -> pl.DataFrame:
        return frame.with_columns(_as_counted(one, name, middle + (frame[name] - middle) * (1 + by), draw))

    return make


def _as_counted(one: Watched, name: str, values: pl.Series, draw: np.random.Generator) -> pl.Series:
    is_whole = bool((one.rows[name].drop_nulls() % 1 == 0).all())
    return (values + pl.Series(draw.random(len(values)))).floor().alias(name) if is_whole else values.alias(name)


def replaced(name: str, value: object) -> Make:
    """Puts one value (or none) in place of a share of the rows."""

    def make(frame: pl.DataFrame, by: float, draw: np.random.Generator) -> pl.DataFrame:
        hit = pl.Series(draw.random(frame.height) < by)
        return frame.with_columns(pl.when(hit).then(pl.lit(value)).otherwise(pl.col(name)).alias(name))

    return make


def in_mmol(name: str) -> Make:
    """Sends a share of the rows in mmol/L that were to be in mg/dL."""

    def make(frame: pl.DataFrame, by: float, draw: np.random.Generator) -> pl.DataFrame:
        hit = pl.Series(draw.random(frame.height) < by)
        return frame.with_columns(pl.when(hit).then(pl.col(name) / GLUCOSE).otherwise(pl.col(name)).alias(name))

    return make


def strength(one: Watched, name: str, make: Make, wanted: float, most: float) -> float:
    """The `by` at which all rows lie at this PSI from the profile, found by halving; `most` where none does."""
    number = [each.name for each in one.profile.columns].index(name)
    column = one.profile.columns[number]
    low, high = 0.0, most
    for _ in range(30):
        middle = (low + high) / 2
        frame = make(one.rows, middle, np.random.default_rng(1))
        now = column.tallied(column.coded(frame[name]))
        before = np.array(column.counts)
        values = apart(before[:-1], now[:-1], ordered=False).psi
        gaps = apart([before[:-1].sum(), before[-1]], [now[:-1].sum(), now[-1]], ordered=False).psi
        low, high = (middle, high) if max(values, gaps) < wanted else (low, middle)
    return high


def drifts(
    one: Watched, kinds: dict[str, tuple[str, Make, float]], ask: argparse.Namespace, how: Thresholds | None = None
) -> Iterator[dict[str, object]]:
    """For each kind and strength, the share of windows that raise an alarm at the feature that was changed."""
    how, draw = how or shipped(), np.random.default_rng(5 + 1000 * ask.seed)
    for kind, (name, make, most) in kinds.items():
        for label, wanted in STRENGTHS.items():
            by, hits = strength(one, name, make, wanted, most), 0
            for _ in range(ask.repeats):
                chosen = draw.choice(one.scores.size, ask.rows, replace=False)
                frame = make(one.rows[chosen], by, draw)
                window = window_of(one, chosen, frame, one.scores[chosen], one.outcomes[chosen])
                findings = judge(one.profile, window, window, how)
                hits += any(each.is_alarm and each.place == name for each in findings)
            yield {
                "data": one.name,
                "kind": kind,
                "feature": name,
                "strength": label,
                "by": by,
                "found": hits / ask.repeats,
            }


def of_scores(one: Watched, ask: argparse.Namespace) -> Iterator[dict[str, object]]:
    """Prediction shift (outcomes not known yet) and calibration shift (scores as before, outcomes that changed)."""
    how, draw = shipped(), np.random.default_rng(6 + 1000 * ask.seed)
    odds = np.log(one.scores / (1 - one.scores))
    for kind in ("prediction shift", "calibration shift"):
        for label, wanted in STRENGTHS.items():
            by, hits = CHINN * wanted**0.5, 0
            if kind == "prediction shift":
                by = _score_shift(one, odds, wanted)
            moved = 1 / (1 + np.exp(-(odds + by)))
            for _ in range(ask.repeats):
                chosen = draw.choice(one.scores.size, ask.rows, replace=False)
                frame, scores, came = one.rows[chosen], one.scores[chosen], one.outcomes[chosen].astype(np.int8)
                if kind == "prediction shift":
                    scores, came = moved[chosen], np.full(ask.rows, -1)
                else:
                    flip = (moved[chosen] - scores) / (1 - scores)
                    came = np.maximum(came, draw.random(ask.rows) < flip)
                findings = judge(one.profile, *[window_of(one, chosen, frame, scores, came)] * 2, how)
                sought = ("scores",) if kind == "prediction shift" else ("calibration", "slope", "group")
                hits += any(each.is_alarm and each.kind in sought for each in findings)
            yield {
                "data": one.name,
                "kind": kind,
                "feature": "",
                "strength": label,
                "by": by,
                "found": hits / ask.repeats,
            }


def _score_shift(one: Watched, odds: np.ndarray, wanted: float) -> float:
    low, high = 0.0, 6.0
    for _ in range(30):
        middle = (low + high) / 2
        now = one.profile.scores.tallied(1 / (1 + np.exp(-(odds + middle))))
        is_below = apart(one.profile.scores.counts, now, ordered=True).psi < wanted
        low, high = (middle, high) if is_below else (low, middle)
    return high


def sequential(one: Watched, streams: int, draw: np.random.Generator) -> dict[str, object]:
    """Outcomes until the CUSUM calls, without drift (promised as they come) and at odds of 1.5 and 2 times."""
    odds, found = np.log(one.scores / (1 - one.scores)), {}
    for ratio in (1.0, 1.5, 2.0):
        runs = []
        for _ in range(streams):
            chosen = draw.choice(one.scores.size, 40_000)
            true = 1 / (1 + np.exp(-(odds[chosen] + np.log(ratio))))
            told = control(one.scores[chosen], draw.random(chosen.size) < true, shipped())
            runs.append(chosen.size if told.crossed is None else told.crossed)
        found[f"odds x {ratio}"] = {"mean": float(np.mean(runs)), "median": float(np.median(runs))}
    return {"data": one.name, "outcomes until a call": found}


def years(count: int, a_day: int, draw: np.random.Generator) -> dict[str, object]:
    """Years of charts that are looked at day by day and begin anew once they called: calls where scores hold, and how
    long after the odds doubled amid a year the first comes, how many come, and how many once they are as promised.

    The scores are drawn: their log odds lie about -2.3 with a standard deviation of 1."""
    scores = 1 / (1 + np.exp(2.3 - draw.normal(size=20_000)))
    odds, found = np.log(scores / (1 - scores)), {"false": [], "days": [], "during": [], "after": []}
    for is_moved in (False, True):
        for _ in range(count):
            chosen = draw.choice(scores.size, 365 * a_day)
            day = np.arange(chosen.size) // a_day
            moved = (day >= 120) & (day < 240) if is_moved else np.zeros(chosen.size, bool)
            came = draw.random(chosen.size) < 1 / (1 + np.exp(-(odds[chosen] + np.where(moved, np.log(2), 0))))
            calls = _called(scores[chosen], came, a_day)
            if not is_moved:
                found["false"].append(len(calls))
                continue
            during = [each for each in calls if 120 <= each < 240]
            found["days"] += [during[0] - 120] if during else []
            found["during"].append(len(during))
            found["after"].append(sum(each >= 240 for each in calls))
    calls = np.array(found["false"])
    return {
        "outcomes a day": a_day, "years": count, "years with a false call": int((calls > 0).sum()),
        "false calls": int(calls.sum()), "found": int((np.array(found["during"]) > 0).sum()),
        "days until the first": float(np.median(found["days"])), "calls in 120 days": float(np.mean(found["during"])),
        "calls in the 125 days after": float(np.mean(found["after"])),
    }  # fmt: skip


def _called(scores: np.ndarray, came: np.ndarray, a_day: int) -> list[int]:
    """The days on which a chart calls."""
    chart, found = NEW, []
    for day in range(scores.size // a_day):
        part = slice(day * a_day, (day + 1) * a_day)
        limits = replace(shipped(), limit=limit_for(part.stop, shipped()))
        told = control(scores[part], came[part], limits, chart)
        chart, found = told.chart, found + [day] * len(told.crossings)
    return found


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (
        ("windows", 200),
        ("rows", 1000),
        ("repeats", 20),
        ("simulated", 6000),
        ("streams", 100),
        ("years", 200),
        ("seed", 0),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--json", action="store_true")
    ask = parser.parse_args()
    draw = np.random.default_rng(20261130 + ask.seed)
    real = watched("diabetes130", diabetes(), ["gender", "race"], draw)
    made = watched("simulated", simulated(ask.simulated), ["sex"], draw)
    report: dict[str, object] = {"asked": vars(ask), "rows": {one.name: one.scores.size for one in (real, made)}}
    found = []
    for correction in ("holm", "benjamini-hochberg"):
        how = thresholds(f'[tests]\ncorrection = "{correction}"')
        for one in (real, made):
            rows = min(ask.rows, one.scores.size // 2)
            unlikely = undrifted(one, ask.windows, rows, how, np.random.default_rng(3 + 1000 * ask.seed))
            alarms = [[each for each in every if each.is_alarm] for every in unlikely]
            kinds = sorted({f"{each.kind} {each.place}".strip() for every in alarms for each in every})
            found.append({"data": one.name, "correction": correction, "windows": ask.windows,
                          "with an alarm": sum(map(bool, alarms)), "alarms": kinds,
                          "with a small p alone": sum(map(bool, unlikely))})  # fmt: skip
    report["undrifted"] = found
    ask.rows = min(ask.rows, made.scores.size // 2)
    of_real = {
        "mean shift": ("num_medications", shifted(real, "num_medications"), 3.0),
        "scale": ("num_lab_procedures", spread(real, "num_lab_procedures"), 5.0),
        "category mix": ("insulin", replaced("insulin", "Steady"), 1.0),
        "missingness": ("race", replaced("race", None), 1.0),
    }
    of_made = {
        "mean shift": ("glucose", shifted(made, "glucose"), 3.0),
        "scale": ("creatinine", spread(made, "creatinine"), 5.0),
        "category mix": ("sex", replaced("sex", "female"), 1.0),
        "missingness": ("urea", replaced("urea", None), 1.0),
        "unit error": ("glucose", in_mmol("glucose"), 1.0),
    }
    report["drifted"] = [*drifts(real, of_real, ask), *of_scores(real, ask), *drifts(made, of_made, ask),
                         *of_scores(made, ask)]  # fmt: skip
    mild = thresholds('[tests]\ncorrection = "benjamini-hochberg"')
    by_mild = [each for one, kinds in ((real, of_real), (made, of_made)) for each in drifts(one, kinds, ask, mild)]
    report["by benjamini-hochberg"] = {f"{each['data']} {each['kind']} {each['strength']}": each["found"]
                                       for each in by_mild if each["strength"] in ("trace", "small")}  # fmt: skip
    report["years"] = [years(ask.years, a_day, np.random.default_rng(11)) for a_day in (5, 50)]
    report["sequential"] = [sequential(one, ask.streams, np.random.default_rng(9)) for one in (real, made)]
    print(json.dumps(report) if ask.json else _table(report))


def _table(report: dict[str, object]) -> str:
    lines = [f"{name}: {value}" for name, value in report.items() if name != "drifted"]
    rows = {}
    for one in report["drifted"]:  # type: ignore[attr-defined]
        key = (one["data"], one["kind"], one["feature"])
        rows.setdefault(key, []).append(f"{one['strength']} {one['found']:.2f} (by {one['by']:.3f})")
    return "\n".join([*lines, *(f"{' / '.join(key)}: {', '.join(told)}" for key, told in rows.items())])


if __name__ == "__main__":
    main()
