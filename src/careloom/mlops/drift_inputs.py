"""Quality of what a model is fed: missing values, numbers beyond what training saw, unknown levels, silence."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from careloom.metrics import exact_interval, wilson_interval
from careloom.mlops.drift_findings import Finding, share_above
from careloom.mlops.drift_profile import MISSING, OTHER, OUTSIDE, Bins, Profile, most_hidden
from careloom.mlops.drift_thresholds import Thresholds

_UNSURE = 1e-6
"""Chance that a share lies above what the rows of the profile bound it by; added to p."""


def input_quality(profile: Profile, bins: Bins, thresholds: Thresholds) -> Iterator[Finding]:
    """Of each feature, shares of the rows that are missing, outside or unknown, above those of the profile.

    A share that was suppressed is taken as the most that it may have been. The profile is a sample, too: p is the
    largest over all shares below its upper bound, and the chance that the bound is wrong.
    ``blank``: what is missing, beyond what was missing in the profile by more than may be.

    source  Berger RL, Boos DD, J Am Stat Assoc 1994;89:1012-1016
    """
    for number, column in enumerate(profile.columns):
        codes = bins[:, number]
        all_before, hidden = max(profile.rows, 1), most_hidden(profile.rows, column.counts)
        other, outside, missing = (count or hidden for count in column.counts[-3:])
        kinds = [("blank", MISSING, missing, thresholds.missing_more)]
        if column.kind == "number":
            kinds.append(("outside", OUTSIDE, outside, thresholds.outside_share))
        else:
            kinds.append(("unknown", OTHER, other, thresholds.unknown_share))
        for kind, code, seen, more in kinds:
            count, before = int((codes == code).sum()), seen / all_before
            limit = exact_interval(min(seen, all_before), all_before, 1 - 2 * _UNSURE).high + more
            if limit >= 1:
                continue
            share = count / codes.size
            most = max(wilson_interval(count, codes.size).high - before, 0.0)
            chance = min(1.0, share_above(count, codes.size, limit) + _UNSURE)
            effect = max(share - before, 0.0)
            detail = {"share": share, "before": before}
            yield Finding(kind, column.name, codes.size, effect, most, more, 5 * more, chance, detail)


def staleness(newest: datetime, now: datetime, thresholds: Thresholds) -> Finding | None:
    """An alarm where nothing was predicted for longer than `stale_hours`; None where it was, or nobody minds."""
    hours = (now - newest) / timedelta(hours=1)
    if not thresholds.stale_hours or hours <= thresholds.stale_hours:
        return None
    limit = thresholds.stale_hours
    return Finding("stale", "", 0, hours, hours, limit, 7 * limit, 0.0, {"hours": hours}, "medium", is_alarm=True)
