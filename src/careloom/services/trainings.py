"""Trainings: which models and data sets learnt from which patients, so that erasing one finds what has to be done anew.

Patients stand there by keyed pseudonym. A training is tainted when a patient in it is erased, objects or is restricted;
it waits in the queue until another one took its place.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from careloom.errors import Conflict, QueryError
from careloom.services.access import Principal, Verb
from careloom.services.admission import admit, event, note
from careloom.services.platform import Platform
from careloom.services.research_consent import out_of_training
from careloom.services.search import zone_of
from careloom.services.vault_epochs import naming, unretired
from careloom.store.rights import Training
from careloom.store.rows import instant
from careloom.store.zone_store import Zone

KINDS = ("model", "corrections", "synthetic")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrainingAsk:
    """What was made, and of whom.

    name        what people call it
    kind        one of `KINDS`
    digest      SHA-256 of what was made, hex
    pseudonyms  of the identified zone, of every patient who was read
    zone        in which they were read
    """

    name: str
    kind: str
    digest: str
    pseudonyms: Collection[str]
    zone: str = "identified"


def register(platform: Platform, who: Principal, ask: TrainingAsk, verb: Verb = "correct") -> Json:
    """Registers a training. raises AccessError; QueryError; Conflict where one of the patients may not be in it

    verb  what has to be granted: a model of the registry is trained under ``train``
    """
    zone = zone_of(ask.zone)
    admit(platform, who, verb, zone, operation="register-training")
    if ask.kind not in KINDS or not ask.name.strip():
        raise QueryError("there is no such kind of training", f"Choose one of {', '.join(KINDS)}, and give it a name.")
    left = set(ask.pseudonyms) - set(permitted(platform, ask.pseudonyms))
    if left:
        raise Conflict(
            f"{len(left)} patients of this training were erased, restricted or objected",
            "Leave them out: export the training data anew, and train again.",
        )
    store, made = platform.store("identified"), platform.run_id()
    training = Training(made, ask.name, ask.kind, ask.digest, zone, who.name, platform.runtime.now(), 0, "", None, ())
    detail: Json = {"training": made, "kind": ask.kind, "patients": len(set(ask.pseudonyms))}
    with store.transaction(event(platform, who, "register-training", zone, action="create", detail=detail)) as step:
        step.rights.register(training, ask.pseudonyms)
    with store.rights() as reader:
        return as_json(reader.training(made))


def people_behind(platform: Platform, zone: Zone, patients: Collection[str]) -> dict[str, str]:
    """Patient id of a zone -> keyed pseudonym in the identified zone, of those whom research may learn from."""
    store, out = platform.store("identified"), out_of_training(platform)
    own = {one: one for one in patients}
    if zone != "identified":
        held = [name.partition("/")[2] for name in store.all_names(["Patient"])]
        renames = [naming(platform, epoch).rename for epoch in unretired(platform)]
        named = {rename("Patient", one): one for rename in renames for one in held}
        own = {one: named[one] for one in patients if one in named}
    return {name: store.pseudonym(one) for name, one in own.items() if one not in out and not store.is_erased(one)}


def permitted(platform: Platform, pseudonyms: Iterable[str]) -> list[str]:
    """Those of these patients who are here and whom research may learn from, sorted."""
    store = platform.store("identified")
    named = set(pseudonyms)
    out = {store.pseudonym(one) for one in out_of_training(platform)}
    with store.connect() as connection:
        known = {row[0] for row in connection.exec_driver_sql("SELECT pseudonym FROM subject_key")}
    return sorted(named & known - out)


def trainings(platform: Platform, who: Principal, *, waiting: bool = False) -> list[Json]:
    """All trainings, newest first, or those alone that wait to be done anew. raises AccessError"""
    admit(platform, who, "monitor", "identified", operation="trainings")
    with platform.store("identified").rights() as reader:
        found = [as_json(one) for one in reader.trainings(waiting=waiting)]
    note(platform, who, "trainings", "identified", detail={"listed": len(found)})
    return found


def retrained(platform: Platform, who: Principal, training: str, successor: str) -> Json:
    """Notes that another training took the place of a tainted one.

    raises  AccessError; NotFound; Conflict where it is not tainted, or the successor is
    """
    admit(platform, who, "correct", "identified", operation="retrain")
    store = platform.store("identified")
    with store.rights() as reader:
        if not reader.training(training).is_waiting:
            raise Conflict("the training does not wait", "See careloom train list --waiting.")
        if reader.training(successor).taints or successor == training:
            raise Conflict("the successor is tainted itself", "Train without the patients who left, and register that.")
    detail = {"training": training, "successor": successor}
    with store.transaction(event(platform, who, "retrain", "identified", action="update", detail=detail)) as step:
        step.rights.retrained(training, successor)
    with store.rights() as reader:
        return as_json(reader.training(training))


def as_json(one: Training) -> Json:
    """A training: training, name, kind, digest, zone, actor, created, patients, taints, waiting, successor."""
    return {
        "training": one.training, "name": one.name, "kind": one.kind, "digest": one.digest, "zone": one.zone,
        "actor": one.actor, "created": instant(one.created), "patients": one.patients,
        "taints": [{"cause": cause, "time": instant(moment)} for cause, moment in one.taints],
        "waiting": one.is_waiting, "successor": one.successor,
        "retrained": "" if one.retrained is None else instant(one.retrained),
    }  # fmt: skip
