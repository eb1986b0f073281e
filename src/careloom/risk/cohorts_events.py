"""One frame of timed facts about patients: what cohorts and features are made of, wherever the facts come from.

A fact has two times: when it was true of the patient, and when somebody could know it. What is known later than it was
true (a result that is issued the next day, a diagnosis that is coded after the discharge) enters no feature before.

    kind          time                    available_time          code                detail             value
    birth         of birth                the same                                                         null
    death         of death                the same                                                         null
    sex, race     null (always true)      null                    as recorded                              null
    ethnicity,    null (always true)      null                    as recorded                              null
    language
    coverage      its begin               begin                   type of the payer                        days of it
    site          begin of an encounter   begin                   who provides it                          null
    admission     begin of a stay         begin                   class of the stay   priority           null
    discharge     end of a stay           end                     class of the stay   disposition        days of stay
    visit         begin of any other      begin                   class                                   null
    diagnosis     onset, else recorded    recorded, else end of   as recorded         category           null
                                          the encounter
    observation   effective               issued, else effective  as recorded         coded result       in `unit`
    procedure     performed               the same                as recorded                            null
    medication    written                 the same                as recorded                            null
    booking       appointment made        made                    status ``booked``                      days ahead
    appointment   begin of appointment    its end; its begin      status at the end                      null
                                          where it is cancelled
    note          of what the note says   written                 as linked           assertion          null

A fact with several codes is several rows with one `resource_key`; facts are counted by that.
"""

from collections.abc import Sequence

import polars as pl

from careloom.errors import FormatError
from careloom.tables.schema import Column, TableSchema

KINDS = (
    "birth", "death", "sex", "race", "ethnicity", "language", "coverage", "site",
    "admission", "discharge", "visit", "diagnosis", "observation", "procedure",
    "medication", "booking", "appointment", "note", "other",
)  # fmt: skip
EVENTS = TableSchema(
    "risk_events",
    "gold",
    "A fact about a patient with the time at which it was true and the time at which it could be known.",
    ("event_id",),
    "patient_id",
    (
        Column("event_id", "String", "Kind, resource and number of the row.", phi="quasi", nullable=False),
        Column("patient_id", "String", "Id of the patient.", phi="quasi", nullable=False),
        Column("time", "Datetime[us, UTC]", "When it was true; null for what is always true.", phi="quasi"),
        Column("available_time", "Datetime[us, UTC]", "When it could be known; null as for time.", phi="quasi"),
        Column("kind", "String", "One of careloom.risk.cohorts_events.KINDS.", nullable=False),
        Column("system", "String", "Canonical URI of the code system; null where there is none."),
        Column("code", "String", "The code; null where there is none."),
        Column("value", "Float64", "The number; null for what has none."),
        Column("unit", "String", "UCUM code of the value's unit; null where nobody said."),
        Column("detail", "String", "What the kind says beside the code; null where nobody said."),
        Column("encounter_key", "String", "The encounter it belongs to; null where nobody said.", phi="quasi"),
        Column("resource_key", "String", "Type/id of the resource that says so.", phi="quasi", nullable=False),
    ),
)
_MEDS = ("subject_id", "time", "code")
_MEDS_KINDS = {
    "MEDS_BIRTH": "birth",
    "MEDS_DEATH": "death",
    "GENDER": "sex",
    "HOSPITAL_ADMISSION": "admission",
    "HOSPITAL_DISCHARGE": "discharge",
    "ED_REGISTRATION": "visit",
    "LAB": "observation",
    "DIAGNOSIS": "diagnosis",
    "PROCEDURE": "procedure",
    "MEDICATION": "medication",
    "DRG": "diagnosis",
}
"""First part of a code of MIMIC-IV in MEDS -> kind; what is not here is ``other``. Source: the codes of the MIMIC-IV
demo in MEDS (van de Water et al., PhysioNet 2025)."""
MEDS_SYSTEM = "urn:careloom:meds"
MEDS_HEADS = {
    "birth": "MEDS_BIRTH", "death": "MEDS_DEATH", "sex": "GENDER", "admission": "HOSPITAL_ADMISSION",
    "discharge": "HOSPITAL_DISCHARGE", "observation": "LAB", "diagnosis": "DIAGNOSIS", "procedure": "PROCEDURE",
    "medication": "MEDICATION",
}  # fmt: skip
"""Kind -> first part of its codes in MEDS, as MIMIC-IV's are; of another kind its name in capitals."""
_ICD = {"9": "http://hl7.org/fhir/sid/icd-9-cm", "10": "http://hl7.org/fhir/sid/icd-10-cm"}
_DAY_SECONDS = 86_400
AHEAD = ("booking", "appointment", "coverage")
"""Kinds that are written ahead of their time: one with a day to come does not say that the record reaches so far."""
OUTSIDE = ("birth", "death", "coverage")
"""Kinds that say nothing of when a record begins."""
DIED = ("exp", "20", "40", "41", "42", "DIED")
"""Dispositions that say that the patient died: FHIR R4 discharge-disposition ``exp``; HL7 table 0112 (HL7 v2.5.1, as
UB-04 patient status) 20 and 40 to 42; MIMIC-IV ``DIED``."""


def as_events(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as `EVENTS`: columns that lack are null, `event_id` is made, rows without patient, kind or source, or
    whose times do not both stand where one does, are mended or left out; sorted by patient and time.

    frame   [n] some columns of `EVENTS`; at least patient_id, kind, resource_key
    raises  FormatError for a kind that is none
    """
    lacking = [
        pl.lit(None, dtype).alias(name)
        for name, dtype in EVENTS.dtypes.items()
        if name not in frame.columns and name != "event_id"
    ]
    whole = frame.with_columns(lacking).drop_nulls(["patient_id", "kind", "resource_key"])
    unknown = set(whole["kind"].unique()) - set(KINDS)
    if unknown:
        raise FormatError("events: a kind that is none", f"Use one of {', '.join(KINDS)}.")
    whole = _with_deaths(whole)
    timed = whole.with_columns(available_time=pl.max_horizontal("available_time", "time"))
    ordered = timed.sort("patient_id", "time", "kind", "resource_key", "system", "code", nulls_last=False)
    place = pl.int_range(pl.len()).over("kind", "resource_key")
    return ordered.with_columns(
        event_id=pl.concat_str(["kind", pl.lit("|"), "resource_key", pl.lit("|"), place.cast(pl.String)])
    ).select([pl.col(name).cast(dtype) for name, dtype in EVENTS.dtypes.items()])


def _with_deaths(whole: pl.DataFrame) -> pl.DataFrame:
    """With the deaths that only a discharge tells."""
    told = whole.filter(pl.col("kind") == "death")["patient_id"]
    ended = whole.filter((pl.col("kind") == "discharge") & pl.col("detail").is_in(DIED))
    more = ended.filter(~pl.col("patient_id").is_in(told.implode())).drop_nulls("time")
    died = more.with_columns(kind=pl.lit("death"), value=pl.lit(None, pl.Float64)).sort("time")
    return pl.concat([whole, died.unique("patient_id", keep="first")], how="diagonal")


def meds_events(frame: pl.DataFrame) -> pl.DataFrame:
    """Facts of a table in MEDS (Medical Event Data Standard 0.4), as far as its codes are those of MIMIC-IV.

    Stays are numbered by their admissions; what happens between an admission and its discharge belongs to the stay.
    Diagnoses and DRGs are coded for billing: MEDS dates them at the discharge, and they are known after it.

    frame   [n] subject_id, time (null: static; without a zone it counts as UTC), code, numeric_value or value
    raises  FormatError where a column lacks
    """
    if any(name not in frame.columns for name in _MEDS):
        raise FormatError("events: the table is not in MEDS", f"It needs the columns {', '.join(_MEDS)}.")
    value = next((name for name in ("numeric_value", "value") if name in frame.columns), None)
    parts = pl.col("code").str.split("//")
    first = parts.list.first()
    shaped = frame.with_row_index("row").select(
        pl.col("subject_id").cast(pl.String).alias("patient_id"),
        _utc(frame).alias("time"),
        first.replace_strict(_MEDS_KINDS, default="other").alias("kind"),
        pl.col("code").alias("whole"),
        parts.alias("parts"),
        (pl.col(value).cast(pl.Float64) if value else pl.lit(None, pl.Float64)).alias("value"),
        pl.concat_str([pl.lit("Meds/"), pl.col("row").cast(pl.String)]).alias("resource_key"),
    )
    return as_events(_meds_stays(_meds_codes(shaped)))


def _utc(frame: pl.DataFrame) -> pl.Expr:
    dtype = frame.schema["time"]
    time = pl.col("time").cast(pl.Datetime("us", getattr(dtype, "time_zone", None)))
    is_zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    return time.dt.convert_time_zone("UTC") if is_zoned else time.dt.replace_time_zone("UTC")


def _meds_codes(shaped: pl.DataFrame) -> pl.DataFrame:
    """System, code and detail out of the parts of a code."""
    part = [pl.col("parts").list.get(place, null_on_oob=True) for place in range(4)]
    is_icd = (part[1] == "ICD") & pl.col("kind").is_in(["diagnosis", "procedure"])
    dotted = pl.when(part[3].str.len_chars() > 3).then(part[3].str.slice(0, 3) + "." + part[3].str.slice(3))
    plain = dotted.otherwise(part[3])
    is_diagnosis = is_icd & (pl.col("kind") == "diagnosis")
    return shaped.with_columns(
        system=pl.when(is_diagnosis).then(part[2].replace_strict(_ICD, default=MEDS_SYSTEM)).otherwise(
            pl.lit(MEDS_SYSTEM)
        ),
        code=pl.when(is_diagnosis).then(plain).when(pl.col("kind") == "sex").then(part[1])
        .when(pl.col("kind").is_in(["admission", "discharge"])).then(pl.lit("IMP"))
        .when(pl.col("kind") == "visit").then(pl.lit("EMER")).otherwise("whole"),
        unit=pl.when(pl.col("kind") == "observation").then(part[2].replace("UNK", None)),
        detail=pl.when(pl.col("kind").is_in(["admission", "discharge"])).then(part[1]),
    ).drop("whole", "parts")  # fmt: skip


def _meds_stays(coded: pl.DataFrame) -> pl.DataFrame:
    """The stay that a fact belongs to; a discharge says how many days it was; billing is known after the discharge."""
    ordered = coded.sort("patient_id", "time", pl.col("kind") != "admission", "resource_key")
    number = (pl.col("kind") == "admission").cum_sum().over("patient_id")
    done = ((pl.col("kind") == "discharge").cum_sum() - (pl.col("kind") == "discharge")).over("patient_id")
    begun = pl.when(pl.col("kind") == "admission").then("time").forward_fill().over("patient_id")
    stays = ordered.with_columns(number.alias("number"), begun.alias("begun"), (number > done).alias("is_inside"))
    billed = pl.col("kind") == "diagnosis"
    inside = pl.col("is_inside") | billed
    return stays.with_columns(
        encounter_key=pl.when(inside & (pl.col("number") > 0)).then(
            pl.concat_str([pl.lit("Encounter/"), "patient_id", pl.lit("-"), pl.col("number").cast(pl.String)])
        ),
        value=pl.when(pl.col("kind") == "discharge")
        .then((pl.col("time") - pl.col("begun")).dt.total_seconds() / _DAY_SECONDS)
        .otherwise("value"),
        available_time=pl.when(billed).then(pl.col("time").dt.offset_by("1us")).otherwise("time"),
    ).drop("number", "begun", "is_inside")


def as_meds(events: pl.DataFrame) -> pl.DataFrame:
    """Facts as `EVENTS` in MEDS: subject_id, time, code, numeric_value; and beside them
    kind, system, plain_code, encounter_key, resource_key.

    A fact stands at the moment from which it could be known, so that no window that ends at a prediction counts what
    was told later; a diagnosis that is coded after the discharge stands there, as in MEDS of MIMIC-IV.

    Codes are ``HOSPITAL_ADMISSION//<priority>``, ``HOSPITAL_DISCHARGE//<disposition>``, ``MEDS_BIRTH``, ``MEDS_DEATH``,
    ``GENDER//<code>`` and ``LAB``, ``DIAGNOSIS``, ``PROCEDURE``, ``MEDICATION`` or the kind in capitals with
    ``//<system>//<code>``.
    """
    kind, unknown = pl.col("kind"), pl.lit("UNK")
    name = kind.replace_strict(MEDS_HEADS, default=kind.str.to_uppercase())
    tail = (
        pl.when(kind.is_in(["birth", "death"])).then(pl.lit(""))
        .when(kind.is_in(["admission", "discharge"])).then(pl.lit("//") + pl.col("detail").fill_null(unknown))
        .when(kind == "sex").then(pl.lit("//") + pl.col("code").fill_null(unknown))
        .otherwise(pl.lit("//") + pl.col("system").fill_null(unknown) + "//" + pl.col("code").fill_null(unknown))
    )  # fmt: skip
    return events.select(
        pl.col("patient_id").alias("subject_id"), pl.col("available_time").alias("time"), (name + tail).alias("code"),
        pl.col("value").alias("numeric_value"), "kind", "system", pl.col("code").alias("plain_code"), "encounter_key",
        "resource_key",
    )  # fmt: skip


def last_known(events: pl.DataFrame, but: Sequence[str] = AHEAD) -> object:
    """The end of follow-up of the whole data: the newest time at which anything could be known; None without rows.

    but  kinds that do not say it
    """
    return events.filter(~pl.col("kind").is_in(list(but)).fill_null(value=False))["available_time"].max()
