"""What people tell of predictions: outcomes, and what clinicians made of alerts.

An outcome counts only when the horizon that its prediction was made with has passed: an event is known early, its
absence is not, and who counts early counts too many events. Of a prediction made within a stay the horizon of the task
may begin later, with the discharge: what is told is taken as said of that horizon, and is not looked up again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from careloom.errors import FormatError, NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, event
from careloom.services.models_outcomes import Came
from careloom.services.monitor_outcomes import ZONE
from careloom.services.platform import Platform
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
                came.answered(step, said, is_overridden=one.answer == "overridden")
                step.predictions.answered(one.prediction, one.answer, one.reason)
                answers += 1
        new = came.known(step, [said for _, said in known], kept)
        came.keep(step)
    came.settle()
    return {"answers": answers, "outcomes": new, "early": early, "unknown": unknown}
