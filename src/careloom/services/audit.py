"""Audit: the chains of all zones checked, and what they say about whom."""

from typing import Any

from careloom.errors import QueryError
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.search import zone_of
from careloom.store.audit_log import AuditProblem, AuditReport
from careloom.store.zone_store import Zone


def verify(platform: Platform, who: Principal, zones: tuple[Zone, ...] = STORED_ZONES) -> dict[str, Any]:
    """Every row, link, signature and anchor of every one of these zones that has, or had, a store.

    returns  ``verified`` and ``chains``: zone, events, anchored (how many of them the anchor covers, None where it
             cannot be read), verified, detail
    """
    chains = []
    for zone in zones:
        admit(platform, who, "audit", zone)
        if not platform.has_store(zone):
            if platform.has_anchor(zone):
                detail = "its anchor is here, the store is gone"
                chains.append({"zone": zone, "events": 0, "anchored": None, "verified": False, "detail": detail})
            continue
        report = platform.store(zone).verify_audit()
        chains.append(
            {
                "zone": zone, "events": report.rows, "anchored": report.anchored, "verified": report.is_whole,
                "detail": _detail(report),
            }
        )  # fmt: skip
    return {"verified": all(chain["verified"] for chain in chains), "chains": chains}


_FOUND = {
    "audit.gap": "rows are missing, or out of order, before {}",
    "audit.link": "{} does not follow the row before it",
    "audit.hash": "{} was changed",
    "audit.signature": "{} is not signed by the key of this installation",
    "audit.time": "the time of {} is not the one in its body",
}
"""Code of a problem -> in words, of a row."""


def _detail(report: AuditReport) -> str:
    if not report.is_whole:
        return "; ".join(_told(problem) for problem in report.problems[:5])
    behind = 0 if report.anchored is None else report.head.seq - report.anchored
    if not behind:
        return "anchor holds"
    return (
        f"anchor holds at {report.anchored}; {behind} after it are whole but not anchored: being written now, or the "
        "power was cut before the disk had the anchor; the next event anchors them"
    )


def _told(problem: AuditProblem) -> str:
    if problem.code != "audit.anchor":
        words = _FOUND.get(problem.code, "{} is not as it was").format(f"row {problem.seq}")
    elif problem.seq:
        words = f"the chain lacks row {problem.seq}, where the anchor is: its end was cut off, or it is another chain"
    else:
        words = "its anchor is missing, or was not written by this installation"
    return f"{words} ({problem.code})"


def report(
    platform: Platform, who: Principal, zone_name: str, *, patient: str = "", limit: int
) -> list[dict[str, Any]]:
    """FHIR R4 AuditEvents of a zone, newest first; only those about `patient` (``Patient/<id>``) if one is named.

    raises  AccessError; QueryError
    """
    zone = zone_of(zone_name)
    admit(platform, who, "audit", zone)
    store = platform.store(zone)
    pseudonym = store.pseudonym(patient_id_of(patient)) if patient else ""
    note(platform, who, "audit", zone, subjects=(pseudonym,) if pseudonym else ())
    return store.audit_events(subject=pseudonym, limit=limit)


def patient_id_of(text: str) -> str:
    """The id in ``Patient/<id>``. raises QueryError"""
    kind, slash, name = text.partition("/")
    if kind != "Patient" or not slash or not name:
        raise QueryError("a patient is named Patient/<id>", "Use the id as stored: careloom search 'Patient?...'.")
    return name
