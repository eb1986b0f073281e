"""Models and samples that nobody wants any more: their files go, what was spent and what was said of them stays.

A model that was not private may hold what it learnt. When somebody in it was erased, this removes what is left.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from careloom.errors import Conflict, NotFound
from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.synthesize import change, held, told, work
from careloom.services.synthesize_admitted import admitted
from careloom.services.synthesize_mend import remove_files
from careloom.services.synthesize_over import FACT
from careloom.store.synthesis import Work, listed, unused

DISCARD = "synthesize-discard"
_MADE = ("fitting", "drawing", "releasing")
Json = dict[str, Any]


def discard(platform: Platform, who: Principal, name: str) -> Json:
    """Removes the files of a model and of all its samples, or the rows of a sample; a release stays in the lake.

    raises  AccessError; NotFound; Conflict for a sample that is let out, or what is being made
    """
    try:
        one, _ = admitted(platform, who, "read", name, "model", operation=DISCARD)
    except NotFound:
        one, _ = admitted(platform, who, "read", name, "sample", operation=DISCARD)
    if one.kind == "sample":
        return told(_emptied(platform, who, name))
    with held(platform, name):
        one = work(platform, name, "model")
        if one.state in _MADE:
            raise Conflict("the model is being fitted", "Wait until it is, or cancel its job.")
        with platform.store("identified").connect() as connection:
            drawn = listed(connection, "sample", name)
        for each in drawn:
            if each.state in ("staged", "judged", "refused"):
                _emptied(platform, who, each.name)
        return told(_gone(platform, who, one))


def remove_unused(platform: Platform, who: Principal, before: datetime, told_: Callable[[int], object]) -> int:
    """Removes the rows of samples that were not let out and did not change since a moment; how many samples.

    The caller has asked for admission. What somebody is at work on stays.
    """
    with platform.store("identified").connect() as connection:
        found = unused(connection, before)
    removed = 0
    for one in found:
        with suppress(Conflict):
            _emptied(platform, who, one.name)
            removed += 1
            told_(removed)
    return removed


def _emptied(platform: Platform, who: Principal, name: str) -> Work:
    with held(platform, name):
        one = work(platform, name, "sample")
        if one.state in ("released", *_MADE):
            raise Conflict(f"the sample is {one.state}", "Withdraw it first: careloom synthesize withdraw.")
        return _gone(platform, who, one)


def _gone(platform: Platform, who: Principal, one: Work) -> Work:
    """Says so first: files that stay, for the process was killed, are removed by the next command."""
    now = change(platform, who, one, "discarded", one.body)
    remove_files(platform, one)
    lake = platform.lake("synthetic")
    for path in lake.paths() if one.kind == "sample" else ():
        if (
            lake.state(path).facts.get(FACT) == one.name
        ):  # let out after the backup that the catalogue was restored from
            lake.drop(path)
    return now
