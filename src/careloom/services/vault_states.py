"""What a request to reverse pseudonyms may become, and when: pure rules, no store.

Nobody approves what they asked themselves. An approval holds for some days. With four eyes, what nobody else approved
is not approved, also where the setting was another when it was asked.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from careloom.errors import Conflict, Erased
from careloom.store.vault import Request

Decision = Literal["approve", "refuse"]
Standing = Literal["asked", "approved", "expired", "refused", "erased"]


def standing(request: Request, *, now: datetime, four_eyes: bool) -> Standing:
    """How a request stands at this moment."""
    if request.state != "approved":
        return request.state
    if four_eyes and not request.decider:
        return "asked"
    return "expired" if request.expires is None or now >= request.expires else "approved"


def decided(
    request: Request, decision: Decision, decider: str, *, now: datetime, days: int, four_eyes: bool
) -> Request:
    """The request as another person decides it. A refusal ends an approval that nobody has to wait for any more.

    raises  Erased; Conflict if it is decided already: one that expired or was refused is asked anew
    """
    stands = standing(request, now=now, four_eyes=four_eyes)
    if stands == "erased":
        raise Erased("a patient of this request was erased", "Nothing is left to decide.")
    if stands != "asked" and not (stands == "approved" and decision == "refuse"):
        raise Conflict(f"the request is {stands} already", "Whoever asked may ask anew.")
    if decision == "refuse":
        return replace(request, state="refused", decider=decider, decided=now, expires=None)
    return approved(request, decider, now=now, days=days)


def approved(request: Request, decider: str, *, now: datetime, days: int) -> Request:
    """The request with an approval that holds from now; `decider` is empty where nobody else has to approve."""
    return replace(request, state="approved", decider=decider, decided=now, expires=now + timedelta(days=days))


def revealed(request: Request, *, now: datetime, four_eyes: bool) -> Request:
    """The request as it is after one more reveal. raises Erased; Conflict unless an approval holds."""
    stands = standing(request, now=now, four_eyes=four_eyes)
    if stands == "erased":
        raise Erased("a patient of this request was erased", "Ask anew without the name that is not found any more.")
    if stands != "approved":
        remedy = "Wait until somebody else approves it." if stands == "asked" else "Ask anew."
        raise Conflict(f"the request is {stands}", remedy)
    return replace(request, reveals=request.reveals + 1, revealed=now)
