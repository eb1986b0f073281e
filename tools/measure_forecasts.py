"""Measures forecasts of beds, discharges and slots on the simulated hospital against repeating last week.

    python tools/measure_forecasts.py [--patients 6000] [--first 0] [--seed 1] [--horizon 7 28] [--step 7] [--json]

A line a unit: mean a day, MASE of the forecast and of the seasonal naive one, coverage of 90 % intervals; pooled is the
sum of the units' errors over the sum of their scales, so that a unit counts by how much it moves. The last 364
days before the simulated present are forecast from rolling origins; the nine years before are learnt from. A bed is
occupied on the days at whose midnight somebody lies in it; a slot is an appointment, whatever became of it; "slots with
bookings" knows what was booked already at the end of the day that it forecasts from.
"""

import argparse
import json
import sys
from collections import defaultdict
from datetime import date

import numpy as np

from careloom.risk.forecast_measure import Rolling, judge, roll
from careloom.simulate.hospital import build_hospital
from careloom.simulate.patients import PRESENT, simulate_patient

YEARS = 9
START = date(PRESENT.year - YEARS, 1, 1)
DAYS = (PRESENT - START).days
Series = dict[tuple[str, str], np.ndarray]
LONGEST = 28
"""Days ahead of which bookings are counted."""


def place(moment: date) -> int:
    return min(max((moment - START).days, 0), DAYS)


def series_of(patients: range, seed: int) -> tuple[Series, dict[str, np.ndarray]]:
    """(kind, unit) -> counts of each day; site -> slots of the next days that were booked at the end of each day."""
    found: Series = defaultdict(lambda: np.zeros(DAYS))
    booked: dict[str, np.ndarray] = defaultdict(lambda: np.zeros((DAYS, LONGEST)))
    hospital = build_hospital(seed)
    for number in patients:
        history = simulate_patient(number, seed, hospital=hospital)
        for encounter in history.encounters:
            for stay in encounter.stays if encounter.kind == "inpatient" else ():
                until = stay.end.date() if stay.end else PRESENT
                found["beds", stay.unit][place(stay.start.date()) : place(until)] += 1
            if (
                encounter.kind == "inpatient"
                and encounter.stays
                and encounter.end
                and START <= encounter.end.date() < PRESENT
            ):
                found["discharges", encounter.stays[-1].unit][place(encounter.end.date())] += 1
        for appointment in history.appointments:
            if START <= appointment.start.date() < PRESENT:
                day = place(appointment.start.date())
                found["slots", appointment.site_id][day] += 1
                made = (appointment.created.date() - START).days
                for before in range(max(made, day - LONGEST, 0), day):
                    booked[appointment.site_id][before, day - before - 1] += 1
    return found, booked


def measure(
    series: list[tuple[tuple[str, str], np.ndarray]], booked: dict[str, np.ndarray], how: Rolling, *, as_json: bool
) -> None:
    """Prints a line a unit and, to the error stream, one a kind."""
    errors: dict[str, list[tuple[float, float, float, float]]] = defaultdict(list)
    again = [(("slots with bookings", unit), values) for (kind, unit), values in series if kind == "slots"]
    for (kind, unit), values in [*series, *again]:
        known = booked[unit][:, : how.horizon_days] if kind == "slots with bookings" else None
        told = judge(roll(values, START, how, known=known), values[: -how.test_days])
        if told.mase is None or told.mase_naive is None:
            continue
        errors[kind].append((told.mase, told.error, told.scale, told.coverage))
        row = {"days": how.horizon_days, "kind": kind, "unit": unit, "mean": float(values[-365:].mean())}
        row |= {"mase": told.mase, "mase_naive": told.mase_naive, "coverage": told.coverage}
        words = (f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values())
        print(json.dumps(row) if as_json else "  ".join(words))
    for kind, each in errors.items():
        mase, error, scale, coverage = np.array(each).T
        told_of = f"{how.horizon_days} days, {kind}: MASE {error.sum() / scale.sum():.3f} pooled"
        print(
            f"{told_of}, {mase.mean():.3f} mean of {len(each)} units; coverage {coverage.mean():.3f}", file=sys.stderr
        )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=6000)
    parser.add_argument("--first", type=int, default=0, help="number of the first patient")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--horizon", type=int, nargs="+", default=[7, 28])
    parser.add_argument("--step", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    found, booked = series_of(range(options.first, options.first + options.patients), options.seed)
    for horizon in options.horizon:
        measure(sorted(found.items()), booked, Rolling(horizon, step_days=options.step), as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
