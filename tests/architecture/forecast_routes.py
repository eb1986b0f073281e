"""Example requests of the routes of forecasts, for `test_routes`, and what they name."""

from typing import Any

from careloom.api.forecasts_schemas import SESSION, CallsBody, ForecastCountsBody, OverbookingBody
from tests.api.kit import Installation
from tests.score_kit import no_show_registered, visit
from tests.store_kit import event

AT = "/api/v1/forecasts"


def _example(body: Any) -> dict[str, Any]:
    found: dict[str, Any] = body.model_config["json_schema_extra"]["example"]
    return found


EXAMPLES: dict[str, dict[str, Any]] = {
    f"POST {AT}/zone": {"path": f"{AT}/zone", "verb": "search", "more": {"json": {"what": "beds"}}},
    f"POST {AT}/counts": {"path": f"{AT}/counts", "verb": "monitor", "more": {"json": _example(ForecastCountsBody)}},
    f"POST {AT}/overbooking": {
        "path": f"{AT}/overbooking", "verb": "monitor", "more": {"json": _example(OverbookingBody)}
    },
    f"POST {AT}/session": {
        "path": f"{AT}/session", "verb": "search",
        "more": {"json": {**SESSION, "model": "no-show@1", "day": "2027-03-01"}},
    },
    f"POST {AT}/calls": {"path": f"{AT}/calls", "verb": "monitor", "more": {"json": _example(CallsBody)}},
}  # fmt: skip


def stays(made: Installation) -> None:
    """Two stays a year apart: a series that is long enough to be forecast."""
    kind = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}
    made.ingest([
        {"resourceType": "Encounter", "id": f"stay{year}", "status": "finished", "class": kind,
         "subject": {"reference": "Patient/p1"},
         "period": {"start": f"{year}-03-01T10:00:00Z", "end": f"{year}-03-04T09:00:00Z"}}
        for year in (2024, 2025)
    ])  # fmt: skip


def session(made: Installation) -> None:
    """A model of missed appointments, and a visit that is booked."""
    no_show_registered(made.platform)
    with made.platform.store("identified").transaction(event()) as step:
        step.write([visit("booked", "p1", "booked", "2027-03-01")])
