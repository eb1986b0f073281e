"""What notes say against the record, as it is kept beside the report of a run: by row numbers, named when it is shown.

No reference of a patient's resource lies in plain text outside of the store; the rows of whoever is erased lead
nowhere.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from careloom.fhir.references import parse_reference
from careloom.store.rows import Stored
from careloom.store.zone_store import ZoneStore

Row = tuple[str, str, int, int]
"""Type of the fact, why it is a conflict, row numbers of what it is against and of the note."""


def rows_of(store: ZoneStore, conflicts: Sequence[dict[str, str]]) -> list[Row]:
    """The conflicts of a report by row number; what is gone already is left out."""
    wanted: dict[str, set[str]] = {}
    for reference in (one[name] for one in conflicts for name in ("against", "note")):
        told = parse_reference(reference)
        wanted.setdefault(told.type, set()).add(told.id)
    rows = {
        f"{kind}/{name}": one.rid for kind, ids in wanted.items() for name, one in store.read_named(kind, ids).items()
    }
    return [
        (one["type"], one["reason"], rows[one["against"]], rows[one["note"]])
        for one in conflicts
        if one["against"] in rows and one["note"] in rows
    ]


def named(store: ZoneStore, rows: Iterable[Sequence[Any]]) -> tuple[list[dict[str, str]], list[Stored]]:
    """The conflicts as a report names them, ``type``, ``reason``, ``against`` and ``note``, and the notes.

    What has been deleted or erased since is left out.
    """
    kept = [(str(kind), str(reason), int(against), int(note)) for kind, reason, against, note in rows]
    found = {one.rid: one for one in store.read_many(sorted({rid for one in kept for rid in one[2:]}))}
    told = [
        {
            "type": kind, "reason": reason, "against": f"{found[against].type}/{found[against].id}",
            "note": f"{found[note].type}/{found[note].id}",
        }
        for kind, reason, against, note in kept
        if against in found and note in found
    ]  # fmt: skip
    return told, [found[note] for *_, note in kept if note in found]
