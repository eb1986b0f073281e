"""Jobs: which there are, how one goes as it goes, its log, and stopping it or running it again."""

from collections.abc import AsyncIterator, Callable
from urllib.parse import urlencode

from careloom.client.aio.session import Session
from careloom.client.aio.transport import rest
from careloom.client.aio.waiting import until_ended
from careloom.client.decoding import decode
from careloom.client.jobs import _STREAM, Job, JobFilter, JobPage, LogLine, LogPage, _asked, _named, _Reader
from careloom.client.transport import Ask
from careloom.errors import SetupError


class Jobs:
    """The jobs of this client; those of everybody with the scope ``careloom/operate``."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/jobs"

    def __repr__(self) -> str:
        return f"Jobs({self._session.base})"

    async def page(self, wanted: JobFilter | None = None, *, limit: int = 20, cursor: str = "") -> JobPage:
        """Some jobs, newest first; `cursor` is `next` of the page before."""
        asked = {**_asked(wanted), "limit": str(limit), "cursor": cursor}
        return decode(JobPage, await self._get(f"?{urlencode({name: one for name, one in asked.items() if one})}"))

    async def all(self, wanted: JobFilter | None = None) -> AsyncIterator[Job]:
        """Every job, newest first; pages are fetched on the way."""
        page = await self.page(wanted, limit=200)
        for each in page.items:
            yield each
        while page.next:
            page = await self.page(wanted, limit=200, cursor=page.next)
            for each in page.items:
                yield each

    async def get(self, job_id: str) -> Job:
        """The job as it stands. raises NotFound, also for one of somebody else"""
        return decode(Job, await self._get(f"/{_named(job_id)}"))

    async def log(self, job_id: str) -> AsyncIterator[LogLine]:
        """Its log, oldest line first; pages are fetched on the way."""
        after: int | None = 0
        while after is not None:
            page = decode(LogPage, await self._get(f"/{_named(job_id)}/log?after={after}&limit=1000"))
            for each in page.items:
                yield each
            after = page.next

    async def events(self, job_id: str) -> AsyncIterator[Job | LogLine]:
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
                async for line in self._session.lines(ask):
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
                await rest(self._session.wire.pace, pause)

    async def wait(
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
        return await until_ended(pace, lambda: self._look(job_id, on_progress), timeout=timeout, poll=poll)

    async def _look(self, job_id: str, on_progress: Callable[[Job], object] | None) -> Job:
        job = await self.get(job_id)
        if on_progress is not None:
            on_progress(job)
        return job

    async def cancel(self, job_id: str) -> Job:
        """Stops it: at once while it waits, at its next report while it runs. raises NotFound, Conflict"""
        return await self._post(job_id, "cancel")

    async def retry(self, job_id: str) -> Job:
        """Runs one again that failed or was cancelled; it goes on after what it had committed. raises Conflict"""
        return await self._post(job_id, "retry")

    async def _post(self, job_id: str, verb: str) -> Job:
        ask = Ask(method="POST", url=f"{self._base}/{_named(job_id)}/{verb}", is_repeatable=False)
        return decode(Job, await self._session.document(ask))

    async def _get(self, path: str) -> object:
        return await self._session.document(Ask(method="GET", url=f"{self._base}{path}"))
