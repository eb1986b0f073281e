"""Measures forecasts of beds, discharges and slots on the simulated hospital against repeating last week.

    python tools/measure_forecasts.py [--patients 6000] [--seed 1] [--horizon 7] [--step 7] [--json]

A line a unit: mean a day, MASE of the forecast and of the seasonal naive one, coverage of 90 % intervals. The last 364
days before the simulated present are forecast from rolling origins; the nine years before are learnt from. A bed is
occupied on the days at whose midnight somebody lies in it; a slot is an appointment, whatever became of it.
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


def place(moment: date) -> int:
    return min(max((moment - START).days, 0), DAYS)


def series_of(patients: int, seed: int) -> Series:
    """(kind, unit) -> counts of each day."""
    found: Series = defaultdict(lambda: np.zeros(DAYS))
    hospital = build_hospital(seed)
    for number in range(patients):
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
                found["slots", appointment.site_id][place(appointment.start.date())] += 1
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--horizon", type=int, default=7)
    parser.add_argument("--step", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    how = Rolling(options.horizon, step_days=options.step)
    errors: dict[str, list[float]] = defaultdict(list)
    for (kind, unit), values in sorted(series_of(options.patients, options.seed).items()):
        told = judge(roll(values, START, how), values[: -how.test_days])
        if told.mase is None or told.mase_naive is None:
            continue
        errors[kind].append(told.mase)
        row = {"kind": kind, "unit": unit, "mean": float(values[-365:].mean()), "mase": told.mase}
        row |= {"mase_naive": told.mase_naive, "coverage": told.coverage}
        print(
            json.dumps(row)
            if options.json
            else "  ".join(f"{value:.3f}" if isinstance(value, float) else value for value in row.values())
        )
    for kind, each in errors.items():
        print(f"{kind}: mean MASE {np.mean(each):.3f} over {len(each)} units", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
