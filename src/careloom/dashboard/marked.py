"""A text before and after: what was found is marked by its kind on both sides, and each mark knows its twin."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.deidentification_reports import FoundSpan
from careloom.dashboard import words
from careloom.dashboard.parts import Content

KINDS = {
    "person": ("Names", ("NAME",)),
    "place": ("Places and organizations", ("LOCATION", "ORGANIZATION")),
    "time": ("Dates and ages", ("DATE", "AGE_OVER_89")),
    "contact": ("Ways to reach somebody", ("PHONE", "FAX", "EMAIL", "URL", "IP")),
}
Place = tuple[int, int, FoundSpan]
OTHER = ("number", "Numbers of people and things")
"""Every other label: record, account, licence and device numbers."""
SHORT = frozenset({"SSN", "MRN", "URL", "IP"})


def kind_of(label: str) -> str:
    """The kind by which a label is coloured."""
    return next((kind for kind, (_, labels) in KINDS.items() if label in labels), OTHER[0])


def said_of(label: str) -> str:
    """A label as people read it: ``health plan``, ``MRN``."""
    return label if label in SHORT else label.replace("_", " ").lower()


def legend(spans: Sequence[FoundSpan]) -> Component:
    """The kinds that were found, each with its colour, its word and how often; what each mark says stands in itself."""
    counts = Counter(kind_of(one.label) for one in spans)
    titles = {kind: title for kind, (title, _) in KINDS.items()} | {OTHER[0]: OTHER[1]}
    items = [
        html.Li([html.Span(titles[kind], className=f"found found-{kind}"), words.number(count)])
        for kind, count in counts.most_common()
    ]
    labelled: dict[str, Any] = {"aria-label": "What was found, by kind"}
    return html.Ul(items or [html.Li("Nothing that identifies was found.")], className="legend", **labelled)


def panes(old: str, new: str | None, spans: Sequence[FoundSpan], name: str) -> Component:
    """Both texts. `new` is None where it must not pass.

    spans  of this text, in their order
    name   tells this pair of texts from others of the page; read aloud
    """
    before = [(one.start, one.end, one) for one in spans]
    after = [(one.new_start, one.new_end, one) for one in spans]
    second: list[Content] = (
        [html.Span("This text does not pass.", className="soft")] if new is None else _marked(new, after, name)
    )
    return html.Div(
        [_pane("Original", _marked(old, before, name), name), _pane("De-identified", second, name)], className="panes"
    )


def beside(texts: Sequence[tuple[str, str, list[Place]]], name: str) -> Component:
    """Any number of forms of one text: title, text, and the places of what was found in it, in the same order."""
    shown = [_pane(title, _marked(text, places, name), name) for title, text, places in texts]
    return html.Div(shown, className="panes panes-many")


def _pane(title: str, content: list[Content], name: str) -> Component:
    label = f"{title}: {name}"
    scrolls: dict[str, Any] = {"role": "region", "tabIndex": "0", "aria-label": label, "data-pane": name}
    return html.Div([html.H3(title), html.Div(content, className="pane", **scrolls)], className="stack")


def _marked(text: str, places: list[Place], name: str) -> list[Content]:
    content: list[Content] = []
    done = 0
    for number, (start, end, found) in enumerate(places):
        content += [text[done:start], _mark(text[start:end], found, f"{name}-{number}")]
        done = end
    return [*content, text[done:]]


def _mark(said: str, found: FoundSpan, pair: str) -> Component:
    label = said_of(found.label)
    more = f" ({found.part})" if found.part else ""
    title = f"{label}{more}, found by {found.detector}, score {found.score:.2f}"
    props: dict[str, Any] = {"data-pair": pair, "data-label": label, "tabIndex": "0"}
    return html.Mark(said, className=f"found found-{kind_of(found.label)}", title=title, **props)
