"""Queued work as its asker sees it: found by id, shown as it stands, done in the asker's name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from careloom.errors import AccessError, NotFound
from careloom.services.access import Principal, Scope, local_operator
from careloom.services.job_requests import unsealed
from careloom.services.platform import Platform
from careloom.services.scopes import narrowed, parse, permitted
from careloom.services.tokens import principal_for
from careloom.store.clients import Client
from careloom.store.jobs import Job, Jobs, Progress

Json = dict[str, Any]


def find_job(platform: Platform, kind: str, job_id: str) -> Job | None:
    """The job of this kind and id; None where there is none. Looking does not make the queue."""
    if not platform.has_jobs():
        return None
    with platform.jobs() as jobs:
        job = jobs.find(job_id)
    return job if job is not None and job.kind == kind else None


def state_of(job: Job) -> Json:
    """``id``, ``state``, ``actor``, ``started``, ``ended``, ``progress`` and ``error``, None where nothing failed."""
    return {
        "id": job.id,
        "state": job.state,
        "actor": job.actor,
        "started": job.started.isoformat() if job.started else None,
        "ended": job.ended.isoformat() if job.ended else None,
        "progress": {"done": job.done, "total": job.total},
        "error": job.error_code or None,
    }


def state_of_report(report: Json, total: int) -> Json:
    """The same of finished work that was never queued, from its report: it was done by the command line."""
    told = {name: report[name] for name in ("id", "actor", "started", "ended")}
    return told | {"state": "done", "progress": {"done": total, "total": total}, "error": None}


def rights_of(who: Principal) -> Json:
    """What was granted to who asks, as it is now, for a request that is kept sealed: its job does no more than that."""
    return {
        "roles": sorted(who.roles), "zones": sorted(who.zones), "purpose": who.purpose, "request": who.request,
        "scopes": None if who.scopes is None else sorted(map(list, who.scopes)), "patient": who.patient,
        "actors": sorted(who.actors), "purposes": None if who.purposes is None else sorted(who.purposes),
    }  # fmt: skip


def asker_again(name: str, told: Mapping[str, Any]) -> Principal:
    """Whoever asked, from what `rights_of` told of them."""
    scopes = None if told["scopes"] is None else frozenset(Scope(*one) for one in told["scopes"])
    purposes = None if told["purposes"] is None else frozenset(told["purposes"])
    return Principal(
        name, frozenset(told["roles"]), frozenset(told["zones"]), scopes, told["purpose"], told["request"],
        told["patient"], frozenset(told["actors"]), purposes,
    )  # fmt: skip


def asker_of(platform: Platform, jobs: Jobs, progress: Progress, asked: Mapping[str, Any]) -> Principal:
    """Whoever asked for the running job, with the rights under which it was asked, as far as they still have them.

    The command line and the worker itself keep what they have.

    asked   the request, sealed or not; of one without ``who``, kept by an earlier version, the asker's rights of now
    raises  AccessError for who may not come in any more
    """
    name = jobs.get(progress.job_id).actor
    told = unsealed(platform, asked) if "sealed" in asked else asked
    if "who" in told:
        return asker_still(platform, asker_again(name, told["who"]))
    client = registered_still(platform, name)
    who = local_operator(name) if client is None else _granted(client)
    actors = frozenset(told.get("actors", ())) if client is None else who.actors
    return replace(who, purpose=told.get("purpose", who.purpose), request=told.get("request", ""), actors=actors)


def registered_still(platform: Platform, name: str) -> Client | None:
    """The client or person of that name; None for who is not registered: the command line, the worker, who came in by a
    token of another issuer.

    raises  AccessError for who is stopped or whose time is over
    """
    try:
        client = platform.clients.named(name)
    except NotFound:
        return None
    if not client.is_active(platform.runtime.now()):
        raise _gone()
    return client


def holds_now(platform: Platform, name: str) -> Principal | None:
    """A client or person with all that is granted now; None for who is not registered. raises AccessError"""
    client = registered_still(platform, name)
    return None if client is None else _granted(client)


def asker_still(platform: Platform, who: Principal) -> Principal:
    """Whoever asked, with what is both kept and granted now; the command line keeps what it has. raises AccessError"""
    return who if who.scopes is None else _as_of_now(platform, who)


def _as_of_now(platform: Platform, who: Principal) -> Principal:
    """Somebody who came in over HTTP, with what is both kept and granted now. raises AccessError"""
    client = registered_still(platform, who.name)
    if client is None:
        issuer = platform.issuers.get(who.name.partition(":")[0]) if ":" in who.name else None
        if issuer is None:
            raise _gone()
        return replace(who, zones=who.zones & frozenset(issuer.zones))
    now = _granted(client)
    limits = [one for one in (who.purposes, now.purposes) if one is not None]
    return replace(
        who,
        roles=who.roles & now.roles,
        zones=who.zones & now.zones,
        scopes=narrowed(who.scopes or (), now.scopes or ()),
        patient=now.patient or who.patient,
        actors=who.actors & now.actors,
        purposes=frozenset.intersection(*limits) if limits else None,
    )


def _granted(client: Client) -> Principal:
    granted = permitted(client.roles.split(), client.zones.split())
    return principal_for(client, narrowed(parse(client.scopes), granted))


def _gone() -> AccessError:
    return AccessError("who asked for this job may not come in any more", "Let somebody who may ask for it anew.")
