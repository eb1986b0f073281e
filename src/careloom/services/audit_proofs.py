"""Checkpoints of the audit chains, to be kept elsewhere, and proofs of single events that anybody can check."""

from dataclasses import asdict
from typing import Any

import orjson

from careloom.errors import FormatError, IntegrityError, NotFound
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.platform import STORED_ZONES, Platform
from careloom.services.search import zone_of
from careloom.store import audit_proof
from careloom.store.audit_proof import Checkpoint
from careloom.store.zone_store import Zone

Json = dict[str, Any]


def checkpoints(platform: Platform, who: Principal) -> list[Json]:
    """A signed checkpoint of every zone that has a store: zone, size, root, time, signature. raises AccessError"""
    made = []
    for zone in STORED_ZONES:
        admit(platform, who, "audit", zone)
        if platform.has_store(zone):
            made.append(checkpoint_of(platform, who, zone)["checkpoint"])
    return made


def checkpoint_of(platform: Platform, who: Principal, zone_name: str) -> Json:
    """``checkpoint``, a signed one of this zone's chain, and ``public_key``, hex, to check it by.

    raises  AccessError; QueryError; NotFound where the zone has no chain
    """
    zone = zone_of(zone_name)
    admit(platform, who, "audit", zone)
    _has_chain(platform, zone)
    note(platform, who, "audit", zone, detail={"checkpoint": True})
    store, now = platform.store(zone), platform.runtime.now()
    with store.connect() as connection:
        made = audit_proof.checkpoint(connection, zone, store.keys.provider.sign, now)
    return {"checkpoint": asdict(made), "public_key": store.keys.provider.public_key().hex()}


def prove(platform: Platform, who: Principal, zone_name: str, event: str, held: bytes = b"") -> Json:
    """The proof that an event is in the chain: row, path, checkpoint; for `check`, here or anywhere.

    event   its AuditEvent's id, ``audit-17``, or the number alone
    held    a checkpoint of that zone that somebody kept, from its file; empty: a new one
    raises  AccessError; QueryError; NotFound; FormatError where `held` is no checkpoint of this chain
    """
    zone = zone_of(zone_name)
    admit(platform, who, "audit", zone)
    number = event.removeprefix("audit-")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise NotFound("an event is named by its number", "See careloom audit report: audit-17, or 17.")
    _has_chain(platform, zone)
    note(platform, who, "audit", zone, detail={"proof": int(number)})
    store = platform.store(zone)
    with store.connect() as connection:
        if held:
            kept = _checkpoint(held)
            if kept.zone != zone or not _is_whole(platform, kept):
                raise FormatError(
                    f"the checkpoint is not of the chain of {zone}", "Take another, or see careloom audit check."
                )
        else:
            sign = store.keys.provider.sign
            kept = audit_proof.checkpoint(connection, zone, sign, platform.runtime.now())
        return asdict(audit_proof.inclusion(connection, int(number), kept))


def check_here(platform: Platform, who: Principal, content: bytes) -> Json:
    """What a checkpoint or a proof says, held against this installation's key and chain.

    returns  ``kind``, ``zone``, ``size``, ``time``; ``signed``: by this installation, and a proof's row is covered;
             ``held``: the chain still begins with what was covered; of a proof that holds the ``event``
    raises   AccessError; FormatError
    """
    held = _checkpoint(content)
    zone = zone_of(held.zone)
    admit(platform, who, "audit", zone)
    answer = check_by(content, platform.store("identified").keys.provider.public_key())
    is_held = bool(answer["signed"]) and _is_whole(platform, held)
    try:
        note(platform, who, "audit", zone, detail={"checked": held.size})
    except IntegrityError:  # a chain that is cut takes no event any more: to say so is what was asked for
        if is_held:
            raise
    return answer | {"held": is_held}


def check_by(content: bytes, public_key: bytes) -> Json:
    """The same by a public key alone, without an installation: all but ``held``. raises FormatError"""
    told = audit_proof.read(content)
    held = told if isinstance(told, Checkpoint) else told.checkpoint
    answer: Json = {"zone": held.zone, "size": held.size, "time": held.time}
    if isinstance(told, Checkpoint):
        return answer | {"kind": "checkpoint", "signed": audit_proof.is_of(held, public_key)}
    if not audit_proof.is_proven(told, public_key):
        return answer | {"kind": "proof", "signed": False}
    return answer | {"kind": "proof", "signed": True, "event": orjson.loads(told.row["body"])}


def _has_chain(platform: Platform, zone: Zone) -> None:
    if not platform.has_store(zone):
        raise NotFound(f"the {zone} zone has no audit chain yet", "Its first event begins it; ask for another zone.")


def _checkpoint(content: bytes) -> Checkpoint:
    told = audit_proof.read(content)
    return told if isinstance(told, Checkpoint) else told.checkpoint


def _is_whole(platform: Platform, held: Checkpoint) -> bool:
    zone = zone_of(held.zone)
    if not platform.has_store(zone):
        return False
    store = platform.store(zone)
    with store.connect() as connection:
        return audit_proof.is_of(held, store.keys.provider.public_key()) and audit_proof.holds(connection, held)
