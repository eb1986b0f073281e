"""Cards of a look at a model: scores, calibration, alerts and their budget, groups."""

from collections.abc import Mapping, Sequence

from dash import html
from dash.development.base_component import Component

from careloom.client.models_reports import ModelEvaluation
from careloom.client.monitoring_reports import Finding, Look
from careloom.dashboard import model_figures, words
from careloom.dashboard.figures import twin
from careloom.dashboard.model_words import STRENGTHS, feature, interval, plain
from careloom.dashboard.parts import Column, Content, Contents, Table, badge, bar, card, note

SHOWN_AT_MOST = 40


def strength(one: Finding) -> Component:
    """How strong a drift is, in a word with colour and shape."""
    return badge(*STRENGTHS[one.level])


def _of(look: Look, kind: str) -> Finding | None:
    return next((one for one in look.findings if one.kind == kind), None)


def _facts(said: Sequence[tuple[str, Content]]) -> Component:
    return html.Dl([html.Div([html.Dt(title), html.Dd(value)]) for title, value in said], className="facts")


def scores(look: Look) -> Component:
    """How far scores moved, and the mix of patients."""
    title = "Drift of what comes out"
    one = _of(look, "scores")
    if one is None:
        return card(title, html.P("Too few predictions to compare.", className="soft"))
    mix = [each for each in look.findings if each.kind == "mix"]
    rows = [
        ("Scores", one.effect, one.level),
        *((f"Mix: {feature(each.place).lower()}", each.effect, each.level) for each in mix),
    ]
    figure = model_figures.bars(
        rows, title="Population stability index (PSI)", limits=(one.medium, one.large), most=max(2 * one.large, 0.3)
    )
    said = _facts(
        [
            ("Scores", strength(one)), ("PSI", f"{one.effect:.3f}"), ("JS", plain(one.detail.get("js"))),
            ("KS", plain(one.detail.get("ks"))), ("Mean risk", words.share(one.detail.get("mean"))),
            ("Alerts", words.number(one.detail.get("alerts"))), ("Cases", words.number(one.rows)),
        ]
    )  # fmt: skip
    columns = [Column("What"), Column("Drift", "tight"), Column("PSI", "right")]
    table = Table("Drift of scores and of the mix of patients", columns,
                  [(name, badge(*STRENGTHS[level]), f"{value:.3f}") for name, value, level in rows])  # fmt: skip
    shown = model_figures.shown(figure, "Population stability index of scores and of the mix of patients")
    return card(title, [said, shown, twin(table)])


def calibration(look: Look) -> Component:
    """Whether risks still mean what they say, as a whole and in groups."""
    title = "Do risks still mean what they say?"
    whole = _of(look, "calibration")
    if whole is None:
        said = f"{look.outcomes:,} outcomes are known; it takes 20 events and 20 without one."
        return card(title, note("Too few outcomes to tell", said))
    slope, performance = _of(look, "slope"), look.performance or {}
    came, promised = whole.detail.get("events"), whole.detail.get("promised")
    facts = _facts(
        [
            ("Calibration", strength(whole)), ("Shift (log odds)", f"{whole.detail['off']:+.2f}"),
            ("Events said", plain(promised, 1)), ("Events that came", words.number(came)),
            ("Slope", plain(slope.detail.get("slope"), 2) if slope else words.NONE),
            ("Calibration error", interval(performance.get("ece"))),
        ]
    )  # fmt: skip
    own = [whole, *(one for one in look.findings if one.kind == "group")]
    rows = [(feature(one.place) or "All patients", one.effect, one.level) for one in own]
    figure = model_figures.bars(
        rows,
        title="Shift of the log odds",
        limits=(whole.medium, whole.large),
        most=max(1.2, *(one.effect for one in own)),
    )
    columns = [Column("Who"), Column("Drift", "tight"), Column("Shift (log odds)", "right"), Column("Said", "right"),
               Column("Came", "right")]  # fmt: skip
    table = Table(
        "Calibration as a whole and by group", columns,
        [(name, badge(*STRENGTHS[level]), f"{one.detail.get('off', value):+.2f}", plain(one.detail.get("promised"), 1),
          words.number(one.detail.get("events"))) for (name, value, level), one in zip(rows, own, strict=True)],
    )  # fmt: skip
    shown = model_figures.shown(figure, "Shift of calibration as a whole and by group")
    return card(title, [facts, shown, twin(table), _control(look)])


def _control(look: Look) -> Component | None:
    """Where the control chart of outcomes stands."""
    chart = look.sequential
    if chart is None:
        return None
    if chart.crossed is not None:
        more = "more" if chart.upwards else "less"
        text = f"The control chart (CUSUM) passed its limit of {chart.limit:.1f} on {words.moment(chart.crossed)} UTC."
        return note(f"Events came {more} often than said", text, tone="warn")
    text = (
        f"Upwards {chart.up:.1f}, downwards {chart.down:.1f}, limit {chart.limit:.1f}, over {chart.since:,} outcomes."
    )
    return note("The control chart of outcomes holds", text, tone="good")


def alerts(look: Look, judged: ModelEvaluation) -> Component:
    """Alerts: how many against what was promised, how many were right, what clinicians made of them."""
    title = "Alerts and what became of them"
    told = look.answers
    found = _of(look, "scores")
    made = found.detail.get("alerts") if found is not None else None
    per_100 = 100 * made / found.rows if found is not None and made is not None and found.rows else None
    report = judged.report or {}
    promised = (report.get("threshold") or {}).get("alerts_per_100")
    ppv = _of(look, "ppv")
    facts: list[tuple[str, Content]] = [
        ("Alerts per 100 cases", plain(per_100, 1)), ("When it was judged", plain(promised, 1)),
        ("Right (PPV), live", _live(ppv)),
        ("Right when it was judged", words.share(ppv.detail.get("before")) if ppv else words.NONE),
        ("Answered", words.number(told.accepted + told.overridden)), ("Accepted", words.number(told.accepted)),
        ("Overridden", words.number(told.overridden)),
    ]  # fmt: skip
    budget = None
    if per_100 is not None and promised:
        over = per_100 > 1.25 * promised
        budget = note("More alerts than promised" if over else "Within what was promised",
                      f"{per_100:.1f} of 100 cases are alerted; {promised:.1f} were when it was judged.",
                      tone="warn" if over else "good")  # fmt: skip
    return card(title, [_facts(facts), budget, _reasons(told.reasons, told.overridden)])


def _live(ppv: Finding | None) -> str:
    if ppv is None:
        return words.NONE
    detail = ppv.detail
    return f"{words.share(detail['live'])} ({words.share(detail['low'])} to {words.share(detail['high'])})"


def _reasons(reasons: Mapping[str, int], overridden: int) -> Component:
    if not reasons:
        return html.P("No alert was overridden with a reason.", className="soft small")
    most = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    columns = [Column("Why it was overridden"), Column("Times", "right"), Column("Share", "bar-cell", True)]
    rows = [(words.spaced(name.replace("-", " ")), words.number(count), bar((count, ""), whole=max(overridden, count)))
            for name, count in most]  # fmt: skip
    return Table("Reasons of overridden alerts", columns, rows).shown()


def groups(look: Look) -> Component:
    """What came in each group since."""
    title = "Groups since"
    if not look.groups:
        return card(title, html.P("Told once 20 events and 20 without one are known.", className="soft"))
    columns = [Column("Group"), Column("Patients", "right"), Column("Events", "right"), Column("AUROC (95 %)", "right"),
               Column("Alerts right", "right wide-only")]  # fmt: skip
    rows: list[tuple[Contents, ...]] = []
    for one in look.groups:
        name = feature(f"{one['attribute']}={one['group']}")
        if one.get("patients") is None:
            rows.append((name, badge("Fewer than 11"), words.NONE, words.NONE, words.NONE))
            continue
        area = {"value": one["auroc"], "low": one["auroc_low"], "high": one["auroc_high"]}
        rows.append((name, words.number(one["patients"]), words.number(one["events"]), interval(area),
                     words.share(one.get("ppv"))))  # fmt: skip
    return card(title, Table("Measures by group since", columns, rows).shown())
