"""Example requests of the routes of cohorts, features and training sets, for `test_routes`, and what they name."""

from typing import Any

from careloom.services.risk_cohorts import TrainingAsk, make_training_set
from careloom.services.risk_facts import make_facts
from tests.api.kit import Installation
from tests.score_kit import COHORT, patient
from tests.store_kit import event

AT = "/api/v1/risk"
TABLE = f"training_{COHORT}"
MAKES = {"json": {"cohort": COHORT, "allow_leaks": True}}
SEARCH: dict[str, Any] = {"verb": "search", "zones": ("synthetic",)}
EXAMPLES: dict[str, dict[str, Any]] = {
    f"GET {AT}/cohorts": {"path": f"{AT}/cohorts", "verb": "monitor"},
    f"GET {AT}/features": {"path": f"{AT}/features?set=general", "verb": "monitor"},
    f"POST {AT}/cohorts/count": {
        "path": f"{AT}/cohorts/count", "more": {"json": {"cohort": COHORT, "zone": "synthetic", "limit": 2}}, **SEARCH
    },
    f"POST {AT}/cohorts/compare": {
        "path": f"{AT}/cohorts/compare",
        "more": {"json": {"cohort": COHORT, "other_cohort": "in_hospital_death", "zone": "synthetic"}}, **SEARCH
    },
    f"POST {AT}/cohorts/why": {
        "path": f"{AT}/cohorts/why",
        "more": {"json": {"cohort": COHORT, "zone": "synthetic", "patient": "Patient/learnt-from"}}, **SEARCH
    },
    f"GET {AT}/training-sets/{{zone}}": {"path": f"{AT}/training-sets/synthetic", **SEARCH},
    f"POST {AT}/training-sets/{{zone}}": {
        "path": f"{AT}/training-sets/synthetic", "more": MAKES, "statuses": (201,), **SEARCH
    },
    f"GET {AT}/training-sets/{{zone}}/{{name}}": {"path": f"{AT}/training-sets/synthetic/{TABLE}", **SEARCH},
}  # fmt: skip


def made(place: Installation) -> None:
    """Patients of the synthetic zone, the table of their facts, and a training set of it."""
    with place.platform.store("synthetic").transaction(event(zone="synthetic")) as step:
        step.write([one for name in ("learnt-from", "learnt-too", "third") for one in patient(name)])
    make_facts(place.platform, place.operator, "synthetic")
    make_training_set(place.platform, place.operator, "synthetic", TrainingAsk(COHORT, allow_leaks=True))
