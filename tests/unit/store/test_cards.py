"""Cards that were shown, on either database: counted by what they are about and what people made of them."""

from datetime import timedelta

from careloom.store import bulk
from careloom.store.cards import KEPT_DAYS, Shown, counted, shown
from careloom.store.zone_store import ZoneStore
from tests.store_kit import START, event

SERVICE = "order-check.order-sign"
DAY = timedelta(days=1)


def test_cards_are_counted_by_kind_with_answers_and_reasons(store: ZoneStore) -> None:
    with store.transaction(event()) as step:
        step.cards.show([Shown(f"a{number}", SERVICE, "allergy", 2) for number in range(4)])
        step.cards.show([Shown("d", SERVICE, "duplicate")])
        step.cards.answer("a0", "accepted", taken=2)
        step.cards.answer("a1", "overridden", reason="known")
        step.cards.answer("a2", "overridden")
        step.cards.answer("nobody", "accepted")
    with store.connect() as connection:
        allergy, duplicate = counted(connection, START - DAY)
        assert allergy == {
            "service": SERVICE, "kind": "allergy", "shown": 4, "accepted": 1, "taken": 1, "overridden": 2,
            "reasons": {"none": 1, "known": 1},
        }  # fmt: skip
        assert (duplicate["shown"], duplicate["accepted"], duplicate["reasons"]) == (1, 0, {})
        assert counted(connection, START + 3650 * DAY) == []
        assert shown(connection, "a0") == Shown("a0", SERVICE, "allergy", 2)
        assert shown(connection, "nobody") is None


def test_the_newest_answer_stands(store: ZoneStore) -> None:
    with store.transaction(event()) as step:
        step.cards.show([Shown("a", SERVICE, "allergy", 1)])
        step.cards.answer("a", "overridden", reason="known")
        step.cards.answer("a", "accepted", taken=1)
    with store.connect() as connection:
        (one,) = counted(connection, START - DAY)
    assert (one["accepted"], one["overridden"], one["reasons"]) == (1, 0, {})


def test_a_card_is_forgotten_after_its_days(store: ZoneStore) -> None:
    with store.transaction(event()) as step:
        step.cards.show([Shown("old", SERVICE, "allergy"), Shown("young", SERVICE, "allergy")])
        long_ago = round((START - KEPT_DAYS * DAY).timestamp() * 1_000_000)
        bulk.run(step.connection, "UPDATE cds_card SET shown = ? WHERE card = 'old'", [(long_ago,)])
    with store.transaction(event()) as step:
        step.cards.show([Shown("new", SERVICE, "allergy")])
    with store.connect() as connection:
        assert [shown(connection, name) is None for name in ("old", "young", "new")] == [True, False, False]
