"""Own search parameters: defined by SearchParameter resources, indexed for what is stored, counted anew, then searched.

A SearchParameter that is written with status ``active`` defines one parameter for each of its bases; from that moment
on every write indexes it. What was stored before is indexed by a job, and only a parameter whose entries were counted
anew and are right is turned on.
"""

from collections.abc import Callable, Mapping
from typing import Any

from careloom.errors import IntegrityError, NotFound
from careloom.fhir.search_own import STANDARD, OwnParameters
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.job_requests import sealed, unsealed
from careloom.services.platform import Platform
from careloom.services.queued import asker_of, rights_of, state_of
from careloom.store.jobs import Jobs, Progress
from careloom.store.own_parameters import Own, as_searched
from careloom.store.transaction import Transaction
from careloom.store.zone_store import Zone

KIND = "index-parameters"
OPERATION = "search-parameter"
Json = dict[str, Any]
Watch = Callable[[int, int], None]
"""(resources done, resources in all), called after every page."""


def searched(platform: Platform, zone: Zone) -> OwnParameters:
    """The own parameters of a zone, as its searches take them."""
    return as_searched(platform.store(zone).own_parameters()) if platform.has_store(zone) else STANDARD


def list_parameters(platform: Platform, who: Principal, zone: Zone) -> list[Json]:
    """The own parameters of a zone: see `told`. raises AccessError."""
    admit(platform, who, "monitor", zone, operation=OPERATION)
    found = [told(one) for one in platform.store(zone).own_parameters().all]
    note(platform, who, OPERATION, zone, detail={"listed": len(found)})
    return found


def told(own: Own) -> Json:
    """``number``, ``type``, ``code``, ``kind``, ``expression``, ``resource``, ``url``, ``state``, and ``counts``.

    Counts: ``seen`` and ``written`` by the indexing; by the count anew ``resources``, ``entries``, ``found``,
    ``holders``, ``held`` (`careloom.store.own_indexing.Verified`).
    """
    parameter = own.parameter
    return {
        "number": own.number,
        "type": parameter.resource_type,
        "code": parameter.code,
        "kind": parameter.kind,
        "expression": parameter.expression,
        "resource": own.resource,
        "url": own.url,
        "state": own.state,
        "counts": own.counts,
    }


def queue(platform: Platform, who: Principal, zone: Zone) -> Json | None:
    """Queues the indexing of what waits in a zone; None where nothing does. Admit who asks before."""
    if all(own.state in ("on", "failed") for own in platform.store(zone).own_parameters().all):
        return None
    job_id = platform.run_id()
    note(platform, who, f"{OPERATION}-queue", zone, action="create", detail={"run": job_id})
    with platform.jobs() as jobs:
        asked = sealed(platform, {"zone": zone, "who": rights_of(who)})
        jobs.submit(KIND, asked, actor=who.name, job_id=job_id)
        return state_of(jobs.get(job_id))


def work_off(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does the job; one that was killed goes on behind its last page."""
    asked = unsealed(platform, request)
    with Platform(platform.settings, platform.runtime, platform.keys) as own:
        settled = index(own, asker_of(platform, jobs, progress, asked), asked["zone"], progress.report)
    return {"run": progress.job_id, "zone": asked["zone"], "parameters": len(settled)}


def again(platform: Platform, who: Principal, zone: Zone, code: str) -> int:
    """Lets every parameter of a code be indexed from the start; how many. raises AccessError; NotFound."""
    admit(platform, who, "operate", zone, operation=OPERATION)
    store = platform.store(zone)
    found = [one for one in store.own_parameters().all if one.parameter.code == code and one.state != "removing"]
    if not found:
        raise NotFound("there is no own search parameter of this code", "List them: careloom search-parameter list.")

    def act(tx: Transaction) -> None:
        for one in found:
            tx.own.again(one)
        detail = {"code": code, "parameters": len(found)}
        tx.audit(event(platform, who, OPERATION, zone, action="update", detail=detail))

    store.step(act)
    return len(found)


def index(platform: Platform, who: Principal, zone: Zone, watch: Watch | None = None) -> list[Json]:
    """Indexes, counts and turns on what waits in a zone, and takes out what goes; returns what became of each.

    raises  AccessError; IntegrityError where the entries of one are not right: it stays off, the others are done
    """
    admit(platform, who, "operate", zone, operation=OPERATION)
    store = platform.store(zone)
    waiting = [one for one in store.own_parameters().all if one.state in ("waiting", "removing")]
    counts = store.count()
    total = sum(counts.get(one.parameter.resource_type, 0) for one in waiting)
    pages = _Pages(platform, who, zone, total, watch)
    settled = [pages.done(one) for one in waiting]
    wrong = [one for one in settled if one["state"] == "failed"]
    if wrong:
        raise IntegrityError(
            f"{len(wrong)} own search parameters have entries that are not right: {wrong[0]['code']} first",
            "They stay off. Run careloom store check, then careloom search-parameter reindex CODE.",
        )
    return settled


class _Pages:
    """The pages of one run over a zone."""

    def __init__(self, platform: Platform, who: Principal, zone: Zone, total: int, watch: Watch | None) -> None:
        self._platform = platform
        self._who = who
        self._zone = zone
        self._store = platform.store(zone)
        self._total = total
        self._watch = watch
        self._seen = 0

    def done(self, own: Own) -> Json:
        """What became of a parameter once all its pages were written."""
        before = own.counts.get("seen", 0)
        while (page := self._store.step(lambda tx, one=own: self._page(tx, one))) is not None:  # type: ignore[misc]
            own = page
            self._seen += own.counts["seen"] - before
            before = own.counts["seen"]
            if self._watch is not None:
                self._watch(min(self._seen, self._total), self._total)
        if own.state == "removing":
            self._store.step(lambda tx: self._forget(tx, own))
            return told(own) | {"state": "removed"}
        if self._now(own).state == "on":  # another run was quicker
            return told(self._now(own))
        counted = self._store.verify_own(own)
        settled = self._store.step(lambda tx: self._settled(tx, tx.own.settle(own, counted)))
        return told(settled)

    def _now(self, own: Own) -> Own:
        """As it stands; as it was where it is gone."""
        return next((one for one in self._store.own_parameters().all if one.number == own.number), own)

    def _page(self, tx: Transaction, own: Own) -> Own | None:
        done = tx.own.index_page(own)
        if done is not None:
            self._audit(tx, done, {"seen": done.counts["seen"], "written": done.counts["written"]})
        return done

    def _settled(self, tx: Transaction, own: Own) -> Own:
        self._audit(tx, own, {"state": own.state, **own.counts})
        return own

    def _forget(self, tx: Transaction, own: Own) -> None:
        tx.own.forget(own)
        self._audit(tx, own, {"state": "removed"})

    def _audit(self, tx: Transaction, own: Own, detail: Mapping[str, object]) -> None:
        told: dict[str, object] = {"type": own.parameter.resource_type, "code": own.parameter.code, **detail}
        tx.audit(event(self._platform, self._who, OPERATION, self._zone, action="update", detail=told))


def resource_behind(platform: Platform, who: Principal, zone: Zone, name: str) -> str:
    """The id of the SearchParameter behind a code or an id. raises AccessError; NotFound."""
    admit(platform, who, "monitor", zone, operation=OPERATION)
    for one in platform.store(zone).own_parameters().all:
        if one.resource and name in (one.resource, one.parameter.code) and one.state != "removing":
            return one.resource
    raise NotFound("no SearchParameter defines one of this code or id", "List them: careloom search-parameter list.")
