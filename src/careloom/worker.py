"""The job worker: runs what was queued, one job at a time, until it is stopped."""

from careloom import logs
from careloom.services.jobs import work
from careloom.services.platform import Platform
from careloom.settings import load


def run(*, once: bool) -> None:
    """Works until a signal stops it; with `once`, until nothing waits."""
    settings = load()
    logs.configure(settings.logs.level)
    with Platform(settings) as platform:
        work(platform, once=once)
