"""The second half of a change: what came is landed, what it makes is written, and the audit chain says so.

Changes of several callers are written at once: the same statements for all of them, one signature after the other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from careloom.audit import Action, AuditEvent
from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.fhir.search_parameters import Parameter
from careloom.services.access import Principal
from careloom.services.admission import event
from careloom.services.changes import Became, Change, Done
from careloom.services.platform import Platform
from careloom.services.records import outgoing_content
from careloom.services.sight import view_of
from careloom.services.write_checks import Name
from careloom.services.write_targets import Target
from careloom.store.rows import Landed, Landing, Outcome, Stored, Write, canonical
from careloom.store.transaction import Transaction
from careloom.store.zone_store import Zone

ACTIONS: Mapping[str, Action] = {"create": "create", "update": "update", "patch": "update", "delete": "delete"}
"""What the audit chain calls each method of a change."""
DEFINITION = "SearchParameter"
"""The type of resource that defines own search parameters."""
_METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH"}


@dataclass(slots=True)
class Made:
    """A change on its way: who makes it, what it is about, and what is to be written.

    resource  None for what is settled, and for deletions
    patients  keyed ids of the Patients whose compartment the resource is in
    defined   what a SearchParameter defines
    """

    platform: Platform
    who: Principal
    zone: Zone
    change: Change
    target: Target
    resource: Resource | None = None
    patients: tuple[str, ...] = ()
    became: Outcome | None = None
    defined: Sequence[Parameter] = ()
    stored: Stored | None = None

    @property
    def name(self) -> Name:
        """(type, id) of the target."""
        return self.target.type, self.target.id


def names_of(made: Sequence[Made]) -> Collection[Name]:
    """What the changes are about: two steps about the same are written one after the other."""
    return {one.name for one in made}


def written_for_each(tx: Transaction, steps: Sequence[Sequence[Made]]) -> list[list[Done]]:
    """What became of the changes of each step, all written at once."""
    done = iter(written(tx, [one for made in steps for one in made]))
    return [list(islice(done, len(made))) for made in steps]


def written(tx: Transaction, made: Sequence[Made]) -> list[Done]:
    """What became of each change, in order, now that it is written."""
    filled = [one for one in made if one.resource is not None]
    landed = dict(zip(map(id, filled), tx.land(None, [_landing(one) for one in filled]), strict=True)) if filled else {}
    acting = [one for one in made if not one.target.is_settled]
    writes = [_write(one, landed.get(id(one))) for one in acting]
    outcomes = tx.write(writes) if writes else []
    for one, write, outcome in zip(acting, writes, outcomes, strict=True):
        one.became = outcome
        one.stored = tx.as_written(write, outcome, landed[id(one)].record_id if id(one) in landed else "")
        if one.target.type == DEFINITION:
            tx.own.define(one.defined, one.target.id, str(one.resource["url"]) if one.resource is not None else "")
    _read_back(tx, [one for one in made if one.stored is None and one.target.id])
    tx.audit_all([_event(one) for one in made])
    return [_done(one) for one in made]


def _read_back(tx: Transaction, made: Sequence[Made]) -> None:
    """What stands there of changes that made no version."""
    by_type: dict[str, list[Made]] = {}
    for one in made:
        by_type.setdefault(one.target.type, []).append(one)
    for kind, some in by_type.items():
        stored = tx.reader.named(tx.connection, kind, {one.target.id for one in some})
        for one in some:
            one.stored = stored.get(one.target.id)


def _event(made: Made) -> AuditEvent:
    store, change = made.platform.store(made.zone), made.change
    before = made.target.before
    concerned = {*made.patients, *(patients_of(before.resource()) if made.target.is_there and before else ())}
    detail: dict[str, object] = {"type": made.target.type, "outcome": _became(made)}
    if made.target.id:
        detail["fact"] = store.pseudonym(f"{made.target.type}/{made.target.id}")
    if made.stored is not None:
        detail["version"] = str(made.stored.version)
    subjects, action = map(store.pseudonym, concerned), ACTIONS[change.method]
    return event(made.platform, made.who, change.method, made.zone, action=action, subjects=subjects, detail=detail)


def _became(made: Made) -> Became:
    if made.target.is_settled:
        return "existing" if made.change.method == "create" else "absent"
    if made.change.method == "delete":
        return "deleted"
    if made.became == "unchanged":
        return "unchanged"
    return "updated" if made.target.is_there else "created"


def _done(made: Made) -> Done:
    target, stored = made.target, made.stored
    if stored is None:
        return Done(_became(made), target.type, target.id)
    found = None
    if not stored.deleted and made.who.may("read", made.zone, target.type) and _is_shown(made, stored):
        found = outgoing_content(stored)
    return Done(_became(made), target.type, target.id, str(stored.version), stored.last_updated, found)


def _is_shown(made: Made, stored: Stored) -> bool:
    """True unless consents withhold what was there before; what a caller sends is known to it anyway."""
    if not made.target.is_settled and made.change.method != "patch":
        return True
    view = view_of(made.platform, made.who, made.zone)
    return view.sight.is_whole or view.shows(orjson.loads(stored.content))


def _landing(made: Made) -> Landing:
    """What came, as an entry of a Bundle with its links resolved: under the key of whomever it is, or was, about."""
    change, target = made.change, made.target
    url = target.type if change.method == "create" else f"{target.type}/{target.id}"
    entry: dict[str, Any] = {"request": {"method": _METHODS[change.method], "url": url}}
    patients = made.patients
    if change.method == "patch":
        entry |= {"id": target.id, "patch": change.patch}
        before = patients_of(target.before.resource()) if target.before is not None else ()
        patients = tuple(dict.fromkeys((*before, *patients)))
    else:
        entry["resource"] = made.resource
    return Landing("fhir", orjson.dumps(entry), patients)


def _write(made: Made, landed: Landed | None) -> Write:
    target = made.target
    if made.resource is None:
        return Write(target.type, target.id, b"", (), None, "delete")
    rec = None if landed is None else landed.rec
    return Write(target.type, target.id, canonical(made.resource), made.patients, rec, resource=made.resource)
