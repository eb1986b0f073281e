"""Cards about orders in the making: what the record and the shipped rules say against them; one service a hook.

Nobody is told which drugs interact: only allergies, orders and facts on record, and rules with their source.
"""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson

from careloom.errors import InputError, NotFound, Precondition
from careloom.risk.cds_order_cards import order_card
from careloom.risk.cds_orders import concerns
from careloom.risk.cds_suggestions import to_take_out, with_suggestions
from careloom.services.access import Principal
from careloom.services.admission import admit, event
from careloom.services.cds_calls import ORDER_HOOKS, HookAsk
from careloom.services.cds_names import stored_id
from careloom.services.cds_prefetch import REQUIREMENTS, beside, templates, told_of
from careloom.services.platform import Platform
from careloom.services.restrictions import require_seen
from careloom.services.score_facts import types_of_gaps
from careloom.services.sight import view_of
from careloom.store.cards import Shown

SERVICE = "order-check"
OPERATION = "cds-orders"
ZONE: Literal["identified"] = "identified"
TYPES = tuple(dict.fromkeys((*types_of_gaps(), "AllergyIntolerance", "ServiceRequest")))
"""What is read of a patient."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """What is known of a patient who is ordered for.

    patient    stored id; empty for one who is not in the store
    subject    keyed pseudonym, for the audit chain
    versions   ``Observation/17`` -> the version that was read
    withheld   resources that a consent withholds from who asked
    sources    of one who is not in the store: prefetch, server
    """

    patient: str
    subject: str
    resources: tuple[Json, ...]
    versions: dict[str, int]
    withheld: int = 0
    sources: frozenset[str] = frozenset()


def described() -> list[Json]:
    """The services, as CDS Hooks describes them."""
    return [
        {
            "id": f"{SERVICE}.{hook}", "hook": hook, "title": "What the record says against an order",
            "description": (
                "Cards where a drug meets an allergy on record or an order that is active, a test is done already or "
                "ordered, or a shipped rule of a guideline is against it. Interactions and doses are not looked at."
            ),
            "prefetch": templates(TYPES), "usageRequirements": REQUIREMENTS,
        }
        for hook in ORDER_HOOKS
    ]  # fmt: skip


def cards(platform: Platform, who: Principal, service_id: str, ask: HookAsk) -> list[Json]:
    """The cards of one call: about the orders that were selected, or at order-sign about all.

    raises  AccessError; NotFound for a service that there is not; InputError for a hook that is not the service's;
            Precondition where the patient is neither in the store nor told
    """
    hook = service_id.partition(".")[2]
    if hook not in ORDER_HOOKS:
        raise NotFound("there is no such service", "List them: GET /cds-services.")
    if ask.hook != hook:
        raise InputError("cds: hook", f"This service is called at {hook}.")
    for kind in TYPES:
        admit(platform, who, "read", ZONE, kind, operation=OPERATION)
    record = _record(platform, who, ask)
    return _shown(platform, who, service_id, ask, record)


def _record(platform: Platform, who: Principal, ask: HookAsk) -> OrderRecord:
    """What is here, with what the EHR sent along in its place; of somebody who is not here all that the EHR tells."""
    store, patient = platform.store(ZONE), stored_id(platform, "Patient", ask.patient)
    subject = store.pseudonym(patient)
    require_seen(platform, who, ZONE, (subject,))
    view, versions = view_of(platform, who, ZONE), {}
    found: dict[str, Json] = {}
    for stored in store.read_of(subject, TYPES):
        resource = orjson.loads(stored.content)
        if view.sight.is_whole or view.shows(resource):
            versions[f"{stored.type}/{stored.id}"] = stored.version
            found[f"{stored.type}/{stored.id}"] = resource
    if f"Patient/{patient}" in versions:
        for reference, one in beside(ask, TYPES).items():
            kind, _, name = reference.partition("/")
            mapped = f"{kind}/{platform.names.resource_id(platform.settings.ingest.source, kind, name)}"
            for gone in (reference, mapped):
                found.pop(gone, None)
                versions.pop(gone, None)
            found[reference] = one
        return OrderRecord(patient, subject, tuple(found.values()), versions, view.left_out)
    if not ask.prefetch and not ask.server:
        raise Precondition("cds: the patient is not in this store", "Send its record first, or prefetch.")
    told = told_of(platform, ask, TYPES)
    return OrderRecord("", store.pseudonym(ask.patient), told.resources, {}, sources=told.sources)


def _shown(platform: Platform, who: Principal, service_id: str, ask: HookAsk, record: OrderRecord) -> list[Json]:
    """Makes the cards and keeps that they were shown, in one step with the audit record."""
    orders = [one.resource for one in ask.orders if not ask.selected or one.reference in ask.selected]
    beside = [one.resource for one in ask.orders if one.resource not in orders]
    found = concerns(orders, beside, record.resources, platform.runtime.now())
    made, kept, named = [], [], {one.reference for one in ask.orders}
    for one in found:
        card_id = str(UUID(bytes=platform.runtime.random_bytes(16), version=4))
        out = to_take_out(one.order) if one.order in named else []
        bare = order_card(one, card_id, platform.settings.base_url, record.patient, record.versions)
        made.append(with_suggestions(bare, out))
        kept.append(Shown(card_id, service_id, one.kind, len(out)))
    detail: dict[str, object] = {"service": service_id, "orders": len(orders), "cards": len(made)}
    if record.sources:
        detail["sources"] = sorted(record.sources)
    if record.withheld:
        detail["withheld"] = record.withheld
    told = event(platform, who, OPERATION, ZONE, action="read", subjects=(record.subject,), detail=detail)
    if not kept:
        platform.store(ZONE).append_audit(told)
        return []
    with platform.store(ZONE).transaction(told) as step:
        step.cards.show(kept)
    return made
