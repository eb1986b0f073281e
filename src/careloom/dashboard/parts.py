"""Building blocks of every page: headings, tiles, tables with captions, badges, empty and refused states."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dash import html
from dash.development.base_component import Component

from careloom.client.reports import Progress
from careloom.dashboard import words
from careloom.dashboard.address import href
from careloom.errors import AccessError, CareloomError, InputError, NotFound

Content = Component | str | int | float | None
Contents = Content | Sequence[Content]


@dataclass(frozen=True, slots=True)
class Page:
    """One page as the frame shows it.

    title    of the browser's tab, and the last step of the trail
    trail    (words, link) of the pages above
    is_live  it is asked for again every few seconds
    ahead    stands before the content and is not asked for again: what somebody may be filling in
    """

    title: str
    content: Contents
    trail: tuple[tuple[str, str], ...] = ()
    is_live: bool = False
    ahead: Contents = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table; its title may be a link. `kind`: ``right`` for numbers, ``tight`` for what does not wrap,
    ``wide-only``.
    """

    title: Content
    kind: str = ""
    is_title_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below columns; the first cell of a row names it. `caption` is read aloud, not shown."""

    caption: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Contents]]
    props: dict[str, Any] = field(default_factory=dict)

    def shown(self) -> Component:
        """The table in a frame that scrolls by itself where the screen is too narrow, also by the keyboard."""
        head = [
            html.Th(html.Span(each.title, className="hidden-text") if each.is_title_hidden else each.title,
                    scope="col", className=each.kind)
            for each in self.columns
        ]  # fmt: skip
        table = html.Table(
            [
                html.Caption(html.Span(self.caption, className="hidden-text")),
                html.Thead(html.Tr(head)),
                html.Tbody([self._row(row) for row in self.rows]),
            ],
            className="table",
        )
        scrolls: dict[str, Any] = {"role": "region", "tabIndex": "0", "aria-label": self.caption}
        return html.Div(table, className="table-wrap", **scrolls, **self.props)

    def _row(self, row: Sequence[Contents]) -> Component:
        kinds = [each.kind for each in self.columns]
        first = html.Th(row[0], scope="row", className=kinds[0])
        return html.Tr([first, *(html.Td(cell, className=kind) for cell, kind in zip(row[1:], kinds[1:], strict=True))])


def head(title: str, *, lead: Content = None, aside: Content = None) -> Component:
    """A page's heading; a new page takes the focus there."""
    said: list[Component] = [html.H1(title, id="title", tabIndex="-1")]
    if lead is not None:
        said.append(html.P(lead, className="soft"))
    return html.Div([html.Div(said, className="head-words"), aside], className="head")


def card(title: str, content: Contents, *, aside: Content = None, kind: str = "") -> Component:
    """A group of facts under a heading of second rank."""
    inside = [content] if isinstance(content, Component | str | int | float | None) else list(content)
    ends = html.Div([aside, _export(title)], className="card-ends")
    return html.Section(
        [html.Div([html.H2(title), ends], className="card-head"), *inside], className=f"card {kind}".strip()
    )


EXPORTS = (("png", "Picture (PNG)"), ("svg", "Drawing (SVG)"), ("csv", "Table (CSV)"))


def _export(title: str) -> Component:
    """The menu that saves a panel; the style sheet hides it where a panel holds nothing to save."""
    named: dict[str, Any] = {"aria-label": f"Save {title}", "title": "Save this panel"}
    items = []
    for kind, said in EXPORTS:
        button: dict[str, Any] = {"data-export": kind}
        items.append(html.Li(html.Button(said, type="button", **button)))
    return html.Details([html.Summary(html.Span(className="icon icon-export"), **named), html.Ul(items)],
                        className="export")  # fmt: skip


def tile(title: str, value: str, note: str = "", swatch: str = "") -> Component:
    """One figure with its name, e.g. ``Stored 12,345``."""
    mark = html.Span(className=f"swatch swatch-{swatch}") if swatch else None
    said = [html.Dt([mark, title]), html.Dd(value)]
    return html.Div([*said, html.Dd(note, className="tile-note")] if note else said, className="tile")


def tiles(each: Iterable[Component], *, is_small: bool = False) -> Component:
    """Figures side by side."""
    return html.Dl(list(each), className="tiles tiles-small" if is_small else "tiles")


def badge(text: str, tone: str = "") -> Component:
    """A word with a colour and a shape; `tone`: good, warn, bad, run, plain or empty."""
    return html.Span(text, className=f"badge badge-{tone}" if tone else "badge")


TONES = {"waiting": "", "running": "run", "done": "good", "failed": "bad", "cancelled": "warn"}
SEVERITIES = {"fatal": "bad", "error": "bad", "warning": "warn", "information": ""}


def state(name: str) -> Component:
    """The state of a run."""
    return badge(words.STATES.get(name, name), TONES.get(name, ""))


def severity(name: str) -> Component:
    """How bad an issue is."""
    return badge(name.capitalize(), SEVERITIES.get(name, ""))


def bar(*parts: tuple[int, str], whole: int) -> Component:
    """A bar of parts of a whole; it repeats numbers beside it, so it is not read aloud."""
    shown = [
        html.Span(style={"width": f"{100 * count / whole:.2f}%"}, className=name) for count, name in parts if count
    ]
    hidden: dict[str, Any] = {"aria-hidden": "true"}
    return html.Div(shown if whole else [], className="bar", **hidden)


def link(text: Contents, target: str, **props: Any) -> Component:
    """A link within the dashboard; the page's script follows it without loading everything again."""
    return html.A(text, href=target, **props)


def note(title: str, text: Contents = None, *, tone: str = "quiet", role: str = "note") -> Component:
    """A remark set apart; `tone`: quiet, warn, bad or good."""
    return html.Div(
        [html.Strong(title), html.Span(text) if text is not None else None], className=f"note note-{tone}", role=role
    )


class Work(Protocol):
    """Queued work as the SDK tells of it."""

    @property
    def state(self) -> str:
        """waiting, running, done, failed or cancelled."""
        ...

    @property
    def progress(self) -> Progress:
        """How far it is."""
        ...

    @property
    def error(self) -> str | None:
        """The code of the error that ended it."""
        ...


def queued(work: Work, unit: str, target: str) -> Component:
    """How far the work is that this person has asked for, in `unit`; `target` shows what came out."""
    if work.state == "done":
        return note("What you asked for is done.", link("Show it", target), tone="good", role="status")
    if work.state in ("failed", "cancelled"):
        said = "What you asked for has failed" if work.state == "failed" else "What you asked for was cancelled"
        return note(said, f"Its code: {work.error or 'none'}.", tone="bad", role="alert")
    far = (
        f"{work.progress.done:,} of {work.progress.total:,} {unit}." if work.progress.total else "It has not begun yet."
    )
    return note("What you asked for is under way", far, role="status")


def command(text: str, title: str) -> Component:
    """A command to copy; it scrolls by itself, also by the keyboard. `title` is read aloud, not shown."""
    props: dict[str, Any] = {"role": "region", "aria-label": title, "tabIndex": "0"}
    return html.Code(text, className="command", **props)


def time(value: Any) -> Component | str:
    """A moment in words, exact for machines; times are UTC."""
    return html.Time(words.moment(value), dateTime=value.isoformat()) if value is not None else words.NONE


def as_of(generated: Any) -> Component:
    """When what is shown was true; the page's script compares it with the clock and marks what has gone stale."""
    shown = html.Time(words.clock(generated), dateTime=generated.isoformat(), id="as-of")
    return html.P(["As of ", shown], className="as-of")


REFUSALS = ((NotFound, "Not found"), (InputError, "Not possible"), (AccessError, "No access"))


def refusal(error: CareloomError) -> Page:
    """A page for what the API refuses: what it says, and what it says to do."""
    title = next((words_ for kind, words_ in REFUSALS if isinstance(error, kind)), "Not now")
    back = html.P(link("Back to the overview", href()), className="small")
    said = note(error.where, error.remedy, tone="warn" if isinstance(error, AccessError) else "bad", role="alert")
    return Page(title, [head(title), card("What happened", [said, back])])
