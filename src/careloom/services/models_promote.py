"""Who answers for patients: a second person approves, promotes; anybody who runs production rolls back or retires.

Each step is one transaction with its audit record, and stands on what was judged: where that changed meanwhile, nothing
is done. MLflow follows later: nothing here waits for it.
"""

from dataclasses import dataclass

from careloom.errors import AccessError, Conflict, NotFound, StateError, Withheld
from careloom.mlops import breach
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.models import verified
from careloom.services.models_counts import looked_at
from careloom.services.models_gates import findings
from careloom.services.models_kept import (
    Change,
    Json,
    put_traffic,
    require_reason,
    resolve,
    set_traffic,
    told,
    traffic_now,
    traffic_of,
    version_name,
    write,
)
from careloom.services.models_mirror import mirror_soon
from careloom.services.models_runs import resume_soon
from careloom.services.platform import Platform
from careloom.store.models import ModelWork
from careloom.store.rows import instant
from careloom.store.transaction import Transaction

APPROVE, PROMOTE, ROLL_BACK, RETIRE = "models-approve", "models-promote", "models-rollback", "models-retire"
KEPT_CHAMPIONS = 10
"""How many earlier champions are remembered, to be rolled back to."""


def approve(platform: Platform, who: Principal, version: str, reason: str, *, is_held: bool = False) -> Json:
    """A second person says that a version may answer for patients; the version as `told` shows it.

    reason   why, for the auditor
    is_held  a run that waits for this goes on only when somebody made the version canary or champion; else at once, and
             deploys it as its pipeline says
    raises  AccessError, also for who trained or registered it; Withheld where a gate does not hold; StateError where
            anything of the version is not as it was signed; Conflict where it is not registered, is retired, or changed
            meanwhile
    """
    admit(platform, who, "approve", "identified", operation=APPROVE)
    require_reason(reason)
    one = resolve(platform, version)
    require_second(platform, who, one, APPROVE)
    found = _may_answer(platform, who, one, APPROVE)
    if one.state != "registered":
        raise Conflict(f"{one.name} is {one.state}", "Only what is registered and not approved yet can be approved.")
    body = {**one.body, "approval": _approval(platform, who, reason, found)}
    change = Change(APPROVE, {"version": one.name, "digest": one.body["digest"], "reason": reason})

    def act(step: Transaction) -> ModelWork:
        require_as_judged(step, one)
        return step.models.change("version", one.name, "approved", body)

    made = write(platform, who, change, act)
    mirror_soon(platform, who)
    if not is_held:
        resume_soon(platform, one.body["manifest"]["report"]["lineage"]["pipeline"])
    return told(made, traffic_of(platform, one.parent))


def promote(platform: Platform, who: Principal, version: str, reason: str) -> Json:
    """Makes a version the champion: all patients get its answers; the version as `told` shows it.

    A version that nobody approved yet is approved by this. Who promotes is another person than who registered it,
    whatever others said before. A canary that is under way has to have answered `canary_requests` times without a
    breach.

    raises  as `approve`; Conflict where it is the champion, or a canary of it is too young or breaks a limit
    """
    admit(platform, who, "approve", "identified", operation=PROMOTE)
    require_reason(reason)
    one = resolve(platform, version)
    require_second(platform, who, one, PROMOTE)
    return promoted(platform, who, one, reason)


def promoted(platform: Platform, who: Principal, one: ModelWork, reason: str) -> Json:
    """What `promote` does, for who was admitted and is another person, or for a pipeline whose version was approved."""
    before, number = traffic_of(platform, one.parent), one.body["number"]
    found = _may_answer(platform, who, one, PROMOTE)
    if before["champion"] == number:
        raise Conflict(f"{one.name} is the champion", "There is nothing to do.")
    if before["challenger"] == number:
        _require_canary(platform, one)
    body = one.body if one.state == "approved" else {**one.body, "approval": _approval(platform, who, reason, found)}
    after = _with_champion(platform, before, number)
    replaced = before["champion"]
    change = Change(
        PROMOTE, {"version": one.name, "digest": one.body["digest"], "reason": reason, "replaced": replaced or 0}
    )

    def act(step: Transaction) -> ModelWork:
        require_as_judged(step, one)
        made = step.models.change("version", one.name, "approved", body)
        put_traffic(step, one.parent, before, after)
        step.models.remove("count", one.parent)
        return made

    made = write(platform, who, change, act)
    mirror_soon(platform, who)
    resume_soon(platform, one.body["manifest"]["report"]["lineage"]["pipeline"])
    return told(made, after)


def roll_back(platform: Platform, who: Principal, model: str, reason: str) -> Json:
    """Takes back the newest step: a canary ends, or else the champion before answers again.

    Who goes is `registered` again: it needs a new approval before it answers anybody.

    returns  ``model``, ``was``, ``now`` (versions; ``now`` empty where nobody answers any more), ``traffic``
    raises   AccessError; NotFound where nobody answers for the model; StateError where there is nobody before
    """
    admit(platform, who, "operate", "identified", operation=ROLL_BACK)
    require_reason(reason)
    return rolled_back(platform, who, model, reason)


@dataclass(frozen=True, slots=True)
class Back:
    """Who takes a step back, and which.

    by      person or limit, for the audit chain
    part    challenger or champion; empty: whoever came last
    number  of the version that has to have that part still; 0: whoever has it
    """

    by: str = "person"
    part: str = ""
    number: int = 0


def rolled_back(platform: Platform, who: Principal, model: str, reason: str, back: Back | None = None) -> Json:
    """What `roll_back` does, for who was admitted. raises Conflict where the version lost its part meanwhile"""
    how = back or Back()
    before = traffic_of(platform, model)
    if before["champion"] is None and before["challenger"] is None:
        raise NotFound("nobody answers for this model", f"See its versions: careloom models list {model}.")
    if how.number and before[how.part] != how.number:  # else a canary's second end would end the champion
        raise Conflict(f"{version_name(model, how.number)} is {how.part} no more", "There is nothing to do.")
    after, was = _before(platform, model, before, how.part)
    now = after["champion"]
    after["last"] = {"step": "rollback", "time": instant(platform.runtime.now()), "by": how.by, "was": was}
    names = {"was": version_name(model, was), "now": "" if now is None else version_name(model, now)}
    change = Change(ROLL_BACK, {"model": model, **names, "reason": reason, "by": how.by})

    def act(step: Transaction) -> ModelWork:
        made = put_traffic(step, model, before, after)
        step.models.remove("count", model)
        gone = step.models.find("version", names["was"])
        if gone.state == "approved":
            step.models.change("version", gone.name, "registered", {**gone.body, "approval": None})
        return made

    write(platform, who, change, act)
    mirror_soon(platform, who)
    return {"model": model, **names, "traffic": after}


def retire(platform: Platform, who: Principal, version: str, reason: str) -> Json:
    """Takes a version out for good: it answers for nobody, and cannot be promoted again; its manifest stays.

    raises  AccessError; NotFound; Conflict where it is retired, or is the champion: promote or roll back first
    """
    admit(platform, who, "operate", "identified", operation=RETIRE)
    require_reason(reason)
    one = resolve(platform, version)
    traffic = traffic_of(platform, one.parent)
    if one.state == "retired":
        raise Conflict(f"{one.name} is retired", "There is nothing to do.")
    if traffic["champion"] == one.body["number"]:
        raise Conflict(f"{one.name} is the champion", f"Promote another, or: careloom models rollback {one.parent}.")
    made = retired(platform, who, one, reason)
    mirror_soon(platform, who)
    return told(made, traffic_of(platform, one.parent))


def retired(platform: Platform, who: Principal, one: ModelWork, reason: str) -> ModelWork:
    """What `retire` does, for who was admitted, whatever the version's part: nobody gets its answers afterwards."""
    over = {"by": who.name, "time": instant(platform.runtime.now()), "reason": reason}

    def act(step: Transaction) -> ModelWork:
        now = step.models.find("version", one.name)
        set_traffic(step, one.parent, _without(platform, step, one))
        return step.models.change("version", one.name, "retired", {**now.body, "retired": over})

    return write(platform, who, Change(RETIRE, {"version": one.name, "reason": reason}), act)


def _without(platform: Platform, step: Transaction, one: ModelWork) -> Json:
    """The traffic without a version: where it was champion, the newest before it that may answer takes over."""
    traffic, number = traffic_now(step, one.parent), one.body["number"]
    able = {each.body["number"] for each in step.models.listed("version", one.parent) if each.state == "approved"}
    past = [each for each in traffic["past"] if each != number and each in able]
    if traffic["champion"] == number:
        traffic = {**traffic, "champion": past[0] if past else None}
        past = past[1:]
    for part in ("challenger", "shadow"):
        if traffic[part] == number:
            traffic = {**traffic, part: None, "share": 0.0 if part == "challenger" else traffic["share"]}
    return {**traffic, "past": past, "last": {"step": "retire", "time": instant(platform.runtime.now()), "was": number}}


def _before(platform: Platform, model: str, before: Json, part: str) -> tuple[Json, int]:
    """The traffic without its newest step, or without who has a part, and the number of who goes."""
    if before["challenger"] is not None and part != "champion":
        return {**before, "challenger": None, "share": 0.0}, before["challenger"]
    for place, number in enumerate(before["past"]):
        if resolve(platform, version_name(model, number)).state == "approved":
            without = {"challenger": None, "share": 0.0, "past": before["past"][place + 1 :]}
            return {**before, **without, "champion": number}, before["champion"]
    raise StateError("there is no earlier champion to go back to", "Promote another version, or retire this one.")


def _with_champion(platform: Platform, before: Json, number: int) -> Json:
    past = [one for one in [before["champion"], *before["past"]] if one is not None and one != number]
    after = {**before, "champion": number, "past": past[:KEPT_CHAMPIONS]}
    for part in ("challenger", "shadow"):
        if after[part] == number:
            after[part] = None
    if before["challenger"] == number:
        after["share"] = 0.0
    now = instant(platform.runtime.now())
    return {**after, "since": {**before["since"], "champion": now}, "last": {"step": "promote", "time": now}}


def require_second(platform: Platform, who: Principal, one: ModelWork, operation: str) -> None:
    """Returns where somebody had no hand in a version, whatever its state.

    raises  AccessError for who registered it, or began or resumed the run that trained it
    """
    if who.name in {one.body["registrar"], *one.body["manifest"]["report"].get("trainers", ())}:
        note(platform, who, operation, "identified", outcome="refused", detail={"version": one.name})
        raise AccessError(
            "who trained or registered a version cannot approve it", "Another person looks at it, and approves it."
        )


def require_as_judged(step: Transaction, one: ModelWork) -> None:
    """Returns where a version is still as it was when its files and gates were looked at. raises Conflict"""
    now = step.models.find("version", one.name)
    if (now.state, now.body) != (one.state, one.body):
        raise Conflict(f"{one.name} was changed meanwhile", f"See it, then decide: careloom models show {one.name}.")


def _may_answer(platform: Platform, who: Principal, one: ModelWork, operation: str) -> list[Json]:
    """What the gates say of a version, where it may answer for patients. raises"""
    if one.state == "retired":
        raise Conflict(f"{one.name} is retired", "Name a version that may answer: careloom models list.")
    if not verified(platform, who, one)["whole"]:
        raise StateError(f"{one.name} is not as it was signed", f"See what differs: careloom models verify {one.name}.")
    found = findings(platform, one)
    failed = [each for each in found if not each["passed"]]
    if failed:
        told_detail = {"version": one.name, "failed": [each["rule"] for each in failed]}
        note(platform, who, operation, "identified", outcome="refused", detail=told_detail)
        first = f"{failed[0]['rule']}: {failed[0]['why']}".rstrip(": ")
        raise Withheld(f"{len(failed)} gates keep {one.name} back; {first}", "Train one that meets them.")
    return found


def _approval(platform: Platform, who: Principal, reason: str, found: list[Json]) -> Json:
    return {"by": who.name, "time": instant(platform.runtime.now()), "reason": reason, "findings": found}


def _require_canary(platform: Platform, one: ModelWork) -> None:
    limits = breach.shipped()
    _, verdict = looked_at(platform, one.parent)["challenger"]
    seen = verdict.seen["errors"]["n"]
    if verdict.breaches:
        raise Conflict(f"the canary breaks a limit: {verdict.breaches[0]}", "Roll it back, and train another.")
    if seen < limits.canary_requests:
        raise Conflict(f"the canary answered {seen} times of {limits.canary_requests}", "Wait, or widen it.")
