"""What models said of patients, kept so that they can be watched: scores, bins of features, answers, outcomes.

Everything of a prediction but its model, times and answer is sealed under the patient's own key; an erasure takes it.

    with store.transaction(event) as step:
        names = step.predictions.record([Prediction(patient="...", model="readmission-30d", version="3", ...)])
    with store.predictions() as log:
        log.window(Window("readmission-30d", "3", since, until))
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import orjson
from sqlalchemy import Connection

from careloom.crypto.envelope import nonces
from careloom.crypto.pseudonyms import name_of
from careloom.errors import InputError, NotFound
from careloom.store import bulk
from careloom.store import prediction_sql as read
from careloom.store.audit_log import microseconds, time_of
from careloom.store.prediction_tables import prediction
from careloom.store.resources import WriteTools
from careloom.store.seal import Bodies
from careloom.store.subjects import SubjectKeys
from careloom.store.zone_keys import ZoneKeys

Role = Literal["champion", "challenger", "shadow", "batch"]
Answer = Literal["accepted", "overridden"]
Case = tuple[str, str, str, date]
"""Model and version, and what `Prediction.case` says."""
ROLES: tuple[Role, ...] = ("champion", "challenger", "shadow", "batch")
LONGEST_REASON = 64
_FOREVER = 1 << 62
_RETIRED = b"-"
"""Begins what is kept in the place of an outcome that nobody will know; the reason follows."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One score of one patient, as it is made.

    patient       stored id of the Patient
    score         calibrated probability, 0..1
    alert         whether somebody was told
    index_time    the moment that it holds for; nothing later was used
    horizon_days  days after `index_time` within which the outcome counts
    bins          one byte a feature, in the order of the model's profile (`careloom.mlops.drift_profile`); empty where
                  it has none
    profile       digest of that profile; empty where there is none
    groups        what the patient belongs to: ``{"sex": "female", "age_band": "65 to 79"}``
    index         the resource that it is made at, ``Encounter/<id>``; empty where nobody said
    """

    patient: str
    model: str
    version: str
    score: float
    alert: bool
    index_time: datetime
    horizon_days: float
    role: Role = "champion"
    bins: bytes = b""
    profile: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    index: str = ""

    @property
    def case(self) -> tuple[str, date]:
        """Patient and UTC day of the index: what one version says of a case weighs once, however often it is asked.

        The day, for the index of a stay that runs, and of a date, is the moment of the question: by its time, a chart
        that is opened twenty times would be twenty cases. An index that lies fixed, as a discharge does, is one case
        on whatever days it is looked at.
        """
        return self.patient, self.index_time.astimezone(UTC).date()


@dataclass(frozen=True, slots=True)
class Logged:
    """A prediction as it is kept.

    time     when it was made
    matures  when its horizon has passed: its outcome can be known then
    outcome  whether the event came; None until that is final
    answer   what the clinician made of the alert; empty where nobody said
    reason   code of an override
    retired  why nobody will know the outcome, as a code; empty otherwise
    noted    when the outcome became known; None before, and where it was noted before that was kept
    told     what somebody said of the outcome before it could be final: provisional; None where nobody did
    told_at  when they did
    """

    name: str
    said: Prediction
    time: datetime
    matures: datetime
    outcome: bool | None
    answer: str
    reason: str
    retired: str = ""
    noted: datetime | None = None
    told: bool | None = None
    told_at: datetime | None = None

    @property
    def is_provisional(self) -> bool:
        """Whether an outcome was told, and nothing is final."""
        return self.told is not None and self.outcome is None and not self.retired


@dataclass(frozen=True, slots=True)
class Window:
    """Predictions of one version made from `since` on and before `until`."""

    model: str
    version: str
    since: datetime
    until: datetime


class PredictionReader:
    """Reads predictions over a connection, with seals opened."""

    def __init__(self, connection: Connection, zone_keys: ZoneKeys, subject_keys: SubjectKeys, bodies: Bodies) -> None:
        self._connection = connection
        self._keys = zone_keys
        self._subject_keys = subject_keys
        self._bodies = bodies

    def find(self, name: str) -> Logged:
        """One. raises NotFound"""
        rows = bulk.fetch(self._connection, read.FIND, (name,))
        if not rows:
            raise NotFound("there is no such prediction", "Its patient may have been erased; see careloom monitor.")
        return next(self._opened(rows))

    def named(self, names: Iterable[str]) -> Iterator[Logged]:
        """Those of these names that are there."""
        return self._opened(bulk.fetch_in(self._connection, read.NAMED, sorted(set(names))))

    def window(self, window: Window) -> list[Logged]:
        """Those of a window, in the order in which they were made."""
        asked = (window.model, window.version, microseconds(window.since), microseconds(window.until))
        return list(self._opened(bulk.fetch(self._connection, read.WINDOW, asked)))

    def ripened(self, window: Window) -> list[Logged]:
        """Those whose horizon ended within a window, in the order in which it did."""
        asked = (window.model, window.version, microseconds(window.since), microseconds(window.until))
        return list(self._opened(bulk.fetch(self._connection, read.RIPE, asked)))

    def due(
        self, model: str, version: str, now: datetime | None, at_once: int = 1_000, *, is_told: bool = False
    ) -> Iterator[list[Logged]]:
        """Those whose horizon has passed and whose outcome is not final, the oldest first, some at a time.

        now      None for all whose outcome is not final, whenever their horizon ends
        is_told  those alone of which somebody told a provisional outcome
        """
        ripe, after = _FOREVER if now is None else microseconds(now), (0, "")
        while rows := bulk.fetch(self._connection, read.DUE, (model, version, ripe, int(is_told), *after, at_once)):
            after = (rows[-1][4], rows[-1][0])
            yield list(self._opened(rows))

    def provisional(self, model: str, version: str) -> int:
        """How many predictions of a version have an outcome that was told and is not final."""
        return int(bulk.fetch(self._connection, read.TOLD, (model, version))[0][0])

    def gone(self, model: str, version: str) -> dict[str, int]:
        """How many predictions of a version went before their outcome was known: reason -> how many."""
        sql = "SELECT reason, predictions FROM prediction_gone WHERE model = ? AND version = ? ORDER BY reason"
        return {reason: int(count) for reason, count in bulk.fetch(self._connection, sql, (model, version))}

    def of_patient(self, pseudonym: str) -> list[Logged]:
        """All of one patient (by keyed pseudonym), the oldest first."""
        return list(self._opened(bulk.fetch(self._connection, read.OF_PATIENT, (pseudonym,))))

    def newest_answered(self, pseudonym: str, model: str) -> Iterator[Logged]:
        """Those of one patient and model that have an answer, the newest first; each is opened when it is asked for."""
        return self._opened(bulk.fetch(self._connection, read.NEWEST_ANSWERED, (pseudonym, model)))

    def known_of(self, subjects: Sequence[int], model: str, version: str) -> Iterator[Logged]:
        """Those of one version and these data keys whose outcome is known."""
        rows = bulk.fetch_in(self._connection, read.KNOWN, subjects, model, version)
        return (one for one in self._opened(rows) if one.outcome is not None)

    def answered_of(self, subject: int, model: str, version: str) -> list[Logged]:
        """Those of one version and one data key that somebody was shown and answered."""
        return list(self._opened(bulk.fetch(self._connection, read.ANSWERED, (subject, model, version))))

    def is_any(self) -> bool:
        """True where there is a prediction: a look that costs nothing."""
        return bool(bulk.fetch(self._connection, "SELECT 1 FROM prediction LIMIT 1"))

    def versions(self) -> list[tuple[str, str, int, datetime]]:
        """(model, version, how many predictions, when the newest was made) of every version that predicted."""
        sql = "SELECT model, version, count(*), max(time) FROM prediction GROUP BY model, version"
        rows = sorted(bulk.fetch(self._connection, sql))
        return [(row[0], row[1], int(row[2]), time_of(row[3])) for row in rows]

    def _opened(self, rows: Sequence[tuple[Any, ...]]) -> Iterator[Logged]:
        sealers = self._subject_keys.numbered(self._connection, {row[6] for row in rows})
        unseal, zone = self._bodies.batch_open(), self._keys.zone
        for name, model, version, role, time, matures, subject, body, outcome, answer, reason, noted, said, at in rows:
            told = orjson.loads(unseal(sealers[subject], bytes(body), _context(zone, name, "body")))
            known = unseal(sealers[subject], bytes(outcome), _context(zone, name, "outcome")) if outcome else b""
            early = unseal(sealers[subject], bytes(said), _context(zone, name, "told")) == b"1" if said else None
            index_time = time_of(told["index_time"])
            made = Prediction(
                told["patient"], model, version, told["score"], told["alert"], index_time,
                (time_of(matures) - index_time) / timedelta(days=1), role, bytes.fromhex(told["bins"]),
                told["profile"], told["groups"], told.get("index", ""),
            )  # fmt: skip
            retired = known[1:].decode() if known.startswith(_RETIRED) else ""
            came = None if not known or retired else known == b"1"
            moments = (time_of(one) if one else None for one in (noted, at))
            when = dict(zip(("noted", "told_at"), moments, strict=True))
            yield Logged(name, made, time_of(time), time_of(matures), came, answer, reason, retired, told=early, **when)


class PredictionWriter:
    """Writes predictions within one transaction."""

    def __init__(self, tools: WriteTools) -> None:
        self._tools = tools

    def record(self, predictions: Sequence[Prediction], called: Sequence[str] = ()) -> list[str]:
        """Keeps them; their names, in order, empty for one of an erased patient, which is not kept.

        called  their names, where they are not to be drawn
        raises  InputError for a score that is no probability or a role that is none
        """
        tools = self._tools
        keys = tools.subjects.of_patients((one.patient,) for one in predictions)
        seal, zone = tools.bodies.batch_seal(0), tools.zone_keys.zone
        names, rows = [], []
        fresh = zip(predictions, nonces(len(predictions), tools.random_bytes), strict=True)
        for place, (one, nonce) in enumerate(fresh):
            require(one)
            key = keys[(one.patient,)]
            names.append("" if key is None else called[place] if called else name_of(tools.random_bytes(16)))
            if key is None:
                continue
            matures = microseconds(one.index_time + timedelta(days=one.horizon_days))
            body = seal(key.sealer, _body(one), _context(zone, names[-1], "body"), nonce)
            known = (names[-1], one.model, one.version, one.role, tools.now, matures, key.number)
            rows.append((*known, body, b"", "", "", 0, b"", 0))
        bulk.insert(tools.connection, prediction, rows)
        return names

    def is_said(self, one: Prediction, since: datetime) -> bool:
        """Whether the same version said something of the same case before, from a time on. An erased patient's was."""
        key = self._tools.subjects.of_patients([(one.patient,)])[(one.patient,)]
        if key is None:
            return True
        day = datetime.combine(one.case[1], datetime.min.time(), UTC) + timedelta(days=one.horizon_days)
        days = microseconds(day), microseconds(day + timedelta(days=1))
        of = (key.number, one.model, one.version, *days, microseconds(since))
        return bool(bulk.fetch(self._tools.connection, read.SAID, of))

    def known_cases(self, predictions: Iterable[Prediction]) -> set[Case]:
        """Of the patients of these predictions, the cases whose outcome was known before; each is opened once."""
        tools, patients = self._tools, dict[tuple[str, str], set[tuple[str]]]()
        for one in predictions:
            patients.setdefault((one.model, one.version), set()).add((one.patient,))
        keys = tools.subjects.of_patients(set().union(*patients.values()))
        reader = PredictionReader(tools.connection, tools.zone_keys, tools.subject_keys, tools.bodies)
        found = set()
        for version, asked in patients.items():
            subjects = sorted({key.number for each in asked if (key := keys[each]) is not None})
            found |= {(*version, *known.said.case) for known in reader.known_of(subjects, *version)}
        return found

    def is_answered(self, one: Prediction) -> bool:
        """Whether an alert of the same case and version, which somebody was shown, was answered before."""
        tools = self._tools
        key = tools.subjects.of_patients([(one.patient,)])[(one.patient,)]
        reader = PredictionReader(tools.connection, tools.zone_keys, tools.subject_keys, tools.bodies)
        answered = reader.answered_of(0 if key is None else key.number, one.model, one.version)
        return any(each.said.alert and each.said.case == one.case for each in answered)

    def answered(self, name: str, answer: Answer, reason: str = "") -> None:
        """Notes what a clinician made of an alert; the newest answer stays.

        reason  a code (``^[A-Za-z0-9._-]{1,64}$``), never what somebody typed
        raises  NotFound; InputError for a reason that is no code
        """
        if not _is_code(reason):
            raise InputError("feedback: reason", "give the code of a reason, not a text")
        if not bulk.fetch(self._tools.connection, read.FIND, (name,)):
            raise NotFound("there is no such prediction", "Its patient may have been erased; see careloom monitor.")
        sql = "UPDATE prediction SET answer = ?, reason = ? WHERE prediction = ?"
        bulk.run(self._tools.connection, sql, [(answer, reason, name)])

    def known(self, outcomes: Mapping[str, bool], matured: Mapping[str, datetime] | None = None) -> int:
        """Notes whether the events came, by name of the prediction, which is final; how many are new.

        What was retired is known then all the same.

        matured  when the horizon of some of them ended, where that is not what it was when they were made
        """
        told = {name: b"1" if came else b"0" for name, came in outcomes.items()}
        ended = {name: microseconds(moment) for name, moment in (matured or {}).items()}
        return self._noted(told, ended, is_over_retired=True)

    def told(self, outcomes: Mapping[str, bool]) -> None:
        """Notes what was said of outcomes that are not final yet, by name of the prediction; the newest stays."""
        tools = self._tools
        sql = "SELECT prediction, subject FROM prediction WHERE prediction {in}"
        rows = bulk.fetch_in(tools.connection, sql, sorted(outcomes))
        sealers = tools.subject_keys.numbered(tools.connection, {row[1] for row in rows})
        seal, zone = tools.bodies.batch_seal(0), tools.zone_keys.zone
        changed = [
            (seal(sealers[subject], b"1" if outcomes[name] else b"0", _context(zone, name, "told"), nonce), tools.now,
             name)
            for (name, subject), nonce in zip(rows, nonces(len(rows), tools.random_bytes), strict=True)
        ]  # fmt: skip
        bulk.run(tools.connection, "UPDATE prediction SET told = ?, told_at = ? WHERE prediction = ?", changed)

    def retired(self, reasons: Mapping[str, str]) -> int:
        """Notes why nobody will know the outcome, as a code, by name of the prediction; how many are new."""
        return self._noted({name: _RETIRED + code.encode() for name, code in reasons.items()}, {})

    def _noted(self, told: Mapping[str, bytes], ended: Mapping[str, int], *, is_over_retired: bool = False) -> int:
        tools = self._tools
        sql = "SELECT prediction, subject, matures, outcome FROM prediction WHERE prediction {in}"
        rows = bulk.fetch_in(tools.connection, sql, sorted(told))
        sealers = tools.subject_keys.numbered(tools.connection, {row[1] for row in rows})
        seal, unseal, zone = tools.bodies.batch_seal(0), tools.bodies.batch_open(), tools.zone_keys.zone
        changed = []
        for (name, subject, matures, outcome), nonce in zip(rows, nonces(len(rows), tools.random_bytes), strict=True):
            place = _context(zone, name, "outcome")
            is_retired = bool(outcome) and unseal(sealers[subject], bytes(outcome), place).startswith(_RETIRED)
            if outcome and not (is_over_retired and is_retired):
                continue
            sealed = seal(sealers[subject], told[name], place, nonce)
            latest = min(matures, tools.now) if told[name].startswith(_RETIRED) else matures
            changed.append((sealed, tools.now, ended.get(name, latest), name))
        sql = "UPDATE prediction SET outcome = ?, noted = ?, matures = ? WHERE prediction = ?"
        bulk.run(tools.connection, sql, changed)
        return len(changed)


def require(one: Prediction) -> None:
    """Returns where a prediction can be kept. raises InputError for a score that is no probability or a role"""
    if not 0 <= one.score <= 1 or one.horizon_days < 0:
        raise InputError("prediction: score", "a score lies within 0..1, a horizon at 0 days or more")
    if one.role not in ROLES:
        raise InputError("prediction: role", f"name one of {', '.join(ROLES)}")


def _is_code(reason: str) -> bool:
    allowed = reason.isascii() and reason.replace("-", "").replace("_", "").replace(".", "").isalnum()
    return not reason or (len(reason) <= LONGEST_REASON and allowed)


def _body(one: Prediction) -> bytes:
    told = {
        "patient": one.patient, "score": float(one.score), "alert": bool(one.alert),
        "index_time": microseconds(one.index_time), "bins": one.bins.hex(), "profile": one.profile,
        "groups": dict(one.groups), "index": one.index,
    }  # fmt: skip
    return orjson.dumps(told)


def _context(zone: str, name: str, part: str) -> bytes:
    return f"{zone}/prediction/{name}/{part}".encode()
