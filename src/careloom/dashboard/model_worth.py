"""How good a version was when it was registered: calibration, net benefit, groups of patients, worse inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.models_reports import ModelEvaluation
from careloom.dashboard import model_figures, words
from careloom.dashboard.figures import twin
from careloom.dashboard.model_words import MEASURES, feature, interval, measure, place, plain
from careloom.dashboard.parts import Column, Content, Contents, Table, badge, card, note, tile, tiles

Json = Mapping[str, Any]
_TILES = ("auroc", "auprc", "brier", "ece", "slope")
_FEW = "fewer than 11 patients"
_GROUPS = [
    Column("Group"), Column("Patients", "right"), Column("Events", "right wide-only"), Column("AUROC (95 %)", "right"),
    Column("Calibration error", "right wide-only"), Column("Alerted", "right wide-only"),
    Column("Events found", "right wide-only"), Column("Alerts right", "right"),
]  # fmt: skip


def worth(told: ModelEvaluation) -> list[Content]:
    """The cards of an evaluation; without a report, its measures and a word about that."""
    report = told.report
    declared = (
        note("Declared, not measured here", "Who brought this version in says these numbers.", tone="warn")
        if told.by == "declared"
        else None
    )
    if report is None:
        said = note(
            "No report is kept with this version",
            "It was registered without one, or its files were removed after an erasure. Its measures stand below.",
        )
        return [declared, figures(told), said, _measures(told, {})]
    return [
        declared,
        figures(told),
        html.Div([_calibration(report), _decision(report)], className="columns columns-1-1"),
        _groups(report, told.measures.get("auroc", {}).get("value")),
        html.Div([_measures(told, report.get("baselines", {})), _stress(report)], className="columns columns-1-1"),
    ]


def figures(told: ModelEvaluation) -> Component:
    """The main measures, each with its interval."""
    shown = [_tile(name, told.measures[name]) for name in _TILES if name in told.measures]
    if not shown:
        shown = [_tile(name, one) for name, one in list(told.measures.items())[:5]]
    if told.counts.get("n"):
        patients = told.counts.get("patients")
        whose = f" of {words.count_of(patients, 'patient')}" if patients else ""
        events = told.counts.get("events")
        shown.append(tile("Judged on", words.number(told.counts["n"]),
                          f"rows{whose}" + (f"; {events:,} events" if events is not None else "")))  # fmt: skip
    return tiles(shown, is_small=True)


def _tile(name: str, one: Json) -> Component:
    low, high = one.get("low"), one.get("high")
    around = f"95 %: {plain(low)} to {plain(high)}" if low is not None and high is not None else "no interval"
    return tile(measure(name), plain(one.get("value")), around)


def _calibration(report: Json) -> Component:
    curve = report.get("calibration_curve", [])
    figure = model_figures.shown(
        model_figures.calibration({"This version": report}), "Calibration: risk that was said against what came"
    )
    if not curve:
        said = note("No curve was kept", "Versions judged before have slope and intercept alone; the line shows them.")
        return card("Does a risk mean what it says?", [figure, said])
    columns = [Column("Said", "right"), Column("Came (95 %)", "right"), Column("Rows", "right")]
    rows = [
        (
            words.share(one["risk"]),
            _FEW if one["came"] is None
            else f"{words.share(one['came'])} ({words.share(one['low'])} to {words.share(one['high'])})",
            words.NONE if one["rows"] is None else words.number(one["rows"]),
        )
        for one in curve
    ]  # fmt: skip
    return card(
        "Does a risk mean what it says?", [figure, twin(Table("Calibration in bins of equal size", columns, rows))]
    )


def curves(report: Json, name: str = "This version") -> dict[str, Sequence[Json]]:
    """Decision curves of a report: its own, then those of what it must beat."""
    beside = {title: one["decision_curve"] for title, one in report.get("baselines", {}).items()}
    return {name: report.get("decision_curve", []), **beside}


def _decision(report: Json) -> Component:
    title = "Is alerting by it worth it?"
    found = curves(report)
    own = found["This version"]
    if not own:
        return card(title, html.P("No decision curve was kept.", className="soft"))
    figure = model_figures.shown(
        model_figures.decision(found), "Net benefit of this version beside alerting for all, for none, and baselines"
    )
    rows = [
        (
            words.share(one["threshold"]), f"{100 * one['model']:.2f}",
            *(f"{100 * at[place]['model']:.2f}" for at in list(found.values())[1:]),
            f"{100 * one['treat_all']:.2f}", f"{one['alerts_per_100']:.1f}",
        )
        for place, one in enumerate(own)
    ]  # fmt: skip
    columns = [
        Column("Act from"), *(Column(name, "right") for name in found), Column("Alert for all", "right"),
        Column("Alerts per 100", "right"),
    ]  # fmt: skip
    said = html.P("True alerts per 100 patients, less false ones weighed by the risk from which one acts.",
                  className="soft small")  # fmt: skip
    return card(title, [figure, said, twin(Table("Net benefit per 100 at each threshold", columns, rows))])


def _groups(report: Json, whole: float | None) -> Component:
    title = "Does it hold for every group?"
    told = report.get("subgroups", {})
    table: Sequence[Json] = told.get("table", [])
    if not table:
        return card(title, html.P("No attributes were judged by.", className="soft"))
    drawn = [
        (feature(f"{one['attribute']}={one['group']}"),
         {"value": one["auroc"], "low": one["auroc_low"], "high": one["auroc_high"]})
        for one in table if one["patients"] is not None and one["auroc"] is not None
    ]  # fmt: skip
    figure = model_figures.shown(
        model_figures.dots(drawn, beside=whole, title="AUROC; dotted: all"),
        "AUROC of each group with its interval",
    )
    few = sum(one["patients"] is None for one in table)
    said = [f"{words.count_of(few, 'group has', 'groups have')} {_FEW}: no numbers are told."] if few else []
    said += [f"Of {feature(name).lower()} there are no facts." for name in told.get("no_facts", [])]
    return card(
        title,
        [
            figure, _certain(told.get("apart", [])), html.P(" ".join(said), className="soft small") if said else None,
            Table("Measures by group", _GROUPS, [_group(one) for one in table]).shown(),
        ],
    )  # fmt: skip


def _certain(apart: Sequence[Json]) -> Component | None:
    """How far the worst group lies below all, where that is certain."""
    if not apart:
        return None
    worst = max(apart, key=lambda one: float(one["low"]))
    name = feature(f"{worst['attribute']}={worst['group']}")
    if worst["low"] > 0:
        text = f"Its AUROC lies at least {worst['low']:.3f} below that of all, with 95 % certainty."
        return note(f"Ranks worse for {name}", text, tone="warn")
    return note(
        "No group is certain to be served worse", f"{len(apart)} groups had enough events to tell.", tone="good"
    )


def _group(one: Json) -> tuple[Contents, ...]:
    name = feature(f"{one['attribute']}={one['group']}")
    if one["patients"] is None:
        dash = words.NONE
        return name, badge("Fewer than 11"), dash, dash, dash, dash, dash, dash
    area = {"value": one["auroc"], "low": one["auroc_low"], "high": one["auroc_high"]}
    return (
        name, words.number(one["patients"]), words.number(one["events"]), interval(area), plain(one["ece"]),
        words.share(one["selection_rate"]), words.share(one["true_positive_rate"]), words.share(one["ppv"]),
    )  # fmt: skip


def _measures(told: ModelEvaluation, baselines: Mapping[str, Json]) -> Component:
    """Every measure with its interval, beside what the version must beat."""
    columns = [
        Column("Measure"),
        Column("This version (95 %)", "right"),
        *(Column(name, "right") for name in baselines),
    ]
    rows: list[tuple[Contents, ...]] = [
        (
            html.Div([measure(name), html.Div(MEASURES.get(name, ("", ""))[1], className="soft wide-only")]),
            interval(one),
            *(interval(beside["measures"].get(name)) for beside in baselines.values()),
        )
        for name, one in sorted(told.measures.items(), key=lambda each: place(each[0]))
    ]  # fmt: skip
    return card("All measures", Table("All measures with 95 % intervals", columns, rows).shown())


def _stress(report: Json) -> Component:
    title = "What if its inputs get worse?"
    found: Sequence[Json] = report.get("stress", [])
    if not found:
        return card(title, html.P("It was not tested.", className="soft"))
    named = [(_stressed(str(one["what"])), one) for one in found]
    rows = [(name, {"value": one["auroc"]}) for name, one in named]
    figure = model_figures.dots(rows, beside=found[0]["auroc"], title="AUROC; dotted: as they are")
    table = [(name, plain(one["auroc"]), plain(one["ece"]), words.number(one["rows"])) for name, one in named]
    columns = [
        Column("Inputs"),
        Column("AUROC", "right"),
        Column("Calibration error", "right"),
        Column("Rows", "right"),
    ]
    return card(title, [model_figures.shown(figure, "AUROC with worse inputs"), twin(Table(title, columns, table))])


def _stressed(text: str) -> str:
    """``Admissions, 365 days: one standard deviation too high``; the words of a test of worse inputs."""
    for ending in (" one standard deviation too high",):
        if text.endswith(ending):
            return f"{feature(text.removesuffix(ending))}: a standard deviation up"
    return (text[:1].upper() + text[1:]).replace("% of", " % of")
