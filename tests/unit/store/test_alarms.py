"""Alarms and their outbox on either database: opened, told by each channel, closed, and nothing lost between."""

from datetime import timedelta

import pytest

from careloom.errors import Conflict, NotFound
from careloom.store import alarms, bulk
from careloom.store.zone_store import ZoneStore
from tests.store_kit import START, event

VERSION = "readmission-30d@3"
MINUTE = timedelta(minutes=1)


def queued(store: ZoneStore) -> tuple[str, str]:
    """An alarm that is open, and the message that says so."""
    with store.transaction(event()) as step:
        alarm = step.alarms.opened(VERSION, "values", "glucose", "large")
        told = step.alarms.queue(VERSION, "mail", {"alarms": [{"id": alarm.id, "event": "opened"}]})
    return alarm.id, told


def test_an_alarm_stands_until_it_is_closed_and_keeps_its_id(store: ZoneStore) -> None:
    name, _ = queued(store)
    with store.transaction(event()) as step:
        step.alarms.seen(name, "medium")
        assert [one.id for one in step.alarms.standing(VERSION)] == [name]
    with store.connect() as connection:
        (one,) = alarms.standing(connection, VERSION)
        assert (one.id, one.level, one.closed, one.told) == (name, "medium", None, {})
        assert alarms.standing(connection, "readmission-30d@4") == []
    with store.transaction(event()) as step:
        step.alarms.closed(name)
    with store.connect() as connection:
        assert alarms.standing(connection, VERSION) == []
        (one,) = alarms.listed(connection, VERSION, 10)
    assert one.closed is not None


def test_an_alarm_that_somebody_acknowledged_says_who_until_it_worsens_and_one_that_is_closed_takes_none(
    store: ZoneStore,
) -> None:
    name, _ = queued(store)
    with store.transaction(event()) as step:
        step.alarms.seen(name, "medium")
        for who in ("edda", "rosa"):
            made = step.alarms.acknowledged(VERSION, name, who, "the lab changed units").acknowledged
            assert made is not None
            assert (made.by, made.level, made.note) == (who, "medium", "the lab changed units")
        with pytest.raises(NotFound):
            step.alarms.acknowledged("readmission-30d@4", name, "edda", "")
        step.alarms.worsened(name)
        assert step.alarms.standing(VERSION)[0].acknowledged is None
        step.alarms.closed(name)
        with pytest.raises(Conflict):
            step.alarms.acknowledged(VERSION, name, "edda", "")


def test_a_message_is_tried_by_one_at_a_time_and_waits_until_it_is_told(store: ZoneStore) -> None:
    name, told = queued(store)
    with store.connect() as connection:
        assert alarms.is_any_due(connection, START + MINUTE)
        assert alarms.channels_waiting(alarms.waiting(connection)) == {("mail", name)}
    with store.transaction(event()) as step:
        assert step.alarms.claimed(told, timedelta(hours=1))
        assert not step.alarms.claimed(told, timedelta(hours=1))  # another process
        step.alarms.failed(told, "setup.mail")
    with store.connect() as connection:
        (one,) = alarms.waiting(connection, VERSION)
        assert (one.tries, one.code, one.body["message"]) == (1, "setup.mail", told)
        assert not alarms.is_any_due(connection, START + MINUTE)
        assert alarms.is_any_due(connection, one.due)
    with store.transaction(event()) as step:
        step.alarms.ended(told, "told")
    with store.connect() as connection:
        assert alarms.waiting(connection) == []
        kept = alarms.message(connection, told)
        (standing,) = alarms.standing(connection, VERSION)
    assert kept is not None
    assert (kept.state, kept.ended) == ("told", standing.told["mail"])


def test_what_a_channel_drops_is_told_to_nobody(store: ZoneStore) -> None:
    _, told = queued(store)
    with store.transaction(event()) as step:
        step.alarms.ended(told, "dropped")
    with store.connect() as connection:
        (standing,) = alarms.standing(connection, VERSION)
    assert standing.told == {}


def test_a_chart_is_kept_as_it_stood_last(store: ZoneStore) -> None:
    with store.transaction(event()) as step:
        assert step.alarms.chart(VERSION) is None
        step.alarms.put_chart(VERSION, {"up": 1.5})
        step.alarms.put_chart(VERSION, {"up": 2.5})
    with store.connect() as connection:
        assert alarms.chart(connection, VERSION) == {"up": 2.5}


def test_old_messages_go_and_what_waits_stays(store: ZoneStore) -> None:
    _, told = queued(store)
    _, waits = queued(store)
    with store.transaction(event()) as step:
        step.alarms.ended(told, "told")
        step.alarms.forget_old()
    with store.connect() as connection:
        assert alarms.message(connection, told) is not None
    with store.transaction(event()) as step:
        bulk.run(step.connection, "UPDATE alarm_message SET ended = ? WHERE ended > 0", [(1,)])
        step.alarms.forget_old()
    with store.connect() as connection:
        assert alarms.message(connection, told) is None
        assert [one.id for one in alarms.waiting(connection)] == [waits]
