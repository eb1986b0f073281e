"""Routes of patients' rights: all that is kept, rectification, rules, erasure with its certificate, retention."""

from typing import Annotated, Any, Literal

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag
from pydantic import Field

from careloom.api.answers import answers, document, json_answer, problems
from careloom.api.context import base_url, platform, who
from careloom.api.lists import TimesQuery, paged
from careloom.api.schemas import RUN_PATTERN, Model, Problem
from careloom.api.subjects_schemas import (
    CERTIFICATE,
    ONE_RULE,
    RULE_PATTERN,
    Erasure,
    ErasureAsk,
    ErasurePreview,
    ErasureRun,
    KeptCertificates,
    NewSubjectRule,
    Rectification,
    RectificationAsk,
    RetentionPlan,
    RuleAsk,
    SubjectAsk,
    SubjectRule,
    SubjectRules,
)
from careloom.services import erase, erase_jobs, retain, subject_export, subject_rectify, subject_rules
from careloom.services.erase_certificates import certificate

TAG = Tag(name="Data subjects", description="What a patient is entitled to; legal holds; erasure with proof.")
_RIGHTS: list[dict[str, list[str]]] = [{"oauth2": ["careloom/rights"]}]
_ERASE: list[dict[str, list[str]]] = [{"oauth2": ["careloom/erase"]}]
_REFUSALS = (400, 401, 403, 500, 503)
_WHERE = {"Location": {"schema": {"type": "string"}, "description": "Where it can be watched."}}
_BODY = (*_REFUSALS, 404, 409, 410, 413, 415)

subjects = APIBlueprint("subjects", __name__, url_prefix="/api/v1/subjects", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    shown = (Erasure, NewSubjectRule, SubjectRule, SubjectRules, Rectification, RetentionPlan)
    document(subjects, Problem, *shown, ErasurePreview, ErasureRun, KeptCertificates)
    app.register_api(subjects)


class RulePath(Model):
    """Which rule."""

    rule: Annotated[str, Field(pattern=RULE_PATTERN)] = Field(
        ..., description="Its name.", json_schema_extra={"example": ONE_RULE}
    )


class CertificatePath(Model):
    """Which certificate."""

    certificate: Annotated[str, Field(pattern=r"^[0-9]{8}T[0-9]{6}Z-[a-z2-7]{6}$")] = Field(
        ..., description="Its name.", json_schema_extra={"example": "20261129T120000Z-abcdef"}
    )


class RunPath(Model):
    """Which queued erasure."""

    run_id: Annotated[str, Field(pattern=RUN_PATTERN)] = Field(
        ..., description="Its id.", json_schema_extra={"example": "20261129T120000Z-abcdef"}
    )


class CertificateQuery(Model):
    """In which form."""

    form: Literal["json", "html"] = Field("json", description="JSON, or a page.", json_schema_extra={"example": "json"})


class RulesQuery(TimesQuery):
    """Which rules."""

    ended: bool = Field(False, description="Those that ended, too.", json_schema_extra={"example": False})


@subjects.post(
    "/export",
    summary="All that is kept of a patient",
    operation_id="export_subject",
    security=_RIGHTS,
    responses={
        200: {
            "description": "A zip: FHIR as NDJSON, what arrived as it arrived, a signed inventory.",
            "content": {
                "application/zip": {"schema": {"type": "string", "format": "binary"}, "example": "(bytes of a zip)"}
            },
        },
        **problems(*_BODY),
    },
)
def exported(body: SubjectAsk) -> Response:
    """Audited before the first byte leaves."""
    made = subject_export.export_subject(platform(), who(), body.patient, source=body.source)
    response = Response(made.content, 200, content_type="application/zip")
    response.headers["Content-Disposition"] = 'attachment; filename="subject.zip"'
    return response


@subjects.post(
    "/rectifications",
    summary="Mend a resource of a patient",
    operation_id="rectify_subject",
    security=_RIGHTS,
    responses={200: answers(Rectification, "It is mended; a Provenance says who, when and why."),
               **problems(*_BODY, 412, 422)},
)  # fmt: skip
def rectified(body: RectificationAsk) -> Response:
    """The change is checked as a write through FHIR."""
    told = body.model_dump()
    ask = subject_rectify.RectifyAsk(**{name: told[name] for name in told if name != "source"}, source=body.source)
    return json_answer(subject_rectify.rectify(platform(), who(), ask))


@subjects.post(
    "/rules",
    summary="Hold, restrict, or note an objection",
    operation_id="set_subject_rule",
    security=_RIGHTS,
    responses={
        201: answers(
            NewSubjectRule,
            "The rule holds.",
            headers={"Location": {"schema": {"type": "string"}, "description": "Where the rule stands."}},
        ),
        **problems(*_BODY),
    },
)
def set_rule(body: RuleAsk) -> Response:
    """It holds for every request from now on."""
    ask = subject_rules.RuleAsk(body.kind, body.patient, body.zone, body.reason, body.source)
    made = subject_rules.set_rule(platform(), who(), ask)
    return json_answer(_rule(made), 201, at=f"{base_url()}/api/v1/subjects/rules/{made['rule']}")


@subjects.get(
    "/rules",
    summary="List rules",
    operation_id="list_subject_rules",
    security=_RIGHTS,
    responses={200: answers(SubjectRules, "Oldest first."), **problems(*_REFUSALS)},
)
def rules(query: RulesQuery) -> Response:
    """Holds, restrictions and objections of all zones."""
    found = subject_rules.rules(platform(), who(), ended=query.ended)
    return paged([_rule(one) for one in found], query, by="rule", at="created", order="oldest")


@subjects.delete(
    "/rules/<rule>",
    summary="End a rule",
    operation_id="end_subject_rule",
    security=_RIGHTS,
    responses={200: answers(SubjectRule, "It has ended."), **problems(*_REFUSALS, 404, 409)},
)
def ended(path: RulePath) -> Response:
    """The rule stays listed with who ended it."""
    return json_answer(_rule(subject_rules.end_rule(platform(), who(), path.rule)))


@subjects.post(
    "/erasures",
    summary="Erase a patient",
    operation_id="erase_subject",
    security=_ERASE,
    responses={200: answers(Erasure, "Nothing of the patient is left."), **problems(*_BODY)},
)
def erased(body: ErasureAsk) -> Response:
    """Keys, rows, tables, exports and backups; a signed certificate says what went and what remains."""
    report = erase.erase(platform(), who(), body.patient, source=body.source, search=body.search)
    return json_answer({name: report[name] for name in report if name != "place"})


@subjects.post(
    "/erasures/preview",
    summary="What an erasure would destroy",
    operation_id="preview_erasure",
    security=_ERASE,
    responses={200: answers(ErasurePreview, "Counts alone; nothing is changed."), **problems(*_BODY)},
)
def previewed(body: SubjectAsk) -> Response:
    """Also whether a legal hold stands against it, and what learnt from the patient."""
    return json_answer(erase_jobs.preview(platform(), who(), body.patient, source=body.source))


@subjects.post(
    "/erasure-runs",
    summary="Queue the erasure of a patient",
    operation_id="queue_erasure",
    security=_ERASE,
    responses={
        202: answers(ErasureRun, "A worker will do it.", headers=_WHERE),
        **problems(*_BODY),
    },
)
def queued(body: ErasureAsk) -> Response:
    """As `POST /erasures`, done by a worker: a search of every byte may take long."""
    ask = erase.EraseAsk(body.patient, body.source, body.search)
    made = erase_jobs.submit(platform(), who(), ask)
    return json_answer(made, 202, at=f"{base_url()}/api/v1/subjects/erasure-runs/{made['id']}")


@subjects.get(
    "/erasure-runs/<run_id>",
    summary="How far a queued erasure is",
    operation_id="show_erasure_run",
    security=_ERASE,
    responses={200: answers(ErasureRun, "It as it stands."), **problems(*_REFUSALS, 404)},
)
def shown_run(path: RunPath) -> Response:
    """Its report names the patient by the keyed pseudonym alone."""
    return json_answer(erase_jobs.run(platform(), who(), path.run_id))


@subjects.get(
    "/erasures",
    summary="List certificates of erasures",
    operation_id="list_erasure_certificates",
    security=_ERASE,
    responses={200: answers(KeptCertificates, "Newest first."), **problems(*_REFUSALS)},
)
def listed(query: TimesQuery) -> Response:
    """Each with its signature and its sums checked now."""
    found = erase_jobs.certificates(platform(), who())
    return paged(found, query, by="certificate", at="ended")


@subjects.get(
    "/erasures/<certificate>",
    summary="The certificate of an erasure",
    operation_id="show_erasure_certificate",
    security=_ERASE,
    responses={
        200: {
            "description": "Signed JSON, or a page.",
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": CERTIFICATE},
                "text/html": {
                    "schema": {"type": "string"},
                    "example": "<h1>Certificate of erasure</h1>",
                },
            },
        },
        **problems(*_REFUSALS, 404),
    },
)
def shown_certificate(path: CertificatePath, query: CertificateQuery) -> Response:
    """As it was signed."""
    content = certificate(platform(), who(), path.certificate, query.form)
    kind = "application/json" if query.form == "json" else "text/html; charset=utf-8"
    return Response(content, 200, content_type=kind)


@subjects.get(
    "/retention",
    summary="What retention would remove",
    operation_id="plan_retention",
    security=_RIGHTS,
    responses={200: answers(RetentionPlan, "Counts by rule; nothing is changed."), **problems(*_REFUSALS)},
)
def planned() -> Response:
    """Counts alone, never a patient's value."""
    found = retain.plan(platform(), who())
    return json_answer({"items": [one | {"oldest": one["oldest"] or None} for one in found]})


def _rule(one: dict[str, Any]) -> dict[str, Any]:
    return one | {"ended": one["ended"] or None}
