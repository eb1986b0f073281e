"""What came of each index: the outcome, nothing, death before it, or the end of follow-up before anybody could tell."""

import polars as pl

from careloom.risk.cohorts_definition import Definition
from careloom.risk.cohorts_events import AHEAD, last_known
from careloom.risk.cohorts_match import facts_of, not_cancelled

_DAY_SECONDS = 86_400


def outcomes(definition: Definition, indexes: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The indexes with horizon_end, observation_start, state, label, outcome_time and outcome_key.

    The horizon is half-open at its begin: what happens at the index time itself is no outcome. With `before` it ends at
    that event of the index's own encounter, at the latest, and that is its `horizon_end`, for the label is known then.
    Where a death is the outcome too, it is known at the end of the day of the event, or at the death that no such event
    followed. A death at the moment of the outcome leaves the outcome first; where the outcome is death,
    `definition.death` has to be ``none``.

    What follow-up does not reach to the end of is censored, whether something was seen until then or not: to count what
    was seen and not what was not would count too many events. A look that an event of the encounter ended is whole.
    """
    spec = definition.outcome
    seen = indexes.with_columns(horizon_end=horizon_end(definition), observation_start=_observed(definition))
    seen = _ended(definition, seen, events)
    first = _first(definition, seen, events)
    died = events.filter(pl.col("kind") == "death").drop_nulls("time")
    death = died.group_by("patient_id").agg(pl.col("time").min().alias("death_time"))
    until = _follow_up(definition, events.filter(not_cancelled()))
    told = (
        seen.join(first, on="candidate", how="left", maintain_order="left")
        .join(death, on="patient_id", how="left", maintain_order="left")
        .join(until, on="patient_id", how="left", maintain_order="left")
    )
    stated = told.with_columns(_state(definition).alias("state"))
    happened = pl.col("state") == "event"
    time = pl.col("found_time") if spec.happens else pl.col("look_end")
    return stated.with_columns(
        label=_label(definition),
        horizon_end=_known_at(definition),
        outcome_time=pl.when(happened).then(time).when(pl.col("state") == "death").then("death_time"),
        outcome_key=pl.when(happened).then("found_key"),
    ).select(
        "candidate", "patient_id", "index_time", "event_time", "encounter_key", "resource_key", "observation_start",
        "horizon_end", "label", "state", "outcome_time", "outcome_key",
    )  # fmt: skip


def horizon_end(definition: Definition) -> pl.Expr:
    """Where the look ahead of an index ends, of its index_time and event_time."""
    spec = definition.outcome
    anchor = pl.col("index_time" if spec.anchor == "index" else "event_time")
    return anchor + pl.duration(seconds=round(spec.horizon_days * _DAY_SECONDS))


def _known_at(definition: Definition) -> pl.Expr:
    """When the label is known at the latest: the end of the horizon, or what ended the look before."""
    whole, ended = pl.col("horizon_end"), pl.col("ended_time")
    if not definition.outcome.before:
        return whole
    if definition.outcome.death:
        ended = pl.coalesce(_next_day(), "found_time")
    return pl.max_horizontal("index_time", pl.min_horizontal(whole, ended))


def _next_day() -> pl.Expr:
    """The end of the day (UTC) on which the look was ended."""
    return pl.col("ended_time").dt.truncate("1d").dt.offset_by("1d")


def _observed(definition: Definition) -> pl.Expr:
    if not definition.observation_days:
        return pl.lit(None, pl.Datetime("us", "UTC"))
    return pl.col("index_time") - pl.duration(seconds=round(definition.observation_days * _DAY_SECONDS))


def _ended(definition: Definition, seen: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """With ended_time, of the event of the same encounter that ends the look, and look_end."""
    before = definition.outcome.before
    if not before:
        none = pl.lit(None, pl.Datetime("us", "UTC"))
        return seen.with_columns(ended_time=none, look_end=pl.col("horizon_end"))
    ends = facts_of(events, definition.events[before]).drop_nulls("encounter_key")
    ended = ends.group_by("encounter_key").agg(pl.col("time").min().alias("ended_time"))
    joined = seen.join(ended, on="encounter_key", how="left", maintain_order="left")
    return joined.with_columns(look_end=pl.min_horizontal("horizon_end", "ended_time"))


def _first(definition: Definition, seen: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """[k] candidate, found_time, found_key: the first event of the outcome in the look."""
    spec = definition.outcome
    facts = facts_of(events, definition.events[spec.event]).select(
        "patient_id", pl.col("time").alias("found_time"), pl.col("resource_key").alias("found_key"),
        pl.col("encounter_key").alias("found_encounter"),
    )  # fmt: skip
    pairs = seen.select("candidate", "patient_id", "index_time", "look_end", "encounter_key").join(
        facts, on="patient_id", how="inner"
    )
    told = (pl.col("found_time") > pl.col("index_time")) & (pl.col("found_time") <= pl.col("look_end"))
    if spec.same_encounter:
        told &= (pl.col("found_encounter") == pl.col("encounter_key")).fill_null(value=False)
    found = pairs.filter(told)
    if spec.death:
        found = pl.concat([found, _deaths(seen, events)], how="diagonal")
    ordered = found.sort("candidate", "found_time", "found_key")
    return ordered.unique("candidate", keep="first", maintain_order=True).select("candidate", "found_time", "found_key")


def _deaths(seen: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """[k] candidate, found_time, found_key: deaths in the look, to the end of the day on which the encounter ended."""
    died = events.filter(pl.col("kind") == "death").drop_nulls("time").select(
        "patient_id", pl.col("time").alias("found_time"), pl.col("resource_key").alias("found_key")
    )  # fmt: skip
    until = pl.min_horizontal(_next_day(), "horizon_end")
    found = pl.col("found_time")
    within = (found <= pl.col("look_end")) | (found < until).fill_null(value=False)
    pairs = seen.join(died, on="patient_id", how="inner").filter(within & (found > pl.col("index_time")))
    return pairs.select("candidate", "found_time", "found_key")


def _follow_up(definition: Definition, events: pl.DataFrame) -> pl.DataFrame:
    """[p] patient_id, until: how far anybody would have told."""
    ahead = follow_up_ahead(definition)
    if definition.follow_up == "patient":
        told = events.filter(~pl.col("kind").is_in(ahead))
        return told.group_by("patient_id").agg(pl.col("available_time").max().alias("until"))
    until = pl.lit(last_known(events, ahead), pl.Datetime("us", "UTC"))
    return events.select("patient_id").unique().with_columns(until=until)


def follow_up_ahead(definition: Definition) -> list[str]:
    """Kinds that do not say how far follow-up reaches; that of the outcome itself does."""
    return [kind for kind in AHEAD if kind != definition.events[definition.outcome.event].kind]


def _state(definition: Definition) -> pl.Expr:
    found, death = pl.col("found_time"), pl.col("death_time")
    is_death = (death > pl.col("index_time")) & (death <= pl.col("look_end"))
    is_competing = is_death.fill_null(value=False) if definition.death != "none" else pl.lit(value=False)
    is_first = found.is_not_null() & (~is_competing | (found <= death))
    is_over = (pl.col("ended_time") <= pl.col("horizon_end")).fill_null(value=False)
    is_told = is_over | (pl.col("until") >= pl.col("look_end")).fill_null(value=False)
    if definition.outcome.death:  # a death ends a stay
        is_told |= found.is_not_null()
    if definition.follow_up == "patient":  # of the dead there is nothing more to tell
        is_told |= (death <= pl.col("look_end")).fill_null(value=False)
    came, stayed_away = ("event", "none") if definition.outcome.happens else ("none", "event")
    return (
        pl.when(~is_told).then(pl.lit("censored")).when(is_first).then(pl.lit(came))
        .when(is_competing).then(pl.lit("death")).otherwise(pl.lit(stayed_away))
    )  # fmt: skip


def _label(definition: Definition) -> pl.Expr:
    """True, False, or null where nobody can tell or death competes."""
    negative = ["none", "death"] if definition.death == "negative" else ["none"]
    state = pl.col("state")
    return pl.when(state == "event").then(pl.lit(value=True)).when(state.is_in(negative)).then(pl.lit(value=False))
