"""The register of reports, those that are kept, and the schedules by which they are made.

The register holds of each report who made it of what kind of page, when, and its hashes: a PDF is verified by one of
them. What a schedule has made here is known by its schedule; what somebody entered is that person's word. The register
holds no address with a filter and nothing of a patient. PDFs that schedules make lie sealed. A schedule makes them with
what its owner is granted when it runs, by no scope that the token lacked which made it and for the same purpose, and
only of pages that tell of nobody in particular.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from careloom.crypto.envelope import seal, unseal
from careloom.errors import AccessError, Conflict, NotFound
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, note
from careloom.services.job_requests import sealed
from careloom.services.platform import Platform
from careloom.services.purposes import is_emergency
from careloom.services.queued import rights_of
from careloom.services.report_pages import refuse_page
from careloom.services.report_times import Cadence, next_run
from careloom.store.engine import private_folder
from careloom.store.kept_reports import KeptReports
from careloom.store.turn import turn

FOLDER_NAME = "reports"
MOST_DECLARED = 500
"""Entries of one person that no schedule has made; the oldest go first, and never another's."""
MOST_SCHEDULES = 20
"""Of one person."""
MOST_KEPT = 60
"""Files of one schedule."""
MOST_MADE = 2 * MOST_SCHEDULES * MOST_KEPT
"""Entries of one person that schedules have made: more than have a file."""
TURN_SECONDS = 10.0
DIGEST_PATTERN = r"^[0-9a-f]{64}$"
KIND_PATTERN = r"^[a-z][a-z-]{0,39}$"
ZONES: tuple[Zone, ...] = ("identified", "research", "synthetic", "landing")
_CONTEXT = b"careloom/reports/file"
Json = dict[str, Any]
Render = Callable[[str, str, datetime], tuple[bytes, str]]
"""(access token, page, time) -> (PDF, hash of its content). raises what the API refuses"""


@dataclass(frozen=True, slots=True)
class Ask:
    """A schedule as somebody asks for it.

    page  address below the dashboard's, with its query: ``quality?zone=research``; "" for the overview
    hour  0 to 23, UTC
    keep  how many of its reports stay
    """

    page: str
    cadence: Cadence
    hour: int
    keep: int


def record(platform: Platform, who: Principal, kind: str, content: str, file: str) -> Json:
    """Puts a report that somebody says to have made into the register, and returns its entry: `who` declares it.

    kind     of page: the first part of its address, ``overview`` for the start
    content  SHA-256 of what it says, hexadecimal; `file` that of its bytes
    raises   AccessError
    """
    zone = _admit(platform, who, "report")
    with writing(platform):
        entry = _entered(platform, who.name, kind, (content, file), "")
    detail = {"report": entry["id"], "page": kind, "sha256": content}
    note(platform, who, "report", zone, action="create", detail=detail)
    return _told(platform, entry)


def listed(platform: Platform, who: Principal, digest: str = "") -> list[Json]:
    """The reports that `who` made, newest first; with `digest` those of anybody with this hash, of content or file.

    Of those that one person declared only the oldest is told: who holds a report cannot bury its entry under others.

    raises  AccessError
    """
    zone = _admit(platform, who, "reports")
    entries = register(platform).all()
    if digest:
        same = [each for each in entries if digest in (each["content"], each["file"])]
        oldest = {each["by"]: each["id"] for each in same if not each["schedule"]}
        found = [each for each in same if each["schedule"] or oldest[each["by"]] == each["id"]]
    else:
        found = [each for each in entries if each["by"] == who.name or who.may("audit", "identified")]
    note(platform, who, "reports", zone, detail={"listed": len(found), "by_hash": bool(digest)})
    return [_told(platform, each) for each in found]


def pdf(platform: Platform, who: Principal, report: str) -> bytes:
    """The file of a report that a schedule has made. raises AccessError; NotFound"""
    zone = _admit(platform, who, "report-file")
    entry = _own(platform, who, report)
    path = _file(platform, entry["id"])
    if not path.exists():
        raise NotFound("no file of this report is kept", "Make it anew; only reports by schedule are kept.")
    content = unseal(platform.keys.derive("seal", "reports"), path.read_bytes(), _CONTEXT + entry["id"].encode())
    note(platform, who, "report-file", zone, detail={"report": entry["id"], "sha256": entry["content"]})
    return content


def discard(platform: Platform, who: Principal, report: str) -> Json:
    """Destroys the file of a report; its entry in the register stays, and is returned. raises AccessError; NotFound"""
    zone = _admit(platform, who, "report-discard")
    entry = _own(platform, who, report)
    _file(platform, entry["id"]).unlink(missing_ok=True)
    note(platform, who, "report-discard", zone, action="delete", detail={"report": entry["id"]})
    return _told(platform, entry)


def schedule(platform: Platform, who: Principal, ask: Ask) -> Json:
    """A new schedule.

    raises  AccessError, too for who is not registered here, or asks in an emergency; InputError for a page that a
            schedule may not have; Conflict where somebody has too many
    """
    zone = _admit(platform, who, "report-schedule")
    refuse_page(ask.page)
    if who.scopes is None or who.patient or not _is_registered(platform, who.name):
        raise AccessError(
            "only who is registered here may have reports made", "Sign in as a person or client of this installation."
        )
    if is_emergency(who.purpose):
        raise AccessError("an emergency is no purpose of a schedule", "Ask for another purpose of use.")
    made: Json = {
        "id": platform.run_id(), "by": who.name, "page": ask.page, "cadence": ask.cadence, "hour": ask.hour,
        "keep": ask.keep, "paused": False, "created": platform.runtime.now().isoformat(),
        "next": next_run(ask.cadence, ask.hour, platform.runtime.now()).isoformat(), "last": None,
        "who": sealed(platform, {"who": rights_of(who)}),
    }  # fmt: skip
    detail = {"schedule": made["id"], "page": kind_of(ask.page)}
    with writing(platform):
        kept = schedules(platform)
        if sum(each["by"] == who.name for each in kept.all()) >= MOST_SCHEDULES:
            raise Conflict(f"there are {MOST_SCHEDULES} schedules of yours", "Delete one first.")
        note(platform, who, "report-schedule", zone, action="create", detail=detail)
        kept.keep(made, most=10**6)
    return shown(made)


def listed_schedules(platform: Platform, who: Principal) -> list[Json]:
    """The schedules of `who`, newest first; all of them for who may operate the installation. raises AccessError"""
    zone = _admit(platform, who, "report-schedules")
    found = [shown(each) for each in schedules(platform).all() if _is_his(who, each)]
    note(platform, who, "report-schedules", zone, detail={"listed": len(found)})
    return found


def pause(platform: Platform, who: Principal, name: str, *, paused: bool) -> Json:
    """Stops a schedule, or lets it go on from its next time. raises AccessError; NotFound"""
    zone = _admit(platform, who, "report-schedule")
    made = find_schedule(platform, who, name)
    following = next_run(made["cadence"], made["hour"], platform.runtime.now()).isoformat()
    note(platform, who, "report-schedule", zone, action="update", detail={"schedule": name, "paused": paused})
    changed = change(platform, name, lambda _: {"paused": paused, "next": following})
    if changed is None:
        raise _gone()
    return shown(changed)


def delete(platform: Platform, who: Principal, name: str) -> Json:
    """Ends a schedule and destroys the files of its reports; returns it as it was. raises AccessError; NotFound"""
    zone = _admit(platform, who, "report-schedule")
    made = find_schedule(platform, who, name)
    note(platform, who, "report-schedule", zone, action="delete", detail={"schedule": name})
    with writing(platform):
        schedules(platform).remove(name)
        for entry in register(platform).all():
            if entry["schedule"] == name:
                _file(platform, entry["id"]).unlink(missing_ok=True)
    return shown(made)


def keep_file(platform: Platform, made: Mapping[str, Any], content: bytes, digest: str, *, since: int) -> Json:
    """Keeps what a schedule has made, sealed, and only the newest of it; returns the entry of the register.

    since   what `erasures` said before the page was read
    raises  NotFound where the schedule has ended meanwhile; Conflict where somebody was erased meanwhile
    """
    hashes = (digest, hashlib.sha256(content).hexdigest())
    with writing(platform):
        if schedules(platform).find(made["id"]) is None:
            raise _gone()
        if erasures(platform) != since:
            raise Conflict("a patient was erased while the report was made", "The next one is made without.")
        entry = _entered(platform, made["by"], kind_of(made["page"]), hashes, made["id"])
        path = _file(platform, entry["id"])
        private_folder(path.parent)
        draft = path.with_suffix(".part")
        draft.write_bytes(seal(platform.keys.derive("seal", "reports"), content, _CONTEXT + entry["id"].encode()))
        draft.replace(path)
        own = [each for each in register(platform).all() if each["schedule"] == made["id"]]
        for old in own[made["keep"] :]:
            _file(platform, old["id"]).unlink(missing_ok=True)
    return _told(platform, entry)


def forget_files(platform: Platform) -> int:
    """Destroys the file of every kept report, for none tells whom it counts; how many went. A part of an erasure."""
    with writing(platform):
        mark = _folder(platform) / "erasures"
        mark.write_text(str(erasures(platform) + 1), encoding="ascii")
        files = list((_folder(platform) / "files").glob("*"))
        for each in files:
            each.unlink(missing_ok=True)
    return len(files)


def erasures(platform: Platform) -> int:
    """How many erasures have destroyed kept reports."""
    mark = _folder(platform) / "erasures"
    return int(mark.read_text(encoding="ascii") or 0) if mark.exists() else 0


def register(platform: Platform) -> KeptReports:
    """What reports were made."""
    return KeptReports(_folder(platform) / "register")


def schedules(platform: Platform) -> KeptReports:
    """All schedules."""
    return KeptReports(_folder(platform) / "schedules")


def find_schedule(platform: Platform, who: Principal, name: str) -> Json:
    """One schedule that is `who`'s. raises NotFound"""
    made = schedules(platform).find(name)
    if made is None or not _is_his(who, made):
        raise _gone()
    return made


def shown(made: Mapping[str, Any]) -> Json:
    """A schedule as its owner sees it."""
    return {name: value for name, value in made.items() if name != "who"}


def kind_of(page: str) -> str:
    """The kind of a page: the first part of its address."""
    return re.split(r"[/?]", page, maxsplit=1)[0] or "overview"


def _entered(platform: Platform, by: str, kind: str, hashes: tuple[str, str], schedule_id: str) -> Json:
    entry: Json = {
        "id": platform.run_id(), "by": by, "page": kind, "made": platform.runtime.now().isoformat(),
        "content": hashes[0], "file": hashes[1], "schedule": schedule_id,
    }  # fmt: skip
    kept = register(platform)
    own = [each["id"] for each in kept.all() if each["by"] == by and bool(each["schedule"]) == bool(schedule_id)]
    for old in own[(MOST_MADE if schedule_id else MOST_DECLARED) - 1 :]:
        _file(platform, old).unlink(missing_ok=True)
        kept.remove(old)
    kept.keep(entry, most=10**9)
    return entry


def _told(platform: Platform, entry: Mapping[str, Any]) -> Json:
    return {**entry, "schedule": entry["schedule"] or None, "is_kept": _file(platform, entry["id"]).exists()}


def _own(platform: Platform, who: Principal, report: str) -> Json:
    entry = register(platform).find(report)
    if entry is None or entry["by"] != who.name:
        raise NotFound("there is no report of this id", "List yours: GET /api/v1/reports.")
    return entry


def _gone() -> NotFound:
    return NotFound("there is no schedule of this id", "List them: GET /api/v1/report-schedules.")


def _is_his(who: Principal, made: Mapping[str, Any]) -> bool:
    return bool(made["by"] == who.name) or who.may("operate", "landing")


def _is_registered(platform: Platform, name: str) -> bool:
    try:
        platform.clients.named(name)
    except NotFound:
        return False
    return True


@contextmanager
def writing(platform: Platform) -> Iterator[None]:
    """Alone with register, schedules and files, among all processes, while the block runs. raises Conflict"""
    private_folder(_folder(platform))
    with turn(_folder(platform) / "turn", TURN_SECONDS):
        yield


def change(platform: Platform, name: str, act: Callable[[Json], Mapping[str, Any] | None]) -> Json | None:
    """A schedule as it is now, with what `act` makes of it; None where it is gone, or `act` changes nothing."""
    with writing(platform):
        made = schedules(platform).find(name)
        changes = act(made) if made is not None else None
        if made is None or changes is None:
            return None
        made |= changes
        schedules(platform).keep(made, most=10**6)
        return made


def _admit(platform: Platform, who: Principal, operation: str) -> Zone:
    """Lets in who may watch some zone, and says in whose chain that is written. raises AccessError"""
    zone = next((zone for zone in ZONES if who.may("monitor", zone)), ZONES[0])
    admit(platform, who, "monitor", zone, operation=operation)
    return zone


def _folder(platform: Platform) -> Path:
    return platform.settings.data.directory / FOLDER_NAME


def _file(platform: Platform, report: str) -> Path:
    return _folder(platform) / "files" / f"{report}.pdf.sealed"
