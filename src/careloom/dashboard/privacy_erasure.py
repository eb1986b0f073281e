"""The erasure console: find, see what would go, confirm by typing, follow the job, keep the certificate."""

from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.subject_reports import ErasurePreview, ErasureRun, KeptCertificate
from careloom.dashboard import forms, session, words
from careloom.dashboard.address import PREFIX, Address, href, read
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.parts import (
    Column,
    Content,
    Contents,
    Page,
    Table,
    as_of,
    badge,
    bar,
    card,
    head,
    link,
    note,
    tile,
    tiles,
    time,
)
from careloom.dashboard.privacy_parts import ROOM, STORED_ID, TRAIL, find_patient, patient_link, pseudonym, tabs
from careloom.dashboard.session import Person
from careloom.errors import CareloomError, Erased, NotFound

TITLE = "Erasure"
LIVE_MILLISECONDS = 2000
WRONG = {
    "typed": "What you typed is not what the page asks for. Nothing was erased.",
    "read": "Say first that you have read what goes. Nothing was erased.",
}
_COUNTS = [Column("What"), Column("Share", "bar-cell", True), Column("Would go", "right")]
_GONE = [Column("What"), Column("Gone", "right")]
_TRAINED = [Column("What learnt from the patient"), Column("Kind", "tight"), Column("Since (UTC)", "tight wide-only")]
_CERTIFICATES = [
    Column("Ended (UTC)", "tight"), Column("Certificate"), Column("Worth", "tight"), Column("Gone", "right wide-only"),
    Column("Hits", "right wide-only"), Column("Patient", "tight wide-only"), Column("By", "wide-only"),
]  # fmt: skip


def phrase(name: str) -> str:
    """What has to be typed to erase the patient of this keyed pseudonym."""
    return f"erase {name[:8]}"


def page(api: Careloom, person: Person, address: Address) -> Page:
    """Finding, and the certificates; or of one patient what would go, and the confirmation."""
    patient_id, step = address.query.get("patient", ""), address.query.get("step", "")
    lead = "For good, in every zone, table, export and backup; with a certificate that is signed."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(session.now())), tabs(person, "erasure")]
    if not STORED_ID.fullmatch(patient_id):
        content.append(_find(address))
        content.append(_certificates(api.subjects.certificates()))
        return Page(TITLE, content, TRAIL)
    try:
        told = api.subjects.preview_erasure(f"Patient/{patient_id}")
    except Erased:
        said = link("See the certificates", href(ROOM, "erasure"))
        return Page(TITLE, [*content, note("This patient was erased before.", said)], TRAIL)
    except NotFound as error:
        said = link("Find another", href(ROOM, "erasure"))
        return Page(TITLE, [*content, note(error.where, said, tone="warn", role="alert")], TRAIL)
    content.append(_steps(step))
    if step == "confirm" and not told.is_held:
        content.append(_confirm(told, patient_id, address.query.get("wrong", "")))
    else:
        content += _preview(told, patient_id)
    here = "Confirm" if step == "confirm" else "What would go"
    return Page(here, content, (*TRAIL, (TITLE, href(ROOM, "erasure"))))


def _find(address: Address) -> Component:
    said = "Nothing goes yet: you see first what would, and confirm it twice."
    form = find_patient("erasure", address.query.get("found", ""), "A number of the patient")
    return card("1. Find the patient", [html.P(said, className="soft"), form])


def _steps(step: str) -> Component:
    here = 2 if step == "confirm" else 1
    names = ("Find", "See what would go", "Confirm", "Erase")
    current: dict[str, Any] = {"aria-current": "step"}
    each = [
        html.Li(name, className="is-done" if at < here else "", **(current if at == here else {}))
        for at, name in enumerate(names)
    ]
    labelled: dict[str, Any] = {"aria-label": "Steps"}
    return html.Ol(each, className="way-steps", **labelled)


def _preview(told: ErasurePreview, patient_id: str) -> list[Content]:
    every = sum(told.resources.values())
    shown: list[Content] = [
        tiles(
            [
                tile("Resources", words.number(every), "in the identified zone"),
                tile("Research", words.number(told.research), "resources under other names"),
                tile("Source records", words.number(told.counts.get("source records", 0)), "as they arrived"),
                tile("Models", words.number(len(told.trainings)), "learnt from the patient"),
            ]
        )
    ]
    about = html.Span(["The patient ", patient_link(patient_id), ", in the audit chain ", pseudonym(told.pseudonym)])
    shown.append(html.P(about, className="soft"))
    tables = html.Div([_types(told), _rows(told)], className="columns columns-1-1")
    shown += [tables, _trained(told)]
    if told.is_held:
        said = link("See the holds", href(ROOM, "requests"))
        shown.append(note("A legal hold stands against it: nothing can be erased.", said, tone="bad", role="alert"))
    else:
        target = href(ROOM, "erasure", patient=patient_id, step="confirm")
        shown.append(html.Div(link("Go on to confirm", target, className="button button-main"), className="buttons"))
    return shown


def _types(told: ErasurePreview) -> Component:
    most = max(told.resources.values(), default=0)
    rows = [
        (words.spaced(kind), bar((count, ""), whole=most), words.number(count))
        for kind, count in told.resources.items()
    ]
    return card("Resources that would go", Table("Resources that would go, by type", _COUNTS, rows).shown())


def _rows(told: ErasurePreview) -> Component:
    most = max(told.counts.values(), default=0)
    rows = [
        (what[:1].upper() + what[1:], bar((count, ""), whole=most), words.number(count))
        for what, count in told.counts.items()
    ]
    said = "Lines of exports and rows of backups go, too; how many is counted when they do."
    table = Table("Rows that would go, by what they are", _COUNTS, rows).shown()
    return card("And with them", [table, html.P(said, className="hint")])


def _trained(told: ErasurePreview) -> Component | None:
    if not told.trainings:
        return None
    rows = [(one.name, one.kind, time(one.created)) for one in told.trainings]
    said = "What was learnt cannot be unlearnt by a file: these are marked, and wait to be trained anew."
    table = Table("What learnt from the patient", _TRAINED, rows).shown()
    return card("Models and data that learnt", [html.P(said, className="soft"), table])


def _confirm(told: ErasurePreview, patient_id: str, wrong: str) -> Component:
    every = sum(told.resources.values())
    what = f"{words.count_of(every, 'resource')} of the identified zone, {told.research:,} of research"
    said = f"{what}, and all that hangs on them go for good. No backup brings them back."
    refused = note("Not erased", WRONG[wrong], tone="bad", role="alert") if wrong in WRONG else None
    has_read = forms.choice("read", "Have you read what goes?", {"": "Not yet", "yes": "Yes, all of it"})
    asked = html.P(["Type ", html.Code(phrase(told.pseudonym), id="erase-phrase"), " to confirm."])
    typed = forms.text("typed", "Type it here", required=True, autoComplete="off")
    options = {"yes": "Yes: it may take long", "no": "No: the certificate says so"}
    search = forms.choice("search", "Search every byte afterwards?", options, "yes")
    hidden = [forms.hidden("patient", patient_id), forms.hidden("pseudonym", told.pseudonym)]
    buttons = html.Div(
        [
            html.Button("Erase for good", type="submit", className="button button-danger"),
            link("Do not erase", href(ROOM, "erasure", patient=patient_id), className="button"),
        ],
        className="buttons",
    )
    fields = [*hidden, has_read, search, asked, typed, buttons]
    form = html.Form(fields, method="post", action=f"{PREFIX}/privacy-erase", className="stack")
    return card("Erase this patient for good", [html.P(said), refused, form])


def run_page(api: Careloom, person: Person, run_id: str) -> Page:
    """An erasure as it goes, followed every two seconds; it names the patient by the pseudonym alone."""
    run = api.subjects.erasure_run(run_id)
    content: list[Content] = [head(f"Erasure {run_id}", lead=f"Asked for by {run.actor}."), tabs(person, "erasure")]
    content.append(html.Div(_live(run), id="erasure-live", className="stack-page"))
    content.append(dcc.Interval(id="erasure-tick", interval=LIVE_MILLISECONDS, disabled=run.has_ended))
    return Page(f"Erasure {run_id}", content, (*TRAIL, (TITLE, href(ROOM, "erasure"))))


def register(app: Dash, api_of: ApiOf) -> None:
    """Adds the callback that tells how an erasure goes on."""

    @app.callback(
        Output("erasure-live", "children"),
        Output("erasure-tick", "disabled"),
        Input("erasure-tick", "n_intervals"),
        State("url", "pathname"),
        prevent_initial_call=True,
    )
    def follow_erasure(_ticks: int, path: str | None) -> Any:
        parts = read(path, "").parts
        if len(parts) != 3 or parts[:2] != (ROOM, "erasure"):
            return no_update, no_update
        try:
            with signed_in(api_of) as api:
                run = api.subjects.erasure_run(parts[2])
                return _live(run), run.has_ended
        except CareloomError:
            return no_update, no_update


def _live(run: ErasureRun) -> list[Content]:
    if run.state in ("failed", "cancelled"):
        said = "What had gone by then is gone: ask for it again, and it goes on where it stopped."
        return [
            note(f"It {'failed: ' + str(run.error) if run.error else 'was cancelled'}", said, tone="bad", role="alert")
        ]
    if run.report is None:
        done, total = run.progress.done, run.progress.total
        far = (
            f"{words.size(done)} of {words.size(total)} searched"
            if total
            else "It waits for the worker, or removes rows."
        )
        shown = bar((min(done, total), ""), whole=total) if total else None
        return [
            card(
                "Under way" if run.state == "running" else "Waiting for the worker", [html.P(far, role="status"), shown]
            )
        ]
    told = run.report
    if told.already_erased:
        return [note("The patient was erased before: nothing was left to erase.", tone="good")]
    rows = [(what[:1].upper() + what[1:], words.number(count)) for what, count in sorted(told.removed.items())]
    hits = (
        "Nobody searched afterwards." if told.hits is None else f"Every byte was searched afterwards: {told.hits} hits."
    )
    tone = "good" if not told.hits else "bad"
    about = html.P(["In the audit chain the patient is ", pseudonym(told.pseudonym), "."], className="soft")
    return [
        note("The patient is erased.", hits, tone=tone, role="status"),
        card("What went", [Table("What went", _GONE, rows).shown(), about], aside=_files(told.certificate)),
    ]


def _files(name: str) -> Component:
    each = [
        link(title, f"{PREFIX}/privacy-certificate/{name}.{ending}", className="button button-small",
             download=f"erasure-{name}.{ending}")
        for title, ending in (("Page", "html"), ("JSON", "json"))
    ]  # fmt: skip
    return html.Div([html.Span("Certificate", className="soft small"), *each], className="buttons")


def _certificates(kept: tuple[KeptCertificate, ...]) -> Component:
    if not kept:
        said = "Nobody was erased here yet. Each erasure leaves a signed certificate of what went, what stays and why."
        return card("Certificates", html.Div(html.P(said), className="empty"))
    rows = [_certificate(one) for one in kept]
    said = "Signatures and sums were checked just now. Elsewhere: careloom verify FILE --key PUBLIC_KEY."
    table = Table("Certificates of erasure, newest first", _CERTIFICATES, rows).shown()
    return card("Certificates", [table, html.P(said, className="hint")])


def _certificate(one: KeptCertificate) -> tuple[Contents, ...]:
    whole = one.is_signed and one.adds_up
    worth = badge("Verified", "good") if whole else badge("Changed since", "bad")
    hits: Contents = "not searched" if one.hits is None else words.number(one.hits)
    if one.hits:
        hits = badge(words.number(one.hits), "bad")
    name = [html.Div(html.Code(one.certificate)), _files(one.certificate)]
    if one.retraining:
        name.append(
            html.Div(f"{words.count_of(one.retraining, 'training')} waited to be done anew", className="soft small")
        )
    return (
        time(one.ended),
        html.Div(name),
        worth,
        words.number(sum(one.totals.values())),
        hits,
        pseudonym(one.subject),
        one.actor,
    )
