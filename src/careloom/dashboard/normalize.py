"""Normalize: rehearse first, read what would change by code, then apply; and what was done before. No value is here."""

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.normalization_reports import MetIn, Normalization, NormalizationDetail, RewrittenCode
from careloom.dashboard import words
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.parts import (
    Column,
    Content,
    Contents,
    Page,
    Table,
    badge,
    card,
    head,
    link,
    note,
    state,
    tile,
    tiles,
    time,
)
from careloom.dashboard.run_parts import older_runs, unfinished
from careloom.dashboard.session import Person

TITLE = "Normalize"
RUNS_SHOWN = 20
RUN_COLUMNS = [
    Column("Run (began, UTC)"), Column("State", "tight"), Column("Changed", "right"),
    Column("Left as they came", "right wide-only"), Column("Took", "right wide-only"), Column("By", "wide-only"),
]  # fmt: skip
CODE_COLUMNS = [Column("What"), Column("Elements", "right"), Column("For example")]


def page(api: Careloom, address: Address) -> Page:
    """What it is, the way to rehearse, and the runs, newest first; ``?before=`` continues where a page ended."""
    before = address.query.get("before", "")
    found = api.normalizations.list(limit=RUNS_SHOWN, cursor=before)
    lead = "Units, codes, names, addresses and phones in one form. What came stays in each resource's history."
    content: list[Content] = [head(TITLE, lead=lead, aside=rehearse_now())]
    if found.items:
        table = Table("Runs, newest first", RUN_COLUMNS, [_row(run) for run in found.items]).shown()
        content.append(card("Runs", [table, older_runs(before, found.next, "normalize")]))
    elif before:
        content.append(card("No more runs", html.P(link("Back to the newest", href("normalize")))))
    else:
        content.append(_never())
    return Page(TITLE, content, is_live=any(not run.has_ended for run in found.items))


def run_page(api: Careloom, person: Person, run_id: str) -> Page:
    """One run, live while it runs; a rehearsal that is done can be applied."""
    run = api.normalizations.get(run_id)
    may_open = "identified" in person.patient_zones
    content: list[Content] = [
        head("Rehearsal" if run.rehearsal else "Normalization", lead=html.Code(run.id), aside=state(run.state)),
        _standing(run),
        _tiles(run),
        *([] if run.state == "waiting" else _found(run, may_open=may_open)),
        _apply(run) if run.rehearsal and run.state == "done" and run.changed else None,
    ]
    return Page(run.id, content, trail=((TITLE, href("normalize")),), is_live=not run.has_ended)


def _found(run: NormalizationDetail, *, may_open: bool) -> list[Component]:
    return [
        _codes("Would change" if run.rehearsal else "Changes", run.changes, may_open=may_open),
        _codes("Left as they came", run.warnings, may_open=may_open),
    ]


def rehearse_now() -> Component:
    """A button that queues a rehearsal."""
    button = html.Button("Rehearse", type="submit", className="button button-main")
    return html.Form(button, method="post", action=f"{PREFIX}/normalize-rehearse")


def _never() -> Component:
    said = [
        html.P("Nothing was normalized yet. A rehearsal tells what would change, by kind and with examples."),
        html.P("It changes nothing; you apply it once you have read it."),
        html.P(["Or on the command line: ", html.Code("careloom normalize --rehearse")]),
    ]
    return card("No run yet", html.Div(said, className="empty"))


def _row(run: Normalization) -> tuple[Contents, ...]:
    name = time(run.started) if run.started else "Not yet begun"
    kind = badge("Rehearsal", "plain") if run.rehearsal else None
    id_ = html.Div(html.Code(run.id), className="soft wide-only")
    return (
        html.Div([link(name, href("normalize", run.id)), " ", kind, id_]),
        state(run.state),
        words.number(run.changed),
        words.number(run.left),
        words.lasting(run.started, run.ended),
        run.actor,
    )


def _standing(run: NormalizationDetail) -> Component:
    told = unfinished(
        run,
        "resources",
        waits="Nothing was changed yet",
        stays="What it had committed stays. Mend the reason, if there is one, and start again.",
        cancel=f"normalize-cancel/{run.id}",
    )
    if told is not None:
        return told
    if run.rehearsal:
        return note("Nothing was changed", "This is what would have happened then.")
    return note("Each changed resource has a new version", "What came is the version before it.", tone="good")


def _tiles(run: Normalization) -> Component:
    each = [
        tile("Looked at", words.number(run.read), _unit(run.read, "resource")),
        tile("Would change" if run.rehearsal else "Changed", words.number(run.changed), _unit(run.changed, "resource")),
        tile("Left as they came", words.number(run.left), _unit(run.left, "element")),
    ]
    if run.refused:
        each.append(
            tile("Would be invalid", words.number(run.refused), "left as they were: a defect, please report it")
        )
    return tiles(each, is_small=True)


def _unit(count: int, one: str) -> str:
    return one if count == 1 else f"{one}s"


def _codes(title: str, found: tuple[RewrittenCode, ...], *, may_open: bool) -> Component:
    if not found:
        return card(title, html.P("None.", className="soft"))
    rows = [
        (
            html.Div([_sentence(one.message), html.Div(html.Code(one.code), className="soft"), _remedy(one.remedy)]),
            words.number(one.count),
            html.Div([_example(each, may_open=may_open) for each in one.examples]),
        )
        for one in found
    ]
    return card(title, Table(f"{title}, by code", CODE_COLUMNS, rows).shown())


def _remedy(text: str) -> Component | None:
    return html.Div(f"{text}.", className="soft small", style={"fontWeight": "400"}) if text else None


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _example(one: MetIn, *, may_open: bool) -> Component:
    kind, _, name = one.resource.partition("/")
    shown = html.Span([words.spaced(kind), " ", html.Code(name[:12], title=one.resource)])
    target = href("patients", "identified", one.patient.removeprefix("Patient/"))
    place = html.Span([" ", html.Code(one.place)], className="soft wide-only")
    return html.Div([link(shown, target) if one.patient and may_open else shown, place], className="small")


def _apply(run: NormalizationDetail) -> Component:
    """Two steps: the first only opens the second, which says what will happen."""
    text = (
        f"{words.count_of(run.changed, 'resource')} will get a new version; what has arrived since is normalized, too. "
        "What came stays as the version before; a Provenance for each patient tells what was changed and why."
    )
    button = html.Button("Yes, write the new versions", type="submit", className="button button-main")
    form = html.Form(button, method="post", action=f"{PREFIX}/normalize-apply/{run.id}")
    opened = html.Div([html.P(text), form], className="stack")
    return card("Apply", html.Details([html.Summary("Apply these changes"), opened]))
