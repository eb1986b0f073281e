"""Privacy and audit at one glance: whether the chains are whole, what waits for an officer, what was refused last."""

from datetime import timedelta

from dash import html
from dash.development.base_component import Component

from careloom.client.access import Emergency
from careloom.client.audit import ChainEvent, EventFilter, Verification
from careloom.client.careloom import Careloom
from careloom.client.jobs import JobFilter
from careloom.client.synthetic_reports import LedgerAccount
from careloom.dashboard import (
    forms,
    privacy_audit,
    privacy_consents,
    privacy_disclosures,
    privacy_erasure,
    privacy_requests,
    privacy_retention,
    session,
    words,
)
from careloom.dashboard.address import Address, href
from careloom.dashboard.parts import (
    Column,
    Content,
    Contents,
    Page,
    Table,
    as_of,
    badge,
    card,
    head,
    link,
    note,
    tile,
    tiles,
    time,
)
from careloom.dashboard.privacy_parts import ROOM, TITLE, outcome, patient_link, tabs
from careloom.dashboard.session import Person
from careloom.errors import NotFound

REFUSED_SHOWN = 8
_CHAINS = [Column("Zone"), Column("Chain", "tight"), Column("Events", "right"), Column("Anchored", "right wide-only")]
_REFUSED = [Column("When (UTC)", "tight"), Column("Who"), Column("What"), Column("Why", "wide-only")]
_EMERGENCIES = [
    Column("Opened (UTC)", "tight"), Column("By"), Column("Why"), Column("Patient", "wide-only"),
    Column("Reviewed", "tight"),
]  # fmt: skip
_ACCOUNTS = [Column("Account"), Column("Budget", "right wide-only"), Column("Spent", "right"), Column("Used", "right")]


def page(api: Careloom, person: Person, address: Address, below: list[str]) -> Page:
    """The page of an address below ``privacy``. raises NotFound, and what the API refuses"""
    match below:
        case []:
            return _overview(api, person, address)
        case ["audit"]:
            return privacy_audit.page(api, person, address)
        case ["disclosures"]:
            return privacy_disclosures.page(api, person, address)
        case ["erasure"]:
            return privacy_erasure.page(api, person, address)
        case ["erasure", run_id]:
            return privacy_erasure.run_page(api, person, run_id)
        case ["requests"]:
            return privacy_requests.page(api, person, address)
        case ["retention"]:
            return privacy_retention.page(api, person)
        case ["consents"]:
            return privacy_consents.page(api, person, address)
    raise NotFound("there is no such page", "Choose one on the left.")


def _overview(api: Careloom, person: Person, address: Address) -> Page:
    now = session.now()
    lead = "Whether the record of all use is whole, what waits for you, and what was refused."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(now)), tabs(person, "")]
    check = _check(api, person, address.query.get("check", "")) if person.may_audit else None
    if person.may_audit:
        emergencies = api.access.emergencies_page(limit=20).emergencies
        asked = EventFilter(outcome="refused", since=now - timedelta(days=7))
        refused = api.audit.events(asked, limit=REFUSED_SHOWN).items
        content += [_tiles(check, emergencies, refused), _chains(check), _emergencies(emergencies), _refused(refused)]
    lower = [_ledger(api) if person.sees_synthetic else None, _elsewhere(person)]
    content.append(html.Div(lower, className="columns columns-1-1" if lower[0] is not None else "stack"))
    is_running = check is not None and not check.has_ended
    return Page(TITLE, content, is_live=is_running)


def _check(api: Careloom, person: Person, run_id: str) -> Verification | None:
    """The check that was asked for, else the newest one that this person may see; None where there is none."""
    try:
        if run_id:
            return api.audit.verification(run_id)
        jobs = api.jobs.page(JobFilter(kind="audit-verify", state="done"), limit=1).items
        return api.audit.verification(jobs[0].id) if jobs else None
    except NotFound:
        return None


def _tiles(
    check: Verification | None, emergencies: tuple[Emergency, ...], refused: tuple[ChainEvent, ...]
) -> Component:
    report = check.report if check else None
    if report is None:
        said, told = words.NONE, "nobody has verified them yet"
    else:
        events = sum(chain.events for chain in report.chains)
        said = "Whole" if report.verified else "Broken"
        told = f"{words.count_of(events, 'event')}, {words.moment(check.ended if check else None)} UTC"
    waiting = sum(one.acknowledged is None for one in emergencies)
    more = "+" if len(refused) == REFUSED_SHOWN else ""
    return tiles(
        [
            tile("Audit chains", said, told),
            tile("Emergencies to review", words.number(waiting), f"of the {len(emergencies)} opened last"),
            tile("Refused in 7 days", f"{len(refused)}{more}", "requests that access rules stopped"),
        ]
    )


def _chains(check: Verification | None) -> Component:
    verify = forms.act("privacy-verify", "Verify now", main=check is None)
    if check is None:
        said = "Every use is an event that holds the hash of the one before it. Verify that none is missing or changed."
        return card("Audit chains", html.Div([html.P(said), verify], className="empty"))
    if check.report is None:
        if check.has_ended:
            return card(
                "Audit chains", [note(f"The check {check.state}", f"Its code: {check.error}.", tone="bad"), verify]
            )
        return card("Audit chains", note("The chains are being verified", "A worker reads every row.", role="status"))
    rows = [
        (
            words.ZONES.get(one.zone, one.zone),
            badge("Verified", "good") if one.verified else html.Div([badge("Broken", "bad"), html.Div(one.detail)]),
            words.number(one.events),
            words.number(one.anchored),
        )
        for one in check.report.chains
    ]
    tone, said = ("good", "Verified") if check.report.verified else ("bad", "Broken")
    when = html.Span(["checked ", time(check.ended), " UTC"], className="soft small")
    seen = html.Div([badge(said, tone), when, verify], className="buttons")
    return card("Audit chains", Table("Audit chains by zone", _CHAINS, rows).shown(), aside=seen)


def _emergencies(emergencies: tuple[Emergency, ...]) -> Component:
    if not emergencies:
        return card("Emergencies", note("Nobody has opened a record in an emergency.", tone="good"))
    waiting = sorted(emergencies, key=lambda one: one.acknowledged is not None)
    rows = [
        (
            time(one.opened), one.actor, one.reason or words.NONE,
            patient_link(one.patient.removeprefix("Patient/")) if one.patient else "erased",
            _reviewed(one),
        )
        for one in waiting
    ]  # fmt: skip
    return card(
        "Emergencies", Table("Records opened in an emergency, those to review first", _EMERGENCIES, rows).shown()
    )


def _reviewed(one: Emergency) -> Contents:
    if one.acknowledged is None:
        return forms.act(f"privacy-acknowledge/{one.id}", "I have reviewed it")
    return [html.Div(one.acknowledged_by), html.Div(time(one.acknowledged), className="soft small")]


def _refused(events: tuple[ChainEvent, ...]) -> Component:
    ways = link("All refusals", href(ROOM, "audit", outcome="refused"))
    if not events:
        return card("Refused last", note("Nothing was refused in the last seven days.", tone="good"), aside=ways)
    rows = [
        (time(one.time), one.actor, html.Div([html.Code(one.operation), " ", outcome(one.outcome)]),
         str(one.detail.get("reason", "")) or words.NONE)
        for one in events
    ]  # fmt: skip
    return card("Refused last", Table("Requests that were refused last", _REFUSED, rows).shown(), aside=ways)


def _ledger(api: Careloom) -> Component:
    accounts = api.synthetic.accounts()
    ways = link("Open the ledger", href("synthetic"))
    if not accounts:
        return card(
            "Privacy budget",
            html.P("No data set has a budget, so nothing is learnt of it.", className="soft"),
            aside=ways,
        )
    rows = [_account(one) for one in accounts]
    return card("Privacy budget", Table("Privacy budget by account", _ACCOUNTS, rows).shown(), aside=ways)


def _account(one: LedgerAccount) -> tuple[Contents, ...]:
    budget = words.NONE if one.budget is None else f"{one.budget['epsilon']:g}"
    spent = one.spent.get("epsilon")
    used: Contents = words.share(one.used)
    if one.used is not None and one.used >= 1:
        used = badge(words.share(one.used), "bad")
    told = "without bound" if spent is None else f"{spent:.4g}"
    return link(one.account, href("synthetic", account=one.account)), budget, told, used


def _elsewhere(person: Person) -> Component:
    ways = [
        ("What was taken out of the research zone, and what risk is left", "De-identification", href("deidentify"),
         person.has_deidentifications),
        ("What is kept for how long, and what is due", "Retention", href(ROOM, "retention"), person.has_rights),
        ("Erase a patient, with proof", "Erasure", href(ROOM, "erasure"), person.may_erase),
        ("Everything that is kept of a patient; restrict, object, mend", "Requests", href(ROOM, "requests"),
         person.has_rights),
    ]  # fmt: skip
    each = [
        html.Li([link(title, target), html.Div(said, className="soft small")])
        for said, title, target, may in ways
        if may
    ]
    if not each:
        return card("More", html.P("Nothing more is shown to you here.", className="soft"))
    return card("More", html.Ul(each, className="ways"))
