"""Cards for the EHR: which services there are, what one says, and what people make of it.

One service a model and hook; a model without a threshold of alerts, or without a champion, has none.
"""

from typing import Any, Literal
from uuid import UUID

from careloom.errors import CareloomError, InputError, NotFound, Precondition
from careloom.mlops.manifest import require_name
from careloom.risk.cds_cards import card
from careloom.risk.cds_suggestions import to_order, with_suggestions
from careloom.risk.cohorts_windows import WindowCohort
from careloom.services.access import Principal
from careloom.services.admission import event
from careloom.services.cds_calls import HookAsk
from careloom.services.cds_names import stored_id
from careloom.services.cds_prefetch import REQUIREMENTS, templates, told_of
from careloom.services.models_kept import traffic_of, versions_of
from careloom.services.platform import Platform
from careloom.services.score import ScoreAsk, ScoreReport, score
from careloom.services.score_facts import types, types_of_gaps
from careloom.services.score_models import Scorer, approved, scorer
from careloom.services.score_told import Moment, score_told
from careloom.store.cards import Shown

Hook = Literal["patient-view", "encounter-discharge"]
HOOKS: tuple[Hook, ...] = ("patient-view", "encounter-discharge")
OPERATION = "cds-risks"
TYPES = tuple(dict.fromkeys((*types(), *types_of_gaps())))
"""What is read of a patient."""
ZONE: Literal["identified"] = "identified"
Json = dict[str, Any]


def described(platform: Platform) -> list[Json]:
    """The services, as CDS Hooks describes them."""
    found = []
    for model in sorted({one.parent for one in versions_of(platform)}):
        asked = _asked(platform, model)
        found += [] if asked is None else [_described(asked, hook) for hook in _hooks(asked)]
    return found


def warm(platform: Platform) -> None:
    """Opens the champions that cards are made by, and loads what they run on; nobody is scored, nothing audited."""
    described(platform)


def require_service(service_id: str) -> None:
    """Returns where a service may be called so. raises NotFound, InputError"""
    _named(service_id)


def _asked(platform: Platform, model: str) -> Scorer | None:
    """The champion of a model, where cards can be made of what it says."""
    if traffic_of(platform, model)["champion"] is None:
        return None
    try:
        found = scorer(approved(platform, model))
    except CareloomError:  # a model of something else, or one that is not as it was signed: it answers nowhere
        return None
    return None if found.served.model.threshold is None else found


def _hooks(one: Scorer) -> tuple[Hook, ...]:
    """At the end of a stay only who predicts there."""
    definition = one.judge.definition
    if isinstance(definition, WindowCohort):
        return HOOKS[:1]
    at_discharge = bool(definition.index.event) and definition.events[definition.index.event].kind == "discharge"
    return HOOKS if at_discharge else HOOKS[:1]


def _described(one: Scorer, hook: Hook) -> Json:
    model = one.served.model
    return {
        "id": f"{one.served.name}.{hook}", "hook": hook, "title": f"Risk of {model.outcome}",
        "description": (
            f"A card where the calibrated risk of {model.outcome} reaches the threshold that was chosen under a budget "
            "of alerts, with what it rests on and what can be done."
        ),
        "prefetch": templates(TYPES), "usageRequirements": REQUIREMENTS,
    }  # fmt: skip


def cards(platform: Platform, who: Principal, service_id: str, ask: HookAsk) -> list[Json]:
    """The cards of one call: one, or none where nobody has to be told.

    None, too, where the newest alert of the same model about the same index was overridden: it was seen.
    raises  AccessError; NotFound for a service that there is not; InputError for a hook that is not the service's;
            Precondition where the patient is neither in the store nor told
    """
    model, hook = _named(service_id)
    if ask.hook != hook:
        raise InputError("cds: hook", f"This service is called at {hook}.")
    patient, is_end = stored_id(platform, "Patient", ask.patient), hook == "encounter-discharge"
    asked = ScoreAsk(model, patient, now=is_end, encounter=stored_id(platform, "Encounter", ask.encounter))
    try:
        made = score(platform, who, asked)
        if is_end and asked.encounter and made.state == "no-index":  # the stay has its end already
            made = score(platform, who, ScoreAsk(model, patient, encounter=asked.encounter))
    except NotFound as error:
        if platform.store(ZONE).versions("Patient", patient):
            raise
        if not ask.prefetch and not ask.server:
            raise Precondition(
                "cds: the patient is not in this store", "Send its record first, or prefetch."
            ) from error
        return _of_told(platform, who, service_id, ask)
    found = None if made.assessment is None else card(made.assessment, made.card_id, platform.settings.base_url)
    if made.assessment is None or found is None or _was_overridden(platform, made):
        return []
    whole = with_suggestions(found, to_order(made.assessment.open_gaps, ask.patient, ask.encounter))
    if "suggestions" in whole:
        shown = Shown(made.card_id, service_id, "risk", len(whole["suggestions"]))
        said = event(platform, who, OPERATION, ZONE, action="read", detail={"service": service_id, "cards": 1})
        with platform.store(ZONE).transaction(said) as step:
            step.cards.show([shown])
    return [whole]


def _of_told(platform: Platform, who: Principal, service_id: str, ask: HookAsk) -> list[Json]:
    """The card of a patient who is not here, from what the EHR tells; nothing of it is kept but that it was shown."""
    model, hook = _named(service_id)
    told = told_of(platform, ask, TYPES)
    record, is_end = told.record(platform, ask.patient), hook == "encounter-discharge"
    one = score_told(platform, who, model, record, Moment(platform.runtime.now(), is_end, ask.encounter))
    card_id = str(UUID(bytes=platform.runtime.random_bytes(16), version=4))
    found = None if one is None else card(one, card_id, platform.settings.base_url)
    detail = {"service": service_id, "sources": sorted(told.sources), "cards": int(found is not None)}
    if one is not None:
        detail |= {"model": one.model, "alert": one.is_alert, "facts": len(one.basis)}
    said = event(platform, who, OPERATION, ZONE, action="read", subjects=(record.subject,), detail=detail)
    if one is None or found is None:
        platform.store(ZONE).append_audit(said)
        return []
    del found["links"]  # there is no page of somebody who is not here
    whole = with_suggestions(found, to_order(one.open_gaps, ask.patient, ask.encounter))
    with platform.store(ZONE).transaction(said) as step:
        step.cards.show([Shown(card_id, service_id, "stranger", len(whole.get("suggestions", ())))])
    return [whole]


def _named(service_id: str) -> tuple[str, Hook]:
    model, _, hook = service_id.partition(".")
    if hook not in HOOKS:
        raise NotFound("there is no such service", "List them: GET /cds-services.")
    require_name(model)
    return model, hook


def _was_overridden(platform: Platform, made: ScoreReport) -> bool:
    """Whether somebody closed the newest card about the same index that had an answer."""
    one, store = made.assessment, platform.store(ZONE)
    if one is None or one.running:
        return False
    with store.predictions() as log:
        known = log.newest_answered(store.pseudonym(one.patient_id), one.model.partition("@")[0])
        answers = (kept.answer for kept in known if kept.said.index_time == one.index_time)
        return next(answers, "") == "overridden"
