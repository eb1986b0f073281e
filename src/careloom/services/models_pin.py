"""Rights pinned on a version of before rights were: by a second person, as its trainer holds them now.

Nothing says which rights such a version was trained with, so nothing trains it again by itself. Whoever answers for it
says that what its trainer may today is what a training in its place may; from then on it is as if they had been pinned
at the training, and one that is withdrawn later stops it as for any version. Beside it stands who pinned them and why:
what is signed of the version stays as it was.
"""

from careloom.errors import AccessError, CareloomError, Conflict, NotFound, StateError
from careloom.services.access import Principal, local_operator
from careloom.services.access_decision import Ask, decide
from careloom.services.admission import admit, note
from careloom.services.models_kept import Change, Json, require_reason, resolve, told, traffic_of, version_name, write
from careloom.services.models_promote import require_as_judged, require_second
from careloom.services.models_retrain import retraining_of
from careloom.services.models_rights import PINNED, RIGHTS, holder, is_pinned, pinned, rights_in
from careloom.services.models_runs import RETRAINER
from careloom.services.platform import Platform
from careloom.services.queued import holds_now
from careloom.store.models import ModelWork, listed
from careloom.store.rows import instant
from careloom.store.transaction import Transaction

OPERATION = "models-pin-rights"


def pin_rights(platform: Platform, who: Principal, version: str, reason: str) -> Json:
    """Pins the rights that the registrar of a version holds now; the version as `careloom.services.models_kept.told`.

    reason  why these, for the auditor
    raises  AccessError, also for who trained or registered it, for a registrar who may not come in or not train any
            more, and for one whom nobody registered where the caller does not work at the command line, which has all
            rights itself; NotFound; Conflict for a version that has rights, is retired, or changed meanwhile;
            StateError where nothing says how it is trained again
    """
    admit(platform, who, "approve", "identified", operation=OPERATION)
    require_reason(reason)
    one = resolve(platform, version)
    require_second(platform, who, one, OPERATION)
    try:
        _require_open(platform, one)
        rights = _of_registrar(platform, who, one)
    except CareloomError as error:
        detail = {"version": one.name, "code": error.code}
        note(platform, who, OPERATION, "identified", outcome="refused", detail=detail)
        raise
    by = {"by": who.name, "time": instant(platform.runtime.now()), "reason": reason}
    body = {**one.body, RIGHTS: {**rights, PINNED: by}}
    detail = {"version": one.name, "digest": one.body["digest"], "of": rights["by"], "reason": reason}

    def act(step: Transaction) -> ModelWork:
        require_as_judged(step, one)
        return step.models.change("version", one.name, one.state, body)

    return told(write(platform, who, Change(OPERATION, detail), act), traffic_of(platform, one.parent))


def _require_open(platform: Platform, one: ModelWork) -> None:
    if one.state == "retired":
        raise Conflict(f"{one.name} is retired", "Train it anew: careloom train risk, careloom models run.")
    if is_pinned(one):
        raise Conflict(
            f"{one.name} says which rights it is trained with", f"See them: careloom models show {one.name}."
        )
    if not retraining_of(platform, one):
        raise StateError(f"nothing says how {one.name} is trained again", "Train it anew: careloom train risk.")


def _of_registrar(platform: Platform, who: Principal, one: ModelWork) -> Json:
    name = str(one.body["registrar"])
    anew = "Train it anew as somebody who may: careloom train risk, careloom models run."
    found = holds_now(platform, name)
    if found is None:
        if who.scopes is not None or ":" in name:
            raise AccessError(f"nobody registered {name}, so nobody knows what they may", anew)
        found = local_operator(name)
    zone = one.body["zone"]
    if not decide(found, Ask("train", zone)).is_permit:
        raise AccessError(f"{name} may not train in the {zone} zone any more", anew)
    return pinned(found)


def unable(platform: Platform) -> tuple[list[str], list[str]]:
    """Versions that answer for patients and say how they are trained again, and those of them that nothing may train
    by itself: their rights were never written down or were withdrawn, or the run that trained them is not kept."""
    answering, lost = [], []
    with platform.store("identified").connect() as connection:
        traffics = listed(connection, "traffic")
    parts = [(one.name, one.body.get(part)) for one in traffics for part in ("champion", "challenger")]
    for one in [resolve(platform, version_name(model, number)) for model, number in parts if number is not None]:
        try:
            if not retraining_of(platform, one):
                continue
            answering.append(one.name)
            holder(platform, rights_in(one), RETRAINER)
        except (AccessError, NotFound):
            lost.append(one.name)
    return answering, lost
