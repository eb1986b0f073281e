"""Clinical events of OMOP CDM 5.4 from the rows of views; pure. An event goes to the table of its concept's domain.

Of the codings of an event the one counts that maps to a standard concept, else the first of a known vocabulary, else
the first; a code that maps to several concepts makes a row for each, as OMOP's conventions ask.

source  OMOP CDM 5.4 and Book of OHDSI (2021), chapters 4 and 5
"""

from collections.abc import Iterable, Mapping

import polars as pl

from careloom.fhir.omop_people import Keys, day, looked_up, moment
from careloom.terminology import systems
from careloom.terminology.omop_vocabulary import VOCABULARIES, OmopVocabulary

DOMAINS = {
    "Condition": "condition_occurrence",
    "Drug": "drug_exposure",
    "Procedure": "procedure_occurrence",
    "Measurement": "measurement",
    "Observation": "observation",
    "Device": "device_exposure",
}
"""Domain of a standard concept -> the table that its events are in."""
_MEASURED = ("laboratory", "vital-signs")
_MISTAKEN = ("entered-in-error", "cancelled", "not-done", "refuted", "preparation", "draft")
_PREFIX = {"condition_occurrence": "condition", "drug_exposure": "drug", "procedure_occurrence": "procedure",
           "device_exposure": "device", "measurement": "measurement", "observation": "observation"}  # fmt: skip
CONCEPTS = {table: f"{name}_concept_id" for table, name in _PREFIX.items()}
"""Table -> the column of the concept that an event is."""
_TEXTS = ("text", "status", "start", "start_period", "start_recorded", "end", "end_period", "route", "sig", "dose_unit",
          "lot", "comparator", "unit", "unit_code", "value_system", "value_code", "value_text", "value_string",
          "provider_key", "encounter_key", "system", "code", "medication_key", "category")  # fmt: skip
_NUMBERS = ("refills", "quantity", "days", "value_number", "value_integer", "low", "high", "component", "coding_number")


def gathered(frames: Mapping[str, tuple[pl.DataFrame, str]]) -> pl.DataFrame:
    """All events of several views in one frame: a row for each coding, `event` numbers them, `table` is where they go
    unless their concept says otherwise. Mistakes are left out.

    frames  name of a view -> its rows, and the table
    """
    parts = []
    for name, (frame, table) in frames.items():
        columns = [
            pl.col(one).cast(kind) if one in frame.columns else pl.lit(None, kind).alias(one)
            for kind, names in ((pl.String(), _TEXTS), (pl.Float64(), _NUMBERS), (pl.Boolean(), ("value_truth",)))
            for one in names
        ]
        made = frame.select("key", "patient_key", *columns).with_columns(pl.lit(name).alias("view"))
        is_measured = pl.col("category").is_in(_MEASURED)
        where = pl.when(is_measured).then(pl.lit("measurement")).otherwise(pl.lit(table))
        parts.append(made.with_columns(where.alias("table") if name == "observation" else pl.lit(table).alias("table")))
    told = pl.concat(parts).filter(~pl.col("status").fill_null("").is_in(_MISTAKEN))
    told = told.with_columns(pl.struct("view", "key", "component").rank("dense").alias("event"))
    return _without_empty_panels(told)


def _without_empty_panels(told: pl.DataFrame) -> pl.DataFrame:
    """Without those observations that only hold components together."""
    values = ("value_number", "value_code", "value_text", "value_string", "value_integer", "value_truth")
    has_value = pl.any_horizontal(pl.col(name).is_not_null() for name in values)
    has_parts = (pl.col("component") > 0).any().over("view", "key")
    return told.filter(~((pl.col("component") == 0) & has_parts & ~has_value))


def with_drugs(requests: pl.DataFrame, medications: pl.DataFrame) -> pl.DataFrame:
    """Rows of drugs with the codes of the Medication that they refer to, where they name none themselves."""
    if "medication_key" not in requests.columns:
        return requests
    own = requests.filter(pl.col("medication_key").is_null())
    referring = requests.filter(pl.col("medication_key").is_not_null()).drop("system", "code", "coding_number", "text")
    found = referring.join(medications, left_on="medication_key", right_on="key", how="left", maintain_order="left")
    return pl.concat([own, found.select(own.columns)])


def mapped(events: pl.DataFrame, vocabulary: OmopVocabulary) -> pl.DataFrame:
    """The events with source_concept_id, concept_id (0 where there is none) and the table of the concept's domain."""
    known = events.with_columns(
        pl.col("system").replace_strict(dict(VOCABULARIES), default=None, return_dtype=pl.String).alias("vocabulary_id")
    )
    joined = known.join(
        vocabulary.codes, left_on=["vocabulary_id", "code"], right_on=["vocabulary_id", "concept_code"], how="left",
        maintain_order="left",
    )  # fmt: skip
    rank = (
        pl.when(pl.col("concept_id").fill_null(0) > 0).then(0)
        .when(pl.col("source_concept_id").is_not_null()).then(1)
        .when(pl.col("vocabulary_id").is_not_null()).then(2)
        .when(pl.col("code").is_not_null()).then(3).otherwise(4)
    )  # fmt: skip
    place = rank * 1_000_000 + pl.col("coding_number").fill_null(0)
    best = joined.with_columns(place.alias("place")).filter(pl.col("place") == pl.col("place").min().over("event"))
    domain = pl.col("domain_id").replace_strict(DOMAINS, default=None, return_dtype=pl.String)
    return best.with_columns(
        pl.col("concept_id").fill_null(0), pl.col("source_concept_id").fill_null(0),
        pl.coalesce(domain, "table").alias("table"), pl.coalesce("code", "text").alias("source_value"),
    )  # fmt: skip


def placed(events: pl.DataFrame, keys: Keys, visits: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """The events with person, visit, provider, days and moments; and how many are left out, by reason.

    An event without a day takes that on which its visit began.
    """
    frame = looked_up(events, "patient_key", keys.people)
    for column, known in (("encounter_key", keys.visits), ("provider_key", keys.providers)):
        frame = looked_up(frame, column, known)
    begun = visits.select("visit_occurrence_id", "visit_start_date", "visit_start_datetime")
    frame = frame.join(begun, on="visit_occurrence_id", how="left", maintain_order="left")
    start, end = pl.coalesce("start", "start_period", "start_recorded"), pl.coalesce("end", "end_period")
    frame = frame.with_columns(
        pl.coalesce(day(start), "visit_start_date").alias("start_date"),
        pl.coalesce(moment(start), "visit_start_datetime").alias("start_datetime"),
        day(end).alias("end_date"), moment(end).alias("end_datetime"),
    )  # fmt: skip
    left_out = {
        "of no person": frame.filter(pl.col("person_id").is_null())["event"].n_unique(),
        "without a day": frame.filter(pl.col("person_id").is_not_null() & pl.col("start_date").is_null())[
            "event"
        ].n_unique(),
    }
    kept = frame.filter(pl.col("person_id").is_not_null() & pl.col("start_date").is_not_null()).sort(
        "event", "concept_id"
    )
    return kept, {reason: count for reason, count in left_out.items() if count}


def event_tables(events: pl.DataFrame, vocabulary: OmopVocabulary, type_concept: int) -> dict[str, pl.DataFrame]:
    """The six tables of events, with the columns of the model as far as they are known."""
    codes = vocabulary.codes
    units = codes.filter(pl.col("vocabulary_id") == VOCABULARIES[systems.UCUM]).unique(
        "concept_code", maintain_order=True
    )
    unit_of = dict(units.select("concept_code", "concept_id").iter_rows())
    values = codes.select("vocabulary_id", "concept_code", pl.col("concept_id").alias("value_as_concept_id"))
    values = values.unique(["vocabulary_id", "concept_code"], keep="first", maintain_order=True)
    frame = events.with_columns(
        pl.col("value_system").replace_strict(dict(VOCABULARIES), default=None, return_dtype=pl.String).alias("v")
    ).join(
        values, left_on=["v", "value_code"], right_on=["vocabulary_id", "concept_code"], how="left",
        maintain_order="left",
    )  # fmt: skip
    text = _value_text()
    is_coded = pl.col("value_code").is_not_null()
    frame = frame.with_columns(
        pl.coalesce("value_number", "value_integer").alias("value_as_number"), text.alias("value_source_value"),
        pl.coalesce("value_string", "value_text").alias("value_as_string"),
        pl.when(is_coded).then(pl.col("value_as_concept_id").fill_null(0)).alias("value_as_concept_id"),
        pl.col("low").alias("range_low"), pl.col("high").alias("range_high"),
        pl.coalesce("unit_code", "unit").alias("unit_source_value"),
        pl.col("unit_code").replace_strict(unit_of, default=0, return_dtype=pl.Int32).alias("unit_concept_id"),
        pl.col("start_datetime").dt.strftime("%H:%M:%S").alias("measurement_time"),
        pl.col("days").alias("days_supply"), pl.col("lot").alias("lot_number"),
        pl.lit(0).alias("route_concept_id"), pl.col("route").alias("route_source_value"),
        pl.col("dose_unit").alias("dose_unit_source_value"),
        pl.when(pl.col("view") == "condition").then("status").alias("condition_status_source_value"),
        pl.col("end_date").alias("verbatim_end_date"),
    )  # fmt: skip
    return {table: _table(frame.filter(pl.col("table") == table), table, type_concept) for table in _PREFIX}


def _value_text() -> pl.Expr:
    number = pl.concat_str([pl.col("comparator").fill_null(""), pl.col("value_number").cast(pl.String)])
    return pl.coalesce("value_code", "value_string", "value_text", number, pl.col("value_truth").cast(pl.String),
                       pl.col("value_integer").cast(pl.Int64).cast(pl.String))  # fmt: skip


def _table(frame: pl.DataFrame, table: str, type_concept: int) -> pl.DataFrame:
    name = _PREFIX[table]
    span = f"{name}_exposure" if table in ("drug_exposure", "device_exposure") else name
    is_span = table in ("condition_occurrence", "drug_exposure", "device_exposure")
    begin = f"{span}_start" if is_span else name
    ends_at_once = table == "drug_exposure"
    end_day = pl.coalesce("end_date", _supplied("start_date"), "start_date") if ends_at_once else pl.col("end_date")
    end_moment = (
        pl.coalesce("end_datetime", _supplied("start_datetime"), "start_datetime")
        if ends_at_once else pl.col("end_datetime")
    )  # fmt: skip
    key = table if table.endswith(("_occurrence", "_exposure")) else name
    return frame.with_row_index(f"{key}_id", offset=1).with_columns(
        pl.col("start_date").alias(f"{begin}_date"), pl.col("start_datetime").alias(f"{begin}_datetime"),
        end_day.alias(f"{span}_end_date"), end_moment.alias(f"{span}_end_datetime"),
        pl.col("concept_id").alias(f"{name}_concept_id"), pl.lit(type_concept).alias(f"{name}_type_concept_id"),
        pl.col("source_value").alias(f"{name}_source_value"),
        pl.col("source_concept_id").alias(f"{name}_source_concept_id"),
        *([] if table == "drug_exposure" else [pl.col("quantity").round().alias("quantity")]),
    )  # fmt: skip


def _supplied(start: str) -> pl.Expr:
    """The last day that a supply of so many days lasts."""
    days = pl.when(pl.col("days") >= 1).then((pl.col("days") - 1).cast(pl.Int64))
    return pl.col(start) + pl.duration(days=days)


def notes(documents: pl.DataFrame, texts: Iterable[str | None], keys: Keys, type_concept: int) -> pl.DataFrame:
    """[n] note: documents that hold their text.

    texts  of the documents, in their order; None for one that holds none
    """
    frame = documents.with_columns(pl.Series("note_text", list(texts), pl.String)).drop_nulls("note_text")
    for column, known in (
        ("patient_key", keys.people), ("encounter_key", keys.visits), ("provider_key", keys.providers)
    ):  # fmt: skip
        frame = looked_up(frame, column, known)
    is_mistake = pl.col("status").fill_null("") == "entered-in-error"
    frame = frame.filter(pl.col("person_id").is_not_null() & day(pl.col("start")).is_not_null() & ~is_mistake)
    return frame.with_row_index("note_id", offset=1).with_columns(
        day(pl.col("start")).alias("note_date"), moment(pl.col("start")).alias("note_datetime"),
        pl.lit(type_concept).alias("note_type_concept_id"), pl.coalesce("title", "text").alias("note_title"),
        *(pl.lit(0).alias(f"{name}_concept_id") for name in ("note_class", "encoding", "language")),
        pl.coalesce("code", "text").alias("note_source_value"),
    )  # fmt: skip
