"""A job as server-sent events: what happens, as it happens, until the job has ended or the answer has.

source  HTML Living Standard, section 9.2, server-sent events (read 2026-11): ``text/event-stream``, ids, ``retry``,
        and 204, after which a browser does not connect again

A thread serves each watcher, and an answer ends after half a minute at the latest (`careloom.api.connections`). So a
stream ends by itself before that, and whoever reads it connects again with the id of the last event that came; and a
process has no more of them than half its threads, and no caller more than two in a process.
"""

import time
from collections import Counter
from collections.abc import Iterator
from threading import Lock

import orjson
from flask import Flask, Response, current_app
from werkzeug.exceptions import ServiceUnavailable

from careloom.services.jobs_shown import Watch

EXTENSION = "careloom-watchers"
STREAM = "text/event-stream"
STREAM_SECONDS = 20.0
"""So long is one answer open."""
HEARTBEAT_SECONDS = 5.0
"""After so long without an event something is sent, so that nobody between takes the line for dead."""
LOOK_SECONDS = 0.5
RETRY_MILLISECONDS = 500
"""So long a reader waits before it connects again."""
BUSY_SECONDS = 5
MOST_OF_ONE = 2
"""So many streams one caller has in a process at a time: a second one while the first is still being closed."""


class Room:
    """Places for watchers in this process: `places` in all, and `MOST_OF_ONE` for whoever has one name."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._held: Counter[str] = Counter()
        self._lock = Lock()

    def enter(self, name: str) -> bool:
        """True when there was a place, which is theirs until they leave."""
        with self._lock:
            if self._held.total() >= self._places or self._held[name] >= MOST_OF_ONE:
                return False
            self._held[name] += 1
            return True

    def leave(self, name: str) -> None:
        """Gives one place of theirs back."""
        with self._lock:
            self._held[name] -= 1
            self._held += Counter()  # forgets who has none


def install(app: Flask, threads: int) -> None:
    """Makes room for watchers in this process."""
    app.extensions[EXTENSION] = Room(max(1, threads // 2))


def streamed(watch: Watch, name: str) -> Response:
    """The answer to a watcher of this name: 204 to one who knows that the job has ended.

    raises  ServiceUnavailable while as many watch as this process takes, of this name or in all
    """
    if watch.is_told():
        return Response(status=204)
    room: Room = current_app.extensions[EXTENSION]
    if not room.enter(name):
        raise ServiceUnavailable(retry_after=BUSY_SECONDS)
    leave = _Leave(room, name)
    response = Response(_written(watch, leave), content_type=STREAM)
    response.headers["Cache-Control"] = "no-store, no-transform"
    response.headers["X-Accel-Buffering"] = "no"  # a proxy in front passes on what it gets, as nginx calls it
    response.call_on_close(leave)  # whether or not anything was read of it
    return response


class _Leave:
    """Gives a watcher's room back, once."""

    def __init__(self, room: Room, name: str) -> None:
        self._room: Room | None = room
        self._name = name

    def __call__(self) -> None:
        """At the end of the stream, and again when the answer is closed."""
        room, self._room = self._room, None
        if room is not None:
            room.leave(self._name)


def _written(watch: Watch, leave: _Leave) -> Iterator[bytes]:
    until = time.monotonic() + STREAM_SECONDS
    quiet_since = time.monotonic()

    def pause() -> bool:
        time.sleep(LOOK_SECONDS)
        return time.monotonic() < until

    try:
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        for event in watch.events(pause):
            if event is not None:
                name, number, data = event
                yield b"id: %b\nevent: %b\ndata: %b\n\n" % (number.encode(), name.encode(), orjson.dumps(data))
            elif time.monotonic() - quiet_since < HEARTBEAT_SECONDS:
                continue
            else:
                yield b": still here\n\n"
            quiet_since = time.monotonic()
    finally:
        leave()
