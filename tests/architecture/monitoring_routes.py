"""Example requests of the routes of monitoring, for `test_routes`, and what they name."""

from datetime import timedelta
from typing import Any

from careloom.services.admission import event
from careloom.services.monitor import LookAsk
from careloom.services.monitor_jobs import look_now, submit_look
from careloom.store.predictions import Prediction
from tests.api.kit import Installation
from tests.architecture.score_routes import champion
from tests.monitor_kit import HORIZON, MODEL, PROFILE, VERSION, registered
from tests.unit.mlops.drift_kit import rows, scores_of

AT = "/api/v1/monitoring"
MONITOR = {"verb": "monitor"}
EXAMPLES: dict[str, dict[str, Any]] = {
    f"GET {AT}/versions": {"path": f"{AT}/versions", **MONITOR},
    f"GET {AT}/versions/{{version}}": {"path": f"{AT}/versions/{VERSION}", **MONITOR},
    f"GET {AT}/versions/{{version}}/looks": {"path": f"{AT}/versions/{VERSION}/looks", **MONITOR},
    f"GET {AT}/versions/{{version}}/alarms": {"path": f"{AT}/versions/{VERSION}/alarms?state=standing", **MONITOR},
    f"POST {AT}/versions/{{version}}/alarms/{{alarm_id}}/acknowledge": {
        "path": f"{AT}/versions/{VERSION}/alarms/{{alarm}}/acknowledge", "verb": "operate",
        "more": {"json": {"note": "seen"}},
    },
    f"GET {AT}/versions/{{version}}/looks/{{run_id}}": {
        "path": f"{AT}/versions/{VERSION}/looks/{{kept look}}", **MONITOR
    },
    f"POST {AT}/looks": {
        "path": f"{AT}/looks", "verb": "operate", "statuses": (202,), "more": {"json": {"version": VERSION}}
    },
    f"GET {AT}/looks/{{run_id}}": {"path": f"{AT}/looks/{{queued look}}", **MONITOR},
    f"GET {AT}/thresholds": {"path": f"{AT}/thresholds", **MONITOR},
    f"POST {AT}/feedback": {
        "path": f"{AT}/feedback", "verb": "correct",
        "more": {"json": {"items": [{"prediction": "<prediction>", "answer": "accepted"}]}},
    },
}  # fmt: skip


def watched(made: Installation, patient: str) -> dict[str, str]:
    """A version with its profile, three predictions of a patient, a look that is kept; what the examples name.

    The champion of the model is a version that can score.
    """
    registered(made)
    frame = rows(3, 5)
    bins, scores = PROFILE.bins(frame), scores_of(frame)
    now = made.platform.runtime.now()
    told = [
        Prediction(patient, MODEL, "1", float(scores[at]), False, now - timedelta(days=1), HORIZON,
                   bins=bins[at].tobytes(), profile=PROFILE.digest)
        for at in range(3)
    ]  # fmt: skip
    act = event(made.platform, made.operator, "score", "identified", action="create")
    with made.platform.store("identified").transaction(act) as step:
        names = step.predictions.record(told)
    look = look_now(made.platform, made.operator, LookAsk(VERSION))
    champion(made)
    with made.platform.store("identified").transaction(act) as step:
        alarm = step.alarms.opened(VERSION, "values", "glucose", "medium")
    return {"prediction": names[0], "kept look": look["id"], "alarm": alarm.id}


def queued(made: Installation) -> str:
    """The id of a new look that no worker has touched."""
    return str(submit_look(made.platform, made.operator, VERSION)["id"])
