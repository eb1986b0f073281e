"""The REST API as one WSGI application over one installation."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from flask.json.provider import DefaultJSONProvider
from flask_openapi3 import Info, OpenAPI

import careloom
from careloom.api import (
    access,
    audit,
    bulk,
    bulk_import,
    cds_hooks,
    clients,
    codes,
    conventions,
    deidentifications,
    deidentify_one,
    deprecation,
    documentation,
    duplicates,
    explore,
    fhir,
    fhir_bundles,
    fhir_history,
    fhir_operations,
    fhir_routes,
    fhir_search_types,
    fhir_write,
    forecasts,
    gate,
    health,
    ingestions,
    jobs,
    lake,
    linkage,
    mappings,
    metrics,
    model_runs,
    models,
    monitoring,
    nlp,
    nlp_corpus,
    nlp_notes,
    nlp_queries,
    normalizations,
    oauth,
    operations,
    overview,
    problems,
    quality,
    quarantine,
    records,
    reidentifications,
    reports,
    research,
    risk,
    score_runs,
    scores,
    signing_keys,
    subjects,
    synthetic,
    synthetic_fhir,
    synthetic_overlays,
    synthetic_verify,
    terminology,
    users,
)
from careloom.api.context import EXTENSION
from careloom.services.platform import Platform
from careloom.services.scopes import SUPPORTED

DESCRIPTION = """FHIR R4 under `/fhir/{zone}`, the platform under `/api/v1`, OAuth 2 under `/oauth2`.
Every address but health and discovery needs a bearer token; every use is audited. `X-Purpose-Of-Use` says what a
request is for (HL7 v3 PurposeOfUse), `X-Break-Glass` names the emergency under which it reads."""


def create_app(platform: Platform, deprecated: Sequence[deprecation.Deprecated] | None = None) -> OpenAPI:
    """The application; opens no store before the first request, so that it can be made before processes are forked.

    deprecated  addresses that are going away; by default those of this version
    """
    leaving = deprecation.shipped() if deprecated is None else deprecated
    app = _App(
        "careloom.api",
        info=Info(title="Careloom", version=careloom.__version__, description=DESCRIPTION),
        validation_error_status=400,
        validation_error_callback=problems.of_validation,
        doc_prefix="/openapi",
        security_schemes=_security_schemes(platform.settings.base_url),
        static_folder=None,
    )
    app.extensions[EXTENSION] = platform
    app.config["MAX_CONTENT_LENGTH"] = platform.settings.api.max_body_bytes
    app.json = _Json(app)
    gate.install(app)
    conventions.install(app, leaving)
    documentation.install(app)
    metrics.install(app)
    problems.install(app)
    for room in (
        oauth, bulk, bulk_import, fhir, fhir_write, fhir_history, fhir_bundles, fhir_search_types,
        fhir_operations, fhir_routes, terminology, codes, ingestions, jobs, records, quarantine, quality, linkage,
        duplicates, clients, signing_keys, normalizations, deidentifications, deidentify_one, nlp, nlp_corpus,
        nlp_notes, nlp_queries, research, mappings, overview, health, operations, users, reidentifications, subjects,
        reports, access, audit, lake, monitoring,
        synthetic, synthetic_fhir, synthetic_verify, synthetic_overlays, models, model_runs, scores, score_runs, risk,
        forecasts, explore, cds_hooks,
    ):  # fmt: skip
        room.register(app)
    documentation.finish(app)
    conventions.finish(app, leaving)
    return app


class _App(OpenAPI):
    """No view or hook is a coroutine: nothing asks each of them, some twenty times a request."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself."""
        return func


_DIGITS = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else ord(" ") for byte in range(256))
_LONG_NUMBER = b"0" * 19
"""In a text whose digits are all written as 0: no integer of so many fits 64 bits for certain."""


class _Json(DefaultJSONProvider):
    """JSON that nests deeper than can be read is none: the request is at fault."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value of a body. raises ValueError

        What the quick reader refuses, and numbers that it would round, the usual one decides about.
        """
        raw = s.encode("utf-8", "surrogatepass") if isinstance(s, str) else s
        try:
            if not kwargs and _LONG_NUMBER not in raw.translate(_DIGITS):
                return orjson.loads(raw)
        except orjson.JSONDecodeError:
            pass
        try:
            return super().loads(s, **kwargs)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None


def _security_schemes(base_url: str) -> dict[str, Any]:
    return {
        "oauth2": {
            "type": "oauth2",
            "flows": {"clientCredentials": {"tokenUrl": f"{base_url}/oauth2/token", "scopes": SUPPORTED}},
        }
    }
