"""How often jobs are tried and how long they may take, by kind: what ships in ``services/jobs.toml``."""

import tomllib
from functools import cache
from typing import Any

from careloom.runtime import packaged
from careloom.store.jobs_rules import Rules

DEFAULT = "default"


def rules_of(kind: str) -> Rules:
    """The rules of a kind of job; those of all kinds where it has none of its own."""
    table = _table()
    return Rules(**table[DEFAULT] | table.get(kind, {}))


def kinds_with_rules() -> tuple[str, ...]:
    """Kinds that have rules of their own."""
    return tuple(kind for kind in _table() if kind != DEFAULT)


@cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(packaged("services", "jobs.toml").decode())
