"""Example requests of the routes of scores and CDS Hooks, for `test_routes`, and what they name."""

from typing import Any

from careloom.services.models_kept import Change, set_traffic, traffic_of, write
from careloom.services.score_cohort import CohortScoreAsk
from careloom.services.score_cohort_jobs import submit_scoring
from tests.api.kit import Installation
from tests.architecture.bulk_routes import belongs_to
from tests.score_kit import NAME, registered

AT, RUNS, CDS = "/api/v1/scores", "/api/v1/score-runs", "/cds-services"
CALL = {
    "hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": {"userId": "Practitioner/a1", "patientId": "<patient>"},
}  # fmt: skip
CARD = {
    "card": "4e0a3a1e-3283-4575-ab82-028d55fe2719",
    "outcome": "accepted",
    "outcomeTimestamp": "2026-11-22T10:00:00Z",
}
EXAMPLES: dict[str, dict[str, Any]] = {
    f"POST {AT}/patient": {
        "path": f"{AT}/patient", "verb": "read",
        "more": {"json": {"model": f"{NAME}@champion", "patient": "Patient/<patient>"}},
    },
    f"POST {AT}/cohort": {
        "path": f"{AT}/cohort", "verb": "search", "more": {"json": {"model": f"{NAME}@champion", "capacity": 5}},
    },
    f"POST {RUNS}": {
        "path": RUNS, "verb": "search", "statuses": (202,), "more": {"json": {"model": f"{NAME}@champion"}},
    },
    f"GET {RUNS}": {"path": f"{RUNS}?state=done", "verb": "search", "lacking": ("scope",)},
    f"GET {RUNS}/{{run_id}}": {"path": f"{RUNS}/{{own_scoring}}", "verb": "search"},
    f"POST {RUNS}/{{run_id}}/cancel": {"path": f"{RUNS}/{{own_scoring}}/cancel", "verb": "search"},
    f"GET {CDS}": {"path": CDS, "verb": "monitor"},
    f"POST {CDS}/{{service_id}}": {
        "path": f"{CDS}/{NAME}.patient-view", "verb": "read", "more": {"json": CALL},
    },
    f"POST {CDS}/{{service_id}}/feedback": {
        "path": f"{CDS}/{NAME}.patient-view/feedback", "verb": "correct", "more": {"json": {"feedback": [CARD]}},
    },
}  # fmt: skip


def champion(made: Installation) -> None:
    """Registers a model and leads its champion to it, as a promotion does."""
    number = int(registered(made.platform).partition("@")[2])
    after = traffic_of(made.platform, NAME) | {"champion": number}
    write(made.platform, made.operator, Change("test", {}), lambda step: set_traffic(step, NAME, after))


def own_scoring(made: Installation, caller: str) -> str:
    """A scoring that no worker has touched, as if the caller had queued it."""
    found = str(submit_scoring(made.platform, made.operator, CohortScoreAsk(f"{NAME}@champion"))["id"])
    belongs_to(made, found, caller)
    return found
