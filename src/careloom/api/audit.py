"""Routes of the audit chains: events, whether the chains are whole, checkpoints, proofs."""

from typing import Annotated, Literal

import orjson
from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field

from careloom.api import audit_schemas as schemas
from careloom.api.answers import answers, document, json_answer, problems, queued_answer, told
from careloom.api.context import base_url, platform, who
from careloom.api.lists import TimesQuery, context_for, opened_place, sealed_place
from careloom.api.quality_schemas import ZoneName
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Model, Problem
from careloom.services import audit_events, audit_proofs

TAG = Tag(name="Audit", description="Who did what, and the proof that nobody changed it.")
_SCOPE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/audit"]}]
_REFUSALS = (400, 401, 403, 500, 503)
_NAME = r"^[^\x00-\x1f\x7f]{0,200}$"

audit = APIBlueprint("audit", __name__, url_prefix="/api/v1/audit", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    shown = (schemas.ChainEvents, schemas.Verification, schemas.SignedCheckpoint, schemas.Proof, schemas.CheckAnswer)
    document(audit, Problem, *shown)
    app.register_api(audit)


class EventsQuery(TimesQuery):
    """Which events."""

    zone: ZoneName = told("identified", "Whose chain.", "identified")
    actor: Annotated[str, Field(pattern=_NAME)] = told("", "Only what this actor did.", "dr.weber")
    operation: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,64}$")] = told("", "Only this use case.", "read")
    outcome: Literal["", "success", "refused", "failed"] = told("", "Only what ended so.", "refused")
    about: Literal["", "landing", "identified", "research", "synthetic"] = told(
        "", "Only what concerns this zone: the chain of identified tells of landing, too.", "landing"
    )
    patient: Annotated[str, Field(pattern=r"^(Patient/[A-Za-z0-9\-.]{1,64})?$")] = told(
        "", "Only what is about Patient/<id>, as stored; in identified the source's own id, too.", ""
    )
    subject: Annotated[str, Field(pattern=r"^([a-z2-7]{26})?$")] = told(
        "", "Only what is about this patient, by the keyed pseudonym that events have.", "lm5z2dywok7s66m43g3qaohlqe"
    )


class ZoneQuery(Model):
    """Whose chain."""

    zone: ZoneName = told("identified", "Whose chain.", "identified")


class VerificationPath(Model):
    """Which check."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = told(..., "The id of the check.", RUN_ID)


@audit.get(
    "/events",
    summary="List audited events",
    operation_id="audit_events",
    security=_SCOPE,
    responses={200: answers(schemas.ChainEvents, "A page, newest first."), **problems(*_REFUSALS)},
)
def events(query: EventsQuery) -> Response:
    """To ask is an event of its own, which the answer begins with where no filter leaves it out."""
    context = context_for(query)
    last = opened_place(query.cursor, context) if query.cursor else []
    ask = audit_events.EventsAsk(
        query.zone, query.actor, query.operation, query.outcome, query.about, query.patient, query.subject,
        query.since, query.until, int(last[0]) if last else None,
    )  # fmt: skip
    found = audit_events.events(platform(), who(), ask, limit=query.limit + 1)
    page = found[: query.limit]
    more = sealed_place([str(page[-1]["seq"])], context) if len(found) > len(page) else None
    return json_answer({"items": page, "next": more})


@audit.post(
    "/verifications",
    summary="Check whether the chains are whole",
    operation_id="verify_audit",
    security=_SCOPE,
    responses={202: queued_answer(schemas.Verification), **problems(*_REFUSALS, 409, 413, 415)},
)
def verified(body: schemas.VerificationAsk) -> Response:
    """Every row, link, signature and anchor, by the job worker: as careloom audit verify does."""
    made = audit_events.submit_verification(platform(), who(), body.zone or "")
    return json_answer(made, 202, at=f"{base_url()}/api/v1/audit/verifications/{made['id']}")


@audit.get(
    "/verifications/<run_id>",
    summary="What a check found",
    operation_id="audit_verification",
    security=_SCOPE,
    responses={200: answers(schemas.Verification, "The check as it stands."), **problems(*_REFUSALS, 404)},
)
def verification(path: VerificationPath) -> Response:
    """Its report once it is done: also a chain that is not whole is reported by a check that is done."""
    return json_answer(audit_events.verification(platform(), who(), path.run_id))


@audit.get(
    "/checkpoint",
    summary="A signed checkpoint",
    operation_id="audit_checkpoint",
    security=_SCOPE,
    responses={200: answers(schemas.SignedCheckpoint, "Of the chain as it is now."), **problems(*_REFUSALS, 404)},
)
def checkpoint(query: ZoneQuery) -> Response:
    """Keep it where the operator cannot write: it holds the chain to every event up to there."""
    return json_answer(audit_proofs.checkpoint_of(platform(), who(), query.zone))


@audit.post(
    "/proofs",
    summary="Prove that an event is in the chain",
    operation_id="prove_event",
    security=_SCOPE,
    responses={200: answers(schemas.Proof, "For anybody to check."), **problems(*_REFUSALS, 404, 413, 415)},
)
def proven(body: schemas.ProofAsk) -> Response:
    """The row and the hashes beside its way up to a checkpoint; it shows no other event."""
    held = b"" if body.checkpoint is None else orjson.dumps(body.checkpoint.model_dump())
    return json_answer(audit_proofs.prove(platform(), who(), body.zone, str(body.seq), held))


@audit.post(
    "/checks",
    summary="Check a checkpoint or a proof",
    operation_id="check_audit_proof",
    security=_SCOPE,
    responses={200: answers(schemas.CheckAnswer, "What it is worth."), **problems(*_REFUSALS, 413, 415)},
)
def checked(body: schemas.CheckAsk) -> Response:
    """Whether it is signed here, and whether the chain still begins with what it covers."""
    content = orjson.dumps(body.model_dump() if body.row is not None else body.checkpoint.model_dump())
    return json_answer({"event": None, **audit_proofs.check_here(platform(), who(), content)})
