"""What came of predictions: outcomes that are looked up once a horizon has passed, and what people answer.

An outcome counts only when its horizon has passed: an event is known early, its absence is not, and who counts early
counts too many events.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import polars as pl

from careloom.errors import CareloomError, FormatError, NotFound
from careloom.risk.cohorts_definition import Definition
from careloom.risk.cohorts_match import facts_of
from careloom.risk.cohorts_outcome import outcomes
from careloom.services.access import Principal
from careloom.services.admission import admit, event
from careloom.services.models_outcomes import Came
from careloom.services.monitor_profiles import cohort_of
from careloom.services.platform import Platform
from careloom.services.risk_facts import zone_facts
from careloom.store.predictions import Answer, Logged

ZONE: Literal["identified"] = "identified"
FEEDBACK = "monitor-feedback"
LABEL = "monitor-label"
_INDEX = pl.Datetime("us", "UTC")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Feedback:
    """What is known of one prediction.

    outcome  whether the event came; None where it is not said
    answer   None where it is not said
    reason   the code of an override
    """

    prediction: str
    outcome: bool | None = None
    answer: Answer | None = None
    reason: str = ""


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    prediction: str
    outcome: bool | None = None
    answer: Answer | None = None
    reason: str = ""


def read_feedback(text: str) -> list[Feedback]:
    """What lines of NDJSON tell: ``prediction``, and ``outcome`` (true or false) or ``answer`` with ``reason``.

    raises  FormatError that names the line
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            told = msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError:
            remedy = 'Write {"prediction": "...", "outcome": true}, or an answer with the code of a reason.'
            raise FormatError(f"feedback: line {number}", remedy) from None
        found.append(Feedback(told.prediction, told.outcome, told.answer, told.reason))
    return found


def take_feedback(platform: Platform, who: Principal, told: Sequence[Feedback]) -> Json:
    """Notes answers and outcomes.

    returns  ``answers``, ``outcomes`` (new ones), ``early`` (outcomes whose horizon has not passed: not kept), and
             ``unknown``
    raises   AccessError; InputError for an answer or a reason that is none
    """
    admit(platform, who, "correct", ZONE, operation=FEEDBACK)
    store, now, came = platform.store(ZONE), platform.runtime.now(), Came(platform)
    early = unknown = answers = 0
    kept: dict[str, bool] = {}
    known: list[tuple[Feedback, Logged]] = []
    with store.predictions() as log:
        for one in told:
            try:
                found = log.find(one.prediction)
            except NotFound:
                unknown += 1
                continue
            known.append((one, found))
            if one.outcome is not None and found.matures > now:
                early += 1
            elif one.outcome is not None:
                kept[one.prediction] = one.outcome
    with store.transaction(event(platform, who, FEEDBACK, ZONE, action="update", detail={"told": len(told)})) as step:
        for one, said in known:
            if one.answer is not None:
                step.predictions.answered(one.prediction, one.answer, one.reason)
                came.answered(said, is_overridden=one.answer == "overridden")
                answers += 1
        new = came.known(step, [said for _, said in known], kept)
        came.keep(step)
    came.settle()
    return {"answers": answers, "outcomes": new, "early": early, "unknown": unknown}


def label_due(platform: Platform, who: Principal, model: str, version: str) -> int:
    """Looks up what came of predictions whose horizon has passed; how many outcomes are new.

    It needs the cohort that the version was trained on, which its files carry or name; where they do neither, outcomes
    have to be fed back.
    raises  AccessError
    """
    store, now, came = platform.store(ZONE), platform.runtime.now(), Came(platform)
    with store.predictions() as log:
        due = log.due(model, version, now)
    definition = _definition(platform, model, version) if due else None
    if definition is None:
        return 0
    facts = zone_facts(platform, who, ZONE)
    told = looked_up(definition, due, facts.filter((pl.col("available_time") <= now).fill_null(value=True)))
    detail = {"model": f"{model}@{version}", "outcomes": len(told)}
    with store.transaction(event(platform, who, LABEL, ZONE, action="update", detail=detail)) as step:
        new = came.known(step, due, told)
        came.keep(step)
    came.settle()
    return new


def looked_up(definition: Definition, due: Sequence[Logged], events: pl.DataFrame) -> Mapping[str, bool]:
    """Name of a prediction -> whether the event of the cohort came; those nobody can tell of are left out.

    events  facts, as `careloom.risk.cohorts_events.EVENTS`
    """
    asked = pl.DataFrame(
        {
            "candidate": range(len(due)),
            "patient_id": [one.said.patient for one in due],
            "index_time": [one.said.index_time for one in due],
            "resource_key": [one.name for one in due],
        },
        schema={"candidate": pl.Int64, "patient_id": pl.String, "index_time": _INDEX, "resource_key": pl.String},
    ).with_columns(event_time="index_time")
    found = outcomes(definition, _in_encounters(definition, asked, events), events).drop_nulls("label")
    return dict(found.select("resource_key", "label").iter_rows())


def _in_encounters(definition: Definition, asked: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """With encounter_key: of the last index event of the patient that is no later than the prediction."""
    if not definition.index.event:
        return asked.with_columns(encounter_key=pl.lit(None, pl.String))
    begun = facts_of(events, definition.events[definition.index.event]).drop_nulls("time").sort("time")
    begun = begun.select("patient_id", pl.col("time").alias("begun"), "encounter_key")
    joined = asked.sort("index_time").join_asof(
        begun, left_on="index_time", right_on="begun", by="patient_id", strategy="backward", check_sortedness=False
    )
    return joined.drop("begun").sort("candidate")


def _definition(platform: Platform, model: str, version: str) -> Definition | None:
    try:
        return cohort_of(platform, model, version)
    except CareloomError:
        return None
