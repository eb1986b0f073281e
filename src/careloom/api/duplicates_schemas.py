"""What the routes of duplicates take and give, as the OpenAPI document shows it, with an example of each."""

import datetime as time
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from careloom.api.linkage_schemas import ONE_ID, OTHER_ID
from careloom.api.schemas import RUN_ID, RUN_PATTERN, Count, Model, Progress, RunId, State

GROUPS_CURSOR = rf"^({RUN_PATTERN[1:-1]}:[0-9]{{1,9}})?$"
Kind = Annotated[
    Literal["content", "event"],
    Field(description="content: nothing differs but ids and where it came from; event: the same event in other words."),
]
TypeName = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]{1,63}$")]

LOOK: dict[str, Any] = {
    "id": RUN_ID, "state": "waiting", "actor": "sam.steward", "started": None, "ended": None,
    "progress": {"done": 0, "total": 0}, "error": None,
}  # fmt: skip
LOOKED: dict[str, Any] = {
    "id": RUN_ID, "actor": "sam.steward", "started": "2026-11-22T01:02:03.412000+00:00",
    "ended": "2026-11-22T01:02:09.907000+00:00", "resources": 13740, "group_count": 1, "is_whole": True,
}  # fmt: skip
MEMBERS: Any = [
    {"resource": f"Immunization/{one}", "patient": f"Patient/{ONE_ID}", "record": "7x4o2q5w3m6n7b5v4c3z2l6k5j"}
    for one in (OTHER_ID, ONE_ID)
]


class DuplicatesLook(Model):
    """A look for duplicates as it stands."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": LOOK})

    id: RunId
    state: State
    actor: str
    started: time.datetime | None = Field(description="Null while it waits.")
    ended: time.datetime | None
    progress: Progress = Field(description="In resources.")
    error: str | None = Field(description="The code of the error that ended it.")


class FinishedLook(Model):
    """A finished look."""

    id: RunId
    actor: str
    started: time.datetime
    ended: time.datetime
    resources: Count = Field(description="How many were looked at: those of the types that have a key.")
    group_count: Count
    is_whole: bool = Field(description="False where there are more groups than are kept: the rest are counted only.")


class DuplicateCount(Model):
    """How much of one type is there more than once."""

    type: TypeName
    kind: Kind
    groups: Count
    surplus: Count = Field(description="Resources that are more than one of each group.")


class DuplicateMember(Model):
    """One resource of a group."""

    resource: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64}$")]
    patient: Annotated[str, Field(pattern=r"^(Patient/[A-Za-z0-9.-]{1,64})?$")] = Field(
        description="Whom it is about; those of one group may be several records of one person. Empty for nobody."
    )
    record: str = Field(description="The keyed id of its source record; empty if it came from none.")


class DuplicateGroup(Model):
    """Resources that are the same."""

    kind: Kind
    type: TypeName
    size: Annotated[int, Field(ge=2)] = Field(description="How many there are now.")
    members: list[DuplicateMember] = Field(description="At most 50 of them; an export has all.")


class DuplicatePage(Model):
    """Groups of the newest look, by type."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "look": LOOKED,
                "counts": [{"type": "Immunization", "kind": "content", "groups": 1, "surplus": 1}],
                "items": [{"kind": "content", "type": "Immunization", "size": 2, "members": MEMBERS}],
                "next": None,
            }
        },
    )

    look: FinishedLook | None = Field(description="Null before the first.")
    counts: list[DuplicateCount] = Field(description="Of all groups that the look found, whatever the page is of.")
    items: list[DuplicateGroup] = Field(description="Without what was deleted or erased since.")
    next: str | None = Field(description="The cursor of the next page, null on the last one.")
