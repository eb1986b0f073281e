"""What people tell of predictions: outcomes, and what clinicians made of alerts.

An outcome counts only when the horizon of its task and the grace of the thresholds have passed: an event is known
early, its absence is not, and who counts early counts too many events. What is told before is provisional: it is kept,
counted apart, judged by nothing, and looked up again until it is final (`careloom.services.monitor_outcomes`). When a
horizon ends is read from the patient's record: that of a prediction made within a stay may begin, or end, with it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import orjson
import polars as pl

from careloom.errors import FormatError, NotFound
from careloom.risk.cohorts_events import EVENTS, as_events
from careloom.risk.definition_texts import reads_notes
from careloom.risk.facts_one import facts_of_one
from careloom.services.access import Principal
from careloom.services.admission import admit, event
from careloom.services.models_outcomes import Came
from careloom.services.monitor_outcomes import ZONE, Found, definition_of, known_by, looked_up, when_of
from careloom.services.monitor_profiles import in_force
from careloom.services.platform import Platform
from careloom.services.score_facts import RowReader, types
from careloom.store.predictions import Answer, Logged

FEEDBACK = "monitor-feedback"
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

    returns  ``answers``, ``outcomes`` (new ones, final), ``provisional`` (outcomes that are kept, and looked up again
             until they are final), and ``unknown``
    raises   AccessError; InputError for an answer or a reason that is none
    """
    admit(platform, who, "correct", ZONE, operation=FEEDBACK)
    store, now, came = platform.store(ZONE), platform.runtime.now(), Came(platform)
    unknown = answers = 0
    known: list[tuple[Feedback, Logged]] = []
    with store.predictions() as log:
        for one in told:
            try:
                known.append((one, log.find(one.prediction)))
            except NotFound:
                unknown += 1
    said = [replace(found, told=one.outcome, told_at=now) for one, found in known if found.outcome is None]
    final = _final(platform, who, [one for one in said if one.told is not None])
    early = {one.name: one.told for one in said if one.told is not None and one.name not in final.came}
    with store.transaction(event(platform, who, FEEDBACK, ZONE, action="update", detail={"told": len(told)})) as step:
        for one, found in known:
            if one.answer is not None:
                came.answered(step, found, is_overridden=one.answer == "overridden")
                step.predictions.answered(one.prediction, one.answer, one.reason)
                answers += 1
        new = came.known(step, [found for _, found in known], final.came, final.ended)
        step.predictions.told(early)
        came.keep(step)
    came.settle()
    return {"answers": answers, "outcomes": new, "provisional": len(early), "unknown": unknown}


def _final(platform: Platform, who: Principal, told: Sequence[Logged]) -> Found:
    """Which of the outcomes that were told just now are final, by the records of their patients."""
    whole = Found()
    if not told:
        return whole
    when = when_of(platform, who, in_force(platform))
    versions = sorted({(one.said.model, one.said.version) for one in told})
    for model, version in versions:
        mine = [one for one in told if (one.said.model, one.said.version) == (model, version)]
        definition = definition_of(platform, model, version)
        if definition is not None and reads_notes(definition):
            continue  # a look reads them
        patients = {one.said.patient for one in mine if when.kept_from(one.said.patient) is None}
        events = _events(platform, sorted(patients) if definition is not None else ())
        found = looked_up(definition, mine, known_by(events, when.now), when)
        whole.came |= found.came
        whole.ended |= found.ended
    return whole


def _events(platform: Platform, patients: Iterable[str]) -> pl.DataFrame:
    """The facts of some patients, as `careloom.risk.cohorts_events.EVENTS`; nothing of them is shown to anybody."""
    store, rows = platform.store(ZONE), list[dict[str, Any]]()
    for patient in patients:
        reader = RowReader()
        for stored in store.read_of(store.pseudonym(patient), types()):
            reader.read(orjson.loads(stored.content))
        rows += [{"patient_id": patient, **one._asdict()} for one in facts_of_one(reader.rows, patient)]
    columns = {name: kind for name, kind in EVENTS.dtypes.items() if name != "event_id"}
    return as_events(pl.DataFrame(rows, schema=columns))
