"""Shadow and canary: a version listens first, then answers for a share of patients, before it answers for all."""

from dataclasses import dataclass
from typing import Any

from careloom.errors import Conflict, NotFound, QueryError, Withheld
from careloom.mlops import breach, routing
from careloom.mlops.routing import Arms
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.models_gates import findings
from careloom.services.models_kept import Change, Json, put_traffic, resolve, told, traffic_of, write
from careloom.services.models_mirror import mirror_soon
from careloom.services.models_runs import resume_soon
from careloom.services.platform import Platform
from careloom.store.models import ModelWork
from careloom.store.rows import instant
from careloom.store.transaction import Transaction

SHADOW, CANARY = "models-shadow", "models-canary"


def shadow(platform: Platform, who: Principal, version: str, *, end: bool = False) -> Json:
    """Lets a version score every patient beside the champion: what it says is counted, and shown to nobody.

    end     takes it out again
    raises  AccessError; NotFound; Withheld where a gate does not hold; Conflict where it answers already, or is retired
    """
    admit(platform, who, "operate", "identified", operation=SHADOW)
    one = resolve(platform, version)
    before, number = traffic_of(platform, one.parent), one.body["number"]
    if end:
        if before["shadow"] != number:
            raise Conflict(f"{one.name} is no shadow", f"See who is: careloom models show {one.parent}.")
        return _put(platform, who, one, before, _Step(SHADOW, {**before, "shadow": None}, {"ended": True}))
    _require_free(before, one)
    _require_gates(platform, who, one, SHADOW)
    since = {**before["since"], "shadow": instant(platform.runtime.now())}
    return _put(platform, who, one, before, _Step(SHADOW, {**before, "shadow": number, "since": since}, {}))


def canary(platform: Platform, who: Principal, version: str, share: float | None = None) -> Json:
    """Lets a version answer for a share of patients, always the same ones; a larger share keeps those.

    share   0..1, of patients; None: `canary_share` of the limits
    raises  AccessError; NotFound; QueryError for a share that is none; Conflict where nobody approved it, there is no
            champion, or another canary is under way; Withheld where a gate does not hold
    """
    admit(platform, who, "operate", "identified", operation=CANARY)
    wanted = breach.shipped().canary_share if share is None else share
    if not 0 < wanted <= 1:
        raise QueryError("the share is none", "Give a number above 0, up to 1.")
    one = resolve(platform, version)
    before, number = traffic_of(platform, one.parent), one.body["number"]
    if one.state != "approved":
        raise Conflict(f"{one.name} is {one.state}", f"Another person has to: careloom models approve {one.name}.")
    if before["champion"] is None:
        raise Conflict("the model has no champion", f"Promote it: careloom models promote {one.name}.")
    if before["challenger"] not in (None, number):
        raise Conflict("another version is the canary", f"End it: careloom models rollback {one.parent}.")
    if before["challenger"] is None:
        _require_free({**before, "shadow": None}, one)
    _require_gates(platform, who, one, CANARY)
    since = {**before["since"], "challenger": instant(platform.runtime.now())}
    listens = None if before["shadow"] == number else before["shadow"]
    after = {**before, "challenger": number, "shadow": listens, "share": wanted, "since": since}
    made = _put(platform, who, one, before, _Step(CANARY, after, {"share": wanted}))
    resume_soon(platform, one.body["manifest"]["report"]["lineage"]["pipeline"])
    return made


def routed(platform: Platform, model: str, pseudonym: str) -> Arms:
    """Who answers for a patient: see `careloom.mlops.routing.Arms`.

    pseudonym  keyed, of the identified zone
    raises     NotFound where the model has no champion
    """
    return routed_by(platform, model, traffic_of(platform, model), pseudonym)


def routed_by(platform: Platform, model: str, traffic: Json, pseudonym: str) -> Arms:
    """The same by a traffic at hand, for who serves many patients and reads it anew every few seconds."""
    key = platform.keys.derive("models", "routing")
    found = routing.arms(traffic, routing.place_of(key, model, pseudonym))
    if found.answers is None:
        raise NotFound(f"nobody answers for {model}", f"Promote a version: careloom models list {model}.")
    return found


@dataclass(frozen=True, slots=True)
class _Step:
    operation: str
    after: Json
    detail: Json


def _put(platform: Platform, who: Principal, one: ModelWork, before: Json, step: _Step) -> Json:
    """Writes who answers; counts begin anew, so that versions are compared over the same time."""
    now = instant(platform.runtime.now())
    after = {**step.after, "last": {"step": step.operation.removeprefix("models-"), "time": now}}

    def act(transaction: Transaction) -> ModelWork:
        if transaction.models.find("version", one.name).state != one.state:
            raise Conflict(f"{one.name} was changed meanwhile", f"See it: careloom models show {one.name}.")
        put_traffic(transaction, one.parent, before, after)
        transaction.models.remove("count", one.parent)
        return transaction.models.find("version", one.name)

    made = write(platform, who, Change(step.operation, {"version": one.name, **step.detail}), act)
    mirror_soon(platform, who)
    return told(made, after)


def _require_free(before: Json, one: ModelWork) -> None:
    parts = [part for part in ("champion", "challenger", "shadow") if before[part] == one.body["number"]]
    if parts:
        raise Conflict(f"{one.name} is the {parts[0]}", "There is nothing to do.")
    if one.state == "retired":
        raise Conflict(f"{one.name} is retired", "Name a version that may answer: careloom models list.")


def _require_gates(platform: Platform, who: Principal, one: ModelWork, operation: str) -> None:
    failed: list[Any] = [each for each in findings(platform, one) if not each["passed"]]
    if failed:
        detail = {"version": one.name, "failed": [each["rule"] for each in failed]}
        note(platform, who, operation, "identified", outcome="refused", detail=detail)
        raise Withheld(f"{len(failed)} gates keep {one.name} back; {failed[0]['rule']}", "See careloom models show.")
