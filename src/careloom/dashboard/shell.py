"""The frame around every page: navigation, trail, who is signed in, and the HTML document itself."""

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from careloom.dashboard import finder, places, theme
from careloom.dashboard.address import PREFIX, href
from careloom.dashboard.parts import Page, link
from careloom.dashboard.session import Person

DOCUMENT = f"""<!doctype html>
<html lang="en">
<head>
{{%metas%}}
<meta name="color-scheme" content="light dark">
<title>{{%title%}}</title>
<link rel="icon" type="image/svg+xml" href="{PREFIX}/static/mark.svg">
<link rel="stylesheet" href="{PREFIX}/static/theme.css">
<link rel="stylesheet" href="{PREFIX}/static/careloom.css">
<link rel="stylesheet" href="{PREFIX}/static/viewer.css">
<script src="{PREFIX}/static/regenerator.js"></script>
<script src="{PREFIX}/static/careloom.js"></script>
<script src="{PREFIX}/static/exports.js" defer></script>
<script src="{PREFIX}/static/keys.js" defer></script>
<script src="{PREFIX}/static/viewer.js" defer></script>
{{%css%}}
</head>
<body>
<a class="skip" href="#main">Skip to the page</a>
{{%app_entry%}}
<noscript><main class="sign-in"><p>The dashboard draws its pages with JavaScript, which this browser does not run.
Everything it shows can be read through the REST API and the command line, too.</p></main></noscript>
<div class="live-lines"><div id="announce" class="hidden-text" role="status"></div>
<div id="stale-line" class="note note-warn" role="status" hidden></div>
<div id="session-line" class="note note-warn" role="status" hidden></div></div>
<footer hidden>{{%config%}}{{%scripts%}}{{%renderer%}}</footer>
</body>
</html>"""
"""The document that Dash fills; what must be announced lives outside of what Dash draws."""


def frame() -> Component:
    """What stays while pages change. The person is filled in with the first page."""
    main: dict[str, Any] = {"tabIndex": "-1"}
    inside = [
        dcc.Location(id="url", refresh="callback-nav"),
        dcc.Store(id="page-title"),
        html.Div(id="ending", hidden=True),
        html.Div(
            [
                html.Div(html.Header(id="side", className="side"), className="side-slot"),
                html.Main(
                    html.Div([html.Div([html.Div(id="trail", className="trail"), _tools()], className="top"),
                              html.Div(id="page", className="page-slot")]),
                    id="main", className="main", **main,
                ),
            ],
            className="frame",
        ),
        *finder.dialogs(),
    ]  # fmt: skip
    provider: Component = dmc.MantineProvider(inside, theme=theme.MANTINE, defaultColorScheme="auto")
    return provider


def _tools() -> Component:
    """What every page offers: search, its report, the list of keys."""
    find: dict[str, Any] = {"data-action": "find", "aria-keyshortcuts": "/ Control+K"}
    keys: dict[str, Any] = {"data-action": "keys", "aria-keyshortcuts": "?"}
    report = f"{PREFIX}/report.pdf"
    reported: dict[str, Any] = {"data-report": report}
    return html.Div(
        [
            html.Button([html.Span(className="icon icon-search"), html.Span("Search", className="tool-words"),
                         html.Kbd("/", className="wide-only")], type="button", className="tool", **find),
            html.A([html.Span(className="icon icon-reports"), html.Span("Report (PDF)", className="tool-words")],
                   href=report, className="tool", target="_self", **reported),
            html.Button([html.Kbd("?"), html.Span("Keys", className="tool-words")],
                        type="button", className="tool", **keys),
        ],
        className="tools",
    )  # fmt: skip


def side(person: Person, active: str) -> list[Component]:
    """The brand, the pages that this person may see, and the person. `active` is the first part of the address."""
    labelled: dict[str, Any] = {"aria-label": "Pages"}
    return [
        link([html.Img(src=f"{PREFIX}/static/mark.svg", alt=""), html.Span("Careloom")], href(), className="brand"),
        html.Nav([_group(name, person, active) for name in places.GROUPS], className="nav", **labelled),
        _person(person),
    ]


def _group(name: str, person: Person, active: str) -> Component | None:
    """The places of one task that this person may see; nothing where there is none."""
    seen = [each for each in places.PLACES if each.group == name and each.may_see(person)]
    if not seen:
        return None
    heading = f"nav-{name.lower()}"
    named: dict[str, Any] = {"aria-labelledby": heading} if name else {}
    inside = html.Ul([html.Li(_place_link(each, is_active=each.part == active)) for each in seen], **named)
    return html.Div([html.Div(name, id=heading, className="nav-group"), inside] if name else [inside])


def _place_link(place: places.Place, *, is_active: bool) -> Component:
    about: dict[str, Any] = {"aria-current": "page"} if is_active else {}
    about["data-go"] = next((letter for letter, part in finder.GO.items() if part == place.part), None)
    target = href(place.part) if place.part else href()
    return link([html.Span(className=f"icon icon-{place.icon}"), place.title], target, **about)


def _person(person: Person) -> Component:
    theme_button: dict[str, Any] = {"data-action": "theme", "title": "Light or dark"}
    return html.Div(
        [
            html.Div([html.Strong(person.name), html.Span("Signed in")], className="who-name"),
            html.Button(
                [html.Span(className="icon icon-theme"), html.Span("Light or dark", className="side-words")],
                type="button", className="side-button", **theme_button,
            ),
            html.Form(
                html.Button(
                    [html.Span(className="icon icon-out"), html.Span("Sign out", className="side-words")],
                    type="submit", className="side-button", title="Sign out",
                ),
                method="post", action=f"{PREFIX}/sign-out",
            ),
        ],
        className="who",
    )  # fmt: skip


def trail(page: Page) -> Component | None:
    """Where this page stands; nothing on a page of first rank."""
    if not page.trail:
        return None
    labelled: dict[str, Any] = {"aria-label": "Breadcrumbs"}
    current: dict[str, Any] = {"aria-current": "page"}
    steps = [html.Li(link(words, target)) for words, target in page.trail]
    return html.Nav(html.Ol([*steps, html.Li(html.Span(page.title, **current))]), **labelled)
