"""The log of the server and its worker: found by level, component, code and request; nothing of a patient is in it."""

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.client.operations_reports import LogLine
from careloom.dashboard import forms, session, words
from careloom.dashboard.address import Address, href
from careloom.dashboard.operations_parts import ROOM, TRAIL, WINDOWS, tabs, window
from careloom.dashboard.parts import Column, Content, Contents, Page, Table, as_of, badge, card, head, link
from careloom.dashboard.session import Person

TITLE = "Logs"
SHOWN = 50
LEVELS = {
    "debug": ("Debug", ""), "info": ("Info", ""), "warning": ("Warning", "warn"), "error": ("Error", "bad"),
    "critical": ("Critical", "bad"),
}  # fmt: skip
COMPONENTS = {
    "": "Everything", "careloom.access": "Requests", "careloom.services": "Services", "careloom.store": "Stores, jobs",
    "careloom.api": "API", "careloom.ingest": "Ingestion", "careloom.mllp": "MLLP", "careloom.mlops": "Models",
}  # fmt: skip
KEPT = ("level", "component", "code", "request", "window")
_COLUMNS = [Column("Time (UTC)", "tight"), Column("Level", "tight"), Column("What"), Column("Details", "wide-only")]


def page(api: Careloom, person: Person, address: Address) -> Page:
    """One page of the log; filters stand in the address."""
    wanted = {name: address.query.get(name, "") for name in KEPT}
    chosen, since = window(wanted["window"], session.now())
    level = wanted["level"] if wanted["level"] in LEVELS else "info"
    asked = {name: wanted[name].strip() for name in ("component", "code", "request") if wanted[name].strip()}
    cursor = address.query.get("cursor", "")
    if not cursor:
        asked["since"] = since.isoformat()
    else:
        asked["since"] = address.query.get("since", "")
    found = api.logs(cursor=cursor, level=level, limit=str(SHOWN), **asked)
    lead = "What the server and its worker noted. Lines quote nothing: routes, codes, counts and ids alone."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(session.now())), tabs(person, "logs")]
    content.append(_filters(wanted, level, chosen))
    more = href(ROOM, "logs", **wanted, since=asked["since"], cursor=found.next or "") if found.next else ""
    content.append(_lines(found.items, more, has_cursor=bool(cursor), wanted=wanted))
    return Page(TITLE, content, TRAIL)


def _filters(wanted: dict[str, str], level: str, chosen: str) -> Component:
    fields: list[Component | None] = [
        forms.choice("level", "Level, and above", {name: said for name, (said, _) in LEVELS.items()}, level),
        forms.choice("component", "Component", COMPONENTS, wanted["component"]),
        forms.choice("window", "Time", {key: f"Last {said.lower()}" for key, (said, _) in WINDOWS.items()}, chosen),
        forms.text("code", "Code", wanted["code"], placeholder="setup.unavailable"),
        forms.text("request", "Id of a request", wanted["request"], placeholder="32 letters and digits"),
    ]
    return forms.filters(href(ROOM, "logs"), fields, reset=any(wanted.values()))


def _lines(lines: tuple[LogLine, ...], more: str, *, has_cursor: bool, wanted: dict[str, str]) -> Component:
    newest = link("Newest", href(ROOM, "logs", **wanted), className="button button-small") if has_cursor else None
    older = link("Older", more, className="button button-small") if more else None
    ways = html.Div(html.Nav([newest, older], **{"aria-label": "More lines"}), className="pager")  # type: ignore[arg-type]
    if not lines:
        said = (
            "No line fits so far; more of the log can be looked through."
            if more
            else "No line fits. Choose a longer time or a lower level; what is kept is settled by [logs] keep_level."
        )
        return card("No lines", [html.P(said, className="soft"), ways if more or has_cursor else None])
    table = Table("Lines of the log, newest first", _COLUMNS, [_row(line) for line in lines]).shown()
    return card("Newest first", [table, ways if more or has_cursor else None])


def _row(line: LogLine) -> tuple[Contents, ...]:
    said, tone = LEVELS.get(line.level, (line.level, ""))
    what = [html.Div(_sentence(line)), html.Div(html.Code(line.logger), className="soft small")]
    at = [html.Div(f"{line.time:%H:%M:%S}"), html.Div(words.day(line.time.date()), className="soft small")]
    return html.Div(at), badge(said, tone), html.Div(what), _details(line)


def _sentence(line: LogLine) -> Contents:
    fields = line.fields
    if line.logger == "careloom.access":
        told = f"{fields.get('method', '')} {fields.get('route') or 'an address that no route has'} "
        status = fields.get("status", 0)
        tone = "bad" if status >= 500 else "warn" if status >= 400 else "plain"
        return [told, badge(str(status), tone)]
    return f"{line.event[:1].upper()}{line.event[1:]}"


def _details(line: LogLine) -> Component:
    hidden = {"method", "route", "status"} if line.logger == "careloom.access" else set()
    each = [(name, value) for name, value in line.fields.items() if name not in hidden and value not in ("", None)]
    return html.Dl([html.Div([html.Dt(_name(name)), html.Dd(_value(name, value))]) for name, value in each],
                   className="pairs")  # fmt: skip


def _name(name: str) -> str:
    return {"duration_seconds": "took", "request_id": "request", "error_code": "code", "issue_code": "issue"}.get(
        name, name.replace("_", " ")
    )


def _value(name: str, value: object) -> Contents:
    if name == "duration_seconds" and isinstance(value, float | int):
        return words.seconds(float(value))
    if name == "request_id":
        return link(html.Code(str(value)[:8]), href(ROOM, "logs", request=str(value), level="debug", window="30d"))
    return str(value)
