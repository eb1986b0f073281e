"""Models and samples that nobody wants any more: their files go, what was spent and what was said of them stays.

A model that was not private may hold what it learnt. When somebody in it was erased, this removes what is left.
"""

from typing import Any

from careloom.errors import Conflict, NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit
from careloom.services.platform import Platform
from careloom.services.synthesize import change, held, told, work, zone_of_account
from careloom.services.synthesize_mend import remove_files
from careloom.store.synthesis import Work, listed

DISCARD = "synthesize-discard"
_MADE = ("fitting", "drawing", "releasing")
Json = dict[str, Any]


def discard(platform: Platform, who: Principal, name: str) -> Json:
    """Removes the files of a model and of all its samples, or the rows of a sample; a release stays in the lake.

    raises  AccessError; NotFound; Conflict for a sample that is let out, or what is being made
    """
    try:
        one = work(platform, name, "model")
    except NotFound:
        one = work(platform, name, "sample")
    admit(platform, who, "read", zone_of_account(one.body["account"]), operation=DISCARD)
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
        remove_files(platform, one)
        return told(change(platform, who, one, "discarded", one.body))


def _emptied(platform: Platform, who: Principal, name: str) -> Work:
    with held(platform, name):
        one = work(platform, name, "sample")
        if one.state in ("released", *_MADE):
            raise Conflict(f"the sample is {one.state}", "Withdraw it first: careloom synthesize withdraw.")
        remove_files(platform, one)
        return change(platform, who, one, "discarded", one.body)
