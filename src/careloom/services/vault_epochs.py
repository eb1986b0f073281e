"""Epochs of a project's pseudonyms and date shifts: one follows another, and an old one is kept until it is retired.

A rotation changes no key that anything else is derived from. The first epoch has no salt: its keys come from the root
alone. Each later one has a salt of its own, which `retire` destroys: nobody can compute its names after that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from careloom.crypto.pseudonyms import project_key, project_names
from careloom.crypto.sealed_values import SealedValues
from careloom.deid.dates import shift_days
from careloom.deid.declared import Noise, Secrets, noise
from careloom.errors import Conflict, Erased, NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, event
from careloom.services.platform import Platform
from careloom.services.research_policy import may_be_in_zone
from careloom.store.rows import instant
from careloom.store.vault import Epoch
from careloom.store.zone_store import Transaction, Zone

ZONE: Zone = "identified"
SALT_BYTES = 16
SEALED_FOR = "research identifier"
"""The purpose of what a policy encrypts."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Naming:
    """What an epoch makes of things.

    rename     (type, id in the identified zone) -> id in the research zone
    shift      patient id in the identified zone -> days by which dates move
    surrogate  the key of what stands in texts in place of what identifies
    noise      what is added to numbers
    sealed     seals and opens what a policy encrypts
    """

    rename: Callable[[str, str], str]
    shift: Callable[[str], int]
    surrogate: bytes = field(repr=False)
    noise: Noise = field(repr=False)
    sealed: SealedValues = field(repr=False)

    @property
    def secrets(self) -> Secrets:
        """What a scrubber needs beside names and dates."""
        return Secrets(self.noise, self.sealed.seal)


def naming(platform: Platform, epoch: Epoch) -> Naming:
    """The names and dates of an epoch. raises Erased if it is retired."""
    if epoch.retired is not None:
        raise Erased(
            f"epoch {epoch.epoch} of project {epoch.project} is retired", "What was named under it cannot be reversed."
        )
    names = project_names(platform.keys, zone="research", project=epoch.project, salt=epoch.salt)
    days = shift_days(project_key(platform.keys, "date-shift", epoch.project, epoch.salt))
    surrogate = project_key(platform.keys, "surrogate", epoch.project, epoch.salt)
    drawn = noise(project_key(platform.keys, "noise", epoch.project, epoch.salt))
    parts = [project_key(platform.keys, purpose, epoch.project, epoch.salt) for purpose in ("seal-tag", "seal-text")]
    sealed = SealedValues(b"".join(parts), SEALED_FOR)
    return Naming(partial(names.resource_id, ""), days, surrogate, drawn, sealed)


def current(platform: Platform, project: str = "") -> Epoch:
    """The epoch under which a project is written now; of the project in the settings where none is named."""
    name = project or platform.settings.deidentify.project
    return _of_project(platform, name)[-1]


def find(platform: Platform, project: str, number: int | None = None) -> Epoch:
    """One epoch of a project, retired or not; the current one without a number. raises NotFound."""
    known = {one.epoch: one for one in _of_project(platform, project, is_asked=True)}
    if number is not None and number not in known:
        raise NotFound("the project has no such epoch", "List them: careloom vault epochs.")
    return known[max(known) if number is None else number]


def unretired(platform: Platform) -> list[Epoch]:
    """Every epoch of every project under which names may stand in the research zone, the current one among them."""
    with platform.store(ZONE).vault() as reader:
        known = [one for one in reader.epochs() if one.retired is None]
    now = current(platform)
    return known if now in known else [*known, now]


def epochs(platform: Platform, who: Principal, project: str = "") -> list[Json]:
    """The epochs of a project, or of every project, oldest first. raises AccessError; NotFound for an unknown one."""
    admit(platform, who, "reidentify", ZONE, operation="vault-epochs")
    if project:
        return [as_json(one) for one in _of_project(platform, project, is_asked=True)]
    with platform.store(ZONE).vault() as reader:
        known = reader.epochs()
    now = current(platform)
    return [as_json(one) for one in (known if now in known else [*known, now])]


def rotate(platform: Platform, who: Principal, project: str = "") -> Json:
    """Begins a new epoch; the next `careloom deidentify` of the project writes the zone anew under it.

    returns  the new epoch
    raises   AccessError; NotFound for a project that nothing was written for
    """
    admit(platform, who, "reidentify", ZONE, operation="vault-rotate")
    name = project or platform.settings.deidentify.project
    find(platform, name)
    store, salt = platform.store(ZONE), platform.runtime.random_bytes(SALT_BYTES)
    made: list[Epoch] = []
    detail: Json = {"project": name}
    with store.transaction(
        lambda _: event(platform, who, "vault-rotate", ZONE, action="create", detail=detail)
    ) as step:
        last = _written_down(platform, who, step, name)
        made.append(Epoch(name, last.epoch + 1, salt, who.name, platform.runtime.now()))
        step.vault.add_epoch(made[0])
        detail["epoch"] = made[0].epoch
    return as_json(made[0])


def retire(platform: Platform, who: Principal, project: str, number: int) -> Json:
    """Destroys the salt of an old epoch for good: no pseudonym of it can be reversed any more.

    raises  AccessError; NotFound; Conflict for the current epoch, a retired one, and while the zone may hold its names
    """
    admit(platform, who, "reidentify", ZONE, operation="vault-retire")
    find(platform, project, number)
    store, detail = platform.store(ZONE), {"project": project, "epoch": number}
    with store.transaction(event(platform, who, "vault-retire", ZONE, action="delete", detail=detail)) as step:
        _written_down(platform, who, step, project)
        known = step.vault.reader.epochs()
        (epoch,) = [one for one in known if (one.project, one.epoch) == (project, number)]
        if epoch.retired is not None:
            raise Conflict("the epoch is retired already", "Nothing is left to do.")
        if number == max(one.epoch for one in known if one.project == project):
            raise Conflict("it is the current epoch", "Rotate first: careloom vault rotate.")
        if may_be_in_zone(epoch, known):
            raise Conflict("the research zone may still hold names of it", "Run careloom deidentify first.")
        step.vault.mark(epoch, "retired")
    store.scrub()
    return as_json(find(platform, project, number))


def begin_run(platform: Platform, who: Principal, project: str, run: str) -> Epoch:
    """The epoch under which a run writes the research zone; that it may hold names of it is durable when it returns."""
    detail: Json = {"project": project, "run": run}
    found: list[Epoch] = []
    event_of = lambda _: event(platform, who, "deidentify", ZONE, detail=detail)  # noqa: E731
    with platform.store(ZONE).transaction(event_of) as step:
        found.append(_written_down(platform, who, step, project))
        step.vault.mark(found[0], "begun")
        detail["epoch"] = found[0].epoch
    return found[0]


def others_in_zone(platform: Platform, epoch: Epoch) -> bool:
    """True while the research zone may hold names of another epoch or project than this."""
    with platform.store(ZONE).vault() as reader:
        known = reader.epochs()
    return any(may_be_in_zone(one, known) for one in known if (one.project, one.epoch) != (epoch.project, epoch.epoch))


def end_run(platform: Platform, who: Principal, epoch: Epoch, run: str) -> None:
    """Notes that the research zone holds names of this epoch only."""
    detail = {"project": epoch.project, "epoch": epoch.epoch, "run": run, "finished": True}
    with platform.store(ZONE).transaction(event(platform, who, "deidentify", ZONE, detail=detail)) as step:
        step.vault.mark(epoch, "finished")


def as_json(epoch: Epoch) -> Json:
    """An epoch without its salt; times are empty where that did not happen."""
    return {
        "project": epoch.project,
        "epoch": epoch.epoch,
        "actor": epoch.actor,
        **{name: _told(getattr(epoch, name)) for name in ("created", "begun", "finished", "retired")},
    }


def _told(moment: datetime | None) -> str:
    return "" if moment is None else instant(moment)


def _of_project(platform: Platform, project: str, *, is_asked: bool = False) -> list[Epoch]:
    """The epochs of a project, oldest first; the first one where nothing is written down yet."""
    with platform.store(ZONE).vault() as reader:
        known = reader.epochs(project)
    if not known and is_asked and project != platform.settings.deidentify.project:
        raise NotFound("there is no such project", "Name one that the research zone was written for.")
    return known or [Epoch(project)]


def _written_down(platform: Platform, who: Principal, step: Transaction, project: str) -> Epoch:
    """The current epoch of a project, within a transaction; the first one is written down if it was not.

    A zone that was made before epochs were written down may hold names of the first one, so it counts as begun.
    """
    known = step.vault.reader.epochs(project)
    if known:
        return known[-1]
    now = platform.runtime.now()
    first = Epoch(project, actor=who.name, created=now, begun=now)
    step.vault.add_epoch(first)
    return first
