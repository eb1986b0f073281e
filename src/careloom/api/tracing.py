"""A span for each request, by its route template: never a path, a name or a value. Off unless the settings say so."""

from flask import Flask, Response, g, request

from careloom import traces
from careloom.api.context import EXTENSION
from careloom.api.route_names import named_route
from careloom.services.traces_otlp import configure


def install(app: Flask) -> None:
    """Begins a span behind the gate and ends it with the answer. raises SetupError as `configure` does"""
    platform = app.extensions[EXTENSION]
    if platform.settings.traces.otlp or platform.settings.traces.azure:
        configure(platform.settings)
    app.before_request(_begin)
    app.after_request(_tell)
    app.teardown_request(_end)


def _begin() -> None:
    if traces.is_collected():
        name = named_route(request) or "no route"
        g.span = traces.begin(name, "server", request.headers.get("traceparent", "").strip())


def _tell(response: Response) -> Response:
    made = g.get("span")
    if made is not None:
        span = made[0]
        span.tell("http.request.method", request.method if request.url_rule else "other")
        span.tell("http.route", request.url_rule.rule if request.url_rule else "")
        span.tell("http.response.status_code", response.status_code)
        span.tell("careloom.request.id", g.get("request_id", ""))
        span.is_failed = response.status_code >= 500
    return response


def _end(_: BaseException | None) -> None:
    traces.end(g.pop("span", None))
