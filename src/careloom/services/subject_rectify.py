"""Rectify: a resource of a patient is mended, with a Provenance that says who, when and why; the old version is kept,
or goes for good with the bytes that only it stood on.

source  GDPR article 16; 45 CFR 164.526
"""

from dataclasses import dataclass, replace
from typing import Any

import orjson

from careloom.errors import FormatError, NotFound, QueryError
from careloom.fhir.drafts import Resource
from careloom.fhir.references import patients_of
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.backups import forget as forget_backups
from careloom.services.changes import Change
from careloom.services.patients_named import stored_id
from careloom.services.platform import Platform
from careloom.services.subject_rules import LONGEST_REASON, require_reason
from careloom.services.write import admit_change, require_change, write_together
from careloom.store.rectification import Forgotten, forget_earlier
from careloom.store.rows import instant

WRITER = "record-author"
"""The role by which the change is written, for whoever may rectify."""
_ACTIVITIES = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RectifyAsk:
    """What to mend, and how.

    fact      ``Type/id`` of a resource of the patient
    resource  the whole of it as it should be; or `patch`: a JSON Patch (list) or FHIRPath Patch (Parameters)
    reason    a sentence; it stands in the Provenance
    erase_old the version before goes for good
    """

    patient: str
    fact: str
    reason: str
    resource: Resource | None = None
    patch: Any = None
    erase_old: bool = False
    source: str = ""


def rectify(platform: Platform, who: Principal, ask: RectifyAsk) -> Json:
    """Mends a resource.

    returns  ``fact``, ``version`` (now), ``before``, ``provenance`` (its name), ``erased`` (versions, records,
             kept_records; None where the old version was kept)
    raises   AccessError; QueryError; NotFound, also for a resource of somebody else; Erased; as a write through FHIR
    """
    admit(platform, who, "rights", "identified", operation="rectify")
    require_reason(ask.reason)
    patient_id = stored_id(platform, ask.patient, ask.source)
    kind, name, version = _found(platform, patient_id, ask)
    writer = replace(who, roles=who.roles | {WRITER}, zones=who.zones | {"identified"}, scopes=None)
    change = Change(
        "patch" if ask.patch is not None else "update", kind, name, resource=ask.resource, patch=ask.patch,
        if_match=f'W/"{version}"',
    )  # fmt: skip
    made = Change("create", "Provenance", resource=_provenance(platform, who, ask, (kind, name, version)))
    for one in (change, made):
        admit_change(platform, writer, "identified", one)
        require_change(platform, "identified", one)
    done, told = write_together(platform, writer, "identified", [change, made])
    forgotten = _forget(platform, who, patient_id, (kind, name)) if ask.erase_old else None
    subject = platform.store("identified").pseudonym(patient_id)
    detail: Json = {"type": kind, "version": done.version, "erased": forgotten is not None}
    note(platform, who, "rectify", "identified", action="update", subjects=[subject], detail=detail)
    return {
        "fact": f"{kind}/{name}", "version": done.version, "before": str(version), "became": done.became,
        "provenance": f"Provenance/{told.id}", "erased": None if forgotten is None else forgotten._asdict(),
    }  # fmt: skip


def change_of(content: bytes) -> tuple[Resource | None, Any]:
    """(resource, patch), one of them None: a list and Parameters are patches. raises FormatError"""
    try:
        told = orjson.loads(content)
    except ValueError:
        raise FormatError("the change is no JSON", "Give a resource, a JSON Patch or a FHIRPath Patch.") from None
    if isinstance(told, list) or (isinstance(told, dict) and told.get("resourceType") == "Parameters"):
        return None, told
    if not isinstance(told, dict):
        raise FormatError("the change is no resource", "Give a resource, a JSON Patch or a FHIRPath Patch.")
    return told, None


def _found(platform: Platform, patient_id: str, ask: RectifyAsk) -> tuple[str, str, int]:
    """Type, stored id and version of the resource. raises QueryError; NotFound"""
    kind, slash, name = ask.fact.partition("/")
    if not slash or not name or (ask.resource is None) == (ask.patch is None):
        raise QueryError("there must be a fact Type/id, and a resource or a patch", "Send one of the two.")
    names = (name, platform.names.resource_id(ask.source or platform.settings.ingest.source, kind, name))
    known = platform.store("identified").read_named(kind, names)
    for stored in known.values():
        if not stored.deleted and patient_id in patients_of(stored.resource()):
            return kind, stored.id, stored.version
    raise NotFound(f"this patient has no such {kind}", "Search for it: careloom search.")


def _provenance(platform: Platform, who: Principal, ask: RectifyAsk, of: tuple[str, str, int]) -> Resource:
    kind, name, version = of
    entity = {"role": "revision", "what": {"reference": f"{kind}/{name}/_history/{version}"}}
    made: Resource = {
        "resourceType": "Provenance",
        "target": [{"reference": f"{kind}/{name}"}],
        "recorded": instant(platform.runtime.now()),
        "activity": {"coding": [{"system": _ACTIVITIES, "code": "UPDATE"}], "text": "rectification"},
        "reason": [{"text": ask.reason.strip()[:LONGEST_REASON]}],
        "agent": [{"who": {"display": who.name}}],
    }
    return made if ask.erase_old else made | {"entity": [entity]}


def _forget(platform: Platform, who: Principal, patient_id: str, fact: tuple[str, str]) -> Forgotten:
    """Removes what was wrong from the store, and from every backup that can be reached."""
    store = platform.store("identified")
    detail: Json = {"type": fact[0]}
    subjects = [store.pseudonym(patient_id)]
    told = event(platform, who, "rectify", "identified", action="delete", subjects=subjects, detail=detail)
    with store.transaction(told) as step:
        forgotten = forget_earlier(step.connection, *fact)
    store.scrub()
    forget_backups(platform)
    return forgotten
