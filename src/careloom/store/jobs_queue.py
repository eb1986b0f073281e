"""The queue of messages that say that somebody should look at a job: in the file of jobs, or in Redis.

Messages are JSON, never pickles, so that whoever can write to the queue cannot run code through it; one that means
nothing is passed over. A queue that is lost loses no job: their rows tell which are to be queued anew.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huey import Huey, RedisHuey, SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer
from redis import ConnectionPool
from redis.exceptions import RedisError

from careloom.errors import SetupError, Unavailable
from careloom.store.engine import translated

PASSWORD = "CARELOOM_REDIS_PASSWORD"  # noqa: S105 - a name  # pragma: allowlist secret
_NAME = "careloom"
_TASK = "careloom_job"
_REDIS_SECONDS = 5.0


class _JsonMessages(Serializer):  # type: ignore[misc]
    """Queue messages as JSON lists; the base class would use pickle."""

    def _serialize(self, data: Message) -> bytes:
        return json.dumps(list(data)).encode()

    def _deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(data))


class Queue:
    """Messages of one installation.

    file       the SQLite file of the jobs
    address    ``redis://host:port/number`` of a Redis that holds the messages instead; empty for the file
    immediate  a message is answered before `send` returns
    """

    def __init__(self, file: Path, address: str, answer: Callable[[str], None], *, immediate: bool = False) -> None:
        told: dict[str, Any] = {"results": False, "serializer": _JsonMessages(), "utc": True, "immediate": immediate}
        told["immediate_use_memory"] = False
        if address:
            self.huey: Huey = RedisHuey(_NAME, connection_pool=_pool(address), blocking=False, **told)
        else:
            self.huey = SqliteHuey(_NAME, filename=str(file), fsync=True, **told)
        self._task = self.huey.task(name=_TASK)(answer)

    def close(self) -> None:
        """Closes all connections."""
        self.huey.storage.close()

    def send(self, job_id: str) -> None:
        """Adds a message. raises Unavailable if Redis does not answer, and as the database does"""
        with answered():
            self._task(job_id)

    def waiting(self) -> set[str]:
        """Ids of jobs whose message waits."""
        with answered():
            raw = self.huey.storage.enqueued_items()
        return {job_id for one in raw if (job_id := self._job_of(one))}

    def next(self) -> str | None:
        """The id of the job whose message came first, taken out of the queue; None where none waits."""
        with answered():
            while (raw := self.huey.storage.dequeue()) is not None:
                if job_id := self._job_of(raw):
                    return job_id
        return None

    def _job_of(self, raw: bytes) -> str:
        try:
            message: Message = self.huey.serializer.deserialize(raw)
            return str(message.args[0]) if message.name.endswith(_TASK) else ""
        except (ValueError, TypeError, IndexError, AttributeError):
            return ""


@contextmanager
def answered() -> Iterator[None]:
    """Turns what the queue raises into our own errors."""
    try:
        with translated():
            yield
    except RedisError as error:
        kind = type(error).__name__
        raise Unavailable(f"the Redis of the queue failed ({kind})", "check jobs.queue, and that it runs") from None


def _pool(address: str) -> ConnectionPool:
    seconds = {"socket_timeout": _REDIS_SECONDS, "socket_connect_timeout": _REDIS_SECONDS}
    try:
        return ConnectionPool.from_url(address, password=os.environ.get(PASSWORD) or None, **seconds)
    except ValueError:
        raise SetupError("settings: jobs.queue is no address", "Write it as redis://host:6379/0.") from None
