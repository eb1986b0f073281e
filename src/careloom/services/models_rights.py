"""The rights that a version was trained with: pinned in its lineage, and those of every training that takes its place.

What a model learnt from is what its trainer might see: the zones, roles and scopes that decide which resources and
notes, the purpose and the actors that consents go by. Who trains it again without being asked, for drift or because
somebody left, sees the same and no more; where the trainer has lost any of it since, nobody trains in their name.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from careloom.errors import AccessError
from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.queued import asker_again, asker_still, rights_of
from careloom.store.models import ModelWork

RIGHTS = "rights"
"""In the lineage of a version, and in a run: what `pinned` told of who began it."""
PINNED = "pinned"
"""In rights that were pinned later, beside the version: who did, when and why."""
Json = dict[str, Any]


def pinned(who: Principal) -> Json:
    """``by`` (whose they are), ``roles``, ``zones``, ``purpose``, ``scopes``, ``actors`` and ``purposes`` as of now."""
    told = rights_of(who)
    return {"by": who.name, **{name: told[name] for name in told if name not in ("request", "patient")}}


def rights_in(one: ModelWork) -> Json:
    """What was pinned in a version, or on it later. raises AccessError for one of before rights were"""
    told: Json | None = one.body["manifest"]["report"]["lineage"].get(RIGHTS) or one.body.get(RIGHTS)
    if told is None:
        pin = f"careloom models pin-rights {one.name} --reason TEXT"
        raise AccessError(
            f"{one.name} does not say which rights it was trained with",
            f"Let another person than who trained it pin them: {pin}. Or train it anew: careloom train risk.",
        )
    return {name: value for name, value in told.items() if name != PINNED}


def is_pinned(one: ModelWork) -> bool:
    """Whether a version says which rights it is trained with."""
    return bool(one.body["manifest"]["report"]["lineage"].get(RIGHTS) or one.body.get(RIGHTS))


def holder(platform: Platform, told: Mapping[str, Any], name: str) -> Principal:
    """Somebody of a name with exactly the rights that were pinned, where whoever had them still has all of them.

    raises  AccessError that says what was withdrawn
    """
    kept = asker_again(str(told["by"]), {**told, "request": "", "patient": ""})
    try:
        now = asker_still(platform, kept)
    except AccessError:
        raise AccessError(f"{kept.name}, who trained with these rights, may not come in any more", _ANEW) from None
    if lost := _lost(kept, now):
        raise AccessError(f"rights that the model was trained with were withdrawn from {kept.name}: {lost}", _ANEW)
    return replace(kept, name=name)


_ANEW = "Train it anew as somebody who may (careloom train risk, careloom models run), or grant the rights again."


def _lost(kept: Principal, now: Principal) -> str:
    """What somebody lacks by now, in words; empty for nothing."""
    held = sorted(kept.scopes or ())
    purposes = kept.purposes or frozenset((kept.purpose,))
    lost = {
        "roles": kept.roles - now.roles,
        "zones": kept.zones - now.zones,
        "actors": kept.actors - now.actors,
        "scopes": {f"{verb} {of}" for verb, of in held if not now.is_covered(verb, of)},
        "purposes": frozenset() if now.purposes is None else purposes - now.purposes,
    }
    if now.patient:
        return "all beyond one patient"
    return "; ".join(f"{name} {', '.join(sorted(some))}" for name, some in lost.items() if some)
