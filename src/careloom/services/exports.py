"""Exports as callers see them: queued, watched, fetched, cancelled; removed when their time is over.

Only who asked for an export sees it. Every file that is fetched is audited with the patients whom it discloses, before
its first byte leaves. Whole files stay sealed until their time is over; an erasure takes the patient's lines out.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson

from careloom.errors import Conflict, IntegrityError, NotFound, StateError
from careloom.fhir.search_grammar import parse_search
from careloom.fhir.search_parameters import resource_types
from careloom.services import own_parameters
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.export import export, exports_of, members, named_patients, policy_mark
from careloom.services.export_ask import ExportAsk, read_ask, refused_if_wrong
from careloom.services.job_requests import sealed, unsealed
from careloom.services.platform import Platform
from careloom.services.queued import asker_of, find_job, rights_of, state_of
from careloom.services.search import zone_of
from careloom.store.audit_log import time_of
from careloom.store.export_scan import held_ids, numbers_of, patients_behind
from careloom.store.exports import ExportFile, Exports, ExportState
from careloom.store.jobs import Job, Jobs, Progress
from careloom.store.rows import instant
from careloom.store.subjects import SHARED
from careloom.store.zone_store import ZoneStore

KIND = "export"
_SUBJECTS_PER_EVENT = 1000
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fetched:
    """One file as it goes out: its size in bytes, and its NDJSON piece by piece."""

    size_bytes: int
    pieces: Iterator[bytes]


def submit(platform: Platform, who: Principal, ask: ExportAsk) -> Json:
    """Queues an export and returns it as it stands; its id is also that of its files.

    raises  AccessError; QueryError; NotFound for a Group that is not there
    """
    ask = permitted(platform, who, ask)
    export_id = platform.run_id()
    asked = {"ask": ask.as_json(), "who": rights_of(who)}
    detail: dict[str, object] = {"run": export_id, "level": ask.level, "types": len(ask.types)}
    note(platform, who, "export-queue", zone_of(ask.zone), action="create", detail=detail)
    sweep(platform)
    with platform.jobs() as jobs:
        jobs.submit(KIND, sealed(platform, asked) | {"zone": ask.zone}, actor=who.name, job_id=export_id)
        return state_of(jobs.get(export_id))


def permitted(platform: Platform, who: Principal, ask: ExportAsk) -> ExportAsk:
    """The ask, narrowed to the types that the caller may read and search where it names none.

    raises  AccessError, audited, for a type that it names and the caller may not see; QueryError; NotFound
    """
    zone = zone_of(ask.zone)
    own = own_parameters.searched(platform, zone)
    ask = refused_if_wrong(ask, own=own)
    if not ask.types and not all(who.may(verb, zone) for verb in ("read", "search")):
        seen = [one for one in resource_types() if who.may("read", zone, one) and who.may("search", zone, one)]
        ask = replace(ask, types=tuple(sorted(seen)))
    for kind in ask.types or ("",):
        admit(platform, who, "read", zone, kind, operation="export-queue")
        admit(platform, who, "search", zone, kind, operation="export-queue")
    linked = {kind for text in ask.filters for kind in parse_search(text, own).types()}
    for kind in sorted(linked - set(ask.types)):
        admit(platform, who, "search", zone, kind, operation="export-queue")
    if ask.level == "group":
        admit(platform, who, "read", zone, "Group", operation="export-queue")
        members(platform.store(zone), ask.group)
    if ask.patients:
        admit(platform, who, "read", zone, "Patient", operation="export-queue")
        ask = replace(ask, patients=named_patients(platform, ask))
    return ask


def show(platform: Platform, who: Principal, zone_name: str, export_id: str, *, files_at: str) -> Json:
    """The export as it stands: ``state`` and ``progress``; once it is done also ``expires`` and ``manifest``.

    files_at  the address below which its files have theirs
    raises    AccessError; NotFound
    """
    job, state = _found(platform, who, zone_name, export_id, "export-show")
    told = state_of(job)
    if job.state == "done" and state is not None:
        state = _without_erased(platform, export_id, state)
        told |= {"expires": _expires(platform, state), "manifest": manifest_of(state, files_at)}
    note(platform, who, "export-show", zone_of(zone_name), detail={"run": export_id})
    return told


def fetch(platform: Platform, who: Principal, zone_name: str, export_id: str, name: str) -> Fetched:
    """One file of an export that is whole; the patients in it are audited first. raises AccessError; NotFound."""
    job, state = _found(platform, who, zone_name, export_id, "export-fetch")
    if job.state != "done" or state is None:
        raise Conflict("the export is not whole", "Watch its status until it is.")
    return disclosed(platform, who, export_id, state, name)


def disclosed(platform: Platform, who: Principal, export_id: str, state: ExportState, name: str) -> Fetched:
    """One file as it goes out, after what it discloses is durable in the audit chain. raises NotFound."""
    zone, folder = zone_of(state.asked["zone"]), exports_of(platform)
    state = _without_erased(platform, export_id, state)
    file = next((one for one in state.files if one.name == name), None)
    if file is None:
        raise NotFound("the export has no file of this name", "Its manifest names them.")
    with platform.store(zone).connect() as connection:
        patients, _ = patients_behind(connection, folder.subjects(export_id, state, file))
    named, detail = sorted(patients), {"run": export_id, "type": file.type or "deleted", "lines": file.lines}
    for start in range(0, len(named) or 1, _SUBJECTS_PER_EVENT):
        some = named[start : start + _SUBJECTS_PER_EVENT]
        note(platform, who, "export-fetch", zone, subjects=some, detail=detail)
    return Fetched(file.size, (text for _, text in folder.frames(export_id, state, file)))


def cancel(platform: Platform, who: Principal, zone_name: str, export_id: str) -> None:
    """Stops an export that waits or runs, and removes its files. raises AccessError; NotFound."""
    job, _ = _found(platform, who, zone_name, export_id, "export-cancel")
    note(platform, who, "export-cancel", zone_of(zone_name), action="delete", detail={"run": export_id})
    if job.state in ("waiting", "running"):
        with platform.jobs() as jobs:
            jobs.cancel(export_id)
            jobs.forget_one(export_id)
    remove(platform, export_id)


def remove(platform: Platform, export_id: str) -> bool:
    """Removes the files of an export; false if there were none."""
    folder = exports_of(platform)
    with folder.locked():
        return folder.destroy(export_id)


def work_off(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does the job in the name of whoever asked for it."""
    asked = unsealed(platform, request)
    ask = read_ask(asked["ask"])
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        export(own, asker_of(platform, jobs, progress, asked), ask, progress.job_id, progress.report)
    return {"zone": ask.zone}


def let_go(platform: Platform, job: Job) -> bool:
    """Removes the files of an export that was cancelled while it ran."""
    return job.state == "cancelled" and remove(platform, job.id)


def sweep(platform: Platform) -> int:
    """Removes exports whose time is over, or that nobody will finish; how many."""
    folder, gone = exports_of(platform), 0
    oldest = platform.runtime.now().timestamp() - platform.settings.export.keep_hours * 3600
    for export_id, written in folder.listed():
        state = _readable(folder, export_id)
        if written < oldest or (state is not None and _is_over(platform, state)):
            gone += remove(platform, export_id)
    return gone


def forget(platform: Platform, zone_names: tuple[str, ...] = ("identified", "research")) -> int:
    """Takes out of all exports what patients were erased from; how many lines. Call it when their keys are destroyed.

    An export that is not whole begins anew. One with filters or named patients goes whole: it may name the patient.
    """
    folder, lines = exports_of(platform), 0
    for export_id, _ in folder.listed():
        state = _readable(folder, export_id)
        if state is None:
            remove(platform, export_id)
            continue
        if state.asked["zone"] not in zone_names:
            continue
        if not state.ended or state.asked["filters"] or state.asked.get("patients"):
            lines += sum(one.lines for one in state.files)
            remove(platform, export_id)
        else:
            before = state.erased
            lines += _without_erased(platform, export_id, state, is_thorough=True).erased - before
    return lines


def withdraw(platform: Platform, zone_name: str, numbers: Collection[int]) -> int:
    """Removes every export of a zone that holds something under one of these data keys, or is not whole; how many.

    Call it when patients may not be exported any more: who asked can export again, without them.
    """
    folder, gone = exports_of(platform), 0
    for export_id, _ in folder.listed():
        state = _readable(folder, export_id)
        if state is None or state.asked["zone"] != zone_name:
            continue
        held = (folder.subjects(export_id, state, one) for one in state.files) if state.ended else ()
        if not state.ended or any(not subjects.isdisjoint(numbers) for subjects in held):
            gone += remove(platform, export_id)
    return gone


def lines_of(platform: Platform, pseudonym: str) -> dict[str, int]:
    """Export -> lines of a patient of the identified zone in it, of whole exports that are kept now."""
    folder, found = exports_of(platform), dict[str, int]()
    with platform.store("identified").connect() as connection:
        own = set(numbers_of(connection, [pseudonym]))
    for export_id, _ in folder.listed():
        state = _readable(folder, export_id)
        if state is None or not state.ended or state.asked["zone"] != "identified":
            continue
        frames = (numbers for one in state.files for numbers, _ in folder.frames(export_id, state, one))
        count = sum(number in own for numbers in frames for number in numbers)
        if count:
            found[export_id] = count
    return found


def _readable(folder: Exports, export_id: str) -> ExportState | None:
    """The state of an export; None where there is none, or where it was damaged: nobody can finish or fetch it."""
    try:
        return folder.find(export_id)
    except IntegrityError:
        return None


def manifest_of(state: ExportState, files_at: str) -> Json:
    """The manifest of an export, as Bulk Data Access writes it, with counts and keyed hashes to reconcile by."""
    moment = time_of(state.as_of) if state.as_of else time_of(state.ended)

    def told(file: ExportFile) -> Json:
        return {
            "type": file.type or "Bundle", "url": f"{files_at}/{file.name}", "count": file.lines,
            "extension": {"bytes": file.size, "hash": file.digest},
        }  # fmt: skip

    files = [one for one in state.files if one.lines]
    return {
        "transactionTime": instant(moment),
        "request": state.asked["address"],
        "requiresAccessToken": True,
        "output": [told(one) for one in files if one.type],
        "deleted": [told(one) for one in files if not one.type],
        "error": [],
        "extension": {
            "resources": sum(one.lines for one in files if one.type),
            "counted": sum(count for kind, count in state.expected.items() if kind),
            "erasedSince": state.erased,
        },
    }


def _found(
    platform: Platform, who: Principal, zone_name: str, export_id: str, operation: str
) -> tuple[Job, ExportState | None]:
    """The job and the state of the caller's own export. raises AccessError; NotFound, both audited."""
    zone = zone_of(zone_name)
    job = find_job(platform, KIND, export_id)
    if job is not None and (job.actor != who.name or (job.request | job.result).get("zone") != zone):
        job = None
    state = exports_of(platform).find(export_id) if job is not None else None
    for kind in _types(platform, who, job, state) or ("",):
        admit(platform, who, "read", zone, kind, operation=operation)
    if state is not None and _is_over(platform, state):
        remove(platform, export_id)
        state = None
    if job is None or job.state == "cancelled" or (job.state == "done" and state is None):
        note(platform, who, operation, zone, outcome="failed", detail={"code": NotFound.code})
        raise NotFound("there is no such export", "Its files may have been removed: export again.")
    if state is not None and state.ended:
        _require_same_policy(platform.store(zone), state)
    return job, state


def _types(platform: Platform, who: Principal, job: Job | None, state: ExportState | None) -> tuple[str, ...]:
    """The types that an export was asked for; none where it is of all, or where it is nobody's.

    Of one's own whose files are gone nobody knows them: who may read any type is told that it is gone.
    """
    if state is not None:
        return tuple(state.asked["types"])
    if job is None:
        return ()
    if "sealed" in job.request:
        return read_ask(unsealed(platform, job.request)["ask"]).types
    zone = zone_of((job.request | job.result)["zone"])
    return next(((kind,) for kind in sorted(resource_types()) if who.may("read", zone, kind)), ())


def _require_same_policy(store: ZoneStore, state: ExportState) -> None:
    with store.connect() as connection:
        if policy_mark(connection, store.zone) != state.policy:
            raise StateError("the research zone was made anew since this export", "Export again.")


def _without_erased(
    platform: Platform, export_id: str, state: ExportState, *, is_thorough: bool = False
) -> ExportState:
    """The export after the lines of patients whose keys are destroyed were taken out.

    is_thorough  also lines under nobody's key whose resource is gone: an erasure takes those that name the patient
    """
    folder, store = exports_of(platform), platform.store(zone_of(state.asked["zone"]))
    for number, file in enumerate(state.files):
        with store.connect() as connection:
            _, doomed = patients_behind(connection, folder.subjects(export_id, state, file))
            shared = _shared_ids(folder, export_id, state, file) if is_thorough and file.type else []
            gone = set(shared) - held_ids(connection, file.type, shared)
        if doomed or gone:
            with folder.locked():
                state = folder.find(export_id) or state
                is_doomed = partial(_is_doomed, doomed, gone)
                folder.take_out(export_id, state, state.files[number], is_doomed, store.keys.content_hasher())
    return state


def _shared_ids(folder: Exports, export_id: str, state: ExportState, file: ExportFile) -> list[str]:
    """The ids of a file's resources that no patient's key sealed."""
    frames = folder.frames(export_id, state, file)
    pairs = (pair for numbers, text in frames for pair in zip(numbers, text.splitlines(), strict=True))
    return [orjson.loads(line)["id"] for subject, line in pairs if subject == SHARED]


def _is_doomed(keys: Collection[int], ids: Collection[str], subject: int, line: bytes) -> bool:
    return subject in keys or (subject == SHARED and bool(ids) and orjson.loads(line)["id"] in ids)


def _is_over(platform: Platform, state: ExportState) -> bool:
    return bool(state.ended) and _expires_at(platform, state) <= platform.runtime.now()


def _expires_at(platform: Platform, state: ExportState) -> datetime:
    return time_of(state.ended) + timedelta(hours=platform.settings.export.keep_hours)


def _expires(platform: Platform, state: ExportState) -> str:
    return _expires_at(platform, state).astimezone(UTC).isoformat()
