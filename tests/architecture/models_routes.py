"""Example requests of the routes of models, for `test_routes`, and what they name."""

from typing import Any

from careloom.mlops.pipeline_file import read, shipped
from careloom.services.models import RegisterAsk, register
from careloom.services.models_pipeline import submitted
from careloom.services.models_promote import approve, promote
from tests.api.kit import Installation
from tests.models_kit import ENGINEER, SECOND

AT, RUNS = "/api/v1/models", "/api/v1/model-runs"
SEES: dict[str, Any] = {"verb": "monitor"}
RUNS_IT: dict[str, Any] = {"verb": "operate"}
APPROVES: dict[str, Any] = {"verb": "approve", "more": {"json": {"reason": "looked at it"}}}
TRAINS: dict[str, Any] = {"verb": "train", "zones": ("research",), "statuses": (202,)}
EXAMPLES: dict[str, dict[str, Any]] = {
    f"GET {AT}": {"path": f"{AT}?model=route-shown", **SEES},
    f"GET {AT}/{{version}}": {"path": f"{AT}/route-shown@champion", **SEES},
    f"GET {AT}/{{version}}/verification": {"path": f"{AT}/route-shown@1/verification", **SEES},
    f"GET {AT}/{{version}}/evaluation": {"path": f"{AT}/route-shown@1/evaluation", **SEES},
    f"GET {AT}/{{version}}/card": {"path": f"{AT}/route-shown@1/card?format=html", **SEES},
    f"GET {AT}/{{version}}/card/counts": {"path": f"{AT}/route-shown@1/card/counts", **SEES},
    f"GET {AT}/{{model}}/watch": {"path": f"{AT}/route-shown/watch", **SEES},
    f"POST {AT}/{{version}}/approve": {"path": f"{AT}/route-approve@1/approve", **APPROVES},
    f"POST {AT}/{{version}}/promote": {"path": f"{AT}/route-promote@1/promote", **APPROVES},
    f"POST {AT}/{{version}}/retire": {"path": f"{AT}/route-retire@1/retire", "more": {"json": {}}, **RUNS_IT},
    f"POST {AT}/{{version}}/shadow": {"path": f"{AT}/route-shadow@1/shadow", "more": {"json": {}}, **RUNS_IT},
    f"POST {AT}/{{version}}/canary": {
        "path": f"{AT}/route-canary@2/canary", "more": {"json": {"share": 0.2}}, **RUNS_IT
    },
    f"POST {AT}/{{model}}/rollback": {"path": f"{AT}/route-back/rollback", "more": {"json": {}}, **RUNS_IT},
    f"GET {RUNS}": {"path": RUNS, **SEES},
    f"POST {RUNS}": {"path": RUNS, "more": {"json": {"pipeline": "synthetic-table"}}, **TRAINS},
    f"GET {RUNS}/{{run_id}}": {"path": f"{RUNS}/{{model run}}", **SEES},
    f"POST {RUNS}/{{run_id}}/resume": {"path": f"{RUNS}/{{model run}}/resume", **TRAINS},
}  # fmt: skip
LINEAGE: dict[str, Any] = {
    "data": {"zone": "synthetic", "snapshot": "gold/patients@1"}, "seeds": {"fit": 1}, "leaks": {"findings": 0},
    "evaluation": {"data": "rows drawn", "measures": {"epsilon": {"value": 1.0, "low": None, "high": 1.0}}},
}  # fmt: skip


def made(place: Installation) -> dict[str, str]:
    """A model for each route that changes one, in the state that it needs; a run that waits for its worker."""

    def version(model: str) -> str:
        ask = RegisterAsk(model, {"model.json": b"{}"}, LINEAGE, gates="synthetic")
        return str(register(place.platform, ENGINEER, ask)["version"])

    for name in ("approve", "promote", "retire", "shadow"):
        version(f"route-{name}")
    for name in ("shown", "canary", "back"):
        promote(place.platform, SECOND, version(f"route-{name}"), "fine")
    approve(place.platform, SECOND, version("route-canary"), "fine")
    promote(place.platform, SECOND, version("route-back"), "fine")
    text = shipped("synthetic-table")
    return {"model run": submitted(place.platform, ENGINEER, read(text), text).name}
