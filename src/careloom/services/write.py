"""Writes through FHIR: one change, or several together, checked, sealed under their patient's key; what came and the
audit events stand in the same durable step."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from careloom.errors import CareloomError, Conflict, InputError, Invalid, Precondition, Unprocessable
from careloom.fhir.bundle_links import conditions_of, named_in, recondition, relinked
from careloom.fhir.drafts import Resource
from careloom.fhir.patch import PatchError
from careloom.fhir.patch_fhirpath import fhirpath_patched
from careloom.fhir.patch_json import json_patched
from careloom.fhir.references import Reference, each_reference, parse_reference, patients_of
from careloom.fhir.search_definition import parameters_of
from careloom.fhir.search_own import STANDARD, OwnParameters
from careloom.fhir.search_parameters import Parameter
from careloom.services import own_parameters
from careloom.services.access import Principal
from careloom.services.access_decision import Ask, decide, refusal
from careloom.services.admission import admit, note
from careloom.services.changes import VERBS, Change, Done
from careloom.services.platform import Platform
from careloom.services.write_checks import (
    Integrity,
    Name,
    made_local,
    named_by,
    placed,
    require_valid,
    require_valid_here,
    said_by,
)
from careloom.services.write_targets import Target, Targets, criteria_of
from careloom.services.write_together import ACTIONS, DEFINITION, Made, names_of, written, written_for_each
from careloom.store.steps import Phased
from careloom.store.transaction import Transaction
from careloom.store.zone_store import Zone


def write(platform: Platform, who: Principal, zone: Zone, change: Change, *, is_indexed_later: bool = True) -> Done:
    """Makes one change.

    is_indexed_later  the indexing that a search parameter makes due is queued; else the caller sees to it

    raises  AccessError; Invalid, Unprocessable, InputError, QueryError; NotFound, Erased; Precondition, Conflict;
            NotSupported: nothing of it is kept then, and the audit chain says that it failed
    """
    admit_change(platform, who, zone, change)
    try:
        said = require_change(platform, zone, change)
        (done,) = platform.store(zone).step(_step(platform, who, zone, change, said))
    except CareloomError as error:
        note_failed(platform, who, zone, change, error)
        raise
    if is_indexed_later:
        _queue_indexing(platform, who, zone, [change])
    return done


def write_together(platform: Platform, who: Principal, zone: Zone, changes: Sequence[Change]) -> list[Done]:
    """Makes all changes of a transaction, or none; links between them are resolved. Admit and check them before.

    raises  as `write`; the error's `entry` names the entry that is at fault. Nothing is noted of a failure
    """
    done = platform.store(zone).step(
        lambda tx: written(tx, _Step(platform, who, zone, tx, is_together=True).look(changes))
    )
    _queue_indexing(platform, who, zone, changes)
    return done


def tried(platform: Platform, who: Principal, zone: Zone, change: Change) -> None:
    """Returns when the change would be made as things stand; nothing is written. Admit it before.

    raises  as `write`; nothing is noted of a failure
    """
    said = require_change(platform, zone, change)

    def look(tx: Transaction) -> None:
        _Step(platform, who, zone, tx, said=said).look([change])

    platform.store(zone).step(look)


def _queue_indexing(platform: Platform, who: Principal, zone: Zone, changes: Sequence[Change]) -> None:
    """What was stored before is indexed by a new search parameter, and no more by one that is gone."""
    if any(change.resource_type == DEFINITION for change in changes):
        own_parameters.queue(platform, who, zone)


def _step(
    platform: Platform, who: Principal, zone: Zone, change: Change, said: Sequence[Reference] | None
) -> Callable[[Transaction], list[Done]] | Phased[list[Made], list[Done]]:
    """One change as a step. What neither depends on the changes that other threads make at the same moment nor takes
    anything away that they look for is written with theirs.

    said  as `require_change` gives it
    """

    def look(tx: Transaction) -> list[Made]:
        return _Step(platform, who, zone, tx, said=said).look([change])

    if change.method == "delete" or change.condition is not None or change.resource_type == DEFINITION:
        return lambda tx: written(tx, look(tx))
    wanted = named_by(said or ()) if platform.settings.fhir.referential_integrity else ()
    return Phased(look, wanted, names_of, written_for_each)


def admit_change(platform: Platform, who: Principal, zone: Zone, change: Change) -> None:
    """Returns when `who` may make the change; criteria take leave to search too, a SearchParameter to operate.

    raises  AccessError
    """
    admit(platform, who, VERBS[change.method], zone, change.resource_type, operation=change.method)
    if change.resource_type == DEFINITION:
        admit(platform, who, "operate", zone, operation=change.method)
    searched = [] if change.condition is None else [(change.resource_type, change.condition)]
    if change.entry and change.resource is not None:
        parts = (parse_reference(one["reference"]) for one in conditions_of(change.resource))
        searched += [(part.type, part.query) for part in parts]
    own = own_parameters.searched(platform, zone) if searched else STANDARD
    for kind in sorted({kind for named, condition in searched for kind in _searched(named, condition, own)}):
        admit(platform, who, "search", zone, kind, operation=change.method)


def _searched(resource_type: str, condition: str, own: OwnParameters) -> frozenset[str]:
    """Every type that criteria ask about; of those that make no sense, which is said later, the type itself."""
    try:
        return criteria_of(resource_type, condition, own).types()
    except CareloomError:
        return frozenset({resource_type})


def note_failed(platform: Platform, who: Principal, zone: Zone, change: Change, error: CareloomError) -> None:
    """Writes down that a change came to nothing."""
    detail = {"type": change.resource_type, "code": error.code}
    action = ACTIONS[change.method]
    note(platform, who, change.method, zone, action=action, outcome="failed", detail=detail)


def require_change(platform: Platform, zone: Zone, change: Change) -> list[Reference] | None:
    """Returns when the change makes sense by itself: its resource is valid, and of the type and id of the address.

    returns  what the references of its resource say, None where it brings none
    raises   Invalid, InputError with `entry` set
    """
    if change.resource is None:
        return None
    with _at(change):
        own = change.resource.get("id")
        if change.resource.get("resourceType") != change.resource_type:
            raise InputError("the resource is not of the type of the address", "Send it to the address of its type.")
        if change.method == "update" and change.resource_id and own != change.resource_id:
            raise InputError("the id of the resource is not that of the address", "Give the same id in both.")
        return require_valid_here(change.resource, f"{platform.settings.base_url}/fhir/{zone}/")


class _at:  # noqa: N801 - a context, used as a word
    """Names the entry in every error that is raised inside."""

    def __init__(self, change: Change) -> None:
        self._entry = change.entry

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, CareloomError) and self._entry and not error.entry:
            error.entry = self._entry
            if isinstance(error, Invalid):
                error.issues = placed(error.issues, self._entry)


class _Step:
    """Changes within one transaction: everything is looked at first, and written last.

    said  what the references of the one change say, where somebody has looked; None to look
    """

    def __init__(
        self,
        platform: Platform,
        who: Principal,
        zone: Zone,
        tx: Transaction,
        *,
        is_together: bool = False,
        said: Sequence[Reference] | None = None,
    ) -> None:
        self._platform = platform
        self._who = who
        self._zone = zone
        self._tx = tx
        self._is_together = is_together
        self._said = said
        self._targets = Targets(platform, who, zone, tx)
        self._names: dict[str, str] = {}
        self._found: dict[str, str] = {}

    def look(self, changes: Sequence[Change]) -> list[Made]:
        """What is to be written, in order; nothing is written yet."""
        made = self._resolved(changes)
        self._require_apart(made)
        for one in made:
            if not one.target.is_settled and one.change.method != "delete":
                with _at(one.change):
                    self._fill(one)
                    self._require_own(one)
        self._require_integrity(made)
        return made

    def _require_own(self, made: Made) -> None:
        """Returns when what is to be written lies where the principal may write. raises AccessError"""
        verb, kind = VERBS[made.change.method], made.target.type
        ask = Ask(verb, self._zone, kind, frozenset(made.patients), at=self._platform.runtime.now())
        decision = decide(self._who, ask)
        if not decision.is_permit:
            raise refusal(self._who, ask, decision.reason)

    def _resolved(self, changes: Sequence[Change]) -> list[Made]:
        """The target of each change; those whose criteria name another entry after that one."""
        found: dict[int, Made] = {}
        same: dict[tuple[str, str], Target] = {}
        waiting = dict(enumerate(changes))
        while waiting:
            urls = {change.full_url for change in waiting.values() if change.full_url}
            ready = [
                number
                for number, change in waiting.items()
                if not change.condition or not (urls - {change.full_url}) & named_in(change.condition)
            ]
            if not ready:
                raise InputError("the criteria of the entries name each other in a circle", "Name what is there.")
            for number in ready:
                found[number] = self._one_resolved(waiting.pop(number), same)
        return [found[number] for number in range(len(changes))]

    def _one_resolved(self, change: Change, same: dict[tuple[str, str], Target]) -> Made:
        with _at(change):
            condition = None if change.condition is None else recondition(change.condition, self._names)
            key = (change.resource_type, condition or "")
            if change.method == "create" and condition is not None and key in same:
                target = Target(change.resource_type, same[key].id, same[key].before, is_settled=True)
            else:
                target = self._targets.of(change, condition)
                if change.method == "create" and condition is not None:
                    same[key] = target
        if change.full_url and target.id:
            self._names[change.full_url] = f"{target.type}/{target.id}"
            parts = parse_reference(change.full_url)
            if parts.form == "absolute" and parts.type:
                self._names[f"{parts.type}/{parts.id}"] = f"{target.type}/{target.id}"
        return Made(self._platform, self._who, self._zone, change, target)

    def _require_apart(self, made: Sequence[Made]) -> None:
        """Returns when no two changes are about the same resource. raises InputError that names the later entry"""
        seen: set[Name] = set()
        for one in made:
            if one.target.is_settled:
                continue
            with _at(one.change):
                if one.name in seen:
                    raise InputError("two entries are about the same resource", "Make one entry of them.")
            seen.add(one.name)

    def _fill(self, made: Made) -> None:
        """The resource that is to be written, and whose it is."""
        change, target = made.change, made.target
        if change.method == "patch":
            resource = _patched(change, target)
            made_local(each_reference(resource), f"{self._platform.settings.base_url}/fhir/{self._zone}/")
            _require_patched(resource)
        else:
            resource = self._linked({**(change.resource or {}), "id": target.id})
        made.resource, made.patients = resource, patients_of(resource)
        if target.type == DEFINITION:
            made.defined = parameters_of(resource)
            self._require_free(target.id, made.defined)
        if self._tx.erased(made.patients):
            raise Unprocessable(
                f"the {target.type} is about a patient who was erased from the {self._zone} zone",
                "Nothing more is kept about this patient.",
            )

    def _require_free(self, resource_id: str, defined: Sequence[Parameter]) -> None:
        """Returns when no other SearchParameter defines one of these. raises Conflict"""
        wanted = {(one.resource_type, one.code) for one in defined}
        for one in self._tx.own.all():
            name = (one.parameter.resource_type, one.parameter.code)
            if name in wanted and one.resource != resource_id and one.state != "removing":
                raise Conflict(f"{name[0]} has a search parameter {name[1]} already", "Choose another code.")

    def _linked(self, resource: Resource) -> Resource:
        """The resource with its links to other entries, and its references by search, resolved."""
        if not self._is_together:
            return resource
        linked = relinked(resource, self._names)
        searched = conditions_of(linked)
        if searched and linked is resource:
            linked = orjson.loads(orjson.dumps(resource))
            searched = conditions_of(linked)
        for reference in searched:
            reference["reference"] = self._by_search(reference["reference"])
        if linked is not resource:
            require_valid(linked)
        return linked

    def _by_search(self, text: str) -> str:
        """``Type/id`` of what a reference by search finds. raises Precondition where that is not exactly one"""
        if text not in self._found:
            parts = parse_reference(text)
            ids = self._targets.matches(parts.type, recondition(parts.query, self._names))
            if len(ids) != 1:
                raise Precondition(
                    f"a reference by search finds {'several' if ids else 'no'} resources of type {parts.type}",
                    "Give criteria that find exactly one; nothing was written.",
                )
            self._found[text] = f"{parts.type}/{ids[0]}"
        return self._found[text]

    def _require_integrity(self, made: Sequence[Made]) -> None:
        if not self._platform.settings.fhir.referential_integrity:
            return
        written = {one.name: one.resource for one in made if one.resource is not None}
        gone = {one.name for one in made if one.change.method == "delete" and not one.target.is_settled}
        rule = Integrity(self._platform, self._zone, self._tx, written, frozenset(gone))
        for one in made:
            with _at(one.change):
                if one.name in written:
                    rule.require_targets(one.name, said_by(written[one.name]) if self._said is None else self._said)
                elif one.name in gone:
                    rule.require_unreferenced(one.name)


def _patched(change: Change, target: Target) -> Resource:
    """The resource after the patch. raises PatchError without its path, which may hold values; Unprocessable"""
    before: Any = target.before.resource() if target.before is not None else {}
    try:
        orjson.dumps(change.patch)
    except TypeError:  # a program's patch: one that came as JSON can be written as JSON
        raise Unprocessable("the patch is not JSON", "Write numbers within 64 bits, and text in Unicode.") from None
    try:
        patched = json_patched if isinstance(change.patch, list) else fhirpath_patched
        after = patched(before, change.patch)
    except PatchError as error:
        raise PatchError(error.problem, error.remedy, error.operation) from None
    if not isinstance(after, dict) or after.get("resourceType") != target.type or after.get("id") != target.id:
        raise Unprocessable("the patch changes the type or the id of the resource", "Leave both as they are.")
    return after


def _require_patched(resource: Resource) -> None:
    """Returns when a patch left a valid resource. raises Unprocessable"""
    try:
        require_valid(resource)
    except Invalid as error:
        raise Unprocessable(f"the patch leaves what it must not: {error.where}", error.remedy, error.issues) from None
