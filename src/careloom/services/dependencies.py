"""What this installation depends on, and how it is: keys, stores, queue, worker, disk, and services in the network."""

import os
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Literal
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError

from careloom.errors import CareloomError, SetupError
from careloom.pipeline.registry import load
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.signing_keys import begun_of_current
from careloom.store.models import listed
from careloom.store.zone_store import Zone

State = Literal["ok", "degraded", "failed", "off"]
CONNECT_SECONDS = 1.0
LOW_SHARE = 0.05
"""Of the disk that is free: below it is degraded, below a fifth of that failed."""
LONG_SECONDS = 3600.0
"""A job that waited for longer than this is a queue that is degraded."""
REDIS_PASSWORD = "CARELOOM_REDIS_PASSWORD"  # noqa: S105 - a name  # pragma: allowlist secret
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Dependency:
    """One thing that is needed.

    state    off: nothing here needs it
    seconds  how long the answer took
    reason   code or class of what is wrong; empty where nothing is
    numbers  what was counted: waiting, oldest_waiting_seconds, free_bytes, free_share, oldest_days, versions,
             without_rights
    """

    name: str
    state: State
    seconds: float = 0.0
    reason: str = ""
    numbers: dict[str, float] = field(default_factory=dict)


class _Degraded(Exception):  # noqa: N818 - reads as what happened
    """It works, but not for long."""


Check = Callable[[], dict[str, float] | None]


def health(platform: Platform, who: Principal) -> list[Dependency]:
    """Every dependency as it is now. raises AccessError"""
    admit(platform, who, "monitor", "landing", operation="health")
    found = dependencies(platform)
    note(platform, who, "health", "landing", detail={"failed": sum(one.state == "failed" for one in found)})
    return found


def dependencies(platform: Platform) -> list[Dependency]:
    """The same for who was admitted already."""
    settings = platform.settings
    queued = platform.has_jobs()
    checks: dict[str, Check | None] = {"keys": partial(_keys, platform)}
    for zone in STORED_ZONES:
        checks[f"store-{zone}"] = partial(_store, platform, zone) if platform.has_store(zone) else None
    checks["queue"] = partial(_queue, platform) if queued else None
    checks["worker"] = partial(_worker, platform) if queued else None
    checks["disk"] = partial(_disk, platform)
    checks["signing-keys"] = partial(_signing_keys, platform)
    checks["retraining"] = partial(_retraining, platform) if platform.has_store("identified") else None
    checks["redis"] = partial(_redis, settings.api.rate_storage) if settings.api.rate_storage else None
    for name, address in (
        ("mlflow", settings.models.tracking_uri),
        ("collector-metrics", settings.monitor.otlp),
        ("collector-traces", settings.traces.otlp),
    ):
        checks[name] = partial(_reached, address) if "://" in address else None
    return [_looked(name, check) for name, check in checks.items()]


def state_of(found: list[Dependency]) -> State:
    """The worst of all: failed where keys, the identified store or the queue do, else degraded by any other."""
    vital = {"keys", "store-identified", "queue"}
    if any(one.state == "failed" and one.name in vital for one in found):
        return "failed"
    return "degraded" if any(one.state in ("failed", "degraded") for one in found) else "ok"


def _looked(name: str, check: Check | None) -> Dependency:
    if check is None:
        return Dependency(name, "off")
    begun = time.perf_counter()
    state: State = "ok"
    reason, numbers = "", None
    try:
        numbers = check()
    except _Degraded as error:
        state, reason, numbers = "degraded", str(error.args[0]), error.args[1]
    except CareloomError as error:
        state, reason = "failed", error.code
    except (OSError, RedisError, ValueError) as error:
        state, reason = "failed", type(error).__name__
    return Dependency(name, state, round(time.perf_counter() - begun, 6), reason, numbers or {})


def _keys(platform: Platform) -> None:
    platform.keys.public_key()


def _store(platform: Platform, zone: Zone) -> None:
    platform.store(zone).known_records(["none"])


def _queue(platform: Platform) -> dict[str, float]:
    with platform.jobs() as jobs:
        waiting, oldest = jobs.counted().get("waiting", 0), jobs.oldest_waiting()
    age = max(0.0, (platform.runtime.now() - oldest).total_seconds()) if oldest else 0.0
    numbers = {"waiting": float(waiting), "oldest_waiting_seconds": round(age, 3)}
    if age > LONG_SECONDS:
        raise _Degraded("waits-long", numbers)
    return numbers


def _worker(platform: Platform) -> None:
    with platform.jobs() as jobs:
        if not jobs.has_worker():
            raise SetupError("no worker runs the jobs of this installation", "Start careloom serve or worker.")


def _disk(platform: Platform) -> dict[str, float]:
    usage = shutil.disk_usage(platform.settings.data.directory)
    share = usage.free / usage.total
    numbers = {"free_bytes": float(usage.free), "free_share": round(share, 4)}
    if share < LOW_SHARE / 5:
        raise OSError("disk full")
    if share < LOW_SHARE:
        raise _Degraded("disk-low", numbers)
    return numbers


def _signing_keys(platform: Platform) -> dict[str, float]:
    now = platform.runtime.now()
    begun = begun_of_current(platform.signing_keys.held(now), now)
    numbers = {"oldest_days": round(max(((now - each) / timedelta(days=1) for each in begun), default=0.0), 3)}
    if numbers["oldest_days"] > platform.settings.access.key_days:
        raise _Degraded("keys-old", numbers)
    return numbers


def _retraining(platform: Platform) -> dict[str, float]:
    """Of versions that answer for patients, how many are trained again by themselves, and how many nothing may train.

    Pipelines take time to load: they are loaded where a model is.
    """
    with platform.store("identified").connect() as connection:
        if not listed(connection, "traffic"):
            return {}
    answering, lost = load("models.unable")(platform)
    numbers = {"versions": float(len(answering)), "without_rights": float(len(lost))}
    if lost:
        raise _Degraded("rights-missing", numbers)
    return numbers


def _redis(address: str) -> None:
    timeouts = {"socket_timeout": CONNECT_SECONDS, "socket_connect_timeout": CONNECT_SECONDS}
    with Redis.from_url(address, password=os.environ.get(REDIS_PASSWORD), **timeouts) as redis:
        redis.ping()


def _reached(address: str) -> None:
    """Returns when something listens there."""
    parts = urlsplit(address)
    port = parts.port or _PORTS.get(parts.scheme, 0)
    if parts.hostname and port:  # another kind of address (azureml://) is its library's affair
        socket.create_connection((parts.hostname, port), CONNECT_SECONDS).close()
