"""How long steps take, and how jobs end, for Prometheus: of the server's processes and of the job worker beside them.

With ``PROMETHEUS_MULTIPROC_DIR`` set before this is imported, they share their numbers through that folder.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LONG_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400)
_JOB = "job"
registry = CollectorRegistry()
_STEPS = {
    name: Histogram(f"careloom_{name.replace(' ', '_')}_seconds", told, buckets=(0.001, *SECONDS), registry=registry)
    for name, told in {
        "store write": "A write of a zone: waiting for its lock, the work, and the commit.",
        "store commit": "The commit of a write alone, until it is durable.",
        "score": "The risk of one patient: reading the record, features, model and what is kept of it.",
    }.items()
}
"""Of this process: rooms below tell how long a step took, and know of no application."""
_waits = Histogram(
    "careloom_job_wait_seconds", "How long a job that was due waited for the worker.", ("kind",),
    buckets=_LONG_SECONDS, registry=registry,
)  # fmt: skip
_runs = Histogram(
    "careloom_job_seconds", "How long the worker ran a job, each try for itself.", ("kind",),
    buckets=_LONG_SECONDS, registry=registry,
)  # fmt: skip
_ends = Counter(
    "careloom_jobs_ended", "Tries of jobs by how they ended: done, failed, cancelled, or waiting for another try.",
    ("kind", "end"), registry=registry,
)  # fmt: skip


def observed(name: str, seconds: float) -> None:
    """Counts a step by its name: one of those above, or ``job <wait or end> <kind>``; others are left out."""
    if name in _STEPS:
        _STEPS[name].observe(seconds)
        return
    what, *rest = name.split(" ")
    if what != _JOB or len(rest) != 2:
        return
    end, kind = rest
    if end == "wait":
        _waits.labels(kind).observe(seconds)
    else:
        _runs.labels(kind).observe(seconds)
        _ends.labels(kind, end).inc()
