"""A call of a CDS hook, read: what the hook's own context has to bring, and the orders in the making.

source  CDS Hooks 2.0, hooks order-select 1.0, order-sign 1.0, encounter-discharge 1.0 (https://cds-hooks.hl7.org)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from careloom.errors import InputError
from careloom.fhir.validate_tables import resource_types

DISCHARGE = "encounter-discharge"
ORDER_HOOKS = ("order-select", "order-sign")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DraftOrder:
    """An order that is not signed yet.

    place      of its entry in the Bundle, for messages
    reference  ``MedicationRequest/103``; empty where the draft has no id
    """

    place: str
    reference: str
    resource: Json


@dataclass(frozen=True, slots=True)
class HookAsk:
    """A call of a hook, as far as it is looked at.

    patient    id as the store or the source system knows it
    encounter  of the stay that is looked at; empty for none
    orders     in the making
    selected   references of those that were just chosen; of order-sign all
    prefetch   what the EHR sent along, by key: a resource or a Bundle, None where it has nothing
    server     base address of its FHIR server; empty where the call brings no token for it
    """

    hook: str
    patient: str
    encounter: str = ""
    orders: tuple[DraftOrder, ...] = ()
    selected: frozenset[str] = frozenset()
    prefetch: Mapping[str, Json | None] = field(default_factory=dict)
    server: str = ""
    token: str = field(default="", repr=False)


def hook_ask(told: Mapping[str, Any]) -> HookAsk:
    """What a call asks, with all that its hook has to bring.

    told    a call whose members are each of their kind: ``hook``, ``context`` with ``userId`` and ``patientId``, and
            where it has them ``fhirServer``, ``fhirAuthorization``, ``prefetch``
    raises  InputError that names the member: one is missing, a draft is no resource of FHIR R4 or is about somebody
            else, a selection names no draft, a key of prefetch has no resource
    """
    prefetch, access = told.get("prefetch") or {}, told.get("fhirAuthorization")
    _require_resources(prefetch)
    if access is None:
        return replace(_of_hook(told["hook"], told["context"]), prefetch=prefetch)
    if told.get("fhirServer") is None:
        raise InputError("cds: fhirServer is missing", "fhirAuthorization is for a server: name it.")
    found = _of_hook(told["hook"], told["context"])
    return replace(found, prefetch=prefetch, server=str(told["fhirServer"]), token=access["access_token"])


def _of_hook(hook: str, context: Mapping[str, Any]) -> HookAsk:
    patient, encounter = context["patientId"], context.get("encounterId") or ""
    if hook == DISCHARGE and not encounter:
        raise InputError("cds: context.encounterId is missing", f"{DISCHARGE} names the stay that ends.")
    if hook not in ORDER_HOOKS:
        return HookAsk(hook, patient, encounter)
    drafts = context.get("draftOrders")
    if drafts is None:
        raise InputError("cds: context.draftOrders is missing", f"{hook} brings a Bundle of the orders in the making.")
    orders = tuple(_orders(drafts, patient))
    named = frozenset(one.reference for one in orders if one.reference)
    if hook == "order-sign":
        return HookAsk(hook, patient, encounter, orders, named)
    selected = context.get("selections") or ()
    if not selected:
        raise InputError("cds: context.selections is missing", "order-select names the orders that were chosen.")
    for number, one in enumerate(selected):
        if one not in named:
            raise InputError(
                f"cds: context.selections[{number}] names no draft order", "Its order stands in draftOrders, by its id."
            )
    return HookAsk(hook, patient, encounter, orders, frozenset(selected))


def _require_resources(prefetch: Mapping[str, Any]) -> None:
    for number, one in enumerate(prefetch.values(), 1):
        if one is not None and not isinstance(one.get("resourceType"), str):
            raise InputError(
                f"cds: member {number} of prefetch is no resource", "Send a FHIR resource, or null for none."
            )


def _orders(drafts: Mapping[str, Any], patient: str) -> Iterator[DraftOrder]:
    """Each draft of a Bundle. It need not be whole FHIR yet: it is in the making."""
    entries = drafts.get("entry")
    if drafts.get("resourceType") != "Bundle" or not isinstance(entries, list) or not entries:
        raise InputError("cds: context.draftOrders is no Bundle with entries", "Send a Bundle of draft orders.")
    for number, entry in enumerate(entries):
        place = f"context.draftOrders.entry[{number}]"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(resource, dict) or not isinstance(kind, str) or kind not in resource_types():
            raise InputError(f"cds: {place} is no resource of FHIR R4", "Send orders as FHIR R4 (4.0.1) has them.")
        if not is_about(resource, patient):
            raise InputError(f"cds: {place} is about another patient", "All orders are of context.patientId.")
        name = resource.get("id")
        yield DraftOrder(place, f"{kind}/{name}" if isinstance(name, str) and name else "", resource)


def is_about(resource: Mapping[str, Any], patient: str) -> bool:
    """Whether a resource that names a patient names this one; one that names none may be anybody's."""
    for member in ("subject", "patient"):
        told = resource.get(member)
        reference = told.get("reference") if isinstance(told, dict) else None
        if isinstance(reference, str) and reference.rpartition("/")[2] != patient:
            return False
    return True
