"""Under which policies a zone may hold something: written down before the first write, settled when a run has ended.

A guarded zone takes a resource only from a step that names the policy, and only while that policy is the one that
writes. Facts of `meta`, so they need no table of their own and lie in the same transaction as what they speak of.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson
from sqlalchemy import Connection

from careloom.errors import IntegrityError, StateError
from careloom.store import bulk

GUARDED = frozenset({"research"})
"""Zones whose resources must be of a policy."""
_FACT = "policies"


@dataclass(frozen=True, slots=True)
class ZonePolicy:
    """One policy under which something may lie in a zone.

    digest  of the policy's files: another text of the same name is another policy
    run     the last run that began to write under it
    """

    name: str
    version: str
    digest: str
    run: str = ""


UNKNOWN = ZonePolicy("", "", "")
"""What lies in a zone that was written before policies were written down, or by one that may miss its targets yet."""


def policies_of(connection: Connection) -> list[ZonePolicy]:
    """Those under which something may lie in the zone; the last is the one that writes. Empty for an empty zone.

    raises  IntegrityError if what was written down cannot be read
    """
    rows = bulk.fetch(connection, "SELECT value FROM meta WHERE name = ?", (_FACT,))
    if not rows:
        return [UNKNOWN] if bulk.fetch(connection, "SELECT 1 FROM resource LIMIT 1") else []
    try:
        return [ZonePolicy(**one) for one in orjson.loads(rows[0][0])]
    except (ValueError, TypeError):
        raise IntegrityError("what policies the zone holds is unreadable", "restore the last backup") from None


class PolicyWriter:
    """Writes down, within one transaction, under which policies a zone may hold something."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, policy: ZonePolicy, *, has_targets: bool = False) -> list[ZonePolicy]:
        """From now on this policy writes, beside whatever is there; returns all of them.

        has_targets  what is written counts as `UNKNOWN` until the run is settled: its plan is another one each time
        """
        others = [one for one in policies_of(self._connection) if one.digest != policy.digest]
        if has_targets and UNKNOWN not in others:
            others.append(UNKNOWN)
        self._keep([*others, policy])
        return [*others, policy]

    def settle(self, policy: ZonePolicy) -> None:
        """The zone holds nothing of another policy any more. raises StateError if another one writes now."""
        require_writer(self._connection, policy)
        self._keep([policy])

    def _keep(self, policies: Sequence[ZonePolicy]) -> None:
        value = orjson.dumps([asdict(one) for one in policies]).decode()
        bulk.run(self._connection, "DELETE FROM meta WHERE name = ?", [(_FACT,)])
        bulk.run(self._connection, "INSERT INTO meta (name, value) VALUES (?, ?)", [(_FACT, value)])


def require_writer(connection: Connection, policy: ZonePolicy | None) -> None:
    """Returns when this policy is the one that writes.

    raises  StateError where none is named, or another one has begun to write since
    """
    if policy is None:
        raise StateError(
            "a resource without a policy is refused by this zone", "Write it by de-identification: careloom deidentify."
        )
    if [one.digest for one in policies_of(connection)][-1:] != [policy.digest]:
        raise StateError("another policy has begun to write this zone", "Run careloom deidentify again.")
