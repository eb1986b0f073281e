"""A model that predicts, as it was looked at: what drifted, what came of risks and alerts, alarms and who saw them."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.monitoring_reports import Finding, ListedLook, Look, StandingAlarm, WatchedVersion
from careloom.dashboard import model_acts, model_figures, words
from careloom.dashboard.address import PREFIX, Address, href
from careloom.dashboard.figures import twin
from careloom.dashboard.model_watch_parts import SHOWN_AT_MOST, alerts, calibration, groups, scores, strength
from careloom.dashboard.model_words import STRENGTHS, TITLE, alarm_words, feature, plain, version_href, watch_href
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
    queued,
    tile,
    tiles,
    time,
)
from careloom.dashboard.session import Person
from careloom.errors import NotFound

_LOOKS_IN_TREND = 8
_ORDER = ("large", "medium", "small", "none")


def page(api: Careloom, person: Person, name: str, address: Address) -> Page:
    """The newest look at a model's champion; ``?version=`` names another version, ``?look=`` an earlier look."""
    found = {one.version: one for one in api.monitoring.versions() if one.version.rpartition("@")[0] == name}
    trail = ((TITLE, href("models")), (name, href("models", name)))
    version = f"{name}@{address.query['version']}" if address.query.get("version") else ""
    version = version or _champion(api, name, found)
    if version not in found:
        return Page("Watch", [head(f"Watch {name}"), _nothing(version)], trail)
    told = found[version]
    asked = address.query.get("queued", "")
    state = queued(api.monitoring.state(asked), "predictions", watch_href(version)) if asked else None  # fmt: skip
    head_shown = head(f"Watch {name}", lead=_lead(told), aside=_ways(person, told))
    looks = api.monitoring.looks(version)
    if not looks:
        return Page(
            "Watch", [head_shown, state, _versions(found, version), _not_looked(told)], trail, is_live=bool(asked)
        )
    look = api.monitoring.look(version, address.query.get("look") or looks[0].id)
    content: list[Content] = [
        head_shown,
        state,
        _versions(found, version),
        _asked(person, api, version, address.query.get("acknowledge", "")),
        _refused(look),
        _tiles(look),
        _alarms(person, look, api.monitoring.alarms(version)),
        _features(look),
        html.Div([scores(look), calibration(look)], className="columns columns-1-1"),
        html.Div([alerts(look, api.models.evaluation(version)), groups(look)], className="columns columns-1-1"),
        _looks(api, version, looks, look),
    ]
    return Page("Watch", content, trail, is_live=bool(asked))


def _number(version: str) -> str:
    return version.rpartition("@")[2]


def _champion(api: Careloom, name: str, found: Mapping[str, WatchedVersion]) -> str:
    """The version to show: the champion where it predicted, else the newest that did."""
    versions = api.models.versions(name)
    if not versions:
        raise NotFound("there is no such model", "Choose one in the list of models.")
    chosen = [one.version for one in versions if "champion" in one.aliases and one.version in found]
    return next(iter([*chosen, *(one.version for one in versions if one.version in found)]), versions[0].version)


def _nothing(version: str) -> Component:
    text = f"{version} has made no prediction yet, so there is nothing to hold against its profile."
    said = [html.P(text), link("Back to the version", version_href(version))]
    return card("No prediction yet", html.Div(said, className="empty"))


def _not_looked(told: WatchedVersion) -> Component:
    text = "Nobody has looked at it. The worker looks once a day; whoever operates models may look now."
    if not told.has_profile:
        text = (
            "It has no profile to be held against: only what is judged on held-out rows when it is registered has one."
        )
    return card("No look yet", html.P(text, className="soft"))


def _lead(told: WatchedVersion) -> Component:
    made = words.count_of(told.predictions, "prediction")
    return html.Span([f"Version {_number(told.version)}: {made}, the newest on ", time(told.newest), " UTC."])


def _ways(person: Person, told: WatchedVersion) -> Component:
    ways: list[Component] = [link("The version", version_href(told.version), className="button button-small")]
    if person.may_operate_models and told.has_profile:
        button = html.Button("Look now", type="submit", className="button button-small")
        ways.append(html.Form(button, method="post", action=f"{PREFIX}/model-look?version={told.version}"))
    return html.Div(ways, className="buttons")


def _versions(found: Mapping[str, WatchedVersion], version: str) -> Component | None:
    if len(found) < 2:
        return None
    labelled: dict[str, Any] = {"aria-label": "Versions that predict"}
    each = [
        link(f"Version {_number(one)}", watch_href(one),
             **({"aria-current": "page"} if one == version else {}))
        for one in found
    ]  # fmt: skip
    return html.Nav(each, className="tabs", **labelled)


def _asked(person: Person, api: Careloom, version: str, alarm: str) -> Component | None:
    if not alarm:
        return None
    back = watch_href(version)
    if not person.may_operate_models:
        return note("You may not acknowledge", "It needs the role data-engineer.", tone="warn", role="alert")
    one = next((each for each in api.monitoring.alarms(version) if each.id == alarm), None)
    if one is None:
        raise NotFound("there is no such alarm of this version", "Choose one in its list of alarms.")
    follows = (
        "It is told to nobody again while it stands at this strength or below. Once it worsens it is told at once."
    )
    return model_acts.confirm(
        "acknowledge", f"{version}/{alarm}", follows, back, name=f"“{alarm_words(one.kind, one.place)}”"
    )


def _refused(look: Look) -> Component | None:
    if look.refused:
        return note("A retraining that an alarm asks for did not begin", look.refused, tone="warn")
    if look.retraining:
        return note(
            "A retraining was queued", f"Its run: {look.retraining}. It waits for a second person as any version."
        )
    return None


def _tiles(look: Look) -> Component:
    auroc = (look.performance or {}).get("auroc", {})
    ppv = next((one.detail for one in look.findings if one.kind == "ppv"), {})
    known = f"{words.number(look.outcomes)} known, {words.number(look.unlabelled.waiting)} waited for"
    return tiles(
        [
            tile("Predictions", words.number(look.predictions), f"{words.day(look.since)} to {words.day(look.until)}"),
            tile("Alarms", words.number(len(look.alarms)), "of this look"),
            tile("Outcomes", words.number(look.outcomes), known),
            tile("Ranking since (AUROC)", plain(auroc.get("value")),
                 f"95 %: {plain(auroc['low'])} to {plain(auroc['high'])}" if auroc.get("low") is not None
                 else "too few outcomes"),
            tile("Alerts that were right", words.share(ppv.get("live")),
                 f"{words.share(ppv.get('before'))} when it was judged" if ppv else "too few outcomes"),
        ],
        is_small=True,
    )  # fmt: skip


def _alarms(person: Person, look: Look, found: Sequence[StandingAlarm]) -> Component:
    if not found:
        return card("Alarms", note("No alarm was ever raised.", tone="good"))
    columns = [
        Column("What"), Column("Strength", "tight"), Column("Stands since (UTC)", "tight"),
        Column("Seen by a look", "tight wide-only"),
        Column("Told by", "wide-only"), Column("Who has seen it"),
    ]  # fmt: skip
    standing = sum(one.closed is None for one in found)
    aside = html.P(f"{standing} standing, {len(found) - standing} over", className="soft")
    strongest = sorted(found, key=lambda one: (one.closed is not None, _ORDER.index(one.level)))
    rows = [_alarm(person, look.version, one) for one in strongest[:SHOWN_AT_MOST]]
    return card("Alarms", Table("Alarms, those that stand first", columns, rows).shown(), aside=aside)


def _alarm(person: Person, version: str, one: StandingAlarm) -> tuple[Contents, ...]:
    told = ", ".join(one.told) or ("waits to be told" if one.waiting else "nobody: no channel is set")
    since: Contents = time(one.opened)
    if one.closed is not None:
        since = html.Div([time(one.opened), html.Div(["over since ", time(one.closed)], className="soft")])
    seen = _seen(person, version, one)
    return alarm_words(one.kind, one.place), badge(*STRENGTHS[one.level]), since, time(one.seen), told, seen


def _seen(person: Person, version: str, one: StandingAlarm) -> Contents:
    if one.acknowledged is not None:
        return html.Div([html.Div([f"{one.acknowledged.by}, ", time(one.acknowledged.time)]),
                         html.Div(one.acknowledged.note, className="soft")])  # fmt: skip
    if one.closed is not None or not person.may_operate_models:
        return html.Span("nobody", className="soft")
    at = watch_href(version, acknowledge=one.id)
    return link("Acknowledge", at)


def _features(look: Look) -> Component:
    """Every feature: how far its values moved, the strongest first."""
    title = "Drift of what goes in"
    own = sorted(
        (one for one in look.findings if one.kind == "values"), key=lambda one: (_ORDER.index(one.level), -one.effect)
    )
    if not own:
        return card(title, html.P("Too few predictions to compare.", className="soft"))
    medium, large = own[0].medium, own[0].large
    most = max(2 * large, 0.3)
    rows = [(feature(one.place), one.effect, one.level) for one in own[:SHOWN_AT_MOST]]
    figure = model_figures.bars(rows, title="Population stability index (PSI)", limits=(medium, large), most=most)
    longer = sum(value > most for _, value, _ in rows)
    said = f"Dotted: medium from {medium:g}, large from {large:g}."
    said += f" {words.count_of(longer, 'bar ends', 'bars end')} at {most:g}; the table has the value." if longer else ""
    columns = [
        Column("Feature"), Column("Drift", "tight"), Column("PSI", "right"), Column("JS", "right wide-only"),
        Column("KS", "right wide-only"), Column("Missing", "right"),
        Column("Out of range or unknown", "right wide-only"),
    ]  # fmt: skip
    by_place = {(one.kind, one.place): one for one in look.findings}
    table = Table("Drift by feature", columns, [_feature(one, by_place) for one in own])
    shown = model_figures.shown(figure, "Population stability index of each feature, the strongest first")
    unit = html.P(
        "PSI: population stability index; JS: Jensen-Shannon divergence; KS: Kolmogorov-Smirnov distance.",
        className="soft small",
    )
    return card(title, [shown, html.P(said, className="soft small"), table.shown(), unit])


def _feature(one: Finding, by_place: Mapping[tuple[str, str], Finding]) -> tuple[Contents, ...]:
    missing = by_place.get(("missing", one.place)) or by_place.get(("blank", one.place))
    beyond = by_place.get(("outside", one.place)) or by_place.get(("unknown", one.place))
    return (
        feature(one.place), strength(one), f"{one.effect:.3f}", plain(one.detail.get("js")),
        plain(one.detail.get("ks")),
        _share(missing), _share(beyond),
    )  # fmt: skip


def _share(one: Finding | None) -> Contents:
    """A share now, and before where it moved."""
    if one is None or "share" not in one.detail:
        return words.NONE
    now, before = words.share(one.detail["share"]), words.share(one.detail.get("before"))
    return now if before in {now, words.NONE} else html.Div([now, html.Div(f"was {before}", className="soft")])


def _looks(api: Careloom, version: str, looks: Sequence[ListedLook], shown: Look) -> Component:
    """Earlier looks, and how scores and calibration went over the newest of them."""
    columns = [Column("Look (UTC)"), Column("Alarms", "right"), Column("Predictions", "right"),
               Column("Outcomes", "right")]  # fmt: skip
    rows = [
        (
            html.Strong(words.moment(one.ended)) if one.id == shown.id
            else link(words.moment(one.ended), watch_href(version, look=one.id)),
            words.number(len(one.alarms)), words.number(one.predictions), words.number(one.outcomes),
        )
        for one in looks[:SHOWN_AT_MOST]
    ]  # fmt: skip
    table = Table("Looks, newest first", columns, rows)
    if len(looks) < 2:
        return card("Looks", [html.P("One look alone: a trend needs two.", className="soft small"), table.shown()])
    each = [shown if one.id == shown.id else api.monitoring.look(version, one.id) for one in looks[:_LOOKS_IN_TREND]]
    series = {title: [(f"{one.ended:%Y-%m-%d %H:%M}", _effect(one, kind)) for one in reversed(each)]
              for title, kind in (("Scores (PSI)", "scores"), ("Calibration (log odds)", "calibration"))}  # fmt: skip
    figure = model_figures.shown(model_figures.over_time(series, "Drift"), "Drift of scores and calibration over looks")
    return card("Looks", [figure, twin(table)])


def _effect(look: Look, kind: str) -> float | None:
    return next((one.effect for one in look.findings if one.kind == kind), None)
