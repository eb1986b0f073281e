"""A de-identification as a job. One that was killed is begun again under its id: nothing is written twice."""

from collections.abc import Mapping
from typing import Any

from careloom.services.deidentify import deidentify
from careloom.services.deidentify_report import find_report
from careloom.services.job_requests import unsealed
from careloom.services.platform import Platform
from careloom.services.queued import asker_of
from careloom.store.jobs import Jobs, Progress

KIND = "deidentify"
Json = dict[str, Any]


def work_off(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does the job in the name of whoever asked for it; one that had ended when its worker died gets its result."""
    run_id = progress.job_id
    kept = find_report(platform, run_id)
    if kept is None or not kept.is_signed:
        asked = unsealed(platform, request)
        with Platform(platform.settings, platform.runtime, platform.keys) as own:
            deidentify(
                own, asker_of(platform, jobs, progress, asked), asked["policy"], run_id=run_id, watch=progress.report
            )
        kept = find_report(platform, run_id)
    return {"run": run_id} | counts_of(kept.report if kept is not None else {})


def counts_of(report: Mapping[str, Any]) -> Json:
    """``policy`` by its name, and the resources ``read``, ``kept`` and ``held_back``; zeros where nothing is told."""
    if "types" not in report:
        return {"policy": "", "read": 0, "kept": 0, "held_back": 0}
    counts = {name: sum(one[name] for one in report["types"]) for name in ("read", "kept", "held_back")}
    return {"policy": report["policy"]["name"]} | counts
