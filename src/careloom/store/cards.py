"""Cards of CDS Hooks that were shown, and what people made of them. Of whom a card was is not kept: nobody is in here.

with store.transaction(event) as step:
    step.cards.show([Shown(card_id, "order-check.order-sign", "allergy", 1)])
    step.cards.answer(card_id, "accepted", taken=1)
with store.connect() as connection:
    counted(connection, since)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection

from careloom.store import bulk
from careloom.store.audit_log import microseconds
from careloom.store.card_tables import cds_card
from careloom.store.resources import WriteTools

Answer = Literal["accepted", "overridden"]
KEPT_DAYS = 730
"""How long a card is known."""
_COUNTED = (
    "SELECT service, kind, answer, reason, taken > 0, count(*) FROM cds_card WHERE shown >= ? "
    "GROUP BY service, kind, answer, reason, taken > 0 ORDER BY service, kind, answer, reason, taken > 0"
)
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """A card as it goes out.

    card         its UUID
    kind         what it is about: allergy, duplicate, done, rule; risk; or stranger: a risk of somebody who is not
                 here, which no prediction is logged of
    suggestions  how many it has
    """

    card: str
    service: str
    kind: str
    suggestions: int = 0


def shown(connection: Connection, card: str) -> Shown | None:
    """A card as it was shown; None where it was not, or is not known any more."""
    rows = bulk.fetch(connection, "SELECT card, service, kind, suggestions FROM cds_card WHERE card = ?", (card,))
    return Shown(*rows[0]) if rows else None


def counted(connection: Connection, since: datetime) -> list[Json]:
    """By service and kind, of cards shown since: how many, how they were answered, and by which reasons."""
    found: dict[tuple[str, str], Json] = {}
    for service, kind, answer, reason, is_taken, number in bulk.fetch(connection, _COUNTED, (microseconds(since),)):
        one = found.setdefault(
            (service, kind),
            {"service": service, "kind": kind, "shown": 0, "accepted": 0, "taken": 0, "overridden": 0, "reasons": {}},
        )
        one["shown"] += number
        if answer:
            one[answer] += number
        one["taken"] += number if is_taken else 0
        if answer == "overridden":
            one["reasons"][reason or "none"] = one["reasons"].get(reason or "none", 0) + number
    return list(found.values())


class CardWriter:
    """Writes what was shown, and what was made of it, within one transaction."""

    def __init__(self, tools: WriteTools) -> None:
        self._tools = tools

    def show(self, cards: Sequence[Shown]) -> None:
        """Keeps cards as shown now; those that are older than `KEPT_DAYS` go."""
        connection, now = self._tools.connection, self._tools.now
        rows = [(one.card, one.service, one.kind, now, 0, "", "", one.suggestions, 0) for one in cards]
        bulk.insert(connection, cds_card, rows)
        oldest = now - round(timedelta(days=KEPT_DAYS) / timedelta(microseconds=1))
        bulk.run(connection, "DELETE FROM cds_card WHERE shown < ?", [(oldest,)])

    def answer(self, card: str, answer: Answer, *, reason: str = "", taken: int = 0) -> None:
        """Notes what was made of a card; the newest answer stands.

        taken  bit by bit which suggestions were accepted
        """
        sql = "UPDATE cds_card SET answered = ?, answer = ?, reason = ?, taken = ? WHERE card = ?"
        bulk.run(self._tools.connection, sql, [(self._tools.now, answer, reason, taken, card)])
