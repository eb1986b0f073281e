"""Validation of one resource on request: what refuses it, what is doubtful, and whether a change would be made.

source  FHIR R4 (4.0.1), resource-operation-validate: what is found is told, whatever it is; nothing is written
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from careloom.errors import AccessError, CareloomError, InputError, QueryError, Unprocessable
from careloom.fhir.drafts import Resource
from careloom.fhir.issue_texts import TEXTS
from careloom.fhir.validate import advise, check
from careloom.issues import Issue
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.changes import Change, Method
from careloom.services.platform import Platform
from careloom.services.records import read
from careloom.services.search import zone_of
from careloom.services.write import admit_change, tried
from careloom.store.zone_store import Zone

OPERATION = "validate"
Mode = Literal["create", "update", "delete", "profile"]
MODES: tuple[Mode, ...] = get_args(Mode)
DEFINITIONS = "http://hl7.org/fhir/StructureDefinition/"
_CHANGES: dict[str, Method] = {"create": "create", "update": "update", "delete": "delete"}
_VERSIONS = ("", "4.0", "4.0.1")


@dataclass(frozen=True, slots=True)
class ValidateAsk:
    """What to validate.

    resource_id  of the address; empty where only a type is named
    resource     what was sent; None for the stored one, which `resource_id` names
    found        what refuses the bytes that it was read from
    mode         what is meant to be done with it, one of `MODES`; empty for nothing
    profile      canonical address of a StructureDefinition; empty for that of the type
    """

    resource_type: str
    resource_id: str = ""
    resource: Resource | None = None
    found: Sequence[Issue] = ()
    mode: str = ""
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it.

    issues   of the resource, in document order
    refusal  why the change of the mode would not be made, though the resource is valid; None where it would
    """

    issues: tuple[Issue, ...]
    refusal: CareloomError | None = None


def validate_one(platform: Platform, who: Principal, zone_name: str, ask: ValidateAsk) -> Verdict:
    """What is wrong with a resource, and whether the change that the mode names would be made as things stand.

    raises  AccessError; QueryError, InputError for a question that means nothing; Unprocessable for a profile that is
            not checked here; NotFound, Erased for a stored resource that is not there
    """
    zone = zone_of(zone_name)
    admit(platform, who, "read", zone, ask.resource_type, operation=OPERATION)
    change = _change(ask)
    if change is not None:
        admit_change(platform, who, zone, change)
    try:
        _refuse_senseless(ask)
        verdict = _verdict(platform, who, zone, ask, change)
    except AccessError:
        raise  # audited by who refused
    except CareloomError as error:
        detail = {"type": ask.resource_type, "code": error.code}
        note(platform, who, OPERATION, zone, outcome="failed", detail=detail)
        raise
    told: dict[str, object] = {"type": ask.resource_type, "issues": len(verdict.issues)}
    if ask.mode:
        told["mode"] = ask.mode
    note(platform, who, OPERATION, zone, detail=told)
    return verdict


def _change(ask: ValidateAsk) -> Change | None:
    """The change that the mode means; None where it means none."""
    method = _CHANGES.get(ask.mode)
    if method is None:
        return None
    resource = None if method == "delete" else ask.resource
    named = ask.resource_id or (str((ask.resource or {}).get("id", "")) if method == "update" else "")
    return Change(method, ask.resource_type, "" if method == "create" else named, resource=resource)


def _refuse_senseless(ask: ValidateAsk) -> None:
    """Returns when the parts of the ask go together. raises QueryError, InputError, Unprocessable"""
    if ask.mode and ask.mode not in MODES:
        raise QueryError("the mode of the validation is none", f"Name one of {', '.join(MODES)}, or leave it out.")
    if ask.mode == "delete" and not ask.resource_id:
        raise QueryError("a deletion is of one resource", "Ask at the address of the resource.")
    if ask.mode in ("create", "update") and ask.resource is None:
        raise QueryError("there is no resource that could be written", "Send it as the body, or in Parameters.")
    if ask.resource is None and not ask.resource_id:
        raise QueryError("there is no resource to validate", "Send it as the body, or in Parameters.")
    if ask.resource is not None and ask.resource.get("resourceType") != ask.resource_type:
        raise InputError("the resource is not of the type of the address", "Send it to the address of its type.")
    if ask.mode == "update" and not (ask.resource_id or (ask.resource or {}).get("id")):
        raise QueryError("an update is of one resource", "Give its id, in the address or in the resource.")
    url, _, version = ask.profile.partition("|")
    if ask.profile and (url != DEFINITIONS + ask.resource_type or version not in _VERSIONS):
        raise Unprocessable(
            "this installation validates against FHIR R4 itself, and has no such profile",
            f"Leave profile out, or name {DEFINITIONS}{ask.resource_type}.",
        )


def _verdict(platform: Platform, who: Principal, zone: Zone, ask: ValidateAsk, change: Change | None) -> Verdict:
    resource = ask.resource
    if resource is None and ask.mode != "delete":
        resource = read(platform, who, zone, ask.resource_type, ask.resource_id).resource()
    issues = _issues(resource, ask.found) if resource is not None else []
    if change is None or any(one.refuses for one in issues):
        return Verdict(tuple(issues))
    try:
        tried(platform, who, zone, change)
    except AccessError:
        raise
    except CareloomError as error:
        return Verdict(tuple(issues), error)
    return Verdict(tuple(issues))


def _issues(resource: Resource, found: Sequence[Issue]) -> list[Issue]:
    """What refuses the resource, or else what is doubtful in it, and which of its claims nobody looked at."""
    refused = [*found, *(one for one in check(resource) if one not in found)]
    issues = refused + [one for one in advise(resource) if one not in refused]
    meta = resource.get("meta")
    if isinstance(meta, dict) and meta.get("profile"):
        place, text = f"{resource['resourceType']}.meta.profile", TEXTS["fhir.profiles-unchecked"]
        issues.append(Issue("fhir.profiles-unchecked", "information", place, text))
    return issues
