"""Which messages are mapped and how each type is read: the rules of maps/hl7v2_messages.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Literal

from careloom.runtime import packaged


@dataclass(frozen=True, slots=True)
class MessageRule:
    """How messages of one type are read.

    events   the triggers that are mapped
    subject  what happens to the patient and the visit: ``put`` or ``mention``
    reports  when an OBR is a report: ``always``, ``stated`` (it has a result status) or ``never``
    """

    events: frozenset[str]
    subject: Literal["put", "mention"]
    reports: Literal["always", "stated", "never"]


@cache
def message_rules() -> dict[str, MessageRule]:
    """The rule of each message type, by MSH-9.1."""
    entries = tomllib.loads(packaged("ingest", "maps/hl7v2_messages.toml").decode())
    return {
        kind: MessageRule(frozenset(entry["events"].split()), entry["subject"], entry["reports"])
        for kind, entry in entries.items()
    }


def rule_of(kind: str, trigger: str) -> MessageRule | None:
    """The rule of a message, or None where the type or its event is not mapped."""
    rule = message_rules().get(kind)
    return rule if rule is not None and trigger in rule.events else None
