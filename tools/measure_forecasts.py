"""Measures forecasts of beds, discharges and slots on the simulated hospital against repeating last week.

    python tools/measure_forecasts.py [--patients 6000] [--first 0] [--seed 1] [--horizon 7 28] [--step 7] [--json]
        [--kinds beds discharges slots]

A line a unit: mean a day, MASE of the forecast and of the seasonal naive one, coverage of 90 % intervals; pooled is the
sum of the units' errors over the sum of their scales, so that a unit counts by how much it moves. The last 364
days before the simulated present are forecast from rolling origins; the nine years before are learnt from. A bed is
occupied on the days at whose midnight somebody lies in it; a slot is an appointment, whatever became of it, cancelled
or not; "slots with bookings" knows what was booked already at the end of the day that it forecasts from. Slots and
bookings are counted by `careloom.risk.forecast_series` out of facts, as the service counts them, a site each.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from careloom.risk.cohorts_events import EVENTS, as_events
from careloom.risk.forecast_measure import Rolling, judge, roll
from careloom.risk.forecast_series import series_of_facts
from careloom.services.risk_simulated import facts_of
from careloom.simulate.history import History
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
    slots: dict[str, list[dict[str, Any]]] = defaultdict(list)
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
        for site, row in appointments_of(history):
            slots[site].append(row)
    booked = {}
    for site, rows in slots.items():
        found["slots", site], booked[site] = slots_of(rows)
    return found, booked


def appointments_of(history: History) -> Iterable[tuple[str, dict[str, Any]]]:
    """Site and fact of each booking and each appointment."""
    who = history.person.patient_id
    sites = {f"Appointment/{who}-{one.key}": one.site_id for one in history.appointments}
    for row in facts_of(history, set()):
        if row["kind"] in ("booking", "appointment"):
            yield sites[row["resource_key"]], row


def slots_of(rows: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """[T] slots a day from `START` on, and [T, LONGEST] what was booked of those ahead, as the service counts them."""
    schema = {name: dtype for name, dtype in EVENTS.dtypes.items() if name != "event_id"}
    series = series_of_facts(as_events(pl.DataFrame(rows, schema=schema)), "slots", LONGEST)
    assert series.booked is not None
    before = (START - series.start).days
    if before < 0:  # the first slots of a site came later
        series_booked = np.pad(series.booked, ((-before, 0), (0, 0)))
        return np.pad(series.values, (-before, 0)), series_booked
    return series.values[before:], series.booked[before:]


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
    parser.add_argument("--kinds", nargs="+", default=["beds", "discharges", "slots"])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    found, booked = series_of(range(options.first, options.first + options.patients), options.seed)
    for horizon in options.horizon:
        asked = [(which, values) for which, values in sorted(found.items()) if which[0] in options.kinds]
        measure(asked, booked, Rolling(horizon, step_days=options.step), as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
