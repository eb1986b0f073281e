"""What the routes of the audit chains take and give, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.lists import NEXT
from careloom.api.quality_schemas import ZoneName
from careloom.api.schemas import RUN_ID, Body, Count, Model, Progress, RunId, State

Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
MOST_ROWS = 10**15
EVENT: dict[str, Any] = {
    "seq": 4711, "time": "2026-11-29T09:58:00.000000+00:00", "actor": "dr.weber", "operation": "read",
    "action": "read", "outcome": "success", "zone": "identified", "purpose": "TREAT",
    "subjects": ["lm5z2dywok7s66m43g3qaohlqe"], "detail": {"type": "Observation"}, "hash": "9f" * 32,
}  # fmt: skip
CHECKPOINT: dict[str, Any] = {
    "zone": "identified", "size": 4711, "root": "5c" * 32, "time": "2026-11-29T10:00:00.000000+00:00",
    "signature": "a1" * 64,
}  # fmt: skip
ROW: dict[str, Any] = {
    "seq": 17, "time": 1796032800000000, "body": '{"action":"read"}', "prev": "00" * 32, "hash": "9f" * 32,
}  # fmt: skip
PROOF: dict[str, Any] = {"row": ROW, "path": ["b7" * 32], "checkpoint": CHECKPOINT}
CHAIN: dict[str, Any] = {
    "zone": "identified", "events": 4711, "anchored": 4711, "verified": True, "detail": "anchor holds",
}  # fmt: skip
VERIFICATION: dict[str, Any] = {
    "id": RUN_ID, "zones": ["identified"], "state": "done", "actor": "auditor",
    "started": "2026-11-22T01:02:03.412000+00:00", "ended": "2026-11-22T01:02:04.907000+00:00",
    "progress": {"done": 0, "total": 0}, "error": None, "report": {"verified": True, "chains": [CHAIN]},
}  # fmt: skip


class ChainEvent(Model):
    """One event, as the chain holds it; patients are keyed pseudonyms."""

    model_config = ConfigDict(json_schema_extra={"example": EVENT})

    seq: int = Field(description="Its row.")
    time: time.datetime
    actor: str
    operation: str
    action: Literal["create", "read", "update", "delete", "execute"]
    outcome: Literal["success", "refused", "failed"]
    zone: str
    purpose: str = Field(description="A code of HL7 v3 PurposeOfUse.")
    subjects: list[str]
    detail: dict[str, Any] = Field(description="Counts, types, reasons and keyed hashes.")
    hash: str


class ChainEvents(Model):
    """A page of events, newest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"items": [EVENT], "next": None}})

    items: list[ChainEvent]
    next: str | None = NEXT


class VerificationAsk(Body):
    """Which chain."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"zone": "identified"}})

    zone: ZoneName | None = Field(None, description="Whose chain; every one without it.")


class CheckedChain(Model):
    """What a check found of one chain."""

    model_config = ConfigDict(json_schema_extra={"example": CHAIN})

    zone: ZoneName
    events: Count
    anchored: Count | None = Field(description="Events that the anchor covers; null where it cannot be read.")
    verified: bool
    detail: str = Field(description="In words; of a chain that is not whole, what is wrong at which row.")


class VerificationReport(Model):
    """What a check found."""

    model_config = ConfigDict(json_schema_extra={"example": VERIFICATION["report"]})

    verified: bool
    chains: list[CheckedChain]


class Verification(Model):
    """A check of chains, as a job."""

    model_config = ConfigDict(json_schema_extra={"example": VERIFICATION})

    id: RunId
    zones: list[ZoneName]
    state: State
    actor: str
    started: time.datetime | None
    ended: time.datetime | None
    progress: Progress
    error: str | None
    report: VerificationReport | None = Field(description="Null until it is done.")


class Checkpoint(Body):
    """The signed root of the Merkle tree over the first rows of a chain (RFC 6962, section 2.1)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": CHECKPOINT})

    zone: ZoneName
    size: Annotated[int, Field(ge=0, le=MOST_ROWS)] = Field(description="How many rows it covers.")
    root: Hex32
    time: Annotated[str, Field(pattern=r"^[0-9T:.+Z-]{20,40}$")]
    signature: Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")] = Field(description="Ed25519, over all of the above.")


class SignedCheckpoint(Model):
    """A new checkpoint, and the key to check it by."""

    model_config = ConfigDict(json_schema_extra={"example": {"checkpoint": CHECKPOINT, "public_key": "3d" * 32}})

    checkpoint: Checkpoint
    public_key: str


class ProofAsk(Body):
    """Of which event, and held to what."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"zone": "identified", "seq": 17, "checkpoint": None}}
    )

    zone: ZoneName
    seq: Annotated[int, Field(ge=1, le=MOST_ROWS)] = Field(description="The row of the event.")
    checkpoint: Checkpoint | None = Field(None, description="One that somebody kept; a new one without it.")


class ProvenRow(Body):
    """A row as it was hashed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": ROW})

    seq: Annotated[int, Field(ge=1, le=MOST_ROWS)]
    time: Annotated[int, Field(ge=-(10**17), le=10**18)] = Field(description="Microseconds since 1970, UTC.")
    body: Annotated[str, Field(max_length=1_000_000)] = Field(description="The event, as canonical JSON.")
    prev: Hex32
    hash: Hex32


class Proof(Body):
    """A row, and the hashes beside its way up to the root of a checkpoint, from below."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": PROOF})

    row: ProvenRow
    path: Annotated[list[Hex32], Field(max_length=64)]
    checkpoint: Checkpoint


class CheckAsk(Body):
    """A checkpoint, or with `row` and `path` a proof."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"checkpoint": CHECKPOINT}})

    checkpoint: Checkpoint
    row: ProvenRow | None = None
    path: Annotated[list[Hex32], Field(max_length=64)] = Field([], description="Of a proof.")


class CheckAnswer(Model):
    """What a checkpoint or a proof says, held against this installation's key and chain."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"zone": "identified", "size": 4711, "time": CHECKPOINT["time"], "kind": "checkpoint",
                        "signed": True, "held": True, "event": None}
        }
    )  # fmt: skip

    zone: ZoneName
    size: Count
    time: str
    kind: Literal["checkpoint", "proof"]
    signed: bool = Field(description="It is as this installation signed it, and a proof's row is covered.")
    held: bool = Field(description="The chain still begins with all that the checkpoint covers.")
    event: dict[str, Any] | None = Field(description="Of a proof that holds, the event.")
