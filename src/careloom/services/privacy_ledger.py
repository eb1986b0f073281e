"""The privacy ledger: what may be learnt of the patients of a data set, and what was, over all uses of it.

A privacy officer sets budgets. Whoever fits a generator privately, searches its settings or publishes reserves first:
the reservation is durable before any noise is drawn, counts in full from then on, and is never given back, also when
the run dies. Nothing is admitted where no budget is. What the judge of synthetic data measures stays inside and costs
nothing; a verdict that leaves over a private fit counts.

Accounts are paths: ``research`` and, for a cohort in it, ``research/heart-failure``. What a cohort spends its data set
spends; what the data set spends every cohort in it spends. ``all`` is above the zones, for they hold the same people.
The ledger of all accounts lies in the identified zone's store, and each row's hash in its audit chain.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from careloom.errors import BudgetSpent, CareloomError, Conflict, NotFound, QueryError
from careloom.services.access import Principal, Zone
from careloom.services.admission import admit, event, note
from careloom.services.platform import Platform
from careloom.store.privacy import Kept, entries, said_in_audit
from careloom.store.rows import Tally
from careloom.store.transaction import Transaction
from careloom.synth.accounting import spent
from careloom.synth.accounting_filter import Budget, Rule, Use
from careloom.synth.accounting_mechanisms import Mechanism, as_json, from_json

Json = dict[str, Any]
UseKind = Literal["fit", "search", "evaluation", "publication", "release"]
KINDS: tuple[UseKind, ...] = ("fit", "search", "evaluation", "publication", "release")
"""``search``: settings tried on the data; ``evaluation``: a private measurement; ``publication``: counts and the like;
``release``: rows that a fit made, which cost nothing more."""
ALL = "all"
OPERATIONS = frozenset({"privacy-budget", "privacy-reserve", "privacy-settle"})
_PATH = re.compile(r"(?:all|(?:identified|research)(?:/[a-z0-9][a-z0-9._-]{0,63}){0,4})\Z")
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class BudgetAsk:
    """A budget for an account; see `careloom.synth.accounting_filter.Budget`. `reason`: who decided, and why."""

    account: str
    epsilon: float
    delta: float
    rule: Rule = "renyi"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class UseAsk:
    """A use of the data that is about to happen.

    mechanisms  all that will look at the data, with their noise; none for what only reworks what was published
    delta       at which the epsilon of this use alone is told
    run         the run that it belongs to, while `careloom.services.synthesize.held` holds it; what is reserved for a
                run that nobody holds is noted as failed
    """

    account: str
    kind: UseKind
    mechanisms: tuple[Mechanism, ...]
    delta: float
    run: str = ""
    note: str = ""


def set_budget(platform: Platform, who: Principal, ask: BudgetAsk) -> Json:
    """Sets, raises or lowers the budget of an account. raises AccessError: a privacy officer does; QueryError"""
    zone = _zone(ask.account)
    admit(platform, who, "rights", zone, operation="privacy-budget")
    budget = Budget(ask.epsilon, ask.delta, ask.rule)
    if len(ask.reason) > _LONGEST:
        raise QueryError("the reason is too long", f"Give at most {_LONGEST} characters.")
    body = {
        "account": ask.account, "kind": "budget", "actor": who.name, "epsilon": budget.epsilon, "delta": budget.delta,
        "rule": budget.rule, "reason": ask.reason,
    }  # fmt: skip
    return _told(_write(platform, who, zone, "privacy-budget", lambda _step: body))


def reserve(platform: Platform, who: Principal, ask: UseAsk) -> Json:
    """Reserves what a use will spend; draw noise only once this has returned.

    raises  BudgetSpent where a budget on the way does not admit it, or none is set: audited as refused; AccessError
    """
    zone = _zone(ask.account)
    admit(platform, who, "read", zone, operation="privacy-reserve")
    if ask.account == ALL or ask.kind not in KINDS or len(ask.run) > _LONGEST or len(ask.note) > _LONGEST:
        raise QueryError("this is no use of a data set", f"Name a data set, and one of {', '.join(KINDS)}.")
    use = Use(ask.mechanisms, ask.delta)
    body = {
        "account": ask.account, "kind": ask.kind, "actor": who.name, "run": ask.run, "note": ask.note,
        "mechanisms": [as_json(one) for one in ask.mechanisms], "delta": ask.delta, "epsilon": _finite(use.epsilon),
    }  # fmt: skip

    def made(step: Transaction) -> Json:
        _require_room(step.privacy.entries, ask.account, use)
        return body

    try:
        return _told(_write(platform, who, zone, "privacy-reserve", made))
    except BudgetSpent as error:
        detail = {"account": ask.account, "code": error.code, "kind": ask.kind}
        note(platform, who, "privacy-reserve", zone, action="create", outcome="refused", detail=detail)
        raise


def settle(platform: Platform, who: Principal, entry: str, outcome: Literal["done", "failed"]) -> Json:
    """Notes what became of a reservation; it stays spent either way. raises NotFound; Conflict; AccessError"""
    found = _named(_entries(platform), entry)
    zone = _zone(found.body["account"])
    admit(platform, who, "read", zone, operation="privacy-settle")
    body = {
        "account": found.body["account"], "kind": "settled", "actor": who.name, "of": entry, "outcome": outcome,
    }  # fmt: skip

    def made(step: Transaction) -> Json:
        if any(one.body["kind"] == "settled" and one.body["of"] == entry for one in step.privacy.entries):
            raise Conflict("this reservation is settled already", "See careloom synthesize ledger show.")
        return body

    return _told(_write(platform, who, zone, "privacy-settle", made))


def unsettled(platform: Platform) -> list[Json]:
    """Reservations of a run that nobody said the outcome of, oldest first: entry, run, actor."""
    rows = _entries(platform)
    settled = {one.body["of"] for one in rows if one.body["kind"] == "settled"}
    return [
        {"entry": one.entry, "run": one.body["run"], "actor": one.body["actor"]}
        for one in rows
        if one.body["kind"] in KINDS and one.body["run"] and one.entry not in settled
    ]


def accounts(platform: Platform, who: Principal) -> list[Json]:
    """Every account that the caller may see the counts of, by name. raises AccessError where it may see none"""
    rows = _entries(platform)
    zones = [zone for zone in _ZONES if who.may("monitor", zone)]
    for zone in zones or _ZONES[:1]:
        admit(platform, who, "monitor", zone, operation="privacy-ledger")
    names = sorted({one.body["account"] for one in rows})
    found = [_summary(rows, name) for name in names if _zone(name) in zones]
    note(platform, who, "privacy-ledger", zones[0], detail={"listed": len(found)})
    return found


def account(platform: Platform, who: Principal, name: str) -> Json:
    """One account: what `accounts` tells of it, and its entries, newest first. raises NotFound; AccessError"""
    zone = _zone(name)
    admit(platform, who, "monitor", zone, operation="privacy-ledger")
    rows = _entries(platform)
    own = [one for one in rows if is_related(one.body["account"], name)]
    if not any(one.body["account"] == name for one in own):
        raise NotFound("there is no such account", "List them: careloom synthesize ledger list.")
    note(platform, who, "privacy-ledger", zone, detail={"account": name, "listed": len(own)})
    return {**_summary(rows, name), "entries": [_told(one) for one in reversed(own)]}


def check(platform: Platform, who: Principal) -> Json:
    """Whether the ledger is whole, and tells what the audit chain tells of it. raises AccessError"""
    admit(platform, who, "audit", "identified", operation="privacy-check")
    try:
        with platform.store("identified").connect() as connection:
            rows = {one.entry: one.hash for one in entries(connection)}
            said = dict(said_in_audit(connection, OPERATIONS))
        different = sorted(name for name in rows.keys() | said.keys() if rows.get(name) != said.get(name))
        report: Json = {"whole": not different, "entries": len(rows), "different": different}
    except CareloomError as error:
        report = {"whole": False, "entries": 0, "different": [], "problem": error.where}
    note(platform, who, "privacy-check", "identified", detail={"whole": report["whole"]})
    return report


def is_related(one: str, other: str) -> bool:
    """True where a patient may be in both: one is the other, holds it, or is above the zones."""
    return one == other or ALL in (one, other) or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def budgets(rows: Sequence[Kept]) -> dict[str, Budget]:
    """The budget of each account that has one: the last that was set."""
    found = [one.body for one in rows if one.body["kind"] == "budget"]
    return {one["account"]: Budget(one["epsilon"], one["delta"], one["rule"]) for one in found}


def uses(rows: Sequence[Kept], account_name: str) -> list[Use]:
    """Every use that counts against an account."""
    return [
        Use(tuple(from_json(each) for each in one.body["mechanisms"]), one.body["delta"])
        for one in rows
        if one.body["kind"] in KINDS and is_related(one.body["account"], account_name)
    ]


_ZONES: tuple[Zone, ...] = ("identified", "research")


def _require_room(rows: Sequence[Kept], account_name: str, use: Use) -> None:
    """raises BudgetSpent unless every budget that the use counts against admits it"""
    found = {name: one for name, one in budgets(rows).items() if is_related(name, account_name)}
    if not {ALL, account_name.partition("/")[0]} & found.keys():
        raise BudgetSpent(
            f"the data set {account_name.partition('/')[0]} has no privacy budget",
            "A privacy officer sets one: careloom synthesize ledger budget.",
        )
    for name, budget in sorted(found.items()):
        before = uses(rows, name)
        if use.mechanisms and not budget.admits([*before, use]):
            left = max(0.0, 1 - budget.used(before))
            raise BudgetSpent(
                f"the privacy budget of {name} does not admit this: {left:.0%} of it is left",
                "Ask for less epsilon, or ask the privacy officer.",
            )


def _zone(account_name: str) -> Zone:
    """The zone whose roles decide about an account. raises QueryError for a name that is none"""
    if not _PATH.match(account_name):
        raise QueryError(
            "there is no such account", "Write all, identified, research, or research/a-cohort in small letters."
        )
    return "research" if account_name.startswith("research") else "identified"


def _write(platform: Platform, who: Principal, zone: Zone, operation: str, made: Any) -> Kept:
    """One row, in one step with the event that tells its hash."""
    done: list[Kept] = []

    def told(_tally: Tally) -> Any:
        (row,) = done
        detail = {
            "entry": row.entry, "account": row.body["account"], "kind": row.body["kind"], "ledger_hash": row.hash,
        }  # fmt: skip
        return event(platform, who, operation, zone, action="create", detail=detail)

    with platform.store("identified").transaction(told) as step:
        done.append(step.privacy.add(made(step)))
    return done[0]


def _entries(platform: Platform) -> list[Kept]:
    with platform.store("identified").connect() as connection:
        return entries(connection)


def _named(rows: Sequence[Kept], entry: str) -> Kept:
    found = [one for one in rows if one.entry == entry and one.body["kind"] in KINDS]
    if not found:
        raise NotFound("there is no such reservation", "List them: careloom synthesize ledger show ACCOUNT.")
    return found[0]


def _summary(rows: Sequence[Kept], name: str) -> Json:
    """account, budget (null without one), used (share), uses, spent: epsilon at the budget's delta, and by what."""
    budget, found = budgets(rows).get(name), uses(rows, name)
    named = [each for one in found for each in one.mechanisms]
    delta = 1e-5 if budget is None else budget.delta
    told = spent(named, delta)
    settled = {one.body["of"] for one in rows if one.body["kind"] == "settled"}
    waiting = [one for one in rows if one.body["kind"] in KINDS and one.body["account"] == name]
    return {
        "account": name,
        "budget": None if budget is None else {
            "epsilon": budget.epsilon, "delta": budget.delta, "rule": budget.rule,
        },
        "used": None if budget is None else _finite(budget.used(found)),
        "uses": len(found),
        "spent": {"epsilon": _finite(told.epsilon), "delta": delta, "method": told.method},
        "unsettled": sum(one.entry not in settled for one in waiting),
    }  # fmt: skip


def _finite(value: float) -> float | None:
    """JSON has no infinity: null is more than any number."""
    return value if value < float("inf") else None


def _told(one: Kept) -> Json:
    return {"entry": one.entry, "seq": one.seq, "time": one.time.isoformat(), **one.body, "hash": one.hash}
