"""What pages of runs share: how far one is, the button that cancels it, the way to older ones."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.dashboard.address import PREFIX, href
from careloom.dashboard.parts import Work, bar, card, link, note


def older_runs(before: str, following: str | None, *place: str) -> Component | None:
    """Links from one page of a list of runs to the newest and to the older ones; nothing where the list is one page.

    place  of the list, as `href` takes it
    """
    if not before and not following:
        return None
    newest = link("Newest", href(*place), className="button button-small") if before else None
    older = link("Older", href(*place, before=following), className="button button-small") if following else None
    labelled: dict[str, Any] = {"aria-label": "More runs"}
    return html.Div(html.Nav([newest, older], **labelled), className="pager")


def unfinished(run: Work, unit: str, *, by: str = "", waits: str, stays: str, cancel: str = "") -> Component | None:
    """What is told of a run that waits, runs, failed or was cancelled; nothing of one that is done.

    unit    what it works through: ``resources``
    by      goes on from a number of those, after a comma
    waits   what did not happen yet
    stays   what is left of it where it did not end well
    cancel  the address below the dashboard's that cancels it; "" where this person may not
    """
    ends = f", {by}." if by else "."
    if run.state == "failed":
        return note(f"It failed: {run.error}", stays, tone="bad")
    if run.state == "cancelled":
        return note("It was cancelled", stays, tone="warn")
    button = _cancel(cancel) if cancel else None
    if run.state == "waiting":
        return card("Waiting for a free worker", [html.P(waits + ends, className="soft"), button])
    if run.state == "running":
        done, total = run.progress.done, run.progress.total
        far = f"{done:,} of {total:,} {unit}" if total else "It has just begun"
        shown = html.P(far + ends, className="soft")
        return card("Running", [shown, bar((min(done, total), ""), whole=total), button])
    return None


def _cancel(address: str) -> Component:
    button = html.Button("Cancel", type="submit", className="button button-small")
    return html.Form(button, method="post", action=f"{PREFIX}/{address}")
