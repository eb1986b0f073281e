"""Jobs: which there are, how one goes as it goes, its log, and stopping it or running it again."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.reports import QueuedWork
from careloom.client.session import Session
from careloom.client.transport import Ask
from careloom.client.waiting import until_ended
from careloom.errors import SetupError

_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Job(QueuedWork):
    """One piece of long work as it stands.

    kind      ``ingest``, ``deidentify``, ``train-risk`` and so on
    due       while it waits: when it begins; None for at once
    attempts  how often a worker took it
    failures  tries in a row that failed by an error that may pass
    about     path of what it makes; None where that has no address
    cpu_seconds   of processors, over all tries; None where nobody measured
    wall_seconds  that its tries lasted; None where nobody measured
    bytes         that an ingestion read; None of other jobs
    """

    kind: str
    created: datetime
    due: datetime | None
    attempts: int
    failures: int
    about: str | None
    cpu_seconds: float | None = None
    wall_seconds: float | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs; `since` and `until` are of when a job was queued, half-open."""

    kind: str = ""
    state: str = ""
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, newest first; `next` is the cursor of the page after them, None on the last one."""

    items: tuple[Job, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log of a job: its number, which only grows, its time and a fixed code."""

    number: int
    time: datetime
    code: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some lines, oldest first; the page after them begins `after` `next`, None on the last one."""

    items: tuple[LogLine, ...]
    next: int | None


_KINDS: dict[str, type[Job | LogLine]] = {"log": LogLine, "progress": Job, "end": Job}
"""Name of an event -> what its data are."""


class Jobs:
    """The jobs of this client; those of everybody with the scope ``careloom/operate``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/jobs"

    def __repr__(self) -> str:
        return f"Jobs({self._session.base})"

    def page(self, wanted: JobFilter | None = None, *, limit: int = 20, cursor: str = "") -> JobPage:
        """Some jobs, newest first; `cursor` is `next` of the page before."""
        asked = {**_asked(wanted), "limit": str(limit), "cursor": cursor}
        return decode(JobPage, self._get(f"?{urlencode({name: one for name, one in asked.items() if one})}"))

    def all(self, wanted: JobFilter | None = None) -> Iterator[Job]:
        """Every job, newest first; pages are fetched on the way."""
        page = self.page(wanted, limit=200)
        yield from page.items
        while page.next:
            page = self.page(wanted, limit=200, cursor=page.next)
            yield from page.items

    def get(self, job_id: str) -> Job:
        """The job as it stands. raises NotFound, also for one of somebody else"""
        return decode(Job, self._get(f"/{_named(job_id)}"))

    def log(self, job_id: str) -> Iterator[LogLine]:
        """Its log, oldest line first; pages are fetched on the way."""
        after: int | None = 0
        while after is not None:
            page = decode(LogPage, self._get(f"/{_named(job_id)}/log?after={after}&limit=1000"))
            yield from page.items
            after = page.next

    def events(self, job_id: str) -> Iterator[Job | LogLine]:
        """What happens, as it happens: lines of the log, and the job whenever it changed; ends with the job.

        The platform ends each answer after a while; it is asked again from the last event on.
        raises  NotFound; SetupError if the connection is lost, or no answer comes, as often as the pace allows
        """
        last, failures = "", 0
        while True:
            reader = _Reader()
            headers = {"Last-Event-ID": last} if last else {}
            ask = Ask(method="GET", url=f"{self._base}/{_named(job_id)}/events", accept=_STREAM, headers=headers)
            try:
                for line in self._session.lines(ask):
                    event = reader.take(line)
                    if event is None:
                        continue
                    last, failures = reader.last, 0
                    yield event
                    if isinstance(event, Job) and event.has_ended:
                        return
            except SetupError:
                failures += 1
                pause = self._session.wire.pace.wait_seconds(failures)
                if pause is None:
                    raise
                self._session.wire.pace.sleep(pause)

    def wait(
        self,
        job_id: str,
        *,
        timeout: float = 3600.0,
        poll: float = 1.0,
        on_progress: Callable[[Job], object] | None = None,
    ) -> Job:
        """The job when it is done; `on_progress` gets it at each look.

        raises  StateError if it failed, was cancelled or is not done in time
        """
        pace = self._session.wire.pace
        return until_ended(pace, lambda: self._look(job_id, on_progress), timeout=timeout, poll=poll)

    def _look(self, job_id: str, on_progress: Callable[[Job], object] | None) -> Job:
        job = self.get(job_id)
        if on_progress is not None:
            on_progress(job)
        return job

    def cancel(self, job_id: str) -> Job:
        """Stops it: at once while it waits, at its next report while it runs. raises NotFound, Conflict"""
        return self._post(job_id, "cancel")

    def retry(self, job_id: str) -> Job:
        """Runs one again that failed or was cancelled; it goes on after what it had committed. raises Conflict"""
        return self._post(job_id, "retry")

    def _post(self, job_id: str, verb: str) -> Job:
        ask = Ask(method="POST", url=f"{self._base}/{_named(job_id)}/{verb}", is_repeatable=False)
        return decode(Job, self._session.document(ask))

    def _get(self, path: str) -> object:
        return self._session.document(Ask(method="GET", url=f"{self._base}{path}"))


def _asked(wanted: JobFilter | None) -> dict[str, str]:
    found = {} if wanted is None else asdict(wanted)
    return {name: one.isoformat() if isinstance(one, datetime) else one or "" for name, one in found.items()}


def _named(job_id: str) -> str:
    return segment(job_id, "id of a job")


class _Reader:
    """Reads a stream of events line by line; comments, and events of a later platform, are passed over.

    last  id of the last event
    """

    def __init__(self) -> None:
        self.last = ""
        self._fields: dict[str, str] = {}

    def take(self, line: str) -> Job | LogLine | None:
        """The event that a line ends, if it ends one."""
        if line:
            name, _, value = line.partition(":")
            self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        kind: type[Job | LogLine] | None = _KINDS.get(fields.get("event", ""))
        if kind is None or "data" not in fields:
            return None
        self.last = fields.get("id", "")
        return decode(kind, _json(fields["data"]))


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise SetupError("an event of the stream holds no JSON", "Something other than Careloom may answer.") from None
