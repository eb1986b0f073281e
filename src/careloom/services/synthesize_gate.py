"""Whether a table of the synthetic zone's lake may be fetched now: asked by every route that gives out its rows.

Denied by default: a table there is of a view of the zone's own resources, or made of them otherwise, or of simulated
patients, or of a release that was let out, is not over, and learnt from nobody who left since.
"""

from careloom.errors import NotFound, Withheld
from careloom.services.platform import Platform
from careloom.services.synthesize import work
from careloom.services.synthesize_over import FACT, why_over
from careloom.services.view_table import OF_RESOURCES
from careloom.store.lake import TableState
from careloom.store.zone_store import Zone

SIMULATED = "simulated"
"""What a table says of itself whose rows the simulator made: it is of nobody, and learnt from nobody."""


def require_open(platform: Platform, zone: Zone, state: TableState) -> None:
    """Returns where rows of this table may leave. raises Withheld"""
    if zone != "synthetic" or {"definition", OF_RESOURCES, SIMULATED} & set(state.facts):
        return
    reason = closed(platform, state.facts.get(FACT, ""), state.path)
    if reason:
        raise Withheld(f"table {state.path} may not be fetched: {reason}", "Fit and release it again.")


def closed(platform: Platform, sample: str, path: str) -> str:
    """Why the rows of a release may not leave; empty where they may."""
    if not sample:
        return "it is of no release"
    try:
        one = work(platform, sample, "sample")
        release = one.body.get("release") or {}
        if one.state != "released" or release.get("path") != path:
            return f"its release is {one.state}"
        return why_over(platform, one)
    except NotFound:
        return "its release is unknown"
