"""What monitoring knows of a version, as a model card reads it: the newest look, and how it did on people served."""

from collections.abc import Mapping
from typing import Any

from careloom.mlops.card_facts import Judged, Monitoring, Watched, judged, moment
from careloom.services.monitor import reports_of
from careloom.services.platform import Platform
from careloom.store.models import ModelWork

ABOUT = {
    "values": "data", "missing": "data", "mix": "data", "scores": "prediction", "calibration": "validity",
    "slope": "validity", "ppv": "validity", "overrides": "validity", "group": "fairness", "outside": "quality",
    "unknown": "quality", "blank": "quality", "stale": "system",
}  # fmt: skip
"""Kind of a finding (`careloom.mlops.drift_findings.Finding`) -> what it is about."""
TITLES = {
    "values": "PSI of values", "missing": "PSI of missing", "mix": "PSI of groups", "scores": "PSI of scores",
    "calibration": "shift of the log odds", "slope": "calibration slope", "ppv": "live predictive value of alerts",
    "overrides": "alerts that are overridden", "group": "shift of the log odds in the group",
    "outside": "values beyond training", "unknown": "codes unknown to training", "blank": "more missing than before",
    "stale": "hours without a prediction",
}  # fmt: skip
Json = dict[str, Any]


def watched(platform: Platform, one: ModelWork) -> tuple[Monitoring | None, Judged | None]:
    """The newest look at a version, and how it did on people it was used for; None each where there is none.

    raises  FormatError for a look that is not as monitoring writes it
    """
    report = reports_of(platform, one.parent, str(one.body["number"])).newest()
    if report is None:
        return None, None
    every = platform.settings.monitor.every_hours / 24
    at = moment(report["ended"], f"look at {one.name}: ended")
    found = tuple(_watched(each) for each in report["findings"])
    return Monitoring(one.body["digest"], at, every, found), _local(one, report)


def _watched(finding: Mapping[str, Any]) -> Watched:
    kind = str(finding["kind"])
    state = "alarm" if finding["is_alarm"] else "warning" if finding["level"] in ("medium", "large") else "ok"
    title = f"{TITLES.get(kind, kind)} {finding['place']}".strip()
    return Watched(title, ABOUT.get(kind, "quality"), finding["medium"], finding["effect"], state)  # type: ignore[arg-type]


def _local(one: ModelWork, report: Mapping[str, Any]) -> Judged | None:
    """Discrimination and calibration on the people of the window whose outcome is known."""
    if not report.get("performance"):
        return None
    data = f"People it was used for, {report['since'][:10]} to {report['until'][:10]}, whose outcome is known"
    told = {"data": data, "evaluation": report["performance"], "subgroups": report["groups"], "at": report["ended"]}
    return judged(told, of=one.body["digest"])
