"""Acts in a process of their own, so that this one opens no store; and how much of the processor processes had."""

import json
import os
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
_MOST_WAIT_SECONDS = 90.0
Told = dict[str, Any]


def in_child(act: Callable[[], Told]) -> Told:
    """What an act returns that runs in a process of its own: this one opens no store."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        try:
            told = act()
        except BaseException:  # noqa: BLE001 - whatever it is, the campaign has to hear of it
            told = {"seconds": 0.0, "acknowledged": 0, "wrong": [traceback.format_exc()]}
        with os.fdopen(into, "wb") as pipe:
            pipe.write(json.dumps(told).encode())
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        raw = pipe.read()
    os.waitpid(child, 0)
    return dict(json.loads(raw))


def wait_until_used(group: int, seconds: float) -> None:
    """Returns when the processes of a group have had so much more of the processor, however busy it is."""
    last = time.monotonic() + _MOST_WAIT_SECONDS
    least = _used(group) + seconds
    while _used(group) < least and time.monotonic() < last:
        time.sleep(0.005)


def processes_of(group: int) -> list[int]:
    """The processes of a group, by number."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if _fields(status)[2] == str(group):
                found.append(int(status.parent.name))
    return found


def _used(group: int) -> float:
    """CPU seconds of the processes of a group that live."""
    found = 0.0
    for process in processes_of(group):
        with suppress(OSError):
            found += sum(map(int, _fields(Path(f"/proc/{process}/stat"))[11:13])) / _TICKS
    return found


def _fields(status: Path) -> list[str]:
    """What stands in /proc/PID/stat behind the name: state first, then parent, then group."""
    return status.read_text().rpartition(")")[2].split()
