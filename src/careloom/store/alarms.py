"""Alarms of watched models as they live, and the outbox of what is to be told of them; nothing here is a patient's.

An alarm opens, is seen again or not, is told by each channel, and closes. What is to be told is written in the step
that opens or closes it, and waits until a channel took it: a process that dies between the two loses nothing.

    with store.transaction(event) as step:
        alarm = step.alarms.opened("readmission-30d@3", "values", "glucose", "large")
        step.alarms.queue("readmission-30d@3", "webhook", {"alarms": [{"id": alarm.id, "event": "opened"}]})
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import orjson
from sqlalchemy import Connection

from careloom.crypto.pseudonyms import name_of
from careloom.errors import Conflict, NotFound
from careloom.store import bulk
from careloom.store.alarm_tables import alarm, alarm_message
from careloom.store.audit_log import microseconds, time_of
from careloom.store.resources import WriteTools

State = Literal["waiting", "told", "dropped"]
MESSAGE_DAYS = 90
ALARM_DAYS = 730
"""How long messages that were told, and alarms that are closed, are kept."""
_ALARMS = (
    "SELECT alarm, version, kind, place, level, opened, seen, closed, told, acknowledged, acknowledged_by, "
    "acknowledged_level, note FROM alarm "
)
_MESSAGES = "SELECT message, version, channel, state, created, due, tries, ended, code, body FROM alarm_message "
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Who has seen an alarm, when, how much it was then, and what they noted."""

    by: str
    time: datetime
    level: str
    note: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of a version.

    id      stays the same as long as it stands
    seen    end of the newest look that raised it
    closed  None while it stands
    told    channel -> when it was told last
    acknowledged  None while nobody has, or since it worsened
    """

    id: str
    version: str
    kind: str
    place: str
    level: str
    opened: datetime
    seen: datetime
    closed: datetime | None
    told: Mapping[str, datetime]
    acknowledged: Acknowledged | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What one channel is to tell; see `careloom.store.alarm_tables.alarm_message`."""

    id: str
    version: str
    channel: str
    state: State
    created: datetime
    due: datetime
    tries: int
    ended: datetime | None
    code: str
    body: Json


def standing(connection: Connection, version: str) -> list[Alarm]:
    """The alarms of a version that are not closed, the oldest first."""
    sql = _ALARMS + "WHERE version = ? AND closed = 0 ORDER BY opened, alarm"
    return [_alarm(row) for row in bulk.fetch(connection, sql, (version,))]


def standing_count(connection: Connection) -> int:
    """How many alarms are not closed, of all versions."""
    return int(bulk.fetch(connection, "SELECT count(*) FROM alarm WHERE closed = 0")[0][0])


def one_of(connection: Connection, version: str, name: str) -> Alarm:
    """An alarm of a version by its id. raises NotFound"""
    rows = bulk.fetch(connection, _ALARMS + "WHERE version = ? AND alarm = ?", (version, name))
    if not rows:
        raise NotFound("there is no such alarm of that version", "List them: careloom monitor alarms NAME@3.")
    return _alarm(rows[0])


def listed(connection: Connection, version: str, limit: int) -> list[Alarm]:
    """The newest alarms of a version: those that stand first."""
    sql = _ALARMS + "WHERE version = ? ORDER BY closed > 0, opened DESC, alarm LIMIT ?"
    return [_alarm(row) for row in bulk.fetch(connection, sql, (version, limit))]


def waiting(connection: Connection, version: str = "") -> list[Message]:
    """What is still to be told, of one version or of all, the oldest first."""
    where, given = (" AND version = ?", (version,)) if version else ("", ())
    sql = f"{_MESSAGES}WHERE state = 'waiting'{where} ORDER BY created, message"
    return [_message(row) for row in bulk.fetch(connection, sql, given)]


def message(connection: Connection, name: str) -> Message | None:
    """One message; None where it is not kept any more."""
    rows = bulk.fetch(connection, _MESSAGES + "WHERE message = ?", (name,))
    return _message(rows[0]) if rows else None


def is_any_due(connection: Connection, now: datetime) -> bool:
    """True where something is to be told now: a look that costs nothing."""
    sql = "SELECT 1 FROM alarm_message WHERE state = 'waiting' AND due <= ? LIMIT 1"
    return bool(bulk.fetch(connection, sql, (microseconds(now),)))


def chart(connection: Connection, version: str) -> Json | None:
    """Where the sequential control of a version stands; None where it has not begun."""
    rows = bulk.fetch(connection, "SELECT body FROM monitor_chart WHERE version = ?", (version,))
    return orjson.loads(rows[0][0]) if rows else None


class AlarmWriter:
    """Writes alarms, messages and charts within one transaction."""

    def __init__(self, tools: WriteTools) -> None:
        self._tools = tools

    def opened(self, version: str, kind: str, place: str, level: str) -> Alarm:
        """Keeps a new alarm."""
        name, now = name_of(self._tools.random_bytes(16)), self._tools.now
        row = (name, version, kind, place, level, now, now, 0, "{}", 0, "", "", "")
        bulk.insert(self._tools.connection, alarm, [row])
        return _alarm(row)

    def seen(self, name: str, level: str) -> None:
        """Notes that a look raised it again."""
        sql = "UPDATE alarm SET seen = ?, level = ? WHERE alarm = ?"
        bulk.run(self._tools.connection, sql, [(self._tools.now, level, name)])

    def acknowledged(self, version: str, name: str, by: str, remark: str) -> Alarm:
        """Notes who has seen it as it is now; whoever did so last stays.

        raises  NotFound; Conflict for one that is closed
        """
        connection, found = self._tools.connection, one_of(self._tools.connection, version, name)
        if found.closed is not None:
            raise Conflict("the alarm is closed", "It needs nobody any more.")
        sql = "UPDATE alarm SET acknowledged = ?, acknowledged_by = ?, acknowledged_level = ?, note = ? WHERE alarm = ?"
        bulk.run(connection, sql, [(self._tools.now, by, found.level, remark, name)])
        return one_of(connection, version, name)

    def worsened(self, name: str) -> None:
        """Takes back that it was acknowledged: it is more than it was then."""
        sql = "UPDATE alarm SET acknowledged = ?, acknowledged_by = ?, acknowledged_level = ?, note = ? WHERE alarm = ?"
        bulk.run(self._tools.connection, sql, [(0, "", "", "", name)])

    def closed(self, name: str) -> None:
        """Notes that it stands no longer."""
        bulk.run(self._tools.connection, "UPDATE alarm SET closed = ? WHERE alarm = ?", [(self._tools.now, name)])

    def queue(self, version: str, channel: str, body: Mapping[str, Any]) -> str:
        """Puts into the outbox what a channel is to tell; its id, which the message holds as ``message``."""
        name, now = name_of(self._tools.random_bytes(16)), self._tools.now
        text = orjson.dumps({"message": name, **body}).decode()
        row = (name, version, channel, "waiting", now, now, 0, 0, "", text)
        bulk.insert(self._tools.connection, alarm_message, [row])
        return name

    def claimed(self, name: str, wait: timedelta) -> bool:
        """Notes a try before it is made, the next after `wait`; false where somebody else makes it, or it is told."""
        now = self._tools.now
        sql = "SELECT 1 FROM alarm_message WHERE message = ? AND state = 'waiting' AND due <= ?"
        if not bulk.fetch(self._tools.connection, sql, (name, now)):
            return False
        later = now + round(wait / timedelta(microseconds=1))
        sql = "UPDATE alarm_message SET tries = tries + 1, due = ?, code = '' WHERE message = ?"
        bulk.run(self._tools.connection, sql, [(later, name)])
        return True

    def failed(self, name: str, code: str) -> None:
        """Notes what a try met; it is tried again when it is due."""
        bulk.run(self._tools.connection, "UPDATE alarm_message SET code = ? WHERE message = ?", [(code, name)])

    def ended(self, name: str, state: State) -> None:
        """Notes that a message was told, with the alarms in it, or dropped."""
        connection, now = self._tools.connection, self._tools.now
        sql = "UPDATE alarm_message SET state = ?, ended = ?, code = '' WHERE message = ?"
        bulk.run(connection, sql, [(state, now, name)])
        found = message(connection, name)
        if found is None or state != "told":
            return
        names = [one["id"] for one in found.body["alarms"]]
        rows = bulk.fetch_in(connection, "SELECT alarm, told FROM alarm WHERE alarm {in}", names)
        told = [(orjson.dumps(orjson.loads(text) | {found.channel: now}).decode(), one) for one, text in rows]
        bulk.run(connection, "UPDATE alarm SET told = ? WHERE alarm = ?", told)

    def put_chart(self, version: str, body: Mapping[str, Any]) -> None:
        """Keeps where the sequential control of a version stands."""
        sql = (
            "INSERT INTO monitor_chart (version, body) VALUES (?, ?) "
            "ON CONFLICT (version) DO UPDATE SET body = excluded.body"
        )
        bulk.run(self._tools.connection, sql, [(version, orjson.dumps(dict(body)).decode())])

    def chart(self, version: str) -> Json | None:
        """It as it is within this step; see `chart`."""
        return chart(self._tools.connection, version)

    def standing(self, version: str) -> list[Alarm]:
        """The alarms that stand within this step; see `standing`."""
        return standing(self._tools.connection, version)

    def waiting(self, version: str) -> list[Message]:
        """What is to be told within this step; see `waiting`."""
        return waiting(self._tools.connection, version)

    def forget_old(self) -> None:
        """Removes messages and closed alarms that are older than `MESSAGE_DAYS` and `ALARM_DAYS`."""
        now = time_of(self._tools.now)
        sql = "DELETE FROM alarm_message WHERE state <> 'waiting' AND ended < ?"
        bulk.run(self._tools.connection, sql, [(microseconds(now - timedelta(days=MESSAGE_DAYS)),)])
        sql = "DELETE FROM alarm WHERE closed > 0 AND closed < ?"
        bulk.run(self._tools.connection, sql, [(microseconds(now - timedelta(days=ALARM_DAYS)),)])


def channels_waiting(messages: Collection[Message]) -> set[tuple[str, str]]:
    """(channel, alarm) of everything that is still to be told."""
    return {(one.channel, each["id"]) for one in messages for each in one.body["alarms"]}


def _alarm(row: Any) -> Alarm:
    name, version, kind, place, level, opened, seen, closed, told, acknowledged, by, at, remark = row
    moments = {channel: time_of(moment) for channel, moment in orjson.loads(told).items()}
    ended = time_of(closed) if closed else None
    known = Acknowledged(by, time_of(acknowledged), at, remark) if acknowledged else None
    return Alarm(name, version, kind, place, level, time_of(opened), time_of(seen), ended, moments, known)


def _message(row: Any) -> Message:
    name, version, channel, state, created, due, tries, ended, code, body = row
    moment = time_of(ended) if ended else None
    return Message(
        name, version, channel, state, time_of(created), time_of(due), tries, moment, code, orjson.loads(body)
    )
