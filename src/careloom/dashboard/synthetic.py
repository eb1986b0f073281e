"""Synthetic data: what may be learnt of patients and was, what was let out and may be fetched, and what was fitted."""

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.synthetic_reports import (
    LedgerAccount,
    LedgerDetail,
    LedgerEntry,
    SampleBrief,
    SyntheticEngine,
    SyntheticModel,
    SyntheticRelease,
)
from careloom.dashboard import session, synthetic_figures, synthetic_verify, words
from careloom.dashboard import synthetic_words as said
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.figures import graph, twin
from careloom.dashboard.parts import (
    Column,
    Content,
    Contents,
    Page,
    Table,
    as_of,
    badge,
    card,
    command,
    head,
    link,
    time,
)
from careloom.dashboard.synthetic_words import TITLE

LEAD = "Rows of nobody, and the privacy of patients that they cost. Rows that were not let out are nowhere here."
TONES = {"open": "good", "closed": "bad", "withdrawn": "", "fitted": "good", "failed": "bad", "cancelled": "warn"}
_ACCOUNTS = [
    Column("Account"), Column("Budget", "right"), Column("Used", "right"), Column("Spent", "right"),
    Column("Uses", "right wide-only"), Column("Open", "right wide-only"),
]  # fmt: skip
_ENTRIES = [
    Column("When (UTC)", "tight"), Column("What"), Column("Account", "wide-only"), Column("Epsilon", "right"),
    Column("Delta", "right wide-only"), Column("By", "wide-only"), Column("Run", "wide-only"),
]  # fmt: skip
_STEPS = [Column("When (UTC)", "tight"), Column("What"), Column("Epsilon", "right"), Column("Together", "right")]
_ENGINES = [Column("Engine"), Column("What it is for", "wide-only"), Column("Bound", "tight"), Column("Here", "tight")]
_RELEASES = [
    Column("Table"), Column("State", "tight"), Column("Holds", "tight"), Column("Until (UTC)", "tight wide-only"),
    Column("Policy", "wide-only"), Column("Certificate", "wide-only"),
]  # fmt: skip
_SAMPLES = [
    Column("Sample"), Column("State", "tight"), Column("Holds", "tight"), Column("Verdicts", "right wide-only"),
    Column("By", "wide-only"), Column("When (UTC)", "tight wide-only"),
]  # fmt: skip
_SHOWN = 20
"""Samples at most: who draws again and again has many."""
_FILES = {
    "table": (("NDJSON", "", "ndjson"), ("CSV", "", "csv"), ("Parquet", "", "parquet")),
    "records": (("FHIR", "", "ndjson"), ("Encounters CSV", "encounters", "csv"), ("Parquet", "encounters", "parquet")),
    "notes": (("FHIR", "", "ndjson"), ("CSV", "notes", "csv"), ("Parquet", "notes", "parquet")),
    "patients": (("FHIR", "", "ndjson"), ("Notes CSV", "notes", "csv"), ("Parquet", "notes", "parquet")),
}
"""Kind of a release -> files of it that are offered: title, part, ending."""
_MODELS = [
    Column("Model"), Column("State", "tight"), Column("Engine", "wide-only"), Column("Bound", "right"),
    Column("Patients", "right wide-only"), Column("Samples", "right wide-only"),
]  # fmt: skip


def page(api: Careloom, person: session.Person, address: Address) -> Page:
    """The ledger, releases and models, as far as this person may see them; ``?account=`` shows one account."""
    if account := address.query.get("account", ""):
        return _account(api, account)
    content: list[Content] = [head(TITLE, lead=LEAD, aside=as_of(session.now())), _ledger(api.synthetic.accounts())]
    if "synthetic" in person.zones:
        content.append(_releases(api.synthetic.releases()))
    if "research" in person.zones:
        synthetic = api.synthetic
        content += [_samples(synthetic.samples()), _models(synthetic.models()), _engines(synthetic.engines())]
    return Page(TITLE, content, is_live=True)


def _ledger(accounts: tuple[LedgerAccount, ...]) -> Component:
    if not accounts:
        text = "No data set has a budget, so nothing is learnt. A privacy officer sets one."
        shown = command("careloom synthesize ledger budget research --epsilon 3", "Set a budget")
        return card("Privacy ledger", html.Div([html.P(text), shown], className="empty"))
    table = Table("Accounts", _ACCOUNTS, [_account_row(one) for one in accounts]).shown()
    if not any(one.budget for one in accounts):
        return card("Privacy ledger", table)
    text = "What may be learnt of one patient, and how much of that was spent. What is spent never comes back."
    drawn = graph(synthetic_figures.budgets(accounts), "Share of each budget that is used and left", "budgets")
    return card("Privacy ledger", [html.P(text, className="soft"), drawn, table])


def _account_row(one: LedgerAccount) -> tuple[Contents, ...]:
    budget = "none" if one.budget is None else f"{one.budget['epsilon']:g} at {words.small(one.budget['delta'])}"
    used = words.NONE if one.used is None else f"{one.used:.1%}"
    full = one.used is not None and one.used >= 1
    return (
        link(one.account, href("synthetic", account=one.account)), budget, badge(used, "bad") if full else used,
        _epsilon(one.spent["epsilon"]), words.number(one.uses), words.number(one.unsettled),
    )  # fmt: skip


def _account(api: Careloom, account: str) -> Page:
    found = api.synthetic.account(account)
    rows = [_entry_row(one) for one in found.entries]
    lead = "Every use that counts against it, newest first. A reservation counts in full and is never given back."
    content = [
        head(account, lead=lead, aside=as_of(session.now())),
        card("Now", Table("The account", _ACCOUNTS, [_account_row(found)]).shown()),
        _over_time(found),
        card("Rows of the ledger", Table("Rows of the ledger", _ENTRIES, rows).shown()),
    ]
    return Page(account, content, trail=((TITLE, href("synthetic")),))


def _over_time(found: LedgerDetail) -> Component | None:
    """Every use as a step; nothing where nothing with a bound was used."""
    steps = synthetic_figures.uses(found.entries)
    if not steps:
        return None
    text = (
        "Each use adds a step. Uses compose better than their sum: what the account spent by its rule is "
        f"{_epsilon(found.spent['epsilon'])}. The share of its budget that this uses up stands above."
    )
    rows = [(time(one.time), one.kind, _epsilon(one.epsilon), _epsilon(total)) for one, total in steps]
    table = Table("Uses over time", _STEPS, rows)
    budget = None if found.budget is None else float(found.budget["epsilon"])
    drawn = graph(synthetic_figures.over_time(steps, budget), "Epsilon of all uses, added up over time", "over-time")
    return card("Spent over time", [html.P(text, className="soft"), drawn, twin(table)])


def _entry_row(one: LedgerEntry) -> tuple[Contents, ...]:
    what = f"{one.kind}: {one.outcome}" if one.outcome else one.kind
    told = [html.Div(what), html.Div(one.note, className="soft small")] if one.note else what
    epsilon = words.NONE if one.outcome else _epsilon(one.epsilon)
    delta = words.NONE if one.delta is None else words.small(one.delta)
    return time(one.time), told, one.account, epsilon, delta, one.actor, html.Code(one.run) if one.run else words.NONE


def _releases(releases: tuple[SyntheticRelease, ...]) -> Component:
    way = link("Verify a certificate", href("synthetic", synthetic_verify.PART), className="button button-small")
    if not releases:
        return card("Releases", [html.P("Nothing was let out.", className="soft"), html.Div(way)])
    rows = [
        (
            html.Div([link(html.Code(one.table), href("synthetic", "samples", one.release)), _downloads(one)]),
            html.Div([badge(one.state, TONES.get(one.state, "")), html.Div(one.reason, className="soft small")]),
            _holds(one.kind, one.rows), time(one.expires), one.policy, _certificate(one),
        )
        for one in releases
    ]  # fmt: skip
    return card("Releases", [Table("Releases, newest first", _RELEASES, rows).shown(), html.Div(way)])


def _downloads(one: SyntheticRelease) -> Component:
    """Links to the files of a release that is open; of a closed one nothing leaves."""
    if one.state != "open":
        return html.Div("No download any more", className="soft small")
    links = []
    for title, part, ending in _FILES[one.kind]:
        place = f"{one.release}/{part}.{ending}" if part else f"{one.release}.{ending}"
        name = f"{one.table.partition('/')[2]}{f'-{part}' if part else ''}.{ending}"
        links.append(link(title, f"{PREFIX}/synthetic-data/{place}", className="button button-small", download=name))
    return html.Div(links, className="buttons")


def _certificate(one: SyntheticRelease) -> Component:
    place = f"{PREFIX}/synthetic-certificate/{one.release}"
    links = [
        link(
            ending.upper(), f"{place}.{ending}", className="button button-small", download=f"{one.certificate}.{ending}"
        )
        for ending in ("pdf", "json")
    ]
    return html.Div(links, className="buttons")


def _samples(samples: tuple[SampleBrief, ...]) -> Component | None:
    """What was drawn, by state: what was refused or not judged yet lies sealed, and has no download."""
    if not samples:
        return None
    rows: list[tuple[Contents, ...]] = [
        (
            link(html.Code(one.id), href("synthetic", "samples", one.id)), _sample_state(one),
            _holds(one.kind, one.rows, one.patients, one.notes),
            words.number(one.verdicts), one.actor, words.NONE if one.created is None else time(one.created),
        )
        for one in samples[:_SHOWN]
    ]  # fmt: skip
    more = len(samples) - _SHOWN
    below = (
        html.P(f"{more:,} earlier ones: careloom synthesize list --samples.", className="hint") if more > 0 else None
    )
    return card("Samples", [Table("Samples, newest first", _SAMPLES, rows).shown(), below])


def _sample_state(one: SampleBrief) -> Component:
    told: list[Component] = [badge(one.state, said.STATES.get(one.state, "run"))]
    if one.error:
        told.append(html.Div(html.Code(one.error), className="soft small"))
    return html.Div(told)


def _holds(kind: str, rows: int, patients: int | None = None, notes: int | None = None) -> Contents:
    """What a sample or a release holds."""
    if kind == "table":
        return f"{rows:,} rows"
    counts = [f"{count:,} {name}" for count, name in ((patients, "patients"), (notes, "notes")) if count]
    title = {"records": "records", "notes": "notes", "patients": "records with notes"}[kind]
    return [html.Div(", ".join(counts) or title), html.Div(f"{rows:,} resources", className="soft small")]


def _models(models: tuple[SyntheticModel, ...]) -> Component:
    if not models:
        shown = command("careloom synthesize metadata --table silver/patients --out patients.toml", "Begin")
        return card("Models", html.Div([html.P("Nothing was fitted yet."), shown], className="empty"))
    return card("Models", Table("Models, newest first", _MODELS, [_model_row(one) for one in models]).shown())


def _model_row(one: SyntheticModel) -> tuple[Contents, ...]:
    name = [
        html.Div(link(one.title or one.id, href("synthetic", "models", one.id))),
        html.Div(html.Code(one.id), className="soft wide-only"),
    ]
    state = [badge(one.state, TONES.get(one.state, "run"))]
    if one.taints:
        state.append(badge(f"somebody left: {', '.join(one.taints)}", "bad"))
    if one.error:
        state.append(html.Div(html.Code(one.error), className="soft small"))
    bound = "none" if one.epsilon is None else f"{one.epsilon:.3g} at {words.small(one.delta)}"
    return (
        html.Div(name),
        html.Div(state),
        one.engine,
        bound,
        words.number(one.patients),
        words.number(len(one.samples)),
    )


def _engines(engines: tuple[SyntheticEngine, ...]) -> Component:
    """What learns tables, what each is for, and what bounds what its rows tell."""
    rows = []
    for one in engines:
        known = said.ENGINES.get(one.engine)
        here = badge("Installed", "good") if one.is_installed else f"needs the extra {one.needs_extra}"
        rows.append(
            (
                one.engine,
                known.use if known else "an engine of your own",
                known.bound if known else "see its maker",
                here,
            )
        )
    return card("Generators", Table("Engines that learn tables", _ENGINES, rows).shown())


def _epsilon(value: float | None) -> str:
    return "without bound" if value is None else f"{value:.4g}"
