"""What no page can show: calls that make no sense, missing files, bugs. The right status, and nothing told."""

from typing import Any

from dash import Dash
from dash.exceptions import DependencyException
from flask import Flask, Response, make_response, request
from werkzeug.exceptions import HTTPException

from careloom.dashboard.gate import problem

CALL = "/_dash-update-component"
LISTS = ("inputs", "changedPropIds")


def install(server: Flask, app: Dash) -> None:
    """Checks each call before Dash reads it, and answers every failure with a problem document."""

    @server.before_request
    def refuse_nonsense() -> Response | None:
        if request.path != CALL or request.method != "POST":
            return None
        try:
            body = request.get_json(silent=True)
        except RecursionError:  # nested too deeply to be read
            body = None
        if isinstance(body, dict) and _makes_sense(body, app):
            return None
        return problem(400, "input", "this call is none that a page makes", "Load the page again.")

    @server.errorhandler(DependencyException)
    def no_file(_error: DependencyException) -> Response:
        return problem(404, "input.not-found", "there is no such file", "Load the page again.")

    @server.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        if error.response is not None:
            return make_response(error.get_response())
        status = error.code or 500
        return problem(status, f"http.{status}", error.name, "Load the page again.")

    @server.errorhandler(Exception)
    def bug(error: Exception) -> Response:
        server.logger.error("a page failed: %s", type(error).__name__)  # not its text, which may hold a value
        return problem(500, "http.500", "the dashboard failed", "Load the page again, or tell the operator.")


def _makes_sense(body: dict[str, Any], app: Dash) -> bool:
    """True if the body names a callback of ours, with what it needs, in the shape of Dash 4."""
    output = body.get("output")
    if not isinstance(output, str) or output not in app.callback_map:
        return False
    callback = app.callback_map[output]
    outputs = body.get("outputs")
    listed = outputs if isinstance(outputs, list) else [outputs]
    return (
        all(isinstance(body.get(name), list) for name in LISTS)
        and len(body["inputs"]) == len(callback["inputs"])
        and len(body.get("state") or []) == len(callback["state"])
        and len(listed) == len(output.strip(".").split("..."))
        and all(isinstance(each, dict) and {"id", "property"} <= each.keys() for each in [*listed, *body["inputs"]])
    )
