"""Two versions of a model beside each other: measures, calibration, net benefit and groups."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.models_reports import ListedModelVersion, ModelEvaluation
from careloom.dashboard import model_figures, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.figures import twin
from careloom.dashboard.model_words import TITLE, champion_of, feature, interval, measure, place, plain, version_href
from careloom.dashboard.models import state_of
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, card, head, link, note
from careloom.errors import NotFound


def page(api: Careloom, name: str, address: Address) -> Page:
    """``?a=`` and ``?b=`` are numbers of versions; without them the newest one is held against the champion."""
    versions = api.models.versions(name)
    if not versions:
        raise NotFound("there is no such model", "Choose one in the list of models.")
    trail = ((TITLE, href("models")), (name, href("models", name)))
    lead = "The same measures side by side. On other rows or another day, a difference may be theirs."
    if len(versions) < 2:
        said = html.P(["There is one version alone. ", link("See it", version_href(versions[0].version))])
        return Page(
            "Compare", [head(f"Compare versions of {name}", lead=lead), card("Nothing to compare", said)], trail
        )
    first, second = _chosen(versions, address)
    told = [api.models.evaluation(one.version) for one in (first, second)]
    content: list[Content] = [
        head(f"Compare versions of {name}", lead=lead),
        _choice(name, versions, first, second),
        _paired(told),
        _measures(first, second, told),
        html.Div([_calibration(told), _decision(told)], className="columns columns-1-1"),
        _groups(told),
    ]
    return Page("Compare", content, trail)


def _chosen(
    versions: tuple[ListedModelVersion, ...], address: Address
) -> tuple[ListedModelVersion, ListedModelVersion]:
    """The two that the address names; else the newest one and the champion, or who came before."""
    by_number = {str(one.number): one for one in versions}
    first = by_number.get(address.query.get("a", ""), versions[0])
    best = champion_of(versions)
    others = [one for one in (best, *versions) if one is not None and one.number != first.number]
    second = by_number.get(address.query.get("b", ""), others[0])
    return first, second if second.number != first.number else others[0]


def _choice(
    name: str, versions: tuple[ListedModelVersion, ...], first: ListedModelVersion, second: ListedModelVersion
) -> Component:
    def select(key: str, title: str, chosen: ListedModelVersion) -> Component:
        options = [
            html.Option(
                f"Version {one.number}{', champion' if 'champion' in one.aliases else ''}",
                value=str(one.number), selected=one.number == chosen.number,
            )
            for one in versions
        ]  # fmt: skip
        box = html.Select(options, name=key, id=f"compare-{key}")
        return html.Div([html.Label(title, htmlFor=f"compare-{key}"), box], className="field")

    button = html.Button("Compare", type="submit", className="button")
    fields = [select("a", "Version", first), select("b", "Against", second), button]
    form = html.Form(fields, method="get", action=href("models", name, "compare"), className="search")
    return card("Which two", form)


def _paired(told: list[ModelEvaluation]) -> Component | None:
    """The paired difference on the same rows, where the first was judged beside the second."""
    against = told[0].against
    if not against or against.get("champion") != told[1].version:
        return None
    said = [f"{measure(name)}: {interval(one)}" for name, one in against.get("measures", {}).items()]
    return note("On the same rows, first less second", "; ".join(said) + ".")


def _measures(first: ListedModelVersion, second: ListedModelVersion, told: list[ModelEvaluation]) -> Component:
    names = sorted({*told[0].measures, *told[1].measures}, key=lambda name: (place(name), name))
    rows: list[tuple[Contents, ...]] = []
    for name in names:
        values = [one.measures.get(name, {}) for one in told]
        found = [each.get("value") for each in values]
        difference = words.NONE if None in found else f"{found[0] - found[1]:+.3f}"
        rows.append((measure(name), interval(values[0]), interval(values[1]), difference))
    columns = [
        Column("Measure"), Column(f"Version {first.number} (95 %)", "right"),
        Column(f"Version {second.number} (95 %)", "right"), Column("Difference", "right"),
    ]  # fmt: skip
    titles = [
        html.Span([link(f"Version {one.number}", version_href(one.version)), " ", state_of(one)])
        for one in (first, second)
    ]
    aside = html.Div([titles[0], " and ", titles[1]], className="versus small")
    return card("Measures", Table("Measures of both versions", columns, rows).shown(), aside=aside)


def _name(one: ModelEvaluation) -> str:
    return f"Version {one.version.rpartition('@')[2]}"


def _calibration(told: list[ModelEvaluation]) -> Component:
    title = "Does a risk mean what it says?"
    reports = {_name(one): one.report for one in told if one.report}
    if not reports:
        return card(title, html.P("Neither has a report.", className="soft"))
    figure = model_figures.shown(model_figures.calibration(reports), "Calibration of both versions")
    rows = [
        (name, words.share(at["risk"]), words.share(at["came"]), words.number(at["rows"]))
        for name, report in reports.items() for at in report.get("calibration_curve", [])
    ]  # fmt: skip
    columns = [Column("Version"), Column("Said", "right"), Column("Came", "right"), Column("Rows", "right")]
    return card(title, [figure, twin(Table("Calibration of both versions", columns, rows))])


def _decision(told: list[ModelEvaluation]) -> Component:
    title = "Is alerting by it worth it?"
    curves = {_name(one): one.report["decision_curve"] for one in told if one.report and "decision_curve" in one.report}
    if not curves:
        return card(title, html.P("Neither has a decision curve.", className="soft"))
    figure = model_figures.shown(model_figures.decision(curves), "Net benefit of both versions")
    rows = [
        (name, words.share(at["threshold"]), f"{100 * at['model']:.2f}", f"{at['alerts_per_100']:.1f}")
        for name, curve in curves.items() for at in curve
    ]  # fmt: skip
    columns = [Column("Version"), Column("Act from", "right"), Column("Net benefit per 100", "right"),
               Column("Alerts per 100", "right")]  # fmt: skip
    return card(title, [figure, twin(Table("Net benefit of both versions", columns, rows))])


def _groups(told: list[ModelEvaluation]) -> Component:
    """AUROC of each group by both versions."""
    title = "Does it hold for every group?"
    tables = [
        {(one["attribute"], one["group"]): one for one in (each.report or {}).get("subgroups", {}).get("table", [])}
        for each in told
    ]
    keys = list(dict.fromkeys([*tables[0], *tables[1]]))
    if not keys:
        return card(title, html.P("No attributes were judged by.", className="soft"))
    rows = [
        (feature(f"{kind}={group}"), *(_area(table.get((kind, group))) for table in tables)) for kind, group in keys
    ]
    columns = [Column("Group"), *(Column(f"{_name(one)}: AUROC (95 %)", "right") for one in told)]
    return card(title, Table("AUROC of each group by both versions", columns, rows).shown())


def _area(one: dict[str, Any] | None) -> str:
    if one is None:
        return words.NONE
    if one["patients"] is None:
        return "fewer than 11 patients"
    return interval({"value": one["auroc"], "low": one["auroc_low"], "high": one["auroc_high"]}) or plain(None)
