"""Request counters and durations for Prometheus, from every worker process of one server.

With ``PROMETHEUS_MULTIPROC_DIR`` set before this is imported, the processes share their numbers through that folder.
"""

import os
import time
from collections.abc import Iterator

from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from careloom import traces
from careloom.api import step_numbers
from careloom.api.step_numbers import SECONDS, SHARED_FOLDER
from careloom.services.health import Gauges
from careloom.services.monitor_numbers import HELP

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_EXTENSION = "careloom-metrics"
_NUMBERS = {
    "waiting": "Jobs that wait.",
    "oldest_waiting_seconds": "For how long the oldest of them waits.",
    "free_bytes": "Free where the data lie.",
    "free_share": "Of the disk where the data lie.",
    "oldest_days": "For how many days the oldest key that signs tokens has done so.",
    "versions": "Versions that answer for patients and say how they are trained again.",
    "without_rights": "Of these, those whose rights were never written down or were withdrawn.",
}


class Requests:
    """The counters of one application; labels are route templates, methods and statuses, never a path."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._count = Counter("careloom_http_requests", "Requests answered.", labels, registry=self.registry)
        self._seconds = Histogram(
            "careloom_http_request_seconds", "Time to answer.", ("method", "route"), buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip

    def observe(self, status: int) -> None:
        """Counts the request at hand."""
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in METHODS else "other"
        self._count.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(time.perf_counter() - g.get("started", time.perf_counter()))


def install(app: Flask) -> None:
    """Counts every answer."""
    requests = Requests()
    app.extensions[_EXTENSION] = requests

    def observe(response: Response) -> Response:
        requests.observe(response.status_code)
        return response

    app.after_request(observe)
    traces.observe(step_numbers.observed)


def exposition(now: Gauges, accept: str) -> tuple[bytes, str]:
    """(text, content type) of all numbers, in the format that Prometheus asks for."""
    registry = CollectorRegistry(auto_describe=False)
    if os.environ.get(SHARED_FOLDER):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(current_app.extensions[_EXTENSION].registry)
        registry.register(step_numbers.registry)
    registry.register(_Now(now))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Now(Collector):
    """The numbers that are read when asked for, not counted as they change."""

    def __init__(self, now: Gauges) -> None:
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family a kind of number."""
        resources = GaugeMetricFamily("careloom_resources", "Current resources.", labels=("zone", "type"))
        for labels, count in sorted(self._now.resources.items()):
            resources.add_metric(labels, count)
        yield resources
        refused = GaugeMetricFamily("careloom_quarantine_waiting", "Records in quarantine.", labels=("code",))
        for code, count in sorted(self._now.refused.items()):
            refused.add_metric((code,), count)
        yield refused
        jobs = GaugeMetricFamily("careloom_jobs", "Jobs by state.", labels=("state",))
        for state, count in sorted(self._now.jobs.items()):
            jobs.add_metric((state,), count)
        yield jobs
        told = "Emergencies in which the glass was broken and that nobody has acknowledged."
        emergencies = GaugeMetricFamily("careloom_emergencies_waiting", told)
        emergencies.add_metric((), self._now.emergencies)
        yield emergencies
        yield from self._dependencies()
        yield from self._models()

    def _dependencies(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("careloom_dependency_up", "1 where it works.", labels=("name",))
        seconds = GaugeMetricFamily("careloom_dependency_seconds", "How long its answer took.", labels=("name",))
        families = [up, seconds]
        for one in self._now.dependencies:
            if one.state != "off":
                up.add_metric((one.name,), float(one.state != "failed"))
                seconds.add_metric((one.name,), one.seconds)
            for name, value in one.numbers.items():
                family = GaugeMetricFamily(f"careloom_{one.name.replace('-', '_')}_{name}", _NUMBERS[name])
                family.add_metric((), value)
                families.append(family)
        yield from families

    def _models(self) -> Iterator[GaugeMetricFamily]:
        families: dict[str, GaugeMetricFamily] = {}
        for one in self._now.models:
            family = families.get(one.name)
            if family is None:
                names = [name for name, _ in one.labels]
                family = families[one.name] = GaugeMetricFamily(one.name, HELP[one.name], labels=names)
            family.add_metric([value for _, value in one.labels], one.value)
        yield from families.values()
