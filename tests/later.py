"""Modules that take seconds to import, imported by the tests that need them and not by every worker that collects."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any


class Later:
    """A module that is imported when something of it is first asked for.

    What collects tests asks each name of a file for marks of its own; that is no use of it.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "pytest", "_mock")):
            raise AttributeError(name)
        return getattr(import_module(self._name), name)


def has(*libraries: str) -> bool:
    """True if all are installed; imports none."""
    return all(find_spec(name) is not None for name in libraries)
