"""The life of an alarm: opened, told by each channel until it took it, told again, closed, and never lost."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from careloom.errors import AccessError, Conflict, SetupError
from careloom.mlops.drift_thresholds import shipped
from careloom.pipeline.registry import REGISTRY
from careloom.runtime import Runtime
from careloom.services import monitor_tell
from careloom.services.admission import event
from careloom.services.jobs import work
from careloom.services.monitor import LookAsk, look
from careloom.services.monitor_alarms import settled
from careloom.services.monitor_jobs import look_now, queue_due
from careloom.services.monitor_labels import Feedback, take_feedback
from careloom.services.monitor_shown import acknowledge
from careloom.services.monitor_shown import alarms as shown_alarms
from careloom.services.monitor_tell import FIRST_WAIT, LONGEST_WAIT, deliver
from careloom.services.platform import Platform
from careloom.settings import Settings
from careloom.store import alarms
from careloom.store.alarms import Alarm, Message
from tests.api.kit import Clock
from tests.killed import killed
from tests.models_kit import ENGINEER
from tests.monitor_kit import BEGIN, HORIZON, VERSION, Watched
from tests.unit.services.test_monitor import CLINICIAN, DAY, IN_MMOL
from tests.unit.services.test_monitor_alerts import post_office

HOUR = timedelta(hours=1)
BOTH = {
    "webhook": "https://alerts.example/hook", "webhook_hosts": ["alerts.example"], "mail_to": ["ward@hospital.example"],
    "mail_host": "127.0.0.1", "mail_tls": "none",
}  # fmt: skip


class Receiver:
    """Takes messages, unless it is out of order."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.is_broken = False

    def __call__(self, message: dict[str, Any]) -> None:
        if self.is_broken:
            raise SetupError("monitor.webhook: it does not answer", "Call its operator.")
        self.taken.append(message)

    @property
    def told(self) -> list[set[tuple[str, str]]]:
        """Of each message what it told: (event, kind) of its alarms."""
        return [{(one["event"], one["kind"]) for one in message["alarms"]} for message in self.taken]


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRY, "job.models-mirror", "tests.unit.services.test_models_pipeline:no_mirror")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Watched]:
    opened = Watched(tmp_path, monitor={"every_hours": 24, "quiet_hours": 24, "retrain": False, **BOTH})
    yield opened
    opened.close()


def told(made: Watched, webhook: Receiver, mail: Receiver | None = None) -> None:
    """A look, and what follows it, to receivers of one's own."""
    look(made.platform, ENGINEER, LookAsk(VERSION))
    deliver(made.platform, ENGINEER, {"webhook": webhook, "mail": mail or Receiver()})


def standing(made: Watched) -> list[Alarm]:
    with made.platform.store("identified").connect() as connection:
        return alarms.standing(connection, VERSION)


def waiting(made: Watched) -> list[Message]:
    with made.platform.store("identified").connect() as connection:
        return alarms.waiting(connection)


def test_an_alarm_that_stands_is_told_again_when_the_quiet_hours_since_it_was_told_are_over(made: Watched) -> None:
    made.predict(BEGIN + DAY, change=IN_MMOL)
    hook = Receiver()
    for _ in range(9):  # every six hours, which is more often than the quiet hours
        told(made, hook)
        made.clock.move(hours=6)
    kinds = ("outside", "values")
    assert hook.told == [{(event, kind) for kind in kinds} for event in ("opened", "standing", "standing")]
    assert len({frozenset(one["id"] for one in message["alarms"]) for message in hook.taken}) == 1
    assert len({message["message"] for message in hook.taken}) == 3


def raised(made: Watched, level: str) -> list[str]:
    """What every channel is told of a look a day on that raises one alarm at a level; an empty level for no alarm."""
    made.clock.move(hours=25)
    found = [{"kind": "values", "place": "glucose", "level": level}] if level else []
    report = {"version": VERSION, "id": "a look", "since": "", "until": "", "predictions": 1, "findings": []}
    said = event(made.platform, ENGINEER, "monitor-run", "identified")
    with made.platform.store("identified").transaction(said) as step:
        settled(step.alarms, made.platform.settings.monitor, report | {"alarms": found}, {("values", "glucose")})
        queued = step.alarms.waiting(VERSION)
        for one in queued:
            step.alarms.ended(one.id, "told")
    return [each["event"] for one in queued for each in one.body["alarms"]]


def test_an_alarm_that_was_acknowledged_is_told_again_once_it_worsens_or_is_over(made: Watched) -> None:
    def acknowledged(note: str = "") -> None:
        (one,) = standing(made)
        seen = acknowledge(made.platform, ENGINEER, VERSION, one.id, note)["acknowledged"]
        assert (seen["by"], seen["level"], seen["note"]) == (ENGINEER.name, one.level, note)

    assert raised(made, "medium") == ["opened"] * 2
    assert raised(made, "medium") == ["standing"] * 2
    acknowledged("the lab changed units")
    assert [raised(made, level) for level in ("medium", "small", "medium")] == [[], [], []]
    assert raised(made, "large") == ["standing"] * 2
    (one,) = shown_alarms(made.platform, CLINICIAN, VERSION)
    assert (one["level"], one["acknowledged"]) == ("large", None)
    acknowledged()
    assert raised(made, "large") == []
    assert raised(made, "") == ["resolved"] * 2
    assert raised(made, "large") == ["opened"] * 2
    with pytest.raises(Conflict):
        acknowledge(made.platform, ENGINEER, VERSION, one["id"])
    with pytest.raises(AccessError):
        acknowledge(made.platform, CLINICIAN, VERSION, one["id"])


def test_a_channel_that_failed_is_tried_again_and_the_other_is_not_told_twice(made: Watched) -> None:
    made.predict(BEGIN + DAY, change=IN_MMOL)
    hook, mail = Receiver(), Receiver()
    hook.is_broken = True
    told(made, hook, mail)
    assert (len(hook.taken), len(mail.taken)) == (0, 1)
    (left,) = waiting(made)
    assert (left.channel, left.tries, left.code) == ("webhook", 1, "setup")
    waits = []
    for _ in range(9):
        told(made, hook, mail)  # too early: it is not tried, and nothing more is queued for it
        (left,) = waiting(made)
        waits.append(left.due - made.clock.now)
        made.clock.now = left.due
        told(made, hook, mail)
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits[-1] == LONGEST_WAIT
    hook.is_broken = False
    made.clock.move(hours=1)
    told(made, hook, mail)
    assert [message["message"] for message in hook.taken] == [left.id]
    assert waiting(made) == []
    assert all(set(one.told) == {"webhook", "mail"} for one in standing(made))
    assert len(mail.taken) == 1


def test_a_channel_that_fails_in_a_way_nobody_foresaw_keeps_no_other_from_being_told(made: Watched) -> None:
    made.predict(BEGIN + DAY, change=IN_MMOL)

    def burst(_: object) -> None:
        raise ZeroDivisionError

    mail = Receiver()
    look(made.platform, ENGINEER, LookAsk(VERSION))
    states = deliver(made.platform, ENGINEER, {"webhook": burst, "mail": mail})
    assert {one.channel: state for one, state in states} == {"webhook": "failed", "mail": "sent"}
    assert [one.code for one in waiting(made)] == ["unexpected"]
    found = shown_alarms(made.platform, ENGINEER, VERSION)
    assert {one["id"] for one in found} == {one.id for one in standing(made)}
    assert [(sorted(one["told"]), one["waiting"], one["closed"]) for one in found] == 2 * [
        (["mail"], ["webhook"], None)
    ]


def test_what_is_over_is_told_once_as_resolved(made: Watched) -> None:
    made.predict(BEGIN + DAY, change=IN_MMOL)
    hook = Receiver()
    told(made, hook)
    (first,) = {one["id"] for one in hook.taken[0]["alarms"] if one["kind"] == "values"}
    made.predict(BEGIN + 40 * DAY)  # in mg/dL again
    for _ in range(3):
        told(made, hook)
        made.clock.move(hours=1)
    assert hook.told[1:] == [{("resolved", "outside"), ("resolved", "values")}]
    assert first in {one["id"] for one in hook.taken[1]["alarms"]}
    assert standing(made) == []
    made.predict(made.clock.now + DAY, change=IN_MMOL, count=900)
    told(made, hook)
    assert first not in {one["id"] for one in hook.taken[2]["alarms"]}  # another alarm, of another id


def test_a_channel_that_never_heard_of_an_alarm_hears_nothing_of_its_end(made: Watched) -> None:
    made.predict(BEGIN + DAY, change=IN_MMOL)
    hook, mail = Receiver(), Receiver()
    look(made.platform, ENGINEER, LookAsk(VERSION))
    deliver(made.platform, ENGINEER, {"webhook": hook})  # mail is off, what waits for it is dropped
    assert waiting(made) == []
    made.predict(BEGIN + 40 * DAY)
    told(made, hook, mail)
    assert (len(hook.taken), mail.taken) == (2, [])


def test_an_end_is_told_after_its_beginning_even_where_that_failed_first(made: Watched) -> None:
    made.predict(BEGIN + DAY, change=IN_MMOL)
    hook = Receiver()
    hook.is_broken = True
    told(made, hook)
    made.predict(BEGIN + 40 * DAY)
    told(made, hook)
    assert [one.channel for one in waiting(made)] == ["webhook", "webhook"]
    hook.is_broken = False
    made.clock.move(hours=2)
    deliver(made.platform, ENGINEER, {"webhook": hook, "mail": Receiver()})
    assert [{event for event, _ in one} for one in hook.told] == [{"opened"}, {"resolved"}]


def test_a_window_that_tells_nothing_closes_no_alarm_and_tells_none_again(made: Watched) -> None:
    made.predict(BEGIN + DAY, change=IN_MMOL)
    hook = Receiver()
    told(made, hook)
    made.clock.move(days=40)
    told(made, hook)  # no prediction in the window: it is silent, and that alone is news
    assert hook.told[1:] == [{("opened", "stale")}]
    assert {one.kind for one in standing(made)} == {"values", "outside", "stale"}


def test_a_look_at_other_days_or_by_other_thresholds_opens_and_closes_nothing(made: Watched) -> None:
    made.predict(BEGIN + DAY, change=IN_MMOL)
    for ask in (
        LookAsk(VERSION, until=made.clock.now),
        LookAsk(VERSION, days=5),
        LookAsk(VERSION, thresholds="[psi]\nmedium = 0.2"),
    ):
        report = look_now(made.platform, ENGINEER, ask)
        assert report["alarms"]
        assert report["told"] == {"told": [], "webhook": "off", "mail": "off", "azure": "off", "otlp": "off"}
    assert standing(made) == []
    look(made.platform, ENGINEER, LookAsk(VERSION))
    opened = standing(made)
    look(made.platform, ENGINEER, LookAsk(VERSION, thresholds="[psi]\nmedium = 50.0\n[inputs]\noutside_share = 0.99"))
    assert standing(made) == opened


def test_nothing_of_a_patient_is_told(made: Watched) -> None:
    names = made.predict(BEGIN + DAY, change=IN_MMOL)
    hook = Receiver()
    told(made, hook)
    text, store = orjson.dumps(hook.taken).decode(), made.platform.store("identified")
    assert all(one not in text for one in (*made.ids, *map(store.pseudonym, made.ids), *names))
    assert set(hook.taken[0]) == {"message", "kind", "model", "run", "since", "until", "predictions", "alarms"}
    assert set().union(*hook.taken[0]["alarms"]) == {
        "id", "event", "kind", "place", "level", "effect", "medium", "large", "rows"
    }  # fmt: skip


def test_a_look_says_what_became_of_what_it_told(tmp_path: Path) -> None:
    with post_office() as (port, taken):
        mail = BOTH | {"mail_port": port, "webhook": "", "retrain": False}
        with closing(Watched(tmp_path, monitor=mail)) as made:
            made.predict(BEGIN + DAY, change=IN_MMOL)
            report = look_now(made.platform, ENGINEER, LookAsk(VERSION))
            assert (report["told"]["mail"], report["told"]["webhook"]) == ("sent", "off")
            (one, *_) = report["told"]["told"]
    with closing(Watched(tmp_path / "other", monitor=mail)) as made:  # the post office is closed now
        made.predict(BEGIN + DAY, change=IN_MMOL)
        assert look_now(made.platform, ENGINEER, LookAsk(VERSION))["told"]["mail"] == "failed"
    assert one["event"] == "opened"
    assert any(line.startswith("Message-ID: <") for line in taken)


@pytest.mark.parametrize("is_raised", [False, True], ids=["it refuses", "it does not answer"])
def test_an_alarm_that_azure_did_not_take_waits(tmp_path: Path, is_raised: bool) -> None:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter, LogRecordExportResult
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter

    from careloom.services.monitor_azure import send

    class Down(ConsoleLogRecordExporter):
        """Takes nothing."""

        def export(self, batch: Any) -> LogRecordExportResult:
            if is_raised:
                raise OSError("nobody is there")
            return LogRecordExportResult.FAILURE

    def way(message: dict[str, Any]) -> None:
        send([], message, metrics=ConsoleMetricExporter(), logs=Down())

    with closing(Watched(tmp_path, monitor={"azure": True, "retrain": False})) as made:
        made.predict(BEGIN + DAY, change=IN_MMOL)
        look(made.platform, ENGINEER, LookAsk(VERSION))
        assert [state for _, state in deliver(made.platform, ENGINEER, {"azure": way})] == ["failed"]
        (one,) = waiting(made)
        assert (one.channel, one.tries) == ("azure", 1)
        assert all("azure" not in each.told for each in standing(made))


def test_a_collector_that_breaks_holds_up_no_alarm_and_no_retraining(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REGISTRY, "monitor.azure", "tests.unit.services.test_monitor_life:breaks")
    monkeypatch.setitem(REGISTRY, "monitor.retrain", "tests.unit.services.test_monitor_life:retrained")
    with closing(Watched(tmp_path, monitor={"azure": True, "retrain": True})) as made:
        made.predict(BEGIN + DAY, change=IN_MMOL)
        report = look_now(made.platform, ENGINEER, LookAsk(VERSION))
        assert (report["told"]["azure"], report["retraining"]) == ("failed", "a-run")
        assert [one.tries for one in waiting(made)] == [1]


def test_a_look_says_why_no_retraining_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REGISTRY, "monitor.retrain", "tests.unit.services.test_monitor_life:withdrawn")
    with closing(Watched(tmp_path, monitor={"retrain": True})) as made:
        made.predict(BEGIN + DAY, change=IN_MMOL)
        report = look_now(made.platform, ENGINEER, LookAsk(VERSION))
    assert (report["retraining"], report["refused"]) == ("", "rights were withdrawn. Grant them again.")


def withdrawn(*_: Any) -> str:
    """A retraining that may not be."""
    raise AccessError("rights were withdrawn", "Grant them again.")


def breaks(*_: Any) -> None:
    """A collector whose answer nobody foresaw."""
    raise TypeError("it is null")


def retrained(*_: Any) -> str:
    """A retraining that was queued."""
    return "a-run"


def test_a_crossing_is_told_once_and_the_chart_begins_anew(made: Watched) -> None:
    names = made.predict(BEGIN + DAY, count=500)
    made.clock.move(days=HORIZON + shipped().grace_days)
    outcomes = made.outcomes(names, shift=1.5)
    first, rest = dict(list(outcomes.items())[:300]), dict(list(outcomes.items())[300:])
    take_feedback(made.platform, CLINICIAN, [Feedback(*one) for one in first.items()])
    one = look(made.platform, ENGINEER, LookAsk(VERSION))
    assert ("sequential", "up") in {(each["kind"], each["place"]) for each in one["queued"]}
    count = len(one["sequential"]["crossings"])
    assert one["sequential"]["since"] < one["sequential"]["outcomes"]
    made.clock.move(hours=25)
    again = look(made.platform, ENGINEER, LookAsk(VERSION))  # nothing new became known: nothing is told of it
    assert "sequential" not in {each["kind"] for each in (*again["queued"], *again["alarms"])}
    assert (again["sequential"]["fresh"], again["sequential"]["crossed"]) == (0, None)
    assert [each["look"] for each in again["sequential"]["crossings"]] == [one["id"]] * count
    as_promised = made.outcomes(list(rest))
    take_feedback(made.platform, CLINICIAN, [Feedback(*each) for each in list(as_promised.items())[:5]])
    early = look(made.platform, ENGINEER, LookAsk(VERSION))  # so few say nothing of a chart that began anew
    assert (early["sequential"]["fresh"], early["sequential"]["crossed"]) == (5, None)
    assert early["sequential"]["since"] < early["sequential"]["crossings"][-1]["outcomes"]
    assert "sequential" in {each.kind for each in standing(made)}
    made.clock.move(hours=1)
    take_feedback(made.platform, CLINICIAN, [Feedback(*each) for each in list(as_promised.items())[5:]])
    over = look(made.platform, ENGINEER, LookAsk(VERSION))
    assert over["sequential"]["since"] >= over["sequential"]["crossings"][-1]["outcomes"]
    assert ("resolved", "sequential") in {(each["event"], each["kind"]) for each in over["queued"]}


def work_apart(settings: Settings, now: datetime) -> None:
    """The worker's next job, in a process of its own."""
    with Platform(settings, Runtime(clock=Clock(now))) as platform:
        work(platform, once=True)


@pytest.mark.parametrize("time", [1, 2], ids=["before the first is told", "before the second is told"])
def test_a_worker_that_is_killed_between_look_and_telling_has_the_next_one_tell(made: Watched, time: int) -> None:
    made.predict(BEGIN + DAY, change=IN_MMOL)
    with made.platform.jobs() as jobs:
        assert queue_due(made.platform, jobs) == 1
    killed(work_apart, made.platform.settings, made.clock.now, at=monitor_tell._code_of, moment="call", time=time)
    opened = {one.id for one in standing(made)}
    assert len(opened) == 2
    assert {one.channel for one in waiting(made)} >= {"mail"}
    made.clock.move(hours=2)
    hook, mail = Receiver(), Receiver()
    deliver(made.platform, ENGINEER, {"webhook": hook, "mail": mail})
    for receiver in (hook, mail):
        assert [{one["id"] for one in message["alarms"]} for message in receiver.taken] == [opened]
    work(made.platform, once=True)  # the job that died is done again: the alarms stand, and are not opened twice
    assert {one.id for one in standing(made)} == opened
    assert waiting(made) == []
