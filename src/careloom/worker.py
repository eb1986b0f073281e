"""The job worker: runs what was queued, one job at a time, until it is stopped.

``python -m careloom.worker <process id>`` is for a server that starts it as its child: it ends with that process.
"""

import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from threading import Thread
from types import FrameType

import httpx

from careloom import logs, traces
from careloom.client.careloom import Careloom
from careloom.client.credentials import Bearer
from careloom.client.pace import Pace
from careloom.services import traces_otlp
from careloom.services.jobs import work
from careloom.services.operator_logs import keep_lines
from careloom.services.platform import Platform
from careloom.services.reports import Render
from careloom.settings import load
from careloom.store.jobs import Stop

LOOK_SECONDS = 1.0
"""How often a child looks whether its parent is still there."""


def run(*, once: bool, parent: int = 0) -> None:
    """Works until a signal stops it; with `once`, until nothing waits.

    After SIGTERM or SIGINT a running job ends at its next report and waits again, with all that it has committed. One
    that takes longer than it may and does not report is ended with this process; whoever started that starts another.

    parent  id of the process that this one is a child of and ends with, even by `kill -9`; 0 for none
    """
    settings = load()
    logs.configure(settings.logs.level)
    keep_lines(settings)
    stop = Stop()

    def ask(_signal: int, _frame: FrameType | None) -> None:
        stop.asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    if parent:
        Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        traces_otlp.configure(settings)
        _count_beside_server()
        with Platform(settings) as platform:
            work(platform, once=once, stop=stop, may_kill=True, render=renderer(platform))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def renderer(platform: Platform) -> Render:
    """What makes a page of the dashboard a PDF, as whoever holds a token, over the API within this process."""

    def render(token: str, page: str, when: datetime) -> tuple[bytes, str]:
        # both take a second to load, which a worker spends when the first report is due
        from careloom.api.app import create_app  # noqa: PLC0415
        from careloom.dashboard.report_made import made_of  # noqa: PLC0415

        with Platform(platform.settings, platform.runtime, platform.keys) as own:
            transport = httpx.WSGITransport(app=create_app(own))
            base = platform.settings.base_url
            with Careloom(base, Bearer(token), transport=transport, pace=Pace(attempts=1)) as api:
                return made_of(api, token, page, when)

    return render


def _count_beside_server() -> None:
    """Has jobs and steps counted where the server whose child this is shares its numbers."""
    if Path(os.environ.get("PROMETHEUS_MULTIPROC_DIR") or os.devnull).is_dir():
        from careloom.api import step_numbers  # noqa: PLC0415 - reads it when imported

        traces.observe(step_numbers.observed)


def _end_with(parent: int) -> None:
    """Ends this process at once when its parent is gone: what it runs is queued again by the next worker."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    run(once=False, parent=int(sys.argv[1]) if sys.argv[1:] else 0)
