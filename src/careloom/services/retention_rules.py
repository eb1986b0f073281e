"""Retention rules as data: what is kept how long, and who says so. The grammar stands in ``retention.toml``."""

import re
import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from careloom.errors import SetupError
from careloom.runtime import packaged
from careloom.services.platform import Platform

REMOVES = ("landing", "quarantine", "exports", "jobs", "backups", "relinking-keys", "samples", "predictions")
KEEPS = ("audit", "tombstones", "certificates")
"""What retention never removes; its rules say for how long at least it is there."""
_KEEP = re.compile(r"([1-9][0-9]{0,5}) (hours|days|years)")
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """One rule.

    keep  None: for ever
    said  as the file says it
    """

    rule: str
    keep: timedelta | None
    said: str
    source: str
    why: str

    def cutoff(self, now: datetime) -> datetime | None:
        """What is older than this moment is due; None where nothing ever is."""
        return None if self.keep is None else now - self.keep


def rules_of(platform: Platform) -> dict[str, RetentionRule]:
    """The rules of this installation by name: those that ship, and over them those of ``[retention] rules``.

    raises  SetupError that names the file and the rule
    """
    shipped = _read(packaged("services", "retention.toml"), "retention.toml", platform)
    own_file = platform.settings.retention.rules
    if own_file is None:
        return shipped
    try:
        own = _read(own_file.read_bytes(), str(own_file), platform)
    except OSError:
        raise SetupError(f"retention: {own_file} cannot be read", "Correct [retention] rules.") from None
    for name in KEEPS:
        floor, asked = shipped[name].keep, own[name].keep if name in own else shipped[name].keep
        if asked is not None and (floor is None or asked < floor):
            raise SetupError(f"retention: {own_file}: {name} is shorter than what ships", "It can only be made longer.")
    return shipped | own


def _read(raw: bytes, file: str, platform: Platform) -> dict[str, RetentionRule]:
    try:
        told = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SetupError(f"retention: {file} is no TOML: {error}", "Correct the file at that place.") from None
    found: dict[str, RetentionRule] = {}
    for number, one in enumerate(told.get("rule", []) if set(told) <= {"rule"} else [{}], 1):
        name = one.get("rule", "")
        if set(one) != {"rule", "keep", "source", "why"} or name not in (*REMOVES, *KEEPS) or name in found:
            raise SetupError(
                f"retention: {file}: rule {number} is not one", "It has rule, keep, source and why; see retention.toml."
            )
        if not str(one["source"]).strip():
            raise SetupError(f"retention: {file}: {name} has no source", "Say who wants it so.")
        found[name] = RetentionRule(name, _kept(one["keep"], file, platform), one["keep"], one["source"], one["why"])
    return found


def _kept(text: Any, file: str, platform: Platform) -> timedelta | None:
    if text == "for ever":
        return None
    if text == "setting export.keep_hours":
        return timedelta(hours=platform.settings.export.keep_hours)
    match = _KEEP.fullmatch(str(text))
    if match is None:
        raise SetupError(f"retention: {file}: a time is not one", "Write 24 hours, 30 days, 6 years or for ever.")
    count = int(match[1])
    if match[2] == "years":
        return timedelta(days=count * _DAYS_A_YEAR)
    return timedelta(hours=count) if match[2] == "hours" else timedelta(days=count)
