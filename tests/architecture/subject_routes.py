"""Example requests of the routes of patients' rights, for `test_routes`, and what they name."""

from collections.abc import Callable
from itertools import count
from typing import Any

from careloom.services import erase_jobs
from careloom.services.erase import EraseAsk, erase
from careloom.services.subject_rules import RuleAsk, set_rule
from tests.api.kit import PATIENT, Installation

BASE = "/api/v1/subjects"
_numbers = count()
_CHANGE = [{"op": "replace", "path": "/gender", "value": "male"}]
EXAMPLES: dict[str, dict[str, Any]] = {
    f"POST {BASE}/export": {
        "path": f"{BASE}/export", "verb": "rights", "zones": ("landing", "identified", "research"),
        "more": {"json": {"patient": "Patient/<patient>"}},
    },
    f"POST {BASE}/rectifications": {
        "path": f"{BASE}/rectifications", "verb": "rights",
        "more": {"json": {
            "patient": "Patient/<patient>", "fact": "Patient/<patient>", "reason": "a passport", "patch": _CHANGE,
        }},
    },
    f"POST {BASE}/rules": {
        "path": f"{BASE}/rules", "verb": "rights", "statuses": (201,),
        "more": {"json": {"kind": "restrict", "patient": "Patient/<spare>", "reason": "contests it"}},
    },
    f"GET {BASE}/rules": {"path": f"{BASE}/rules", "verb": "rights"},
    f"DELETE {BASE}/rules/{{rule}}": {"path": f"{BASE}/rules/{{subject rule}}", "verb": "rights"},
    f"POST {BASE}/erasures": {
        "path": f"{BASE}/erasures", "verb": "erase", "zones": ("landing", "identified", "research", "synthetic"),
        "more": {"json": {"patient": "Patient/<spare>", "search": False}},
    },
    f"POST {BASE}/erasures/preview": {
        "path": f"{BASE}/erasures/preview", "verb": "erase",
        "zones": ("landing", "identified", "research", "synthetic"),
        "more": {"json": {"patient": "Patient/<spare>"}},
    },
    f"POST {BASE}/erasure-runs": {
        "path": f"{BASE}/erasure-runs", "verb": "erase", "zones": ("landing", "identified", "research", "synthetic"),
        "statuses": (202,), "more": {"json": {"patient": "Patient/<spare>", "search": False}},
    },
    f"GET {BASE}/erasure-runs/{{run_id}}": {
        "path": f"{BASE}/erasure-runs/{{erasure run}}", "verb": "erase",
        "zones": ("landing", "identified", "research", "synthetic"),
    },
    f"GET {BASE}/erasures": {"path": f"{BASE}/erasures", "verb": "erase"},
    f"GET {BASE}/erasures/{{certificate}}": {"path": f"{BASE}/erasures/{{certificate}}", "verb": "erase"},
    f"GET {BASE}/retention": {"path": f"{BASE}/retention", "verb": "rights", "zones": ("landing",)},
}  # fmt: skip


def spare(made: Installation) -> str:
    """The stored id of a new patient, whom nothing else names."""
    name = f"spare-{next(_numbers)}"
    made.ingest([{**PATIENT, "id": name, "name": [{"family": f"Sparrow{name}"}]}])
    return made.stored_id("Patient", name)


def rule(made: Installation) -> str:
    """A new restriction."""
    asked = RuleAsk("restrict", f"Patient/{spare(made)}", reason="contests it")
    found: str = set_rule(made.platform, made.operator, asked)["rule"]
    return found


def erasure_run(made: Installation) -> str:
    """An erasure that was queued."""
    found: str = erase_jobs.submit(made.platform, made.operator, EraseAsk(f"Patient/{spare(made)}", search=False))["id"]
    return found


def certificate(made: Installation) -> str:
    """The certificate of a patient who was just erased."""
    report = erase(made.platform, made.operator, f"Patient/{spare(made)}", search=False)
    found: str = report["certificate"]
    return found


MADE: dict[str, Callable[[Installation], str]] = {
    "spare": spare, "subject rule": rule, "certificate": certificate, "erasure run": erasure_run,
}  # fmt: skip
"""What an address names -> what makes it."""
