"""Whence a sample is, as its certificate says it: of the one model that it was drawn of, or of two."""

from collections.abc import Sequence
from typing import Any

from careloom.store.synthesis import Work

Json = dict[str, Any]
_UNBOUNDED = frozenset({"cpu_seconds", "stopped"})


def bound_of(models: Sequence[Work]) -> Json | None:
    """epsilon, delta and rows_per_patient of all together, by adding up; None where one of them has no bound."""
    parts = [each.body["privacy"] for each in models]
    if any(one is None for one in parts):
        return None
    epsilons = [each.body["epsilon"] for each in models]
    return {
        "epsilon": None if None in epsilons else sum(epsilons), "delta": sum(one["delta"] for one in parts),
        "rows_per_patient": max(one["rows_per_patient"] for one in parts),
    }  # fmt: skip


def lineage_of(models: Sequence[Work]) -> Json:
    """What the certificate says of the first model, and under ``beside`` the same of the other where there is one."""
    told = _lineage(models[0])
    return told if len(models) == 1 else told | {"beside": [_lineage(each) for each in models[1:]]}


def uses_of(models: Sequence[Work]) -> Json:
    """The ledger's entries of the fits beside the first; nothing where there is none."""
    found = [{"fit": each.body["ledger"]["entry"], "fit_hash": each.body["ledger"]["hash"]} for each in models]
    return {"beside": found} if found else {}


def _lineage(model: Work) -> Json:
    body = model.body
    source = body["source"]
    return {
        "engine": body["engine"], "options": body["options"], "model": model.name,
        "model_sha256": body["model_sha256"], "source": _named(source, body["engine"]),
        "source_digest": source["digest"], "patients": body["split"]["patients"],
        "control_patients": body["split"]["control_patients"], "search": _published(body.get("search")),
    }  # fmt: skip


def _published(search: Json | None) -> Json | None:
    """What was searched; of a private search without what no bound covers: how long it took, and why it ended."""
    if search is None or search["selection"] is None:
        return search
    kept = {name: value for name, value in search.items() if name not in _UNBOUNDED}
    trials = [{name: value for name, value in one.items() if name not in _UNBOUNDED} for one in search["trials"]]
    return kept | {"trials": trials}


def _named(source: Json, engine: str) -> str:
    """Where a model learnt, for people."""
    if "table" in source:
        return f"{source['table']}@{source['version']}"
    return f"{engine} of the {source['zone']} zone" if "zone" in source else "a file"
