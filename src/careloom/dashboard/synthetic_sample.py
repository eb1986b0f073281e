"""One sample of synthetic data: what the release gate found, and what fidelity, utility and attacks were measured."""

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.synthetic_reports import SampleFinding, SampleMeasure, SyntheticSample
from careloom.dashboard import session, synthetic_confirm, synthetic_figures, synthetic_notes, synthetic_overlays, words
from careloom.dashboard import synthetic_words as said
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.figures import graph, twin
from careloom.dashboard.parts import (
    Column,
    Content,
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

_MEASURES = [
    Column("Measure"),
    Column("Found", "right"),
    Column("95 % interval", "right tight"),
    Column("How to read it"),
]
_RULES = [Column("Rule"), Column("Found", "right"), Column("Met", "tight"), Column("What it guards", "wide-only")]


def page(api: Careloom, person: session.Person, sample: str, address: Address) -> Page:
    """The judgement of a sample; ``?act=release`` or ``withdraw`` asks whether to. raises NotFound; AccessError"""
    one = api.synthetic.drawn(sample)
    act = address.query.get("act", "")
    content: list[Content] = [
        head("Sample", lead=_lead(one), aside=_ways(one)),
        *_told(one),
        synthetic_confirm.confirm_sample(one, act),
        _tiles(one),
        _gate(one),
    ]
    if one.measures:
        content += [_attacks(one.measures), _fidelity(one.measures), *synthetic_overlays.panels(api, one, address)]
        content += [_utility(one.measures), _rows(one.measures)]
    if one.missing:
        content.append(_missing(one))
    content.append(as_of(session.now()))
    trail = ((said.TITLE, href("synthetic")), ("Model", href("synthetic", "models", one.model)))
    is_moving = one.state in ("waiting", "running", "drawing", "staged", "releasing")
    return Page("Sample", content, trail, is_live=is_moving and not act)


def _lead(one: SyntheticSample) -> Component:
    when = [", ", time(one.created), " UTC"] if one.created is not None else []
    held = said.holds(one.kind, one.rows, one.patients, one.notes)
    drawn = link("its model", href("synthetic", "models", one.model))
    return html.Span([f"{held} of nobody, drawn by {one.actor} from ", drawn, *when, "."])


def _ways(one: SyntheticSample) -> Component:
    ways = []
    if one.state in ("judged", "refused"):
        ways.append(("Ask the release gate", "release"))
    if one.state == "released":
        ways.append(("Withdraw", "withdraw"))
    at = ("synthetic", "samples", one.id)
    acts = [link(title, href(*at, act=act), className="button button-small") for title, act in ways]
    if one.state == "released" and one.kind in ("notes", "patients"):
        acts.insert(0, link("Read three notes", href(*at, synthetic_notes.PART), className="button button-small"))
    return html.Div([*_certificates(one), *acts], className="buttons")


def _certificates(one: SyntheticSample) -> list[Component]:
    """Files of the signed certificate of what was let out; it stays when the release is withdrawn."""
    if one.state not in ("released", "withdrawn"):
        return []
    place = f"{PREFIX}/synthetic-certificate/{one.id}"
    return [
        link(f"Certificate ({ending.upper()})", f"{place}.{ending}", className="button button-small",
             download=f"certificate-{one.id}.{ending}")
        for ending in ("pdf", "json")
    ]  # fmt: skip


def _told(one: SyntheticSample) -> list[Component]:
    """What keeps somebody from reading on, or has to be known first."""
    if one.error is not None or one.state in ("failed", "cancelled"):
        return [note("This sample came to nothing", f"Its code: {one.error or 'none'}. Draw another one.", tone="bad")]
    if one.state == "staged":
        return [note("It is drawn, and not judged yet", "It lies sealed; the gate needs its measures.", role="status")]
    if one.state in ("waiting", "running", "drawing"):
        far = f"{one.progress.done:,} of {one.progress.total:,} rows." if one.progress.total else "It has not begun."
        return [note("It is being drawn and judged", far, role="status")]
    if one.state == "releasing":
        return [note("The release gate is being asked", "The answer stands here soon.", role="status")]
    if one.state == "withdrawn":
        return [note("It was withdrawn", "Its rows are gone from the lake; its certificate stays.")]
    return []


def _tiles(one: SyntheticSample) -> Component:
    by_name = {each.name: each for each in one.measures}
    met = sum(1 for each in one.findings if each.passed)
    gate = f"{met} of {len(one.findings)}" if one.findings else "not asked"
    shown = [
        tile("State", one.state.capitalize()),
        tile("Rules met", gate, f"Verdicts so far: {one.verdicts:,}" if one.verdicts else ""),
    ]
    shown += [
        tile(said.measure(name), said.number(by_name[name].value), said.reading(name))
        for name in ("epsilon", "membership_area", "utility")
        if name in by_name
    ]
    return tiles(shown)


def _gate(one: SyntheticSample) -> Component:
    if not one.findings:
        text = (
            "The gate was not asked yet. Every rule of its policy has to be met, a measure that was not taken counts "
            "as not met, and the ledger counts each verdict over a private fit."
        )
        return card("Release gate", html.P(text, className="soft"))
    failed = [each for each in one.findings if not each.passed]
    if failed:
        told = note(f"{len(failed)} of {len(one.findings)} rules keep the rows in", said.why(failed[0]), tone="bad")
    else:
        told = note("Every rule was met", None, tone="good")
    ordered = [*failed, *(each for each in one.findings if each.passed)]
    table = Table("Rules of the release gate, those that block first", _RULES, [_rule_row(each) for each in ordered])
    return card("Release gate", [told, table.shown()])


def _rule_row(one: SampleFinding) -> tuple[Content, ...]:
    met = badge("Met", "good") if one.passed else badge("Blocks" if one.found is not None else "Not measured", "bad")
    return said.rule(one), said.number(one.found), met, said.why(one) or words.NONE


def _attacks(measures: tuple[SampleMeasure, ...]) -> Component | None:
    found = said.grouped(measures, said.ATTACKS)
    if not found:
        return None
    content: list[Component] = [
        html.P(
            "What somebody who has the rows could tell of patients who were learnt from, against patients who were set "
            "aside. The dotted line is what a guess reaches.",
            className="soft",
        )
    ]
    areas = [one for one in found if one.name in said.AREAS and one.value is not None]
    beyond = [one for one in found if one.name in said.BEYOND and one.value is not None]
    if areas:
        label = "Area of attacks on membership with 95 % intervals; 0.5 is a guess"
        content.append(graph(synthetic_figures.spans(areas, 0.5, "Area under the curve"), label, "areas"))
    if beyond:
        label = "How much oftener attacks meet the learnt than others, with 95 % intervals; 0 is a guess"
        content.append(graph(synthetic_figures.spans(beyond, 0.0, "Share beyond others"), label, "beyond"))
    return card("Attacks on privacy", [*content, _table("Attacks on privacy", found, is_open=not areas + beyond)])


def _fidelity(measures: tuple[SampleMeasure, ...]) -> Component | None:
    found = said.grouped(measures, said.FIDELITY)
    if not found:
        return None
    by_name = {one.name: one for one in found if one.value is not None}
    errors = [name for name in said.ERRORS if name in by_name]
    content: list[Component] = []
    if errors:
        text = (
            "How far rows are from real ones: shorter is nearer. What other real patients reach is the best there is."
        )
        label = "Errors of columns, pairs and more, of synthetic rows beside real rows that were set aside"
        content += [html.P(text, className="soft"), graph(synthetic_figures.errors(by_name, errors), label, "errors")]
    return card("Fidelity", [*content, _table("Fidelity", found, is_open=not errors)])


def _utility(measures: tuple[SampleMeasure, ...]) -> Component | None:
    found = said.grouped(measures, said.UTILITY)
    by_name = {one.name: one.value for one in found}
    if not found:
        return None
    content: list[Component] = []
    synthetic, real = by_name.get("utility_score"), by_name.get("utility_score_of_real")
    if synthetic is not None and real is not None:
        text = "Two models foretell the same real patients, set aside: one learnt from the rows, one from patients."
        label = "Score of a model trained on synthetic rows beside one trained on real rows"
        content += [html.P(text, className="soft"), graph(synthetic_figures.scores(synthetic, real), label, "scores")]
    return card("Utility", [*content, _table("Utility", found, is_open=not content)])


def _rows(measures: tuple[SampleMeasure, ...]) -> Component | None:
    found = said.grouped(measures, said.ROWS)
    return card("Bound and rows", _table("Bound and rows", found, is_open=True)) if found else None


def _table(title: str, found: Sequence[SampleMeasure], *, is_open: bool) -> Component:
    rows = [
        (said.measure(one.name), said.number(one.value), said.interval(one), said.reading(one.name) or words.NONE)
        for one in found
    ]
    table = Table(title, _MEASURES, rows)
    return table.shown() if is_open else twin(table)


def _missing(one: SyntheticSample) -> Component:
    rows = [(said.KINDS.get(each.kind, each.kind.capitalize()), each.why) for each in one.missing]
    text = "A rule over what was not measured is not met."
    table = Table("What was not measured", [Column("What"), Column("Why")], rows)
    return card("Not measured", [html.P(text, className="soft"), table.shown()])
