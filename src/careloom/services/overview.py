"""The installation on one page: what it holds, what arrived, what was refused, how good it was, what runs."""

from typing import Any

from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, note
from careloom.services.monitor_outcomes import ZONE as ALARM_ZONE
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.runs import COUNTS, Sums, sums

DAYS = 90
MOST_ISSUES = 20
Json = dict[str, Any]


def overview(platform: Platform, who: Principal) -> Json:
    """``generated``, ``zones``, ``arrivals``, ``refused``, ``quality``, ``jobs``; None where `who` may not monitor.

    ``zones`` are those that `who` may monitor and that hold something; each says when it ``changed`` last, None while
    it is empty, and the zone of watched models how many ``alarms`` stand.
    raises  AccessError if there is none that `who` may monitor
    """
    zones: list[Zone] = [zone for zone in STORED_ZONES if who.may("monitor", zone)]
    sees_arrivals = who.may("monitor", "landing")
    told_in: Zone = "landing" if sees_arrivals or not zones else zones[0]
    admit(platform, who, "monitor", told_in, operation="overview")
    report: Json = {
        "generated": platform.runtime.now().isoformat(),
        "zones": [_zone(platform, zone) for zone in STORED_ZONES if zone in zones and platform.has_store(zone)],
        "arrivals": None,
        "refused": None,
        "quality": None,
        "jobs": None,
    }
    if sees_arrivals:
        summed = sums(platform)
        report |= {
            "arrivals": _arrivals(summed),
            "refused": _refused(platform),
            "quality": _quality(summed),
            "jobs": _jobs(platform),
        }
    note(platform, who, "overview", told_in)
    return report


def _zone(platform: Platform, zone: Any) -> Json:
    counts = platform.store(zone).count()
    changed = platform.store(zone).changed()
    return {
        "zone": zone,
        "total": sum(counts.values()),
        "resources": counts,
        "changed": changed.isoformat() if changed else None,
        "alarms": platform.store(zone).standing_alarms() if zone == ALARM_ZONE else None,
    }


def _arrivals(summed: Sums) -> Json:
    return {
        "runs": len(summed.runs),
        **{name: summed.totals[name] for name in ("files", *COUNTS)},
        "last": summed.last or None,
        "by_format": [
            {"format": name, "records": records, "quarantined": quarantined}
            for name, (records, quarantined) in sorted(summed.formats.items())
        ],
        "by_day": [
            {"day": day, "stored": stored, "quarantined": quarantined}
            for day, (stored, quarantined) in sorted(summed.days.items())[-DAYS:]
        ],
    }


def _refused(platform: Platform) -> Json:
    if not platform.has_store("identified"):
        return {"waiting": 0, "reasons": []}
    reasons = platform.store("identified").quarantine_reasons()
    listed = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    return {
        "waiting": sum(reasons.values()),
        "reasons": [{"code": code, "count": count} for code, count in listed],
    }


def _quality(summed: Sums) -> Json:
    accepted = summed.totals["stored"] + summed.totals["kept"]
    new = accepted + summed.totals["quarantined"]
    most = sorted(summed.issues.items(), key=lambda one: (-one[1], one[0]))[:MOST_ISSUES]
    return {
        "accepted_share": round(accepted / new, 6) if new else None,
        "issues": [{"code": code, "severity": severity, "count": count} for (code, severity), count in most],
    }


def _jobs(platform: Platform) -> Json:
    counted: dict[str, int] = {}
    if platform.has_jobs():
        with platform.jobs() as jobs:
            counted = jobs.counted()
    return {state: counted.get(state, 0) for state in ("waiting", "running", "failed")}
