"""What calls to those most at risk are expected to bring under a capacity, if risks are calibrated and costs hold."""

from dataclasses import dataclass

import polars as pl

from careloom.errors import InputError
from careloom.risk.forecast_capacity import call_list


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """What things cost, in one currency.

    event      one event that happens
    call       one call, and what follows from it
    prevented  share of the events of those called that a call prevents, 0..1: from a trial, not from a model
    """

    event: float
    call: float
    prevented: float


@dataclass(frozen=True, slots=True)
class Stratified:
    """Whom to call, and what is expected of it.

    rows             who is called, the first first: the columns that came, and rank; with unit costs also saves and
                     saves_so_far
    of               how many there were to choose from
    expected_events  among all; `expected_caught` of them among those called
    by_chance        what as many calls drawn at random would catch
    lowest           the lowest risk that is called; None for an empty list
    tied_out         how many as likely as the last one called are not: the capacity cuts through a tie
    avoided, saved   events that the calls are expected to prevent, and their cost less that of the calls; None without
                     unit costs
    """

    rows: pl.DataFrame
    of: int
    expected_events: float
    expected_caught: float
    by_chance: float
    lowest: float | None
    tied_out: int
    avoided: float | None = None
    saved: float | None = None


def stratify(patients: pl.DataFrame, capacity: int, costs: UnitCosts | None = None) -> Stratified:
    """The patients most at risk, at most `capacity`; with unit costs nobody whose call costs more than it is worth.

    patients  [n] patient_id, risk (0..1, calibrated), tie (a text by which equal risks are ordered: the same list at
              every call, and nobody first for what an id happens to be); further columns are kept
    raises    SchemaMismatch for a column that lacks; InputError for a risk, capacity or cost that is none
    """
    told = costs or UnitCosts(1.0, 0.0, 1.0)
    if "tie" not in patients.columns:
        raise InputError("stratify", "patients need a column tie: a keyed name of each")
    asked = patients.rename({"patient_id": "whose", "tie": "patient_id"})
    chosen = call_list(
        asked, capacity, effect=told.prevented, cost_event=told.event, cost_call=told.call
    ).rename({"patient_id": "tie", "whose": "patient_id"})  # fmt: skip
    risks, called = patients["risk"], chosen["risk"]
    whole, caught = float(risks.sum()), float(called.sum())
    lowest = None if called.is_empty() else float(called[-1])
    tied = 0 if lowest is None else int((risks == lowest).sum()) - int((called == lowest).sum())
    return Stratified(
        rows=chosen if costs is not None else chosen.drop("saves", "saves_so_far"),
        of=patients.height,
        expected_events=whole,
        expected_caught=caught,
        by_chance=whole * chosen.height / patients.height if patients.height else 0.0,
        lowest=lowest,
        tied_out=tied,
        avoided=None if costs is None else caught * costs.prevented,
        saved=None if costs is None else caught * costs.prevented * costs.event - chosen.height * costs.call,
    )
