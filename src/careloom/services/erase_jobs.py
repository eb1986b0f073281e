"""Erasure around the act itself: what would go, the act as a job, and certificates with what they are worth."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from careloom.errors import Erased, FormatError, Held, NotFound
from careloom.services import erase_certificate
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, note
from careloom.services.erase import EraseAsk, erase, require_free, stored_patient
from careloom.services.erase_pending import folder
from careloom.services.job_requests import sealed, unsealed
from careloom.services.patient_words import names_patient
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.queued import asker_of, find_job, rights_of, state_of
from careloom.services.vault_epochs import naming, unretired
from careloom.store.jobs import Job, Jobs, Progress
from careloom.store.rights import require_no_hold

KIND = "erase"
ZONES: tuple[Zone, ...] = ("landing", "identified", "research", "synthetic")
MOST_CERTIFICATES = 1000
_COUNTED = {
    "resource_history": "versions", "record": "source records", "quarantine": "quarantined records",
    "linkage_pair": "linkage pairs", "prediction": "predictions", "vault_request": "vault requests",
    "rights_rule": "restrictions and objections", "subject_key": "data keys", "idx_eq": "index rows",
    "idx_range": "index rows", "emergency": "emergencies",
}  # fmt: skip
"""Table -> what an erasure calls its rows."""
Json = dict[str, Any]


def preview(platform: Platform, who: Principal, patient: str, *, source: str = "") -> Json:
    """What would go if a patient was erased now; nothing is changed.

    returns  ``pseudonym``; ``is_held`` where a legal hold keeps the patient or a zone; ``resources`` (type -> count)
             and ``counts`` (what -> count) of the identified zone; ``research``, resources there; ``trainings`` that
             read the patient: name, kind, created
    raises   AccessError; QueryError; NotFound; Erased for who was erased before
    """
    for zone in ZONES:
        admit(platform, who, "erase", zone, operation="preview-erasure")
    found, was_erased = stored_patient(platform, EraseAsk(patient, source))
    if was_erased:
        raise Erased("this patient was erased", "Nothing of it is left; its certificate is among the certificates.")
    store = platform.store("identified")
    pseudonym = store.pseudonym(found)
    note(platform, who, "preview-erasure", "identified", subjects=[pseudonym])
    resources, counts = _identified(platform, found, source)
    with store.rights() as reader:
        trainings = [reader.training(name) for name in reader.trained_on(pseudonym)]
    return {
        "pseudonym": pseudonym, "is_held": _is_held(platform, found), "resources": resources, "counts": counts,
        "research": _research(platform, found),
        "trainings": [
            {"training": one.training, "name": one.name, "kind": one.kind, "created": one.created.isoformat()}
            for one in trainings
        ],
    }  # fmt: skip


def submit(platform: Platform, who: Principal, ask: EraseAsk) -> Json:
    """Queues an erasure and returns its job.

    raises  AccessError; QueryError; Held where a legal hold keeps the patient or a zone; NotFound
    """
    for zone in ZONES:
        admit(platform, who, "erase", zone)
    found, _ = stored_patient(platform, ask)
    require_free(platform, who, found)
    job_id = platform.run_id()
    subject = platform.store("identified").pseudonym(found)
    detail = {"job": job_id}
    note(platform, who, "erase", "identified", action="execute", subjects=[subject], detail=detail)
    asked = {"patient": f"Patient/{found}", "search": ask.search, "who": rights_of(who)}
    with platform.jobs() as jobs:
        jobs.submit(KIND, sealed(platform, asked), actor=who.name, job_id=job_id)
        return _state(jobs.get(job_id))


def run(platform: Platform, who: Principal, job_id: str) -> Json:
    """How far a queued erasure is, and once it is done its ``report``. raises AccessError; NotFound"""
    for zone in ZONES:
        admit(platform, who, "erase", zone)
    job = find_job(platform, KIND, job_id)
    note(platform, who, "erase", "identified", outcome="failed" if job is None else "success", detail={"run": job_id})
    if job is None:
        raise NotFound("there is no such erasure", "Queue one: POST /api/v1/subjects/erasure-runs.")
    return _state(job)


def work_off(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does the job, on an installation of its own: the patient is named nowhere in what is kept of it."""
    asked = unsealed(platform, request)
    who = asker_of(platform, jobs, progress, asked)
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        made = erase(own, who, asked["patient"], search=asked["search"], watch=progress.report)
    return {name: made[name] for name in ("already_erased", "pseudonym", "removed", "certificate", "hits")}


def certificates(platform: Platform, who: Principal) -> list[Json]:
    """The certificates that lie here, newest first, each with what it is worth.

    returns  ``certificate``, ``began``, ``ended``, ``actor``, ``subject`` (keyed pseudonym), ``totals``, ``retraining``
             (trainings that waited), ``hits`` of the search, None where nobody searched; ``is_signed`` by this
             installation, ``adds_up``
    raises   AccessError
    """
    admit(platform, who, "erase", "identified", operation="certificate")
    found = kept_certificates(platform)
    note(platform, who, "certificate", "identified", detail={"listed": len(found)})
    return found


def kept_certificates(platform: Platform) -> list[Json]:
    """The same, for who was admitted already."""
    public_key = platform.keys.public_key()
    files = sorted(folder(platform).glob("*.json"), reverse=True)[:MOST_CERTIFICATES]
    return [told for file in files if (told := _told(file.read_bytes(), public_key)) is not None]


def _told(content: bytes, public_key: bytes) -> Json | None:
    """What a file says; None for one that is no certificate, such as an erasure under way."""
    try:
        report, _ = erase_certificate.read(content)
        worth = erase_certificate.check_by(content, public_key)
    except (FormatError, KeyError, TypeError):
        return None
    return {
        "certificate": report["certificate"], "began": report["began"], "ended": report["ended"],
        "actor": report["actor"], "subject": next(iter(report["subjects"].values()), ""), "totals": report["totals"],
        "retraining": len(report["retraining"]), "hits": worth["hits"], "is_signed": worth["signed"],
        "adds_up": worth["sums"],
    }  # fmt: skip


def _identified(platform: Platform, patient_id: str, source: str) -> tuple[dict[str, int], dict[str, int]]:
    """(resource type -> current resources, what -> rows) that would go from the identified zone."""
    store = platform.store("identified")
    try:
        versions = [one.resource() for one in store.history("Patient", patient_id) if not one.deleted]
    except NotFound:
        versions = []
    sources = store.sources() | {source, platform.settings.ingest.source} - {""}
    named = names_patient(patient_id, versions, platform.names.resource_id, sources)
    with store.connect() as connection:
        content, rows = store.content_of(connection, [patient_id], named)
        resources = Counter(stored.type for stored, is_current in content.resources(rows) if is_current)
    counts: Counter[str] = Counter()
    for table, count in rows.counts.items():
        if table in _COUNTED and count:
            counts[_COUNTED[table]] += count
    return dict(resources.most_common()), dict(counts.most_common())


def _research(platform: Platform, patient_id: str) -> int:
    """Resources of the patient in the research zone, under all its names there."""
    if not platform.has_store("research"):
        return 0
    store = platform.store("research")
    names = [naming(platform, epoch).rename("Patient", patient_id) for epoch in unretired(platform)]
    with store.connect() as connection:
        _, rows = store.content_of(connection, names, lambda raw, source: False)
    return rows.counts.get("resource", 0)


def _is_held(platform: Platform, patient_id: str) -> bool:
    try:
        for zone in STORED_ZONES:
            if platform.has_store(zone):
                with platform.store(zone).connect() as connection:
                    require_no_hold(connection, [patient_id])
    except Held:
        return True
    return False


def _state(job: Job) -> Json:
    return state_of(job) | {"report": job.result or None}
