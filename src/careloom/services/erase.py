"""Erase: a patient leaves every zone, backup and export; a signed certificate says what went, what remains and why.

An erasure has steps. What each destroyed is kept, sealed, until the certificate stands: a killed erasure is taken up
again where it stopped, by the same command or by the next erasure of anybody.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from careloom.audit import AuditEvent
from careloom.errors import Erased, Held, IntegrityError, NotFound, QueryError
from careloom.fhir.drafts import Resource
from careloom.services import backups, erase_certificate, erase_check, erase_pending, models_taint
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.deidentify_forget import forget_research
from careloom.services.erase_pending import Pending
from careloom.services.exports import forget as forget_exports
from careloom.services.jobs import forget_requests
from careloom.services.linkage_review import let_go
from careloom.services.patient_words import names_patient
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.reports import forget_files
from careloom.store import bulk
from careloom.store.erasure import ErasureReport, NamesPatient
from careloom.store.rights import require_no_hold
from careloom.store.rows import instant
from careloom.store.zone_store import Zone, ZoneStore

Json = dict[str, Any]
Watch = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class EraseAsk:
    """Whom to erase.

    patient  ``Patient/<id>``, the stored id or the source system's own
    source   the system whose own id it is
    search   every byte under the data directory is searched afterwards; without it the certificate says so
    """

    patient: str
    source: str = ""
    search: bool = True


def erase(
    platform: Platform, who: Principal, patient: str, *, source: str = "", search: bool = True,
    watch: Watch | None = None,
) -> Json:  # fmt: skip
    """Erases a patient for good, as `EraseAsk` says.

    watch    (bytes searched, in all)
    returns  ``already_erased``, ``pseudonym``, ``removed`` (what -> count), ``certificate`` (its id), ``place`` of it,
             ``hits`` of the search, None where nobody searched
    raises   AccessError; QueryError; Held where a legal hold keeps the patient or a zone; NotFound if nothing here is
             or names such a patient, and nothing was erased
    """
    for zone in ("landing", "identified", "research", "synthetic"):
        admit(platform, who, "erase", zone)
    ask = EraseAsk(patient, source, search)
    candidates = _candidates(platform, ask)
    waiting = list(erase_pending.under_way(platform))
    own = next((one for one in waiting if one.patient in candidates), None)
    for other in waiting:
        if other is not own:
            with suppress(Held):
                _go_on(platform, who, other, ask, None)
    if own is not None:
        return _go_on(platform, who, own, ask, watch)
    found, was_erased = _found(platform, ask, candidates)
    require_free(platform, who, found)
    if was_erased:
        earlier = _earlier(platform, found)
        if not _has_traces(platform, ask, found):
            return {
                "patient": f"Patient/{found}", "already_erased": True, "removed": {}, "hits": None,
                "pseudonym": platform.store("identified").pseudonym(found), "certificate": earlier, "place": "",
            }  # fmt: skip
    return _go_on(platform, who, _begun(platform, who, ask, found), ask, watch)


def stored_patient(platform: Platform, ask: EraseAsk) -> tuple[str, bool]:
    """The stored id of whom it names, and whether that patient was erased before. raises QueryError; NotFound"""
    return _found(platform, ask, _candidates(platform, ask))


def require_free(platform: Platform, who: Principal, patient_id: str) -> None:
    """Returns where no legal hold keeps a patient or a zone. raises Held, audited"""
    try:
        for zone in STORED_ZONES:
            if platform.has_store(zone):
                with platform.store(zone).connect() as connection:
                    require_no_hold(connection, [patient_id])
    except Held:
        store = platform.store("identified")
        note(
            platform, who, "erase", "identified", action="delete", outcome="failed",
            subjects=[store.pseudonym(patient_id)], detail={"code": Held.code},
        )  # fmt: skip
        raise


def check(platform: Platform, who: Principal, patient: str, *, source: str = "", watch: Watch | None = None) -> Json:
    """Searches every byte under the data directory for a patient who is still here; what is sealed is not opened.

    returns  ``looked_for``, ``files``, ``bytes``, ``values``, ``unopened``, ``hits``, ``found`` (place, label)
    raises   AccessError; QueryError; NotFound; Erased for who was erased: name the certificate instead
    """
    for zone in ("identified", "research"):
        admit(platform, who, "audit", zone, operation="check-erasure")
    ask = EraseAsk(patient, source)
    found, was_erased = _found(platform, ask, _candidates(platform, ask))
    if was_erased:
        raise Erased("this patient was erased", "Search by the certificate: careloom erase --check CERTIFICATE.json")
    sought = erase_check.sought(platform, found)
    report = erase_check.search_bytes(platform, erase_check.ByTerms(sought), watch)
    subject = platform.store("identified").pseudonym(found)
    note(platform, who, "check-erasure", "identified", subjects=[subject], detail={"hits": report.hits})
    return {"looked_for": sought.counted, "left_out": sought.left_out, **report.as_json()}


def check_certificate(platform: Platform, who: Principal, content: bytes, watch: Watch | None = None) -> Json:
    """The same for a patient who was erased, by the marks of the certificate; with ``signed`` and ``sums``.

    raises  AccessError; FormatError; IntegrityError where the certificate is not as this installation signed it
    """
    for zone in ("identified", "research"):
        admit(platform, who, "audit", zone, operation="check-erasure")
    told = erase_certificate.check_by(content, platform.keys.public_key())
    if not told["signed"]:
        raise IntegrityError("the certificate is not as this installation signed it", "Take the one that it kept.")
    marks = erase_certificate.read(content)[0]["marks"]
    report = erase_check.search_bytes(platform, erase_check.ByMarks(erase_check.marks_key(platform), marks), watch)
    counted = Counter(one["label"] for one in marks)
    detail = {"hits": report.hits, "certificate": told["certificate"]}
    note(platform, who, "check-erasure", "identified", subjects=told["subjects"].values(), detail=detail)
    return {"certificate": told["certificate"], "looked_for": dict(sorted(counted.items())), **report.as_json()}


def _candidates(platform: Platform, ask: EraseAsk) -> tuple[str, str]:
    kind, slash, name = ask.patient.partition("/")
    if kind != "Patient" or not slash or not name:
        raise QueryError("a patient is named Patient/<id>", "For example Patient/4q2c7lq6m5v3w0f1d2y8z9k7xa.")
    return name, platform.names.resource_id(ask.source or platform.settings.ingest.source, "Patient", name)


def _found(platform: Platform, ask: EraseAsk, candidates: Iterable[str]) -> tuple[str, bool]:
    """The stored id, and whether that patient was erased before. raises NotFound"""
    store = platform.store("identified")
    known = store.read_named("Patient", candidates)
    before = [one for one in candidates if store.is_erased(one)]
    traces = (one for one in candidates if _has_traces(platform, ask, one))
    found = next(iter([*known, *before]), None) or next(traces, None)
    if found is None:
        raise NotFound("there is no such patient", "Search for the patient first: careloom search 'Patient?...'.")
    return found, found in before


def _has_traces(platform: Platform, ask: EraseAsk, patient_id: str) -> bool:
    store = platform.store("identified")
    sources = _sources(platform, store, ask)
    words = names_patient(patient_id, _versions(store, patient_id), platform.names.resource_id, sources)
    return store.has_traces(patient_id, words)


def _earlier(platform: Platform, patient_id: str) -> str:
    """The newest certificate of an erased patient, empty where there is none."""
    pseudonym = platform.store("identified").pseudonym(patient_id)
    named = (one["certificate"] for one in erase_certificate.kept(platform) if pseudonym in one["subjects"].values())
    return next(iter(sorted(named, reverse=True)), "")


def _sources(platform: Platform, store: ZoneStore, ask: EraseAsk) -> set[str]:
    return store.sources() | {ask.source, platform.settings.ingest.source} - {""}


def _begun(platform: Platform, who: Principal, ask: EraseAsk, patient_id: str) -> Pending:
    """An erasure, written down before anything goes."""
    store = platform.store("identified")
    terms = erase_check.sought(platform, patient_id)
    pending = Pending(
        platform.run_id(), patient_id, who.name, who.purpose, instant(platform.runtime.now()),
        _versions(store, patient_id), sorted(_sources(platform, store, ask)), terms.as_json(),
    )  # fmt: skip
    erase_pending.keep(platform, pending)
    return pending


def _go_on(platform: Platform, who: Principal, pending: Pending, ask: EraseAsk, watch: Watch | None) -> Json:
    """Every step that is not done, and the certificate."""
    require_free(platform, who, pending.patient)
    named = names_patient(pending.patient, pending.versions, platform.names.resource_id, pending.sources)
    steps: Mapping[str, Callable[[], list[Json]]] = {
        "jobs": lambda: [_told("landing", "job requests", forget_requests(platform, named))],
        "links": lambda: [
            _told("identified", "links of other patients", let_go(platform, who, pending.patient)),
        ],
        "identified": partial(_identified, platform, who, pending, named),
        "models": lambda: [_told("identified", "model versions retired", len(models_taint.settle(platform, who)))],
        "research": lambda: forget_research(platform, who, pending.patient),
        "clients": lambda: [_told("access", "clients bound to the patient", platform.clients.unbind(pending.patient))],
        "exports": lambda: [_told("all", "export lines", forget_exports(platform))],
        "reports": lambda: [_told("all", "kept reports", forget_files(platform))],
        "backups": lambda: backups.forget(platform),
    }
    for name, act in steps.items():
        if name not in pending.steps:
            pending.steps[name] = [one for one in act() if one["count"] or one.get("detail")]
            erase_pending.keep(platform, pending)
    return _certified(platform, who, pending, ask, watch)


def _identified(platform: Platform, who: Principal, pending: Pending, named: NamesPatient) -> list[Json]:
    """The identified zone: what its audit event of this erasure says, also where that was in an earlier attempt."""
    store = platform.store("identified")
    store.erase([pending.patient], partial(_event, platform, who, pending.erasure), names_patient=named)
    found: dict[str, Json] = {}
    with store.connect() as connection:
        sql = "SELECT body FROM audit WHERE body LIKE ? ORDER BY seq"
        told = [orjson.loads(row[0]) for row in bulk.fetch(connection, sql, (f'%"erasure":"{pending.erasure}"%',))]
    for body in told:
        for what, (count, digest) in body["detail"].get("destroyed", {}).items():
            seen = found.setdefault(what, _told("identified", what, 0, digest))
            seen["count"] += count
    return list(found.values())


def _event(platform: Platform, who: Principal, erasure: str, done: ErasureReport) -> AuditEvent:
    counts = {what: count for what, count in _removed(done).items() if count}
    destroyed = {what: [count, done.digests.get(what, "")] for what, count in counts.items()}
    detail: Json = {"erasure": erasure, "destroyed": destroyed, "tainted": done.tainted}
    return event(platform, who, "erase", "identified", action="delete", subjects=done.pseudonyms, detail=detail)


def _removed(report: ErasureReport) -> dict[str, int]:
    return {
        "data keys": report.keys,
        "resources": report.resources,
        "versions": report.versions,
        "source records": report.records,
        "quarantined records": report.quarantined,
        "index rows": report.index_rows,
        "file names": report.file_names,
        "linkage pairs": report.pairs,
        "vault requests": report.requests,
        "restrictions and objections": report.rules,
        "predictions": report.predictions,
        "trainings tainted": len(report.tainted),
    }


def _certified(platform: Platform, who: Principal, pending: Pending, ask: EraseAsk, watch: Watch | None) -> Json:
    """Searches every byte, writes the certificate and says so in the audit chain; then the erasure is over."""
    sought = erase_check.Sought(**pending.terms)
    artefacts = [one for step in pending.steps.values() for one in step]
    search: Json = {"done": False}
    if ask.search:
        report = erase_check.search_bytes(platform, erase_check.ByTerms(sought), watch)
        search = {"done": True, "looked_for": sought.counted, "left_out": sought.left_out, **report.as_json()}
    report_json = _report(platform, pending, artefacts, search) | {"marks": erase_check.marks_of(platform, sought)}
    certificate = erase_certificate.signed(platform, report_json)
    place = erase_certificate.keep(platform, certificate)
    pseudonym = platform.store("identified").pseudonym(pending.patient)
    detail: Json = {"certificate": pending.erasure, "digest": erase_certificate.digest_of(certificate)}
    note(
        platform, who, "certify-erasure", "identified", action="create", subjects=[pseudonym],
        detail=detail | {"hits": search.get("hits", -1)},
    )  # fmt: skip
    erase_pending.done(platform, pending)
    return {
        "patient": f"Patient/{pending.patient}",
        "already_erased": False,
        "pseudonym": pseudonym,
        "removed": erase_certificate.totals_of(artefacts),
        "certificate": pending.erasure,
        "place": place,
        "hits": search.get("hits"),
    }


def _report(platform: Platform, pending: Pending, artefacts: list[Json], search: Json) -> Json:
    store = platform.store("identified")
    with store.rights() as reader:
        queue = [
            {"training": one.training, "name": one.name, "kind": one.kind, "digest": one.digest}
            for one in reader.trainings(waiting=True)
        ]
    zones: tuple[Zone, ...] = tuple(zone for zone in STORED_ZONES if platform.has_store(zone))
    return {
        "kind": erase_certificate.KIND,
        "certificate": pending.erasure,
        "began": pending.began,
        "ended": instant(platform.runtime.now()),
        "actor": pending.actor,
        "purpose": pending.purpose,
        "subjects": {"identified": store.pseudonym(pending.patient)},
        "artefacts": artefacts,
        "totals": erase_certificate.totals_of(artefacts),
        "retraining": queue,
        "remains": [dict(one) for one in erase_certificate.REMAINS],
        "search": search,
        "audit": {zone: _head(platform, zone) for zone in zones},
    }


def _head(platform: Platform, zone: Zone) -> Json:
    """The end of a zone's audit chain when the certificate was made: it covers the event of the erasure."""
    with platform.store(zone).connect() as connection:
        row = connection.exec_driver_sql("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").one_or_none()
    return {"seq": row[0] if row else 0, "hash": bytes(row[1]).hex() if row else ""}


def _told(zone: str, what: str, count: int, digest: str = "", **more: Any) -> Json:
    return {"zone": zone, "what": what, "count": count} | ({"digest": digest} if digest else {}) | more


def _versions(store: ZoneStore, patient_id: str) -> list[Resource]:
    try:
        return [stored.resource() for stored in store.history("Patient", patient_id) if not stored.deleted]
    except NotFound:
        return []
