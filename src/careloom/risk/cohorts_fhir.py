"""Facts out of FHIR: the rows of the views of ``event_views`` become timed facts, each with the time it could be known.

A stay tells its admission when it begins and its length and disposition when it ends; an appointment that it was made,
and how it ended when it is over. A diagnosis without a recorded date is known when its encounter ends: it may have been
coded for the bill. What was entered in error or refuted is no fact, nor is a resource without a patient. A cancelled
appointment was booked all the same: without that fact, those that were booked would tell who was to cancel.
"""

from collections.abc import Mapping
from typing import Any

import orjson
import polars as pl

from careloom.fhir.readmissions import instant
from careloom.risk.cohorts_events import as_events
from careloom.runtime import packaged

VIEWS = (
    "patient", "encounter", "condition", "observation", "component", "procedure", "medication", "appointment",
)  # fmt: skip
VIEWS_OF = {
    "birth": ("patient",), "death": ("patient", "encounter"), "sex": ("patient",), "race": ("patient",),
    "admission": ("encounter",), "discharge": ("encounter",), "visit": ("encounter",), "diagnosis": ("condition",),
    "observation": ("observation", "component"), "procedure": ("procedure",), "medication": ("medication",),
    "booking": ("appointment",), "appointment": ("appointment",), "ethnicity": ("group_patient",),
    "language": ("group_patient",), "site": ("group_encounter",), "coverage": ("coverage",),
}  # fmt: skip
"""Kind of fact -> the views whose rows it is made of."""
GROUP_VIEWS = ("group_patient", "group_encounter", "coverage")
"""What a model is judged by group for, beside sex, race and age; who is scored is not asked for it."""
PLACE_VIEWS = ("encounter_place", "appointment_place", "location")
"""Where stays lay and appointments are: for forecasts by unit, not for models."""
APPOINTMENT_STATUS = "http://hl7.org/fhir/appointmentstatus"
GENDER = "http://hl7.org/fhir/administrative-gender"
RACE = "urn:oid:2.16.840.1.113883.6.238"
LANGUAGE = "urn:ietf:bcp:47"
STAYS = ("IMP", "ACUTE", "NONAC")
"""Classes of HL7 v3 ActCode that are stays with an admission and a discharge."""
VOID = ("entered-in-error", "cancelled", "refuted", "not-done", "planned", "draft", "nullified")
CANCELLED = "cancelled"
_DAY_SECONDS = 86_400
Frames = Mapping[str, pl.DataFrame]


def definitions(names: tuple[str, ...] = VIEWS) -> dict[str, Any]:
    """The ViewDefinitions whose rows `fhir_events` takes, by name; `GROUP_VIEWS` are others."""
    return {name: orjson.loads(packaged("risk", f"event_views/{name}.json")) for name in names}


def fhir_events(frames: Frames) -> pl.DataFrame:
    """Facts as `careloom.risk.cohorts_events.EVENTS`; a view that is not there has no rows.

    frames  rows of the views of `definitions`, by their names
    """
    made = [
        part
        for name in (*VIEWS, *GROUP_VIEWS)
        if name in frames and not frames[name].is_empty()
        for part in _MAKERS[name](frames[name].pipe(_told, void_of(name)), frames)
    ]
    return as_events(pl.concat(made, how="diagonal")) if made else as_events(_nothing())


def void_of(view: str) -> tuple[str, ...]:
    """The statuses whose resources of a view are no fact."""
    return tuple(one for one in VOID if view != "appointment" or one != CANCELLED)


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(("patient_id", "kind", "resource_key"), pl.String))


def _told(frame: pl.DataFrame, void: tuple[str, ...]) -> pl.DataFrame:
    """Rows that count, with patient_id and resource_key."""
    kind = pl.col("patient_key") if "patient_key" in frame.columns else pl.col("key")
    kept = frame.filter(~pl.col("status").is_in(void).fill_null(value=False)) if "status" in frame.columns else frame
    return kept.with_columns(patient_id=kind.str.split("/").list.last(), resource_key=pl.col("key"))


def _named(resource: str) -> pl.Expr:
    return pl.concat_str([pl.lit(f"{resource}/"), pl.col("key").str.split("/").list.last()])


def _patients(frame: pl.DataFrame, _frames: Frames) -> list[pl.DataFrame]:
    key = _named("Patient").alias("resource_key")
    never = pl.lit(None, pl.Datetime("us", "UTC")).alias("time")
    told = [
        ("birth", instant(pl.col("birth_date")).alias("time"), None, None, "birth_date"),
        ("death", instant(pl.col("deceased")).alias("time"), None, None, "deceased"),
        ("sex", never, GENDER, "gender", "gender"),
        ("race", never, RACE, "race", "race"),
    ]
    return [
        frame.filter(pl.col(needed).is_not_null()).select(
            "patient_id", key, time, pl.lit(kind).alias("kind"), pl.lit(system, pl.String).alias("system"),
            (pl.col(code) if code else pl.lit(None, pl.String)).alias("code"),
        )
        for kind, time, system, code, needed in told
    ]  # fmt: skip


def _encounters(frame: pl.DataFrame, _frames: Frames) -> list[pl.DataFrame]:
    whole = frame.with_columns(
        _named("Encounter").alias("resource_key"),
        instant(pl.col("start")).alias("begin"),
        instant(pl.col("end")).alias("over"),
    ).with_columns(encounter_key=pl.col("resource_key"))
    is_stay = pl.col("code").is_in(STAYS).fill_null(value=False)
    shared = ["patient_id", "resource_key", "encounter_key", "system", "code"]
    days = (pl.col("over") - pl.col("begin")).dt.total_seconds() / _DAY_SECONDS
    begun = whole.drop_nulls("begin").with_columns(time=pl.col("begin"))
    return [
        begun.filter(is_stay).select(
            *shared, "time", pl.lit("admission").alias("kind"), pl.col("priority").alias("detail")
        ),
        begun.filter(~is_stay).select(*shared, "time", pl.lit("visit").alias("kind")),
        whole.filter(is_stay).drop_nulls("over").select(
            *shared, pl.col("over").alias("time"), pl.lit("discharge").alias("kind"),
            pl.col("disposition").alias("detail"), days.alias("value"),
        ),
    ]  # fmt: skip


def _ends(frames: Frames) -> pl.DataFrame:
    """[e] encounter_key, ended: when encounters ended, else began."""
    found = frames.get("encounter", pl.DataFrame())
    if found.is_empty():
        return pl.DataFrame(schema={"encounter_key": pl.String, "ended": pl.Datetime("us", "UTC")})
    ended = pl.coalesce(instant(pl.col("end")), instant(pl.col("start"))).alias("ended")
    return found.select(_named("Encounter").alias("encounter_key"), ended).unique("encounter_key")


def _linked() -> pl.Expr:
    return pl.concat_str([pl.lit("Encounter/"), pl.col("encounter_key").str.split("/").list.last()])


def _conditions(frame: pl.DataFrame, frames: Frames) -> list[pl.DataFrame]:
    linked = frame.with_columns(
        _linked().alias("encounter_key"), _named("Condition").alias("resource_key"),
        instant(pl.coalesce("onset", "period_start")).alias("begun"), instant(pl.col("recorded")).alias("written"),
    ).join(_ends(frames), on="encounter_key", how="left")  # fmt: skip
    time = pl.coalesce("begun", "written", "ended")
    return [
        linked.with_columns(time=time, available_time=pl.coalesce("written", "ended", "begun"))
        .drop_nulls("time")
        .select(
            "patient_id", "resource_key", "encounter_key", "system", "code", "time", "available_time",
            pl.lit("diagnosis").alias("kind"), pl.col("category").alias("detail"),
        )
    ]  # fmt: skip


def _measured(frame: pl.DataFrame, _frames: Frames) -> list[pl.DataFrame]:
    time = instant(pl.coalesce("time", "period_start", "moment"))
    return [
        frame.select(
            "patient_id", _named("Observation").alias("resource_key"), _linked().alias("encounter_key"),
            "system", "code", time.alias("time"),
            pl.coalesce(instant(pl.col("issued")), time).alias("available_time"),
            pl.lit("observation").alias("kind"), pl.col("value").cast(pl.Float64), "unit", "detail",
        ).drop_nulls("time")
    ]  # fmt: skip


def _acts(kind: str, resource: str, *times: str) -> Any:
    def made(frame: pl.DataFrame, _frames: Frames) -> list[pl.DataFrame]:
        return [
            frame.select(
                "patient_id", _named(resource).alias("resource_key"), _linked().alias("encounter_key"),
                "system", "code", instant(pl.coalesce(times)).alias("time"), pl.lit(kind).alias("kind"),
            ).drop_nulls("time")
        ]  # fmt: skip

    return made


def _appointments(frame: pl.DataFrame, _frames: Frames) -> list[pl.DataFrame]:
    whole = frame.with_columns(
        _named("Appointment").alias("resource_key"), instant(pl.col("start")).alias("begin"),
        instant(pl.col("end")).alias("over"), instant(pl.col("created")).alias("made"),
    )  # fmt: skip
    shared: list[str | pl.Expr] = [
        "patient_id", "resource_key", pl.col("resource_key").alias("encounter_key"),
        pl.lit(APPOINTMENT_STATUS).alias("system"),
    ]  # fmt: skip
    ahead = (pl.col("begin") - pl.col("made")).dt.total_seconds() / _DAY_SECONDS
    known = pl.when(pl.col("status") == CANCELLED).then("begin").otherwise(pl.coalesce("over", "begin"))
    return [
        whole.drop_nulls(["made", "begin"]).select(
            *shared, pl.col("made").alias("time"), pl.lit("booking").alias("kind"), pl.lit("booked").alias("code"),
            ahead.alias("value"),
        ),
        whole.drop_nulls("begin").filter(~pl.col("status").is_in(["booked", "proposed", "pending", "waitlist"])).select(
            *shared, pl.col("begin").alias("time"), known.alias("available_time"),
            pl.lit("appointment").alias("kind"), pl.col("status").alias("code"),
        ),
    ]  # fmt: skip


def _belongs(frame: pl.DataFrame, _frames: Frames) -> list[pl.DataFrame]:
    told = frame.with_columns(_named("Patient").alias("resource_key"), language=pl.coalesce("preferred", "spoken"))
    return [
        told.drop_nulls(kind).select(
            "patient_id", "resource_key", pl.lit(kind).alias("kind"), pl.lit(system).alias("system"),
            pl.col(kind).alias("code"),
        )
        for kind, system in (("ethnicity", RACE), ("language", LANGUAGE))
    ]  # fmt: skip


def _places(frame: pl.DataFrame, _frames: Frames) -> list[pl.DataFrame]:
    name = _named("Encounter")
    return [
        frame.drop_nulls("provider").select(
            "patient_id", name.alias("resource_key"), name.alias("encounter_key"), pl.lit("site").alias("kind"),
            instant(pl.col("start")).alias("time"), pl.col("provider").str.split("/").list.last().alias("code"),
        )
    ]  # fmt: skip


def _coverages(frame: pl.DataFrame, _frames: Frames) -> list[pl.DataFrame]:
    begin, over = instant(pl.col("start")), instant(pl.col("end"))
    days = (over - begin).dt.total_seconds() / _DAY_SECONDS
    return [
        frame.drop_nulls(["code", "start"]).select(
            "patient_id", _named("Coverage").alias("resource_key"), pl.lit("coverage").alias("kind"), "system", "code",
            begin.alias("time"), days.alias("value"),
        )
    ]  # fmt: skip


_MAKERS: dict[str, Any] = {
    "group_patient": _belongs, "group_encounter": _places, "coverage": _coverages,
    "patient": _patients, "encounter": _encounters, "condition": _conditions, "observation": _measured,
    "component": _measured,
    "procedure": _acts("procedure", "Procedure", "time", "period_start"),
    "medication": _acts("medication", "MedicationRequest", "time"), "appointment": _appointments,
}  # fmt: skip
