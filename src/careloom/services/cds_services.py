"""The services of CDS Hooks, all of them: risks by registered models, and what the record says against orders."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from careloom.crypto.pseudonyms import name_of
from careloom.errors import NotFound
from careloom.risk.cds_cards import OVERRIDE, OVERRIDE_REASONS
from careloom.risk.cds_suggestions import taken
from careloom.services import order_cards, score_cards
from careloom.services.access import Principal
from careloom.services.admission import admit, event, note
from careloom.services.cds_calls import HookAsk
from careloom.services.monitor_labels import FEEDBACK, Feedback, take_feedback
from careloom.services.platform import Platform
from careloom.store.cards import Shown, counted, shown
from careloom.store.predictions import Answer

OPERATION = "cds-services"
COUNTED = "monitor-cards"
OTHER = "other"
ZONE: Literal["identified"] = "identified"
Json = dict[str, Any]


def discovery(platform: Platform, who: Principal) -> list[Json]:
    """The services, as CDS Hooks describes them. raises AccessError"""
    admit(platform, who, "monitor", ZONE, operation=OPERATION)
    found = [*score_cards.described(platform), *order_cards.described()]
    note(platform, who, OPERATION, ZONE, detail={"listed": len(found)})
    return found


def cards(platform: Platform, who: Principal, service_id: str, ask: HookAsk) -> list[Json]:
    """The cards of one call.

    raises  AccessError; NotFound for a service that there is not; InputError for a hook that is not the service's;
            Precondition where the patient is not in the store
    """
    if is_about_orders(service_id):
        return order_cards.cards(platform, who, service_id, ask)
    return score_cards.cards(platform, who, service_id, ask)


def is_about_orders(service_id: str) -> bool:
    """Whether a service looks at orders."""
    return service_id.partition(".")[0] == order_cards.SERVICE


def feedback(platform: Platform, who: Principal, service_id: str, told: Sequence[Mapping[str, Any]]) -> Json:
    """Notes what people made of cards: of risks as `careloom.services.monitor_labels.take_feedback` counts it.

    Comments are not kept, for they may tell of a patient; a reason that is none of ours counts as other.
    returns  ``answers`` that were kept, and ``unknown``
    raises   AccessError; NotFound for a service that there is not
    """
    if not is_about_orders(service_id):
        score_cards.require_service(service_id)
    elif service_id not in {one["id"] for one in order_cards.described()}:
        raise NotFound("there is no such service", "List them: GET /cds-services.")
    admit(platform, who, "correct", ZONE, operation=FEEDBACK)
    with platform.store(ZONE).connect() as connection:
        known = [(one, shown(connection, str(UUID(str(one["card"]))))) for one in told]
    of_cards = [(one, card) for one, card in known if card is not None]
    of_risks = [one for one, card in known if card is None or card.kind == "risk"]
    if of_cards or is_about_orders(service_id):
        said = event(platform, who, FEEDBACK, ZONE, action="update", detail={"told": len(of_cards)})
        with platform.store(ZONE).transaction(said) as step:
            for one, card in of_cards:
                step.cards.answer(card.card, _answer(one), reason=_reason(one), taken=_taken(one, card))
    if is_about_orders(service_id) or not of_risks:
        return {"answers": len(of_cards), "unknown": len(told) - len(of_cards)}
    found = take_feedback(platform, who, [_of_prediction(one) for one in of_risks])
    return {"answers": len(told) - len(of_risks) + found["answers"], "unknown": found["unknown"]}


def counted_cards(platform: Platform, who: Principal, days: int = 90) -> list[Json]:
    """What people made of the cards of the last days, by service and kind: shown, accepted, taken, overridden, reasons.

    Of risks those with suggestions; the others stand in what is watched of each version. raises AccessError
    """
    admit(platform, who, "monitor", ZONE, operation=COUNTED)
    with platform.store(ZONE).connect() as connection:
        found = counted(connection, platform.runtime.now() - timedelta(days=days))
    note(platform, who, COUNTED, ZONE, detail={"listed": len(found)})
    return found


def _taken(one: Mapping[str, Any], card: Shown) -> int:
    accepted = [str(told["id"]) for told in one.get("acceptedSuggestions") or ()]
    return taken(card.card, accepted, card.suggestions) if _answer(one) == "accepted" else 0


def _of_prediction(one: Mapping[str, Any]) -> Feedback:
    return Feedback(name_of(UUID(str(one["card"])).bytes), None, _answer(one), _reason(one))


def _answer(one: Mapping[str, Any]) -> Answer:
    return "accepted" if one["outcome"] == "accepted" else "overridden"


def _reason(one: Mapping[str, Any]) -> str:
    """The code of an override; empty for none."""
    told = (one.get("overrideReason") or {}).get("reason") or {}
    if _answer(one) == "accepted" or not told:
        return ""
    is_ours = told.get("system") == OVERRIDE and told.get("code") in OVERRIDE_REASONS
    return str(told["code"]) if is_ours else OTHER
