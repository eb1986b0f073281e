"""Somebody leaves whom a model learnt from: its versions are retired, and a training without them is queued.

A champion may be given some days by settings, for a hospital that would have no score meanwhile. After an erasure the
files of a version that is retired go as well, whenever and for whatever it was retired: they may hold what was learnt
of who left.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from careloom.errors import CareloomError
from careloom.logs import log
from careloom.services.access import Principal, local_operator
from careloom.services.models_kept import Change, has_files, remove_files, traffic_of, versions_of, write
from careloom.services.models_mirror import mirror_soon
from careloom.services.models_promote import retired
from careloom.services.models_retrain import queue_retraining, retraining_of
from careloom.services.models_runs import RETRAINER, forget_trained, run_named
from careloom.services.platform import Platform
from careloom.store.models import ModelWork
from careloom.store.transaction import Transaction

TAINT = "models-taint"
Json = dict[str, Any]


def settle(platform: Platform, who: Principal) -> list[Json]:
    """Retires versions whose training somebody left, and queues a training in their place.

    Files of retired versions that learnt from an erased patient are removed; what a killed run left is done again.

    who      whoever did what makes it necessary, for the audit chain; nothing is asked of them
    returns  ``version``, ``causes``, ``retired``, ``retraining`` (the run; empty where nothing tells how to train it),
             ``refused`` (why none began, and what to do; empty where nothing was refused)
    """
    forget_trained(platform, who)
    tainted = _tainted(platform)
    done = [_settled(platform, who, one, taints) for one, taints in tainted if one.state != "retired"]
    found = [one for one in done if one is not None]
    erased = {one.name for one, taints in tainted if "erasure" in {cause for cause, _ in taints}}
    for one in versions_of(platform) if erased else ():
        if one.name in erased and one.state == "retired":
            remove_files(platform, one)
    if found:
        mirror_soon(platform, who)
    return found


def sweep(platform: Platform) -> None:
    """Retires champions whose days are over; the worker does so when it waits."""
    if platform.has_store("identified"):
        settle(platform, local_operator(RETRAINER))


def _tainted(platform: Platform) -> list[tuple[ModelWork, tuple[tuple[str, datetime], ...]]]:
    """Versions that are not retired or have files, and whose training is tainted: (cause, since when)."""
    found = []
    kept = [one for one in versions_of(platform) if one.state != "retired" or has_files(platform, one)]
    named = [(one, str(one.body["manifest"]["report"]["lineage"]["training"])) for one in kept]
    if not any(training for _, training in named):
        return []
    with platform.store("identified").rights() as reader:
        for one, training in named:
            taints = reader.training(training).taints if training else ()
            if taints:
                found.append((one, taints))
    return found


def _settled(
    platform: Platform, who: Principal, one: ModelWork, taints: tuple[tuple[str, datetime], ...]
) -> Json | None:
    """What was done about a tainted version; None where nothing was, for all of it was done before."""
    causes = sorted({cause for cause, _ in taints})
    grace = timedelta(days=platform.settings.models.tainted_days)
    is_champion = traffic_of(platform, one.parent)["champion"] == one.body["number"]
    stays = is_champion and platform.runtime.now() < min(moment for _, moment in taints) + grace
    known = one.body.get("tainted")
    if stays and known is not None:
        return None
    run, refused = (known["retraining"], known.get("refused", "")) if known is not None else _retraining(platform, one)
    told = {"causes": causes, "retraining": run, "refused": refused}

    def act(step: Transaction) -> ModelWork:
        now = step.models.find("version", one.name)
        return step.models.change("version", one.name, now.state, {**now.body, "tainted": told})

    write(platform, who, Change(TAINT, {"version": one.name, **told}), act)
    if not stays:
        retired(platform, who, one, f"somebody whom it learnt from left ({', '.join(causes)})")
    return {"version": one.name, "retired": not stays, **told}


def _retraining(platform: Platform, one: ModelWork) -> tuple[str, str]:
    """Queues what trains a version again, once for all its tainted versions.

    returns  the run, empty where nothing tells how, and why there is none where what tells it is no pipeline, or may
             not run: a version is retired all the same
    """
    try:
        if not retraining_of(platform, one):
            return "", ""
        for other in versions_of(platform, one.parent):
            told = other.body.get("tainted")
            if told and told["retraining"] and run_named(platform, told["retraining"]).state in ("queued", "running"):
                return str(told["retraining"]), ""
        return queue_retraining(platform, one), ""
    except CareloomError as error:
        log(__name__, "no retraining could be queued", level=logging.ERROR, error_code=error.code)
        return "", f"{error.where}. {error.remedy}"
