"""Addresses that are going away say so in every answer, in the OpenAPI document, and until when they stay.

source  RFC 9745 (2025) Deprecation; RFC 8594 (2019) Sunset; RFC 5829 (2010) successor-version; the table is
        `deprecations.toml`
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from importlib.resources import files
from typing import Any

from flask import Flask, Response, request
from flask_openapi3 import OpenAPI

from careloom.api.context import base_url
from careloom.api.route_names import named_route

POLICY_PATH = "/openapi/swagger"
"""Where a reader of the header Link is sent: the document marks what is deprecated, and what to call in its place."""
LEAST_DAYS = 180
"""Between announcing and removing an address of a released version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecated:
    """One address that is going away.

    route    method and path as the OpenAPI document writes them
    since    when that was announced
    sunset   until when it answers
    instead  the route to call in its place; empty where nothing takes it
    why      one sentence
    raises   ValueError if it would leave earlier than was promised
    """

    route: str
    since: date
    sunset: date
    instead: str = ""
    why: str

    def __post_init__(self) -> None:
        if (self.sunset - self.since).days < LEAST_DAYS:
            raise ValueError(f"{self.route} would leave less than {LEAST_DAYS} days after that was announced")

    def headers(self, base: str) -> list[tuple[str, str]]:
        """What an answer of it says; `base` is the address of the installation."""
        links = [f'<{base}{POLICY_PATH}>; rel="deprecation"; type="text/html"']
        method, _, path = self.instead.partition(" ")
        if method and "{" not in path:
            links.append(f'<{base}{path}>; rel="successor-version"')
        return [
            ("Deprecation", f"@{int(_midnight(self.since).timestamp())}"),
            ("Sunset", format_datetime(_midnight(self.sunset), usegmt=True)),
            ("Link", ", ".join(links)),
        ]


def shipped() -> list[Deprecated]:
    """What this version deprecates."""
    table = tomllib.loads(files("careloom.api").joinpath("deprecations.toml").read_text("utf-8"))
    return [Deprecated(**row) for row in table.get("deprecated", [])]


def install(app: Flask, table: Sequence[Deprecated]) -> None:
    """Puts the headers on each answer of a deprecated route, errors too."""
    by_route = {row.route: row for row in table}
    if not by_route:
        return

    def tell(response: Response) -> Response:
        row = by_route.get(named_route(request))
        if row is not None:
            for name, value in row.headers(base_url()):
                response.headers.add(name, value)
        return response

    app.after_request(tell)


def mark(app: OpenAPI, table: Sequence[Deprecated]) -> None:
    """Marks the operations in the finished document. raises ValueError if a row names none."""
    paths: dict[str, Any] = app.spec_json["paths"]
    for row in table:
        method, _, path = row.route.partition(" ")
        operation = paths.get(path, {}).get(method.lower())
        if operation is None:
            raise ValueError(f"deprecations: {row.route} is no route of this application")
        instead = f"Call `{row.instead}` in its place." if row.instead else "Nothing takes its place."
        operation["deprecated"] = True
        operation["description"] = (
            f"**Deprecated since {row.since}, answers until {row.sunset}.** {row.why} {instead}\n\n"
            f"{operation.get('description', '')}"
        ).rstrip()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
