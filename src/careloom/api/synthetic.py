"""Routes of synthetic data: engines, fits, samples, the release gate, releases, certificates, the privacy ledger.

Rows of a release are read as those of any table: ``/api/v1/lake/synthetic``. Services are loaded when somebody asks.
"""

from typing import Any

from flask import Response
from flask_openapi3 import APIBlueprint, OpenAPI, Tag

from careloom.api.answers import answers, document, json_answer, problems, queued_answer
from careloom.api.context import base_url, platform, who
from careloom.api.lists import ListQuery, StatesQuery, paged
from careloom.api.schemas import Problem
from careloom.api.synthetic_schemas import (
    AccountQuery,
    BudgetBody,
    CertificateQuery,
    EngineList,
    FitAskBody,
    LedgerAccountList,
    LedgerDetail,
    LedgerEntry,
    ReleaseAskBody,
    RunPath,
    SampleAskBody,
    SearchAskBody,
    SyntheticModel,
    SyntheticModelList,
    SyntheticRelease,
    SyntheticReleaseList,
    SyntheticSample,
)

TAG = Tag(name="Synthetic data", description="Data of nobody: fitted, drawn, judged, let out by a policy or not.")
MONITOR: list[dict[str, list[str]]] = [{"oauth2": ["careloom/monitor"]}]
READ: list[dict[str, list[str]]] = [{"oauth2": ["system/*.r"]}]
_RIGHTS: list[dict[str, list[str]]] = [{"oauth2": ["careloom/rights"]}]
REFUSALS = (400, 401, 403, 409, 500, 503)
_TYPES = {"json": "application/json", "pdf": "application/pdf", "html": "text/html; charset=utf-8"}
_CERTIFICATE: dict[str, Any] = {
    "description": "The certificate as a file.",
    "content": {
        "application/json": {"schema": {"type": "object"}, "example": {"report": {}, "signature": {}}},
        "application/pdf": {"schema": {"type": "string", "format": "binary"}, "example": "%PDF-1.7"},
        "text/html": {"schema": {"type": "string"}, "example": "<!doctype html>"},
    },
}
_ENTRY = ("entry", "seq", "time", "account", "kind", "actor", "run", "epsilon", "delta", "outcome", "note")

synthetic = APIBlueprint("synthetic", __name__, url_prefix="/api/v1/synthetic", abp_tags=[TAG])


def register(app: OpenAPI) -> None:
    """Adds the routes."""
    document(
        synthetic, Problem, EngineList, SyntheticModel, SyntheticModelList, SyntheticSample, SyntheticRelease,
        SyntheticReleaseList, LedgerAccountList, LedgerDetail, LedgerEntry,
    )  # fmt: skip
    app.register_api(synthetic)


@synthetic.get(
    "/engines",
    summary="List the engines",
    operation_id="synthetic_engines",
    security=MONITOR,
    responses={200: answers(EngineList, "Those that there are."), **problems(*REFUSALS)},
)
def engines_listed() -> Response:
    """And whether the library that one needs is installed. Their options: `careloom synthesize engines`."""
    from careloom.services import synthesize_shown as service  # noqa: PLC0415 - see the module

    return json_answer({"items": service.known_engines(platform(), who())})


@synthetic.get(
    "/models",
    summary="List models",
    operation_id="list_synthetic_models",
    security=MONITOR,
    responses={200: answers(SyntheticModelList, "All, newest first."), **problems(*REFUSALS)},
)
def models_listed(query: StatesQuery) -> Response:
    """Those of the research zone, and fits that wait."""
    from careloom.services import synthesize_jobs as service  # noqa: PLC0415 - see the module

    return paged(service.models(platform(), who()), query, by="id", at="created", order="names-down")


@synthetic.post(
    "/models",
    summary="Fit a generator",
    operation_id="fit_synthetic_model",
    security=READ,
    responses={202: queued_answer(SyntheticModel), **problems(*REFUSALS, 404, 413, 415)},
)
def fitted(body: FitAskBody) -> Response:
    """As a job, which reserves in the privacy ledger before any noise. Needs the scope careloom/correct, too."""
    from careloom.services import synthesize_jobs as service  # noqa: PLC0415 - see the module
    from careloom.services.synthesize import FitAsk  # noqa: PLC0415 - the same
    from careloom.services.synthesize_source import SourceAsk  # noqa: PLC0415 - the same

    told = body.model_dump()
    source = SourceAsk(told.pop("table"), None, told.pop("metadata"))
    return queued(service.submit_fit(platform(), who(), FitAsk(source, **told)), "models")


@synthetic.post(
    "/searches",
    summary="Search settings of a generator",
    operation_id="search_synthetic_model",
    security=READ,
    responses={202: queued_answer(SyntheticModel), **problems(*REFUSALS, 404, 413, 415)},
)
def searched(body: SearchAskBody) -> Response:
    """As a job: the best of the trials is the model that is answered. The ledger counts each before it runs. Needs the
    scope careloom/correct, too.
    """
    from careloom.services import synthesize_jobs as service  # noqa: PLC0415 - see the module
    from careloom.services.synthesize import FitAsk  # noqa: PLC0415 - the same
    from careloom.services.synthesize_search import SearchAsk  # noqa: PLC0415 - the same
    from careloom.services.synthesize_source import SourceAsk  # noqa: PLC0415 - the same

    told = body.model_dump()
    own = {name: told.pop(name) for name in ("trials", "cpu_seconds", "held_share", "selection", "space")}
    source = SourceAsk(told.pop("table"), None, told.pop("metadata"))
    return queued(service.submit_search(platform(), who(), SearchAsk(FitAsk(source, **told), **own)), "models")


@synthetic.get(
    "/models/<run_id>",
    summary="Show a model",
    operation_id="show_synthetic_model",
    security=MONITOR,
    responses={200: answers(SyntheticModel, "It as it stands."), **problems(*REFUSALS, 404)},
)
def model_shown(path: RunPath) -> Response:
    """How far the fit is, what it spent, of how many patients, and who left since."""
    from careloom.services import synthesize_jobs as service  # noqa: PLC0415 - see the module

    return json_answer(service.model(platform(), who(), path.run_id))


@synthetic.post(
    "/models/<run_id>/samples",
    summary="Draw rows and judge them",
    operation_id="sample_synthetic_model",
    security=READ,
    responses={202: queued_answer(SyntheticSample), **problems(*REFUSALS, 404, 413, 415)},
)
def drawn(path: RunPath, body: SampleAskBody) -> Response:
    """As a job. The rows lie sealed, and no route leads to them."""
    from careloom.services import synthesize_jobs as service  # noqa: PLC0415 - see the module
    from careloom.services.synthesize_rows import JudgeAsk, SampleAsk  # noqa: PLC0415 - the same
    from careloom.synth.tabular import Wish  # noqa: PLC0415 - the same

    ask = SampleAsk(path.run_id, body.rows, Wish(dict(body.values), {}, body.balance))
    judged = JudgeAsk("", body.target, tuple(body.known), tuple(body.groups), body.small_cell, tuple(body.kinds))
    return queued(service.submit_sample(platform(), who(), ask, judged), "samples")


@synthetic.get(
    "/samples/<run_id>",
    summary="Show a sample with its measures",
    operation_id="show_synthetic_sample",
    security=READ,
    responses={200: answers(SyntheticSample, "It as it stands."), **problems(*REFUSALS, 404)},
)
def sample_shown(path: RunPath) -> Response:
    """For who may read what was learnt: the measures look at patients."""
    from careloom.services import synthesize_jobs as service  # noqa: PLC0415 - see the module

    return json_answer(service.sample_of(platform(), who(), path.run_id))


@synthetic.post(
    "/samples/<run_id>/release",
    summary="Ask the release gate",
    operation_id="release_synthetic_sample",
    security=READ,
    responses={202: queued_answer(SyntheticSample), **problems(*REFUSALS, 404, 413, 415)},
)
def gate_asked(path: RunPath, body: ReleaseAskBody) -> Response:
    """As a job: the sample is ``released`` or ``refused`` afterwards. The ledger counts each verdict over a private
    fit.
    """
    from careloom.services import synthesize_jobs as service  # noqa: PLC0415 - see the module
    from careloom.services.synthesize_release import ReleaseAsk  # noqa: PLC0415 - the same

    ask = ReleaseAsk(path.run_id, body.table, body.policy, reason=body.reason)
    return queued(service.submit_release(platform(), who(), ask), "samples")


@synthetic.get(
    "/releases",
    summary="List releases",
    operation_id="list_synthetic_releases",
    security=MONITOR,
    responses={200: answers(SyntheticReleaseList, "All, newest first."), **problems(*REFUSALS)},
)
def releases_listed(query: StatesQuery) -> Response:
    """What was let out, and whether it may still be fetched."""
    from careloom.services import synthesize_release as service  # noqa: PLC0415 - see the module

    return paged([_release(one) for one in service.released(platform(), who())], query, by="release", at="released")


@synthetic.get(
    "/releases/<run_id>",
    summary="Show a release",
    operation_id="show_synthetic_release",
    security=MONITOR,
    responses={200: answers(SyntheticRelease, "It as it stands."), **problems(*REFUSALS, 404)},
)
def release_shown(path: RunPath) -> Response:
    """With its data card."""
    from careloom.services import synthesize_shown as service  # noqa: PLC0415 - see the module

    return json_answer(_release(service.show_release(platform(), who(), path.run_id)))


@synthetic.get(
    "/releases/<run_id>/certificate",
    summary="The certificate of a release",
    operation_id="synthetic_certificate",
    security=MONITOR,
    responses={200: _CERTIFICATE, **problems(*REFUSALS, 404)},
)
def certificate(path: RunPath, query: CertificateQuery) -> Response:
    """Signed; `careloom synthesize verify` checks the JSON, with the public key alone or here."""
    from careloom.services import synthesize_shown as service  # noqa: PLC0415 - see the module

    name, content = service.certificate_of_release(platform(), who(), path.run_id, query.format)
    made = Response(content, content_type=_TYPES[query.format])
    made.headers["Content-Disposition"] = f'attachment; filename="{name}.{query.format}"'
    return made


@synthetic.post(
    "/releases/<run_id>/withdraw",
    summary="Take a release back",
    operation_id="withdraw_synthetic_release",
    security=READ,
    responses={200: answers(SyntheticRelease, "It, withdrawn."), **problems(*REFUSALS, 404)},
)
def withdrawn(path: RunPath) -> Response:
    """Its table goes, its certificate stays. For who may read what was learnt."""
    from careloom.services import synthesize_release as service  # noqa: PLC0415 - see the module

    return json_answer(_release(service.withdraw(platform(), who(), path.run_id)))


@synthetic.get(
    "/ledger",
    summary="The accounts of the privacy ledger",
    operation_id="privacy_accounts",
    security=MONITOR,
    responses={200: answers(LedgerAccountList, "By name."), **problems(*REFUSALS)},
)
def accounts(query: ListQuery) -> Response:
    """Budget, share used, epsilon spent, of each data set and cohort that the caller may see the counts of."""
    from careloom.services import privacy_ledger as service  # noqa: PLC0415 - see the module

    return paged(service.accounts(platform(), who()), query, by="account", order="names")


@synthetic.get(
    "/ledger/account",
    summary="An account of the privacy ledger",
    operation_id="privacy_account",
    security=MONITOR,
    responses={200: answers(LedgerDetail, "With its rows."), **problems(*REFUSALS, 404)},
)
def account(query: AccountQuery) -> Response:
    """Every use that counts against it, newest first."""
    from careloom.services import privacy_ledger as service  # noqa: PLC0415 - see the module

    found = service.account(platform(), who(), query.account)
    return json_answer({**found, "entries": [_entry(one) for one in found["entries"]]})


@synthetic.put(
    "/ledger/budget",
    summary="Set a privacy budget",
    operation_id="set_privacy_budget",
    security=_RIGHTS,
    responses={200: answers(LedgerEntry, "The row of the ledger."), **problems(*REFUSALS, 413, 415)},
)
def budget(body: BudgetBody) -> Response:
    """A privacy officer does; without a budget nothing private is learnt."""
    from careloom.services import privacy_ledger as service  # noqa: PLC0415 - see the module

    return json_answer(_entry(service.set_budget(platform(), who(), service.BudgetAsk(**body.model_dump()))))


def queued(made: dict[str, Any], kind: str) -> Response:
    """The answer to what was queued, with its address; kind: models or samples."""
    return json_answer(made, 202, at=f"{base_url()}/api/v1/synthetic/{kind}/{made['id']}")


def _release(one: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name != "place"}


def _entry(one: dict[str, Any]) -> dict[str, Any]:
    return {name: one.get(name) for name in _ENTRY} | {name: one.get(name, "") for name in ("run", "note")}
