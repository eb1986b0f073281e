"""What to do with a forecast under a capacity: how far to overbook a clinic, whom to call first, what it would save.

Costs are the caller's: no default stands for a price.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from careloom.errors import InputError
from careloom.tables.schema import SchemaMismatch

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Overbooking:
    """How many more visits to book than there are slots.

    extra          bookings beyond those that are there
    cost           expected cost of the session with them: slots that stay idle and visits that run over
    cost_without   the same with no further booking
    idle, over     expected idle slots and visits over the capacity, with them
    """

    extra: int
    cost: float
    cost_without: float
    idle: float
    over: float


def attendance(show: ArrayLike) -> Floats:
    """[n + 1] the chance that 0, 1, ... n of the booked visits take place, each with its own chance.

    source  the Poisson binomial distribution, convolved booking by booking
    """
    chances = np.asarray(show, dtype=np.float64).ravel()
    if not ((chances >= 0) & (chances <= 1)).all():
        raise InputError("attendance", "a chance lies within 0..1")
    spread = np.ones(1)
    for chance in chances:
        spread = np.concatenate((spread, [0.0])) * (1 - chance) + np.concatenate(([0.0], spread)) * chance
    return spread


def overbook(
    show: ArrayLike, capacity: int, *, show_of_new: float, cost_idle: float, cost_over: float, most: int = 20
) -> Overbooking:
    """The number of further bookings with the least expected cost, at most `most`; the fewest where several are equal.

    show         chance of each visit that is booked already to take place
    show_of_new  chance of a further booking to take place
    cost_idle    of a slot that nobody uses
    cost_over    of a visit beyond the capacity (overtime, waiting)
    """
    if capacity < 0 or most < 0 or min(cost_idle, cost_over) < 0 or not 0 <= show_of_new <= 1:
        raise InputError("overbooking", "capacity and costs lie at 0 or above, a chance within 0..1")
    spread = attendance(show)
    found: list[Overbooking] = []
    for extra in range(most + 1):
        comes = np.arange(spread.size)
        idle = float(spread @ np.maximum(capacity - comes, 0))
        over = float(spread @ np.maximum(comes - capacity, 0))
        cost = cost_idle * idle + cost_over * over
        found.append(Overbooking(extra, cost, found[0].cost_without if found else cost, idle, over))
        spread = np.concatenate((spread, [0.0])) * (1 - show_of_new) + np.concatenate(([0.0], spread)) * show_of_new
    return min(found, key=lambda one: (round(one.cost, 12), one.extra))


def call_list(
    patients: pl.DataFrame, capacity: int, *, effect: float, cost_event: float, cost_call: float
) -> pl.DataFrame:
    """Whom to call first, and what is expected to be saved: nobody whose call costs more than it is worth.

    patients  patient_id, risk (0..1, calibrated); further columns are kept
    effect    share of events that a call prevents, 0..1
    returns   at most `capacity` rows by falling risk, ties by patient_id: all columns, rank (1 is first), saves
              (expected cost avoided by this call, less its own), saves_so_far (of this call and those before it)
    raises    SchemaMismatch if a column is missing; InputError for a risk that is none
    """
    for name in ("patient_id", "risk"):
        if name not in patients.columns:
            raise SchemaMismatch(f"patients to call: no column {name}", "add it")
    if not 0 <= effect <= 1 or capacity < 0 or min(cost_event, cost_call) < 0:
        raise InputError("call list", "effect lies within 0..1, capacity and costs at 0 or above")
    if not patients["risk"].is_between(0, 1).all() or patients["risk"].null_count():
        raise InputError("call list: risk", "a risk lies within 0..1: leave out rows without one")
    worth = patients.with_columns(saves=pl.col("risk") * effect * cost_event - cost_call)
    chosen = worth.filter(pl.col("saves") > 0).sort(["risk", "patient_id"], descending=[True, False]).head(capacity)
    return chosen.with_columns(
        rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64), saves_so_far=pl.col("saves").cum_sum()
    )
