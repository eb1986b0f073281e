"""An annotation as a job. One that was killed is begun again: what its reader has read is not read again."""

from collections.abc import Mapping
from typing import Any

from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate, kept_runs
from careloom.services.job_requests import unsealed
from careloom.services.platform import Platform
from careloom.services.queued import asker_of
from careloom.store.jobs import Jobs, Progress

KIND = "annotate"
Json = dict[str, Any]


def work_off(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does the job in the name of whoever asked for it; one that had ended when its worker died gets its result."""
    run_id = progress.job_id
    ended = kept_runs(platform).find(run_id)
    if ended is None:
        asked = unsealed(platform, request)
        is_incremental = asked["incremental"] or jobs.get(run_id).attempts > 1
        ask = AnnotateAsk(
            asked["zone"], asked["patient"], is_incremental, asked["refuted"], run_id, asked["most_notes"]
        )
        with Platform(platform.settings, platform.runtime, platform.keys) as own:
            annotate(own, asker_of(platform, jobs, progress, asked), ask, progress.report)
        ended = kept_runs(platform).find(run_id)
    return {"run": run_id} | counts_of(ended or {})


def counts_of(report: Mapping[str, Any]) -> Json:
    """``zone``, ``notes`` and ``facts``, as counted; zeros where nothing is told."""
    return {
        "zone": report.get("zone", ""),
        "notes": report.get("notes", {"read": 0, "skipped": 0, "refused": 0}),
        "facts": report.get("facts", {"new": 0, "agree": 0, "conflict": 0, "retired": 0}),
    }
