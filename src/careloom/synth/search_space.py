"""Which settings of an engine a search may try: a space as data, checked against the engine's own options.

The spaces that ship are ``search_spaces.toml``, which opens with the grammar. What a setting costs is no matter of a
space: each trial is a fit like any other.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from careloom.errors import InputError
from careloom.runtime import packaged
from careloom.synth.engine import Ask, Maker

Value = float | int | str | bool
_FILE = "search_spaces.toml"
_KEYS = {"low", "high", "log"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values."""

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A number from `low` to `high`, both within; whole where both ends are. is_log: even in its logarithm."""

    name: str
    low: float
    high: float
    is_log: bool = False

    @property
    def is_whole(self) -> bool:
        """True where only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)


Space = tuple[Choice | Span, ...]


def space_of(maker: Maker, ask: Ask, text: str = "") -> Space:
    """What a search of an engine may change: all that the space names and the ask has not fixed.

    text    TOML of one's own; empty: what ships
    raises  InputError for text that is no space, an engine that has none, or options that it has not
    """
    table = f"{maker.kind}-private" if ask.privacy is not None and not maker.needs_privacy else maker.kind
    try:
        told = tomllib.loads(text or packaged("synth", _FILE).decode()).get(table)
    except tomllib.TOMLDecodeError:
        raise InputError("the space does not read as TOML", "See the space that ships for the grammar.") from None
    if not isinstance(told, dict) or not told:
        raise InputError(f"there is no space of settings for {table}", "Name a file with a table of this name.")
    found = tuple(_dimension(name, one) for name, one in told.items() if name not in ask.options)
    for one in found:
        ends = one.values if isinstance(one, Choice) else (one.low, one.high)
        for value in ends:
            maker.options_of(Ask(options={one.name: value}))
    if not found:
        raise InputError("every setting of the space is fixed", "Leave one --option out.")
    return found


def _dimension(name: str, told: Any) -> Choice | Span:
    """raises InputError"""
    if isinstance(told, list) and told and all(isinstance(one, float | int | str | bool) for one in told):
        return Choice(name, tuple(told))
    if isinstance(told, Mapping) and {"low", "high"} <= set(told) <= _KEYS:
        low, high, is_log = told["low"], told["high"], told.get("log", False)
        numbers = all(isinstance(one, float | int) and not isinstance(one, bool) for one in (low, high))
        if numbers and isinstance(is_log, bool) and low < high and (low > 0 or not is_log):
            return Span(name, low, high, is_log)
    raise InputError(f"setting {name} of the space reads as nothing", "Give a list of values, or low and high.")
