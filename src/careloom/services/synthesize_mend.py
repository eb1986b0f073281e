"""Ends what a process began and did not live to end: fits and drawn samples have failed, releases are finished.

What was reserved in the privacy ledger stays spent, for noise may have been drawn. Nobody asks for this: it is done in
the name of whoever began, by the next command of synthetic data and by the worker.
"""

from contextlib import suppress
from typing import Any

from careloom.errors import Conflict, IntegrityError, NotFound, SetupError, StateError
from careloom.services.access import Principal, local_operator
from careloom.services.platform import Platform
from careloom.services.privacy_ledger import settle, unsettled
from careloom.services.synthesize import change, files_of, left_alone, work
from careloom.services.synthesize_let_out import finished, taken_back
from careloom.store.synthesis import Work, left, unfinished

CUT_OFF = "its process ended before it was done"
Json = dict[str, Any]


def mend(platform: Platform) -> list[Json]:
    """Ends what is begun and at which nobody works: for each ``name``, ``kind``, ``was`` and ``state``.

    What cannot be ended now, for the disk is full or the table is being written, stays for the next time.
    """
    if not platform.has_store("identified"):
        return []
    with platform.store("identified").connect() as connection:
        begun, over = unfinished(connection), left(connection)
    done: list[Json] = []
    for one in begun:
        with left_alone(platform, one.name) as is_idle, suppress(Conflict, SetupError):
            if is_idle:
                done += _ended(platform, work(platform, one.name, one.kind))
    for one in over:
        if any(files_of(platform).has(name) for name in _files(one)):
            with left_alone(platform, one.name) as is_idle:
                if is_idle:
                    remove_files(platform, one)
    _settle(platform)
    return done


def remove_files(platform: Platform, one: Work) -> None:
    """Removes what lies sealed of a model or a sample, also what was not written to its end."""
    for name in _files(one):
        files_of(platform).remove(name)


def _files(one: Work) -> list[str]:
    if one.kind == "sample":
        return [f"staging/{one.name}"]
    return [f"models/{one.name}/{file}" for file in ("model.safetensors", "model.json")]


def _ended(platform: Platform, one: Work) -> list[Json]:
    """As `mend`, for one; nothing where somebody else ended it meanwhile."""
    who = local_operator(str(one.body["actor"]))
    if one.state in ("fitting", "drawing"):
        remove_files(platform, one)
        with suppress(Conflict, NotFound):
            settle(platform, who, (one.body.get("ledger") or {}).get("entry", ""), "failed")
        now = change(platform, who, one, "failed", {**one.body, "why": CUT_OFF})
    elif one.state == "releasing":
        now = _released(platform, who, one)
    else:
        return []
    return [{"name": one.name, "kind": one.kind, "was": one.state, "state": now.state}]


def _released(platform: Platform, who: Principal, one: Work) -> Work:
    try:
        return finished(platform, who, one)
    except Conflict:
        raise
    except (StateError, NotFound, IntegrityError) as error:
        return taken_back(platform, who, one, f"{CUT_OFF}, and {error.where}")


def _settle(platform: Platform) -> None:
    """Notes as failed what a process reserved and did not live to write down."""
    for entry in unsettled(platform):
        with left_alone(platform, entry["run"]) as is_idle, suppress(Conflict):
            if is_idle:
                settle(platform, local_operator(entry["actor"]), entry["entry"], "failed")
