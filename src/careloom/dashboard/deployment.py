"""Deployment: what runs here, how it is, how it compares with a blueprint, and evidence to take along."""

from dash import html
from dash.development.base_component import Component
from flask import Flask, Response

from careloom.client.careloom import Careloom
from careloom.client.operations_reports import Deployment
from careloom.dashboard import session, words
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.calls import ApiOf, acting
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, as_of, badge, card, head, link, tile, tiles
from careloom.dashboard.session import Person

TITLE = "Deployment"
ROOM = "deployment"
HEALTH = {
    "ok": ("Everything works", "good"),
    "degraded": ("Something needs a look", "warn"),
    "failed": ("Something vital has failed", "bad"),
}
ALIASES = {"champion": ("Answers", "good"), "canary": ("Answers some", "run"), "shadow": ("Tried unseen", "")}
STORES = {"access": "Accounts and access", "terminologies": "Terminologies"}


def page(api: Careloom, person: Person, _address: Address) -> Page:
    """What runs, from two calls."""
    told, health = api.deployment(), api.health()
    lead = "What runs here, how it is, and how it compares with what was meant to run."
    said, tone = HEALTH[health.state]
    content: list[Content] = [
        head(TITLE, lead=lead, aside=as_of(session.now())),
        _tiles(told),
        html.Div([_blueprint(), _evidence(person)], className="columns columns-1-1"),
        card(
            "Dependencies",
            html.P([badge(said, tone), " ", link("See each of them", href("operations"))]),
        ),
        html.Div([_stores(told), _settings(told)], className="columns columns-1-1"),
        _models(told),
        _terminologies(told),
    ]
    return Page(TITLE, content)


def install(server: Flask, api_of: ApiOf) -> None:
    """Adds the address of the bundle of evidence."""

    @server.get("/deployment-evidence.zip")
    def deployment_evidence() -> Response:
        with acting(api_of) as api:
            content = api.evidence()
        named = 'attachment; filename="careloom-evidence.zip"'
        return Response(content, content_type="application/zip", headers={"Content-Disposition": named})


def _tiles(told: Deployment) -> Component:
    return tiles(
        [
            tile("Careloom", told.package, f"commit {told.revision[:12]}" if told.revision else "commit not known"),
            tile("Python", told.python, told.system),
            tile("Libraries", words.number(told.libraries.count), f"hash {told.libraries.hash[:12]}"),
            tile("Settings", words.number(len(told.settings.changed)), f"differ; hash {told.settings.hash[:12]}"),
        ]
    )


def _blueprint() -> Component:
    said = [
        html.P("No blueprint was compared with what runs here, so nothing is known to be missing, extra or drifted."),
        html.P(
            "A blueprint says which resources an installation in a cloud is meant to have. Until one ships, compare "
            "libraries and settings with those of another installation by their hashes."
        ),
    ]
    return card("Blueprint", html.Div(said, className="empty"), aside=badge("Not compared"))


def _evidence(person: Person) -> Component:
    said = (
        "Versions, a bill of materials (CycloneDX), signed checkpoints of the audit chains, whether models in use are "
        "as they were signed, certificates of erasures. The manifest is signed and names the hash of every file."
    )
    if not person.may_audit:
        return card(
            "Evidence", [html.P(said), html.P("A privacy officer or an auditor can download it.", className="soft")]
        )
    target = f"{PREFIX}/deployment-evidence.zip"
    button = link("Download the evidence", target, className="button", download="careloom-evidence.zip")
    return card("Evidence", [html.P(said), html.Div(button, className="buttons")])


def _stores(told: Deployment) -> Component:
    rows = [(words.ZONES.get(one.name, STORES.get(one.name, one.name)), html.Code(one.schema)) for one in told.stores]
    columns = [Column("Database"), Column("Schema", "right")]
    return card("Databases", Table("Schemas of databases", columns, rows).shown())


def _settings(told: Deployment) -> Component:
    if not told.settings.changed:
        return card("Settings", html.P("All settings have their defaults.", className="soft"))
    names = html.Ul([html.Li(html.Code(name)) for name in told.settings.changed], className="ways")
    said = html.P("These differ from the defaults. Values are not told.", className="soft")
    return card("Settings", [said, names])


def _models(told: Deployment) -> Component:
    if not told.models:
        return card("Models in use", html.P("No model answers yet.", className="soft"))
    rows = [_model(one.model, one.alias, one.version) for one in told.models]
    columns = [Column("Model"), Column("Role", "tight"), Column("Version", "right")]
    return card("Models in use", Table("Models in use", columns, rows).shown())


def _model(model: str, alias: str, version: int) -> tuple[Contents, ...]:
    said, tone = ALIASES.get(alias, (alias, ""))
    return link(model, href("models", model)), badge(said, tone), words.number(version)


def _terminologies(told: Deployment) -> Component:
    if not told.terminologies:
        return card("Terminologies", html.P("No code system was loaded.", className="soft"))
    rows = [
        (
            html.Div([html.Div(one.title), html.Div(html.Code(one.system), className="soft small")]),
            [one.version or words.NONE, badge("Expired", "warn") if one.expired else None],
            words.number(one.concepts),
        )
        for one in sorted(told.terminologies, key=lambda one: one.title.lower())
    ]
    columns = [Column("Code system"), Column("Edition", "tight"), Column("Codes", "right")]
    return card("Terminologies", Table("Code systems and their editions", columns, rows).shown())
