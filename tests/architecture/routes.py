"""Every route that the application serves, as the application itself tells it."""

import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.api.kit import Installation


class Route(NamedTuple):
    """One method of one rule."""

    name: str
    endpoint: str

    @property
    def method(self) -> str:
        return self.name.split(" ")[0]

    @property
    def path(self) -> str:
        """As the OpenAPI document writes it."""
        return self.name.split(" ")[1]


def as_document(rule: str) -> str:
    """A rule of Flask as OpenAPI writes it: ``<string:run_id>`` is ``{run_id}``."""
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule)


def routes() -> list[Route]:
    """Every method of every rule but those of the documentation pages; HEAD and OPTIONS have a test of their own."""
    with tempfile.TemporaryDirectory() as folder, Installation(Path(folder)) as made:
        rules = list(made.app.url_map.iter_rules())
    return sorted(
        Route(f"{method} {as_document(rule.rule)}", rule.endpoint)
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.partition(".")[0] not in {"openapi", "swagger"}
    )


ROUTES = routes()
