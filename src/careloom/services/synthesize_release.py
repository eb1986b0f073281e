"""The release gate: rows leave the staging place when a policy lets them pass, with a certificate, or not at all.

Whatever it says is kept and audited. Over a private fit each verdict counts in the privacy ledger, passed or not.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Literal

import orjson

from careloom.errors import Conflict, IntegrityError, QueryError, Withheld
from careloom.services import synthesize_certificate as certificates
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import Platform
from careloom.services.privacy_ledger import UseAsk, reserve, settle
from careloom.services.synthesize import (
    FHIR,
    NOTES,
    RECORDS,
    change,
    held,
    judge_command,
    kind_of,
    work,
)
from careloom.services.synthesize_admitted import admitted
from careloom.services.synthesize_let_out import RELEASE, drop, finished, frames_of, schema_of, staged_of, table_of
from careloom.services.synthesize_lineage import bound_of, lineage_of, uses_of
from careloom.services.synthesize_over import BESIDE, LANDED, models_of, taints_behind, why_over
from careloom.services.synthesize_rows import measures_of
from careloom.services.synthesize_zone import remove
from careloom.store.rows import instant
from careloom.store.synthesis import Work, listed
from careloom.store.transaction import Transaction
from careloom.synth.accounting_mechanisms import Claimed
from careloom.synth.release_measures import digest_of
from careloom.synth.release_policy import DEFAULT, Policy, Verdict, decide, for_notes, for_records, from_toml, shipped

WITHDRAW, CERTIFICATE = "synthesize-withdraw", "synthesize-certificate"
_NAMED = ("releasing", "released")
"""States in which a sample has its table's name to itself."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}\Z")
_COVERED = "neither verdict nor certificate, nor the judge's measures, which the ledger does not count"
_READ = (
    "; how many patients and rows there are is taken as public; in a table, a value that is not declared is read as "
    "missing or as the last one declared"
)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReleaseAsk:
    """What is to be let out.

    sample  that was judged
    table   as it is called in the synthetic zone's lake: ``gold/TABLE``
    policy  one that ships; all but the strict one, and one's own, a privacy officer chooses
    own     TOML of one's own policy
    reason  why it is chosen; audited and kept
    """

    sample: str
    table: str
    policy: str = DEFAULT
    own: str = ""
    reason: str = ""


def release(platform: Platform, who: Principal, ask: ReleaseAsk) -> Json:
    """Lets a sample out; the release as `released` lists it, with ``certificate`` and ``place`` of it.

    raises  Withheld where the policy does not let it pass, or somebody left; BudgetSpent where the ledger has no room
            for the verdict; AccessError; NotFound; QueryError; Conflict for a sample that is not judged, or a name that
            is taken; IntegrityError for rows that are not those that were judged
    """
    one, _ = admitted(platform, who, "read", ask.sample, "sample", operation=RELEASE)
    model = work(platform, one.parent, "model")
    if ask.own or ask.policy != DEFAULT:
        admit(platform, who, "rights", "synthetic", operation=RELEASE)
    policy = _policy(one, model, ask)
    with held(platform, ask.sample):
        return _asked(platform, who, ask, policy)


def _asked(platform: Platform, who: Principal, ask: ReleaseAsk, policy: Policy) -> Json:
    """What `release` returns, once nobody else is at work on the sample."""
    one = work(platform, ask.sample, "sample")
    model = work(platform, one.parent, "model")
    if one.state in ("releasing", "released") and _is_same(one, ask, policy):  # a process was killed amid it
        return released_as(platform, finished(platform, who, one) if one.state == "releasing" else one)
    _require_ready(platform, one, policy, ask)
    if taints := taints_behind(platform, one):
        raise _refused(platform, who, one, _Gate(policy, Verdict(())), [f"somebody left ({', '.join(taints)})"])
    entry = _verdict_counted(platform, who, model, policy, one)
    gate = _Gate(policy, decide(policy, measures_of(one)))
    if not gate.verdict.passed:
        raise _refused(platform, who, one, gate, list(gate.verdict.failed))
    return _let_out(platform, who, one, model, _Let(gate, ask, entry))


def _policy(one: Work, model: Work, ask: ReleaseAsk) -> Policy:
    """The policy as it judges what was drawn."""
    policy = from_toml(ask.own) if ask.own else shipped(ask.policy)
    if model.body["engine"] == RECORDS:
        return for_records(policy)
    if model.body["engine"] == NOTES:
        return for_notes(policy, is_own=bool(ask.own), has_records=bool(one.body[BESIDE]))
    return policy


def _require_ready(platform: Platform, one: Work, policy: Policy, ask: ReleaseAsk) -> None:
    report, act = one.body.get("report"), judge_command(one.body)
    if one.state not in ("judged", "refused") or not report:
        raise Conflict(f"the sample is {one.state}", f"Judge it first: careloom synthesize {act}.")
    if report["small_cell"] < policy.small_cell:
        raise Conflict(
            "the sample was judged for smaller cells than the policy has",
            f"Judge it again: careloom synthesize {act} --small-cell {policy.small_cell}.",
        )
    if not _NAME.match(ask.table):
        raise QueryError("a release has no such name", "Write small letters, digits and underscores.")
    if f"gold/{ask.table}" in platform.lake("synthetic").paths():
        raise Conflict(f"there is a table gold/{ask.table}", "Give it another name.")


@dataclass(frozen=True, slots=True)
class _Gate:
    """A policy and what it says."""

    policy: Policy
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Let:
    """What is let out: by which gate, as it was asked for, and the ledger's entry of the verdict."""

    gate: _Gate
    ask: ReleaseAsk
    verdict_entry: Json | None


def _verdict_counted(platform: Platform, who: Principal, model: Work, policy: Policy, one: Work) -> Json | None:
    """The ledger's entry of a verdict over a private fit; None where the fit had no bound."""
    bound = bound_of(models_of(platform, one))
    if bound is None:
        return None
    account, cost, why = model.body["account"], (Claimed(policy.verdict),), "verdict of the release gate"
    entry = reserve(platform, who, UseAsk(account, "publication", cost, bound["delta"], one.name, why))
    settle(platform, who, entry["entry"], "done")
    return entry


def _refused(platform: Platform, who: Principal, one: Work, gate: _Gate, failed: list[str]) -> Withheld:
    """Keeps a refusal; the error that tells it, by the names of the rules alone."""
    verdicts = one.body.get("verdicts", 0) + 1
    kept = {"policy": gate.policy.name, "findings": list(gate.verdict.findings), "failed": failed}
    change(platform, who, one, "refused", {**one.body, "release": kept, "verdicts": verdicts})
    detail = {"sample": one.name, "policy": gate.policy.name, "failed": failed, "code": Withheld.code}
    note(platform, who, RELEASE, "synthetic", action="execute", outcome="refused", detail=detail)
    return Withheld(
        f"the policy {gate.policy.name} keeps the rows in: {'; '.join(failed)}",
        f"See careloom synthesize show {one.name}; fit, sample and judge anew.",
    )


def _let_out(platform: Platform, who: Principal, one: Work, model: Work, let: _Let) -> Json:
    """Takes the name, with the signed certificate beside it; from there on `finished` does the rest."""
    table = table_of(platform, one, model)
    if digest_of(staged_of(platform, one, model)) != one.body["report"]["rows_sha256"]:
        raise IntegrityError("the rows are not those that were judged", "Sample and judge anew.")
    account = model.body["account"]
    entry = reserve(platform, who, UseAsk(account, "release", (), _delta(platform, one), one.name, let.ask.table))
    schema = schema_of(table, let.ask.table)
    report = _report(platform, who, one, model, let) | {
        "data": {
            "rows": one.body["rows"], "sha256": digest_of(frames_of(platform, one, model, schema)),
            "columns": [{"name": each.name, "type": each.dtype} for each in schema.columns],
        },
        "ledger": {"account": account, "fit": model.body["ledger"]["entry"], "fit_hash": model.body["ledger"]["hash"],
                   "search": model.body["ledger"].get("search", []),
                   "release": entry["entry"], "release_hash": entry["hash"],
                   "verdict": None if let.verdict_entry is None else let.verdict_entry["entry"],
                   **uses_of(models_of(platform, one)[1:])},
    }  # fmt: skip
    certificate = certificates.signed(platform, report)
    kept: Json = {
        "path": schema.path, "policy": let.gate.policy.name, "certificate": report["certificate"],
        "expires": report["expires"], "findings": list(let.gate.verdict.findings), "failed": [],
        "rows_sha256": report["data"]["sha256"], "digest": certificates.digest(certificate), "ledger": entry["entry"],
        "waiting": certificate, **({LANDED: one.body["patients"]} if model.body["engine"] in FHIR else {}),
    }  # fmt: skip
    body = {**one.body, "release": kept, "verdicts": one.body.get("verdicts", 0) + 1}
    try:
        begun = change(platform, who, one, "releasing", body, lambda step: _require_free(step, one, schema.path))
    except Conflict:
        settle(platform, who, entry["entry"], "failed")
        change(platform, who, one, one.state, {**one.body, "verdicts": body["verdicts"]})
        raise
    return released_as(platform, finished(platform, who, begun))


def _is_same(one: Work, ask: ReleaseAsk, policy: Policy) -> bool:
    return (one.body["release"]["path"], one.body["release"]["policy"]) == (f"gold/{ask.table}", policy.name)


def _require_free(step: Transaction, one: Work, path: str) -> None:
    """raises Conflict where another sample has the name, within the step that takes it"""
    for each in listed(step.connection, "sample"):
        if each.state in _NAMED and each.name != one.name and each.body["release"]["path"] == path:
            raise Conflict(f"another release is called {path}", "Give this one another name.")


def released(platform: Platform, who: Principal) -> list[Json]:
    """Releases for all who may see the synthetic zone, newest first: never a measure. raises AccessError"""
    admit(platform, who, "monitor", "synthetic", operation="synthesize-releases")
    with platform.store("identified").connect() as connection:
        found = [one for one in listed(connection, "sample") if one.state in ("released", "withdrawn")]
    note(platform, who, "synthesize-releases", "synthetic", detail={"listed": len(found)})
    return [released_as(platform, one) for one in found]


def released_as(platform: Platform, one: Work) -> Json:
    """A release: release, table, state (open, expired, tainted, withdrawn), rows, expires, policy, certificate."""
    held = one.body["release"]
    over = why_over(platform, one) if one.state == "released" else ""
    state = one.state if one.state != "released" else "open" if not over else "closed"
    return {
        "release": one.name, "table": held["path"], "state": state, "reason": over, "rows": one.body["rows"],
        "kind": kind_of(one.body),
        "released": instant(one.changed), "expires": held["expires"], "policy": held["policy"],
        "certificate": held["certificate"], "place": held.get("place", ""), "card": held.get("card", ""),
    }  # fmt: skip


def certificate_of(platform: Platform, who: Principal, name: str, ending: Literal["json", "pdf", "html"]) -> bytes:
    """A certificate's file, for all who may see the synthetic zone. raises AccessError; NotFound"""
    admit(platform, who, "monitor", "synthetic", operation=CERTIFICATE)
    content = certificates.certificate_bytes(platform, name, ending)
    note(platform, who, CERTIFICATE, "synthetic", detail={"certificate": name})
    return content


def withdraw(platform: Platform, who: Principal, sample: str) -> Json:
    """Takes a release back: its table goes, its certificate stays. raises AccessError; NotFound; Conflict"""
    admitted(platform, who, "read", sample, "sample", operation=WITHDRAW)
    with held(platform, sample):
        one = work(platform, sample, "sample")
        if one.state not in _NAMED:
            raise Conflict(f"the sample is {one.state}", "Only what was let out can be taken back.")
        drop(platform, one)
        kept = remove(platform, who, one)
        kept.pop("waiting", None)
        return released_as(platform, change(platform, who, one, "withdrawn", {**one.body, "release": kept}))


def _delta(platform: Platform, one: Work) -> float:
    return float((bound_of(models_of(platform, one)) or {"delta": 1e-6})["delta"])


def _report(platform: Platform, who: Principal, one: Work, model: Work, let: _Let) -> Json:
    """What a certificate says, but for the rows and the ledger."""
    policy, now = let.gate.policy, platform.runtime.now()
    behind = models_of(platform, one)
    bound = bound_of(behind)
    is_internal = policy.is_internal and any(each.body["privacy"] is not None for each in behind)
    measures = {name: each.as_json() for name, each in measures_of(one).items()}
    findings = [{**each, "found": None} if is_internal else each for each in let.gate.verdict.findings]
    return {
        "certificate": f"{let.ask.table}-{platform.run_id()}", "time": instant(now), "actor": who.name,
        "expires": instant(now + timedelta(days=policy.valid_days)), "table": let.ask.table, "reason": let.ask.reason,
        "lineage": {**lineage_of(behind), "sample": one.name, "wish": one.body["wish"]},
        "privacy": {
            "epsilon": None if bound is None else bound["epsilon"], "delta": None if bound is None else bound["delta"],
            "rows_per_patient": None if bound is None else bound["rows_per_patient"], "unit": "patient",
            "mechanisms": [one for each in behind for one in each.body["mechanisms"]],
            "covers": f"it covers {_COVERED}{_READ if bound is not None else ''}",
        },
        "policy": policy.as_json(), "policy_sha256": policy.digest, "findings": findings,
        "measures": None if is_internal else measures, "measures_digest": measures_digest(platform, measures),
        "judged": {name: one.body["report"][name] for name in ("judged", "target", "known", "small_cell")},
        "verdicts": _verdicts(platform, model) + 1,
    }  # fmt: skip


def _verdicts(platform: Platform, model: Work) -> int:
    """How often the gate was asked about samples of a model: who draws again until one passes is seen to."""
    with platform.store("identified").connect() as connection:
        return sum(each.body.get("verdicts", 0) for each in listed(connection, "sample", model.name))


def measures_digest(platform: Platform, measures: Json) -> str:
    """A keyed hash of measures: it may stand in a certificate whose measures do not."""
    key = platform.keys.derive("synthesis measures", "synthetic")
    return blake2b(orjson.dumps(measures, option=orjson.OPT_SORT_KEYS), key=key, digest_size=32).hexdigest()
