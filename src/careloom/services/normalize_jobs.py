"""A normalization as a job. One that was killed is taken up where it stood: nothing is done or counted twice."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from careloom.services.job_requests import unsealed
from careloom.services.normalize import NormalizeAsk, kept_runs, normalize
from careloom.services.platform import Platform
from careloom.services.queued import asker_of
from careloom.store.jobs import Jobs, Progress

KIND = "normalize"
Json = dict[str, Any]


def work_off(platform: Platform, jobs: Jobs, progress: Progress, request: Mapping[str, Any]) -> Json:
    """Does the job in the name of whoever asked for it; one that had ended when its worker died gets its result."""
    run_id = progress.job_id
    ended = kept_runs(platform).find(run_id)
    if ended is None:
        asked = unsealed(platform, request)
        policy = Path(asked["policy"]) if asked["policy"] else None
        ask = NormalizeAsk(policy, asked["rehearsal"], run_id, jobs.get(run_id).result)
        with Platform(platform.settings, platform.runtime, platform.keys) as own:
            normalize(own, asker_of(platform, jobs, progress, asked), ask, progress.report)
        ended = kept_runs(platform).find(run_id) or {}
    return {"run": run_id} | {name: ended[name] for name in ("rehearsal", "read", "changed", "refused")}
