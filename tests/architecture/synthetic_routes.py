"""Example requests of the routes of synthetic data, for `test_routes`, and what they name."""

from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from careloom.api.synthetic_verify_schemas import CERTIFICATE
from careloom.services.privacy_ledger import BudgetAsk, set_budget
from careloom.services.synthesize import FitAsk, begin, fit, work
from careloom.services.synthesize_release import ReleaseAsk, release
from careloom.services.synthesize_rows import JudgeAsk, SampleAsk, judge, sample
from careloom.services.synthesize_source import SourceAsk
from tests.api.kit import Installation
from tests.synthesis_kit import METADATA, stays

AT = "/api/v1/synthetic"
SEES = {"verb": "monitor", "zones": ("research",)}
READS = {"verb": "read", "zones": ("research",)}
OUT = {"verb": "monitor", "zones": ("synthetic",)}
QUEUED: dict[str, Any] = {**READS, "statuses": (202,)}
EXAMPLES: dict[str, dict[str, Any]] = {
    f"GET {AT}/engines": {"path": f"{AT}/engines", **SEES},
    f"GET {AT}/models": {"path": f"{AT}/models", **SEES},
    f"POST {AT}/models": {
        "path": f"{AT}/models", "also": "careloom/correct",
        "more": {"json": {"table": "silver/patients", "epsilon": 1}},
        **QUEUED,
    },
    f"POST {AT}/searches": {
        "path": f"{AT}/searches", "also": "careloom/correct",
        "more": {"json": {"table": "silver/patients", "epsilon": 1, "trials": 2}},
        **QUEUED,
    },
    f"POST {AT}/records/models": {
        "path": f"{AT}/records/models", "also": "careloom/correct", "more": {"json": {"name": "hospital"}}, **QUEUED,
    },
    f"POST {AT}/notes/models": {
        "path": f"{AT}/notes/models", "also": "careloom/correct", "more": {"json": {"name": "notes"}}, **QUEUED,
    },
    f"POST {AT}/records/models/{{run_id}}/samples": {
        "path": f"{AT}/records/models/{{synthetic records}}/samples", "more": {"json": {"patients": 10}}, **QUEUED,
    },
    f"POST {AT}/notes/models/{{run_id}}/samples": {
        "path": f"{AT}/notes/models/{{synthetic notes}}/samples", "more": {"json": {"notes": 10}}, **QUEUED,
    },
    f"GET {AT}/releases/{{run_id}}/data": {
        "path": f"{AT}/releases/{{synthetic release}}/data?format=csv", "verb": "search", "zones": ("synthetic",),
    },
    f"GET {AT}/models/{{run_id}}": {"path": f"{AT}/models/{{synthetic model}}", **SEES},
    f"POST {AT}/models/{{run_id}}/samples": {
        "path": f"{AT}/models/{{synthetic model}}/samples", "more": {"json": {"rows": 10}}, **QUEUED,
    },
    f"GET {AT}/samples": {"path": f"{AT}/samples", **SEES},
    f"GET {AT}/samples/{{run_id}}": {"path": f"{AT}/samples/{{synthetic release}}", **READS},
    f"GET {AT}/samples/{{run_id}}/overlays": {"path": f"{AT}/samples/{{synthetic release}}/overlays", **READS},
    f"POST {AT}/samples/{{run_id}}/release": {
        "path": f"{AT}/samples/{{synthetic release}}/release", "more": {"json": {"table": "later"}}, **QUEUED,
    },
    f"GET {AT}/releases": {"path": f"{AT}/releases", **OUT},
    f"GET {AT}/releases/{{run_id}}": {"path": f"{AT}/releases/{{synthetic release}}", **OUT},
    f"GET {AT}/releases/{{run_id}}/certificate": {
        "path": f"{AT}/releases/{{synthetic release}}/certificate?format=pdf", **OUT,
    },
    f"POST {AT}/certificates/verify": {
        "path": f"{AT}/certificates/verify", "more": {"json": CERTIFICATE}, **OUT,
    },
    f"POST {AT}/releases/{{run_id}}/withdraw": {"path": f"{AT}/releases/{{spare release}}/withdraw", **READS},
    f"GET {AT}/ledger": {"path": f"{AT}/ledger", "lacking": ("scope",), **SEES},
    f"GET {AT}/ledger/account": {"path": f"{AT}/ledger/account?account=research", "lacking": ("scope", "zone"), **SEES},
    f"PUT {AT}/ledger/budget": {
        "path": f"{AT}/ledger/budget", "verb": "rights", "zones": ("research",),
        "more": {"json": {"account": "research", "epsilon": 5}},
    },
}  # fmt: skip
LOOSE = """
version = 1
name = "loose"
meaning = "Of a test."
valid_days = 30
small_cell = 5
verdict = 0.01
is_internal = true
[[rule]]
measure = "epsilon"
at_most = 3.0
"""
_NUMBERS = count(1)


def made(installation: Installation) -> dict[str, str]:
    """Fits, judges and lets out, of a file; the names of the model and of the release."""
    platform, who = installation.platform, installation.operator
    set_budget(platform, who, BudgetAsk("research", 5.0, 1e-5))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "stays.csv"
        stays(400).write_csv(file)
        ask = FitAsk(SourceAsk(file=file, metadata=METADATA), epsilon=2.0, options={"bins": 4, "steps": 20})
        model = fit(platform, who, ask)["model"]
        judged = [sample(platform, who, SampleAsk(model, 40))["sample"] for _ in range(2)]
        for one in judged:
            judge(platform, who, JudgeAsk(one, kinds=("fidelity",)))
    names = [let_out(installation, one) for one in judged]
    others = {f"synthetic {engine}": named(installation, model, engine) for engine in ("records", "notes")}
    return others | {"synthetic model": model, "synthetic release": names[0], "spare release": names[1]}


def named(installation: Installation, model: str, engine: str) -> str:
    """A model of another engine in the books: who may ask for its samples is asked before its files are opened."""
    platform, name = installation.platform, installation.platform.run_id()
    body = work(platform, model, "model").body | {"engine": engine}
    begin(platform, installation.operator, "research", name, body)
    return name


def let_out(installation: Installation, judged: str) -> str:
    """Lets a judged sample out, and returns its release."""
    ask = ReleaseAsk(judged, f"table_{next(_NUMBERS)}", own=LOOSE)
    return str(release(installation.platform, installation.operator, ask)["release"])
