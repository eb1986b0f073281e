"""Who saw a patient, and the accounting of disclosures that a patient may ask for: both from the audit chain.

source  45 CFR 164.528 (Accounting of disclosures of protected health information), as of 2024
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.clients import stored_patient, stored_reference
from careloom.services.platform import Platform
from careloom.services.purposes import displays, lineage
from careloom.store.audit_log import microseconds, time_of
from careloom.store.audit_subject import About, rows_about

ZONE: Final = "identified"
YEARS = 6
"""164.528(a)(1): disclosures in the six years before the request."""
EXCLUDED: dict[str, str] = {
    "TREAT": "164.528(a)(1)(i): treatment",
    "HPAYMT": "164.528(a)(1)(i): payment",
    "HOPERAT": "164.528(a)(1)(i): health care operations",
    "PATRQT": "164.528(a)(1)(ii) and (v): to the individual, or to persons involved in the individual's care",
}
"""Purpose of use -> why it, and its kinds, need no accounting."""
INCLUDED = frozenset({"DONAT", "GOV", "HDECD", "HLEGAL", "MILCDM"})
"""Kinds of HOPERAT by HL7 that 164.512 (h), (k), (g), (e) and (k) permit on their own, and that are accounted for."""
WATCHING = frozenset(
    {"audit", "patient-views", "disclosures", "emergency-open", "emergency-list", "emergency-acknowledge"}
)
"""Operations that look at the record of access, and at no record of a patient."""
DESCRIPTIONS: dict[str, str] = {
    "read": "one resource of the health record was read",
    "search": "resources of the health record were found and shown",
    "history": "versions of resources of the health record were shown",
    "export-fetch": "a file with resources of the health record was handed over",
    "view": "rows of a table made from the health record were shown",
    "record-bytes": "a source record was shown",
    "reveal": "whose a pseudonym is was revealed",
}
_CREATED = ("create", "update", "delete")
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PatientAsk:
    """Of whom, and of what time.

    patient  ``Patient/<id>``, the id as stored or the source's own; of views another ``Type/<id>`` as well: who read
             that one resource by its id
    since    UTC-aware; None for six years back
    until    UTC-aware; None for now
    """

    patient: str
    since: datetime | None = None
    until: datetime | None = None


def patient_views(
    platform: Platform, who: Principal, ask: PatientAsk, *, limit: int = 1000, before: int | None = None
) -> dict[str, Any]:
    """Who saw the patient, newest first: each event in full, and how often each actor for each purpose.

    before   seq of the last view of the page before; None for the first page
    returns  patient, since, until, actors (actor, purpose, operation, count, first, last), views (time, actor,
             operation, purpose, outcome, action, type, emergency, seq, hash), total (of all pages, as `actors` are)
    raises   AccessError; QueryError
    """
    found = [one for one in _about(platform, who, ask, "patient-views") if one.event["operation"] not in WATCHING]
    actors: dict[tuple[str, str, str], list[About]] = {}
    for one in found:
        key = (one.event["actor"], one.event["purpose"], one.event["operation"])
        actors.setdefault(key, []).append(one)
    counted = [
        {"actor": actor, "purpose": purpose, "operation": operation, "count": len(rows),
         "first": _instant(rows[0].time), "last": _instant(rows[-1].time)}
        for (actor, purpose, operation), rows in sorted(actors.items())
    ]  # fmt: skip
    views = [_view(one) for one in reversed(found) if before is None or one.seq < before][:limit]
    return _head(platform, ask) | {"actors": counted, "views": views, "total": len(found)}


def disclosures(
    platform: Platform, who: Principal, ask: PatientAsk, *, after: Sequence[str] = (), limit: int | None = None
) -> dict[str, Any]:
    """The accounting of disclosures of the patient, oldest first.

    Disclosures for treatment, payment and operations, and to the patient, are left out, as the rule says; so are
    de-identified data, which are no protected health information (164.502(d)(2)).

    after    `place` of the page before; empty for the first page
    limit    disclosures of one page; None for all
    returns  patient, since, until, rule, excluded (purpose -> why, and how many were left out), disclosures (date,
             recipient, description, purpose, purpose_text, count, seq), each a row or, of one recipient for one purpose
             on one day, several (164.528(b)(3)); with a limit also `place` of the last one, None where no more follow
    raises   AccessError; QueryError
    """
    left_out: dict[str, int] = dict.fromkeys(EXCLUDED, 0)
    rows: dict[tuple[str, str, str, str], list[About]] = {}
    for one in _about(platform, who, ask, "disclosures"):
        event = one.event
        if not is_disclosure(event):
            continue
        why = excluded_by(event["purpose"])
        if why:
            left_out[why] += 1
            continue
        day = time_of(one.time).date().isoformat()
        rows.setdefault((day, event["actor"], event["operation"], event["purpose"]), []).append(one)
    places = [place for place in sorted(rows) if not after or place > tuple(after)]
    listed = [
        {"date": day, "recipient": actor, "description": DESCRIPTIONS.get(operation, operation), "purpose": purpose,
         "purpose_text": purpose_text(purpose), "count": len(some), "seq": [one.seq for one in some]}
        for (day, actor, operation, purpose) in places[:limit] for some in (rows[day, actor, operation, purpose],)
    ]  # fmt: skip
    excluded = [{"purpose": name, "rule": rule, "count": left_out[name]} for name, rule in EXCLUDED.items()]
    told = _head(platform, ask) | {"rule": "45 CFR 164.528", "excluded": excluded, "disclosures": listed}
    if limit is not None:
        told["place"] = list(places[limit - 1]) if len(places) > limit else None
    return told


def is_disclosure(event: dict[str, Any]) -> bool:
    """True for an event by which somebody learned something of the patient's record."""
    is_done = event["outcome"] == "success" and event["action"] not in _CREATED
    return is_done and event["operation"] not in WATCHING


def excluded_by(purpose: str) -> str:
    """The purpose of `EXCLUDED` by which a disclosure needs no accounting; empty for one that is accounted for."""
    kinds = lineage(purpose)
    if INCLUDED & set(kinds):
        return ""
    return next((one for one in kinds if one in EXCLUDED), "")


def purpose_text(purpose: str) -> str:
    """The purpose of use in words, as HL7 prints it; the code itself where it is none."""
    return displays().get(purpose, purpose)


def _about(platform: Platform, who: Principal, ask: PatientAsk, operation: str) -> Iterator[About]:
    """Rows of the chain about the patient. To ask is decided, and audited, before the first one is read."""
    admit(platform, who, "audit", ZONE, operation=operation)
    store = platform.store(ZONE)
    since, until = _times(platform, ask)
    whose = _whose(platform, ask, operation)
    kind, _, name = whose.partition("/")
    pseudonym = store.pseudonym(name if kind == "Patient" else whose)
    note(platform, who, operation, ZONE, subjects=(pseudonym,) if kind == "Patient" else (), detail={"type": kind})
    with store.connect() as connection:
        yield from rows_about(connection, pseudonym, microseconds(since), microseconds(until))


def _whose(platform: Platform, ask: PatientAsk, operation: str = "disclosures") -> str:
    """``Type/<stored id>`` of what is asked about. raises QueryError for no patient where disclosures are asked."""
    if operation == "patient-views":
        return stored_reference(platform, ask.patient)
    return f"Patient/{stored_patient(platform, ask.patient)}"


def _times(platform: Platform, ask: PatientAsk) -> tuple[datetime, datetime]:
    until = _utc(ask.until) if ask.until else platform.runtime.now() + timedelta(microseconds=1)
    return _utc(ask.since) if ask.since else years_before(until, YEARS), until


def _utc(moment: datetime) -> datetime:
    """The moment in UTC; the first or last one there is, for what lies beyond."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return _FIRST if moment.year == 1 else _LAST


def years_before(moment: datetime, years: int) -> datetime:
    """The same day so many years earlier; the 28th for a 29th of February that is not there; not before year 1."""
    if moment.year <= years:
        return _FIRST
    try:
        return moment.replace(year=moment.year - years)
    except ValueError:
        return moment.replace(year=moment.year - years, day=28)


def _head(platform: Platform, ask: PatientAsk) -> dict[str, Any]:
    since, until = _times(platform, ask)
    return {
        "patient": _whose(platform, ask, "patient-views"),
        "since": since.isoformat(),
        "until": until.isoformat(),
    }


def _view(one: About) -> dict[str, Any]:
    event, detail = one.event, one.event["detail"]
    return {
        "time": _instant(one.time),
        **{name: event[name] for name in ("actor", "operation", "purpose", "outcome", "action")},
        "type": detail.get("type"),
        "emergency": detail.get("emergency"),
        "seq": one.seq,
        "hash": one.hash.hex(),
    }


def _instant(time: int) -> str:
    return time_of(time).isoformat()
