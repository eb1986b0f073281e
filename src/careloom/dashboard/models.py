"""Models: which there are, who answers, how good each is, whether it still fits; and one model with its versions."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.models_reports import ListedModelVersion, ModelRun, ModelWatch
from careloom.client.monitoring_reports import WatchedVersion
from careloom.dashboard import model_acts, model_figures, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.figures import twin
from careloom.dashboard.model_words import (
    MEANINGS,
    PARTS,
    STATES,
    TITLE,
    bounds,
    champion_of,
    first_measure,
    interval,
    is_waiting,
    measure,
    plain,
    version_href,
    watch_href,
)
from careloom.dashboard.parts import (
    Column,
    Content,
    Contents,
    Page,
    Table,
    badge,
    card,
    command,
    head,
    link,
    note,
    tile,
    tiles,
    time,
)
from careloom.dashboard.session import Person
from careloom.errors import NotFound

Versions = Sequence[ListedModelVersion]
LEAD = "What learnt from data and may answer: who answers now, how good it is, and whether it still fits."
_RUNS_SHOWN = 10
_RUN_TONES = {"done": "good", "failed": "bad", "withheld": "bad", "waiting": "run", "running": "run"}
_RUN_STATES = {"withheld": "Kept back by a gate", "waiting": "Waits for approval"}
_COLUMNS = [
    Column("Model"), Column("Answers now"), Column("How good"), Column("Calibration error", "right wide-only"),
    Column("Gates", "tight wide-only"), Column("Last look", "tight"), Column("Newest version", "wide-only"),
]  # fmt: skip
_LIMITS = {
    "errors": "Requests without a score", "batches": "Failed batches", "p99_ms": "Slowest answers (ms)",
    "score_shift": "Shift of scores (PSI)", "calibration": "Calibration", "brier": "Brier score above promise",
    "ppv": "Right alerts against promise", "overrides": "Overridden alerts",
}  # fmt: skip


def page(api: Careloom, address: Address) -> Page:
    """Every model, what waits for a second person, and the newest runs of pipelines."""
    versions = api.models.versions()
    runs = api.models.runs()
    if not versions:
        return Page(TITLE, [head(TITLE, lead=LEAD), _nothing(), _runs(runs)])
    models: dict[str, list[ListedModelVersion]] = {}
    for one in versions:
        models.setdefault(one.model, []).append(one)
    looks = {one.version: one for one in api.monitoring.versions()}
    content: list[Content] = [
        head(TITLE, lead=LEAD),
        _tiles(models, looks),
        card("Models", Table("Models", _COLUMNS, [_row(own, looks) for own in models.values()]).shown()),
        html.Div([_ranks(models), _waiting(models)], className="columns columns-1-1"),
        _runs(runs),
    ]
    return Page(TITLE, content)


def _nothing() -> Component:
    said = html.P("No model is registered yet. A pipeline trains one, judges it, and waits for a second person.")
    return card(
        "No model yet",
        html.Div([said, command("careloom models run readmission", "Train a first model")], className="empty"),
    )


def _tiles(models: dict[str, list[ListedModelVersion]], looks: dict[str, WatchedVersion]) -> Component:
    champions = [one for own in models.values() if (one := champion_of(own)) is not None]
    waiting = sum(len(_waits(own)) for own in models.values())
    alarms = sum(len(look.alarms) for one in champions if one.version in looks and (look := looks[one.version].look))
    watched = sum(one.version in looks and looks[one.version].look is not None for one in champions)
    versions = sum(map(len, models.values()))
    return tiles(
        [
            tile("Models", words.number(len(models)), words.count_of(versions, "version")),
            tile("Answering", words.number(len(champions)), "have a champion"),
            tile("Waiting for approval", words.number(waiting), "by a second person"),
            tile("Alarms", words.number(alarms), f"{watched} of {words.count_of(len(champions), 'champion')} watched"),
        ]
    )


def _waits(own: Versions) -> list[ListedModelVersion]:
    best = champion_of(list(own))
    return [one for one in own if is_waiting(one, None if best is None else best.number)]


def _row(own: Versions, looks: dict[str, WatchedVersion]) -> tuple[Contents, ...]:
    best, newest = champion_of(list(own)), own[0]
    name = html.Div([link(newest.model, href("models", newest.model)),
                     html.Div(words.count_of(len(own), "version"), className="soft")])  # fmt: skip
    listed = f"{newest.number}, {STATES[newest.state][0].lower()}"
    if best is None:
        none = badge("Nobody", "warn")
        return name, none, _goodness(newest), _error(newest), _gates(newest), words.NONE, listed
    answers = html.Div([link(f"Version {best.number}", version_href(best.version)), _others(own)])
    same = "the champion" if newest.version == best.version else listed
    return name, answers, _goodness(best), _error(best), _gates(best), _look(looks.get(best.version)), same


def _others(own: Versions) -> Component | None:
    """Who else has a part, each on a line."""
    said = [
        html.Div([badge(PARTS[part][0], PARTS[part][1]), f" version {one.number}"])
        for one in own for part in one.aliases if part != "champion"
    ]  # fmt: skip
    return html.Div(said) if said else None


def _goodness(one: ListedModelVersion) -> Contents:
    found = first_measure(one.measures)
    if found is None:
        return words.NONE
    name, value = found
    return html.Div([f"{plain(value.get('value'))} ", html.Span(f"{measure(name)} {bounds(value)}", className="soft")])


def _error(one: ListedModelVersion) -> str:
    return plain(one.measures["ece"].get("value")) if "ece" in one.measures else words.NONE


def _gates(one: ListedModelVersion) -> Component:
    return badge("Held", "good") if one.passed else badge("Not held", "bad")


def _look(one: WatchedVersion | None) -> Contents:
    if one is None:
        return html.Span("Has not predicted", className="soft")
    target = watch_href(one.version)
    if one.look is None:
        return link("Nobody looked yet", target)
    alarms = len(one.look.alarms)
    said = badge(words.count_of(alarms, "alarm"), "bad") if alarms else badge("No alarm", "good")
    return html.Div([link(words.moment(one.look.ended), target), html.Div(said)])


def _ranks(models: dict[str, list[ListedModelVersion]]) -> Component:
    """The ranking of each champion, or of the newest version where nobody answers."""
    chosen = [champion_of(own) or own[0] for own in models.values()]
    rows = [(one.version, one.measures["auroc"]) for one in chosen if "auroc" in one.measures]
    if not rows:
        return card("How well each ranks", html.P("No model of these foretells an event.", className="soft"))
    figure = model_figures.dots(rows, beside=0.5, title="AUROC; dotted: chance")
    table = Table("Ranking of each model", [Column("Version"), Column("AUROC (95 %)", "right")],
                  [(name, interval(one)) for name, one in rows])  # fmt: skip
    said = "AUROC of each model's champion with its 95 % interval"
    return card("How well each ranks", [model_figures.shown(figure, said), twin(table)])


def _waiting(models: dict[str, list[ListedModelVersion]]) -> Component:
    found = [one for own in models.values() for one in _waits(own)]
    if not found:
        return card("Waiting for approval", html.P("Nothing waits for a second person.", className="soft"))
    columns = [Column("Version"), Column("Gates", "tight"), Column("Registered by"), Column("When (UTC)", "tight")]
    rows = [
        (link(one.version, version_href(one.version)), _gates(one), one.registrar, time(one.created)) for one in found
    ]
    said = html.P("Whoever registered or trained a version cannot approve it.", className="soft small")
    return card("Waiting for approval", [Table("Versions that wait for approval", columns, rows).shown(), said])


def _runs(runs: Sequence[ModelRun]) -> Component:
    if not runs:
        return card("Runs of pipelines", html.P("No pipeline has run.", className="soft"))
    columns = [
        Column("Pipeline"), Column("State", "tight"), Column("At", "wide-only"), Column("Version"),
        Column("Started by", "wide-only"), Column("Changed (UTC)", "tight"),
    ]  # fmt: skip
    rows = [_run(one) for one in runs[:_RUNS_SHOWN]]
    aside = html.P(f"the newest {len(rows)} of {len(runs)}" if len(runs) > len(rows) else "", className="soft")
    return card("Runs of pipelines", Table("Runs of pipelines, newest first", columns, rows).shown(), aside=aside)


def _run(one: ModelRun) -> tuple[Contents, ...]:
    state = badge(_RUN_STATES.get(one.state, words.spaced(one.state)), _RUN_TONES.get(one.state, ""))
    version = link(one.version, version_href(one.version)) if one.version else one.error or words.NONE
    return one.pipeline, state, one.at or words.NONE, version, one.starter, time(one.changed)


def model_page(api: Careloom, person: Person, name: str, address: Address) -> Page:
    """One model: who answers, what its limits say, and every version. ``?act=rollback`` asks for the way back."""
    versions = api.models.versions(name)
    if not versions:
        raise NotFound("there is no such model", "Choose one in the list of models.")
    looks = {one.version: one for one in api.monitoring.versions()}
    content: list[Content] = [
        head(name, lead=_lead(versions), aside=_ways(person, name, versions)),
        _rollback(person, name, versions) if address.query.get("act") == "rollback" else None,
        _answering(versions, api.models.watch(name), looks),
        html.Div([_over_versions(versions, "auroc"), _over_versions(versions, "ece")], className="columns columns-1-1"),
        _versions(versions),
    ]
    return Page(name, content, trail=((TITLE, href("models")),))


def _lead(versions: Versions) -> str:
    best = champion_of(list(versions))
    said = words.count_of(len(versions), "version")
    return f"{said}; nobody answers." if best is None else f"{said}; version {best.number} answers."


def _ways(person: Person, name: str, versions: Versions) -> Component:
    best = champion_of(list(versions))
    ways = [link("Watch", href("models", name, "watch"), className="button button-small")]
    if len(versions) > 1:
        ways.append(link("Compare versions", href("models", name, "compare"), className="button button-small"))
    if best is not None and person.may_operate_models:
        ways.append(link("Roll back", href("models", name, act="rollback"), className="button button-small"))
    return html.Div(ways, className="buttons")


def _rollback(person: Person, name: str, versions: Versions) -> Component | None:
    if not person.may_operate_models:
        return note("You may not roll back", "Whoever operates models may: the role data-engineer.", tone="warn")
    canary = next((one for one in versions if "challenger" in one.aliases), None)
    best = champion_of(list(versions))
    if canary is not None:
        said = (
            f"{canary.version} stops answering for its share of patients; {best.version if best else 'nobody'} goes on."
        )
    else:
        said = f"{best.version if best else name} stops answering; who answered before it answers again, at once."
    return model_acts.confirm("rollback", name, said + " Who goes needs a new approval.", href("models", name))


def _answering(versions: Versions, watch: ModelWatch, looks: dict[str, WatchedVersion]) -> Component:
    if not watch.parts:
        said = html.P("Nobody answers for this model. A second person promotes a version.", className="soft")
        return card("Who answers", said)
    columns = [Column("Part"), Column("Version"), Column("Limits"), Column("Last look", "tight")]
    rows = []
    for part in PARTS:
        if part in watch.parts:
            told = watch.parts[part]
            version = str(told["version"])
            about = html.Div([badge(*PARTS[part]), html.Div(MEANINGS[part], className="soft")])
            rows.append((about, link(version, version_href(version)), _limits(told), _look(looks.get(version))))
    return card("Who answers", Table("Who answers for this model", columns, rows).shown())


def _limits(told: dict[str, Any]) -> Contents:
    """Whether a limit is broken; each with what was seen, folded."""
    if told["breaches"]:
        state: Component = html.Div([badge("Broken", "bad"), *(html.Div(str(why)) for why in told["breaches"])])
    else:
        state = badge("All held", "good") if told["enough"] else badge("Too few answers to judge")
    seen = {name: one for name, one in told["seen"].items() if name in _LIMITS}
    rows = [(title, plain(seen[name]["value"]), plain(seen[name]["limit"]), words.number(seen[name]["n"]))
            for name, title in _LIMITS.items() if name in seen]  # fmt: skip
    columns = [Column("Limit"), Column("Seen", "right"), Column("Limit at", "right"), Column("Of", "right")]
    table = Table("Limits and what was seen", columns, rows)
    return html.Div([state, html.Details([html.Summary("What was seen"), table.shown()])])


def _over_versions(versions: Versions, name: str) -> Component:
    """A measure of each version, the newest on top."""
    title = measure(name)
    rows = [(f"Version {one.number}", one.measures[name]) for one in versions if name in one.measures]
    if not rows:
        return card(title, html.P("Not measured.", className="soft"))
    figure = model_figures.dots(rows, title="95 % interval")
    table = Table(title, [Column("Version"), Column("Value (95 %)", "right")],
                  [(which, interval(one)) for which, one in rows])  # fmt: skip
    return card(title, [model_figures.shown(figure, f"{title} of each version"), twin(table)])


def _versions(versions: Versions) -> Component:
    columns = [
        Column("Version"), Column("State", "tight"), Column("How good"), Column("Gates", "tight wide-only"),
        Column("Registered by", "wide-only"), Column("When (UTC)", "tight"), Column("Why", "wide-only"),
    ]  # fmt: skip
    rows = [
        (
            link(str(one.number), version_href(one.version)), state_of(one), _goodness(one), _gates(one), one.registrar,
            time(one.created), one.reason or words.NONE,
        )
        for one in versions
    ]  # fmt: skip
    return card("Versions", Table("Versions, newest first", columns, rows).shown())


def state_of(one: Any) -> Component:
    """State, parts and why people left, as badges."""
    said = [badge(*PARTS[part]) for part in one.aliases]
    if not said or one.state != "approved":
        said.append(badge(*STATES[one.state]))
    if one.taints:
        said.append(badge("Somebody left whom it learnt from", "bad"))
    return html.Div(said, className="badges")
