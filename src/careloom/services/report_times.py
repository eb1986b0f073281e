"""When reports are due: every day, every Monday, or on the first of each month, at an hour of UTC."""

from datetime import UTC, datetime, timedelta
from typing import Literal

Cadence = Literal["daily", "weekly", "monthly"]


def next_run(cadence: Cadence, hour: int, after: datetime) -> datetime:
    """The first time later than `after` at which a report is due.

    hour  0 to 23, UTC
    """
    day = after.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    if day <= after:
        day += timedelta(days=1)
    while (cadence == "weekly" and day.weekday() != 0) or (cadence == "monthly" and day.day != 1):
        day += timedelta(days=1)
    return day
