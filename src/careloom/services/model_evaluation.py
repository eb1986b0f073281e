"""What a version was measured to be worth when it was registered: the whole report, of which gates read a few lines."""

from collections.abc import Mapping
from typing import Any

import orjson

from careloom.errors import IntegrityError, NotFound
from careloom.mlops import manifest
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.models_kept import files_of, resolve
from careloom.services.platform import Platform
from careloom.store.models import ModelWork

OPERATION, FILE = "models-evaluation", "evaluation.json"
Json = dict[str, Any]


def shown_evaluation(platform: Platform, who: Principal, version: str) -> Json:
    """The measures of a version, and its report where one was kept; numbers of too few patients are in none.

    version  ``NAME@3``, ``NAME@champion`` or ``NAME``
    returns  ``version``, ``digest``, ``data`` (on what), ``by`` (careloom, or declared by who brought it in),
             ``measures`` (name -> value, low, high), ``counts`` (n, patients, events), ``against`` (the champion of
             then and paired differences; empty for none) and ``report``, as `careloom.risk.models_report.report`:
             None where the version came without, or its files were removed after an erasure
    raises   AccessError; NotFound; QueryError; IntegrityError where the file is not as it was signed
    """
    admit(platform, who, "monitor", "identified", operation=OPERATION)
    try:
        one = resolve(platform, version)
    except NotFound:
        note(platform, who, OPERATION, "identified", outcome="failed", detail={"code": NotFound.code})
        raise
    told = one.body["manifest"]["report"]["lineage"]["evaluation"]
    report = _report(platform, one)
    note(platform, who, OPERATION, "identified", detail={"version": one.name})
    return {
        "version": one.name, "digest": one.body["digest"], "data": told.get("data", ""),
        "by": told.get("by", "careloom"), "measures": told.get("measures", {}), "counts": told.get("counts", {}),
        "against": told.get("against", {}), "report": report,
    }  # fmt: skip


def _report(platform: Platform, one: ModelWork) -> Json | None:
    """The report in its file, where that is there and as it was signed."""
    name = f"{one.parent}/{one.body['number']}/{FILE}"
    signed: Mapping[str, Any] = one.body["manifest"]["report"]
    kept = files_of(platform)
    if FILE not in signed["files"] or not kept.has(name):
        return None
    content = kept.whole(name)
    if manifest.changed({**signed, "files": {FILE: signed["files"][FILE]}}, {FILE: content}):
        raise IntegrityError(f"the evaluation of {one.name} is not as it was signed", "Call the operator.")
    report = orjson.loads(content).get("report")
    return report if isinstance(report, dict) else None
