"""One model of synthetic data: what it learnt of, under which bound, who left since, and what was drawn of it."""

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.synthetic_reports import SyntheticModel
from careloom.dashboard import session, synthetic_confirm, words
from careloom.dashboard import synthetic_words as said
from careloom.dashboard.address import Address, href
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


def page(api: Careloom, person: session.Person, model: str, address: Address) -> Page:
    """The model; ``?act=sample`` asks how many rows to draw. raises NotFound; AccessError"""
    one = api.synthetic.model(model)
    title, act = one.title or "Model", address.query.get("act", "")
    ways = None
    if one.state == "fitted" and not one.taints:
        draw = link("Draw a sample", href("synthetic", "models", one.id, act="sample"), className="button button-small")
        ways = html.Div([draw], className="buttons")
    content: list[Content] = [
        head(
            title,
            lead=said.ENGINES[one.engine].use if one.engine in said.ENGINES else f"Engine {one.engine}.",
            aside=ways,
        ),
        *_told(one),
        synthetic_confirm.confirm_draw(one) if act == "sample" and ways is not None else None,
        _tiles(one),
        _lineage(one),
        _samples(one),
        as_of(session.now()),
    ]
    return Page(title, content, ((said.TITLE, href("synthetic")),), is_live=not one.has_ended and not act)


def _told(one: SyntheticModel) -> list[Component]:
    if one.taints:
        text = f"{', '.join(one.taints)}. It draws no rows any more, and its releases are closed: fit again."
        return [note("Somebody left whom it learnt from", text, tone="bad")]
    if one.error is not None or one.state in ("failed", "cancelled"):
        text = f"Its code: {one.error or 'none'}. What the ledger reserved for it stays spent."
        return [note(f"The fit {'was cancelled' if one.state == 'cancelled' else 'failed'}", text, tone="bad")]
    if not one.has_ended:
        far = f"{one.progress.done:,} of {one.progress.total:,}." if one.progress.total else "It has not begun yet."
        return [note("It is being fitted", far, role="status")]
    if one.epsilon is None:
        text = "Nothing bounds what its rows tell of one patient: the strict policy refuses them."
        return [note("This fit is not private", text, tone="warn")]
    return []


def _tiles(one: SyntheticModel) -> Component:
    bound = "none" if one.epsilon is None else f"{one.epsilon:.3g}"
    shown = [
        tile("State", one.state.capitalize()),
        tile(
            "Bound (epsilon)", bound, f"per patient, at delta {words.small(one.delta)}" if one.delta is not None else ""
        ),
        tile("Learnt from", words.number(one.patients), "patients"),
        tile("Set aside", words.number(one.control_patients), "patients, for the judge"),
        tile("Samples", words.number(len(one.samples))),
    ]
    return tiles(shown)


def _lineage(one: SyntheticModel) -> Component:
    account = link(one.account, href("synthetic", account=one.account))
    rows: list[tuple[str, Content]] = [
        ("Engine", one.engine), ("Table", html.Code(one.table) if one.table else words.NONE),
        ("Column to predict", one.target or "none was named"),
        ("Rows learnt", words.number(one.rows)), ("Ledger account", account),
        ("Ledger entry", html.Code(one.ledger) if one.ledger else words.NONE),
        ("SHA-256 of the model", html.Code(one.model_sha256, className="long") if one.model_sha256 else words.NONE),
        ("Fitted by", one.actor), ("Asked for (UTC)", words.NONE if one.created is None else time(one.created)),
    ]  # fmt: skip
    table = Table("Where the model comes from", [Column("What"), Column("Value")], rows)
    return card("Lineage", table.shown())


def _samples(one: SyntheticModel) -> Component:
    if not one.samples:
        return card("Samples", html.P("Nothing was drawn of it yet.", className="soft"))
    rows = [(html.Code(name), link("Judgement", href("synthetic", "samples", name))) for name in one.samples]
    return card("Samples", Table("Samples, newest first", [Column("Sample"), Column("Shows")], rows).shown(),
                aside=badge(f"{len(rows):,}"))  # fmt: skip
