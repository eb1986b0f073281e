"""What a request asks for, by the name that the OpenAPI document gives it: never a path, which names records."""

import re
from functools import lru_cache

from flask import Request

_ARGUMENT = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")


def named_route(asked: Request) -> str:
    """``GET /api/v1/ingestions/{run_id}``; HEAD is GET; empty where no route takes the request."""
    if asked.url_rule is None:
        return ""
    return f"{'GET' if asked.method == 'HEAD' else asked.method} {as_document(asked.url_rule.rule)}"


@lru_cache(maxsize=1024)
def as_document(rule: str) -> str:
    """A rule of Flask as OpenAPI writes it: ``<string:run_id>`` is ``{run_id}``."""
    return _ARGUMENT.sub(r"{\1}", rule)
