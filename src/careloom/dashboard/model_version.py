"""One version of a model: how good it is, what its gates found and where it comes from, its model card."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.models_reports import ShownModelVersion
from careloom.dashboard import model_acts, words
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.model_words import TITLE, gate, outcome_of, plain, version_href, watch_href
from careloom.dashboard.model_worth import worth
from careloom.dashboard.models import state_of
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
    tile,
    tiles,
    time,
)
from careloom.dashboard.session import Person

Json = Mapping[str, Any]
PARTS = {"": "How good it is", "lineage": "Gates and lineage", "card": "Model card"}
"""What stands below a version's address -> title."""
_ANSWERS = {
    "computed": ("Computed", "good"), "declared": ("Declared", "good"), "unavailable": ("Not available", ""),
    "not computed": ("Missing", "bad"), "not declared": ("Missing", "bad"),
}  # fmt: skip


def page(api: Careloom, person: Person, name: str, version: str, part: str, address: Address) -> Page:
    """The version; ``?act=`` asks whether to approve, promote or retire it."""
    one = api.models.version(f"{name}@{version}")
    below: list[Content] = []
    lead = ""
    if part == "lineage":
        below = _lineage(api, one)
    elif part == "card":
        below, lead = _card(api, one)
    else:
        told = api.models.evaluation(one.version)
        below, lead = worth(told), outcome_of(told.report)
    content: list[Content] = [
        head(f"{one.model}, version {one.number}", lead=_lead(one, lead), aside=_ways(person, one)),
        html.Div([state_of(one), _tabs(one, part)], className="filters filters-end"),
        _left(one),
        _asked(person, one, address.query.get("act", "")),
        *below,
    ]
    trail = ((TITLE, href("models")), (one.model, href("models", one.model)))
    return Page(f"Version {one.number}", content, trail)


def _lead(one: ShownModelVersion, outcome: str) -> Component:
    said = [f"{outcome}. " if outcome else "", f"Registered by {one.registrar}, ", time(one.created), " UTC."]
    return html.Span(said)


def _ways(person: Person, one: ShownModelVersion) -> Component:
    ways = []
    is_champion = "champion" in one.aliases
    if one.retired is None and person.may_approve_models:
        if one.state == "registered":
            ways.append(("Approve", "approve"))
        if not is_champion:
            ways.append(("Promote", "promote"))
    if one.retired is None and person.may_operate_models and not is_champion:
        ways.append(("Retire", "retire"))
    shown = [link(title, version_href(one.version, act=act), className="button button-small") for title, act in ways]
    watch = link("Watch", watch_href(one.version), className="button button-small")
    other = href("models", one.model, "compare", a=str(one.number))
    compare = link("Compare", other, className="button button-small")
    return html.Div([watch, compare, *shown], className="buttons")


def _tabs(one: ShownModelVersion, part: str) -> Component:
    labelled: dict[str, Any] = {"aria-label": "Parts of this version"}
    each = [
        link(
            title,
            version_href(one.version, *([name] if name else [])),
            **({"aria-current": "page"} if name == part else {}),
        )
        for name, title in PARTS.items()
    ]
    return html.Nav(each, className="tabs", **labelled)


def _left(one: ShownModelVersion) -> Component | None:
    """What makes a version unfit, in words."""
    if one.retired is not None:
        why = str(one.retired.get("reason", "")) or "no reason was given"
        return note("Retired: it answers nobody any more", f"By {one.retired.get('by', 'nobody')}: {why}.")
    if one.taints:
        text = f"{', '.join(one.taints)}. A version in its place is trained without them."
        return note("Somebody left whom it learnt from", text, tone="bad")
    return None


def _asked(person: Person, one: ShownModelVersion, act: str) -> Component | None:
    if act not in ("approve", "promote", "retire"):
        return None
    may = person.may_operate_models if act == "retire" else person.may_approve_models
    if not may:
        role = "data-engineer" if act == "retire" else "clinician or data-steward"
        return note("You may not do this", f"It needs the role {role}.", tone="warn", role="alert")
    champion = one.traffic.get("champion")
    follows = {
        "approve": "It may answer from then on, as its pipeline says: for nobody yet, or for a share of patients.",
        "promote": "It answers for all patients from the next score on. "
        + (f"Version {champion} stops answering; a rollback brings it back." if champion else "Nobody answers now."),
        "retire": "It answers nobody any more, and never again. This cannot be undone.",
    }[act]
    if act != "retire":
        follows += " Whoever registered or trained it is refused: this is said by a second person."
    return model_acts.confirm(act, one.version, follows, version_href(one.version))


def _lineage(api: Careloom, one: ShownModelVersion) -> list[Content]:
    checked = api.models.verify(one.version)
    if checked.whole:
        said = note(
            "As it was signed", "Signature, every file and the digest in the audit chain were checked now.", tone="good"
        )
    else:
        said = note(
            "Not as it was signed", "; ".join(checked.changed) or "The signature is not ours.", tone="bad", role="alert"
        )
    return [said, _gates(one), html.Div([_origin(one), _decided(one)], className="columns columns-1-1"), _files(one)]


def _gates(one: ShownModelVersion) -> Component:
    columns = [
        Column("Gate"),
        Column("Held", "tight"),
        Column("Found", "right"),
        Column("Why it is asked", "wide-only"),
    ]
    rows = [
        (gate(each["rule"]), badge("Yes", "good") if each["passed"] else badge("No", "bad"), plain(each.get("found")),
         each.get("why") or words.NONE)
        for each in one.findings
    ]  # fmt: skip
    failed = sum(not each["passed"] for each in one.findings)
    aside = badge(f"{failed} not held", "bad") if failed else badge("All held", "good")
    title = f"Gates: {one.gates}" if one.gates else "Gates"
    return card(title, Table("What each gate found", columns, rows).shown(), aside=aside)


def _origin(one: ShownModelVersion) -> Component:
    lineage = one.lineage
    code, environment, data = (lineage.get(name) or {} for name in ("code", "environment", "data"))
    rights = lineage.get("rights") or {}
    said: list[tuple[str, Content]] = [
        ("Data", f"{words.ZONES.get(data.get('zone', ''), str(data.get('zone', '')).capitalize())} zone"),
        ("Snapshot", html.Code(str(data.get("snapshot", "")) or words.NONE)),
        ("Git revision", html.Code(str(code.get("revision") or "not known"))),
        ("Sources (SHA-256)", html.Code(str(code.get("sources_sha256", "")) or words.NONE)),
        ("Environment (SHA-256)", html.Code(str(environment.get("sha256", "")) or words.NONE)),
        ("Seeds", ", ".join(f"{name} {seed}" for name, seed in (lineage.get("seeds") or {}).items()) or words.NONE),
        ("Leaks found", words.number((lineage.get("leaks") or {}).get("findings"))),
        ("Training", html.Code(one.training) if one.training else words.NONE),
        ("Pipeline", html.Code(one.pipeline) if one.pipeline else words.NONE),
        ("Trained with the rights of", str(rights.get("by", "")) or words.NONE),
    ]  # fmt: skip
    return card("Where it comes from", _facts(said))


def _facts(said: Sequence[tuple[str, Content]]) -> Component:
    return html.Dl([html.Div([html.Dt(title), html.Dd(value)]) for title, value in said], className="facts facts-long")


def _decided(one: ShownModelVersion) -> Component:
    said: list[tuple[str, Content]] = [("Registered", html.Span([time(one.created), f" by {one.registrar}"])),
                                       ("Why", one.reason or words.NONE)]  # fmt: skip
    if one.approval:
        said.append(("Approved", html.Span([f"{_moment(one.approval)} by {one.approval.get('by', '')}"])))
        said.append(("Why", str(one.approval.get("reason", "")) or words.NONE))
    else:
        said.append(("Approved", "not yet, or not any more"))
    past = one.traffic.get("past") or []
    said.append(("Champions before", ", ".join(f"version {each}" for each in past) or "none"))
    said.append(("Digest", html.Code(one.digest)))
    return card("Who decided", _facts(said))


def _moment(told: Json) -> str:
    return str(told.get("time", ""))[:16].replace("T", " ")


def _files(one: ShownModelVersion) -> Component:
    columns = [Column("File"), Column("Size", "right"), Column("SHA-256")]
    rows = [(html.Code(name), words.size(each.get("bytes")), html.Code(each.get("sha256", ""), className="place"))
            for name, each in one.files.items()]  # fmt: skip
    return card("Files", Table("Files of this version", columns, rows).shown())


def _card(api: Careloom, one: ShownModelVersion) -> tuple[list[Content], str]:
    told = orjson.loads(api.models.card(one.version))
    counts = told["counts"]
    links = [
        link(ending.upper(), f"{PREFIX}/model-card/{one.version}.{ending}", className="button button-small",
             download=f"{one.version.replace('@', '-')}-card.{ending}")
        for ending in model_acts.CARDS
    ]  # fmt: skip
    shown = tiles(
        [
            tile("Answered", f"{counts['answered']} of {counts['asked']}", "attributes that HTI-1 asks for"),
            tile("Computed", words.number(counts["computed"]), "by Careloom, now"),
            tile("Declared", words.number(counts["declared"]), "by people"),
            tile("Not available", words.number(counts["unavailable"]), "and said so"),
            tile("Missing", words.number(counts["missing"]), f"{counts['stale']} out of date"),
        ],
        is_small=True,
    )
    groups: dict[str, list[Json]] = {}
    for each in told["attributes"]:
        groups.setdefault(each["group"], []).append(each)
    aside = html.Div([html.Span("Download", className="soft small"), *links], className="buttons")
    cards = [card(title, _attributes(title, own)) for title, own in groups.items()]
    notice = html.Details([html.Summary("What the rule is, and what this card is not"), html.P(told["notice"])])
    whole = card("Model card", [shown, notice], aside=aside)
    return [whole, *cards], str(told["model"].get("outcome", "")).capitalize()


def _attributes(title: str, own: Sequence[Json]) -> Component:
    columns = [Column("Asked for"), Column("State", "tight"), Column("Answer"), Column("Source", "wide-only")]
    rows: list[tuple[Contents, ...]] = [
        (
            f"{each['number']}. {each['title']}", badge(*_ANSWERS[each["state"]]),
            html.Span(each["text"] or each["remark"] or words.NONE, className="place"),
            html.Span(each["source"], className="soft"),
        )
        for each in own
    ]  # fmt: skip
    return Table(title, columns, rows).shown()
