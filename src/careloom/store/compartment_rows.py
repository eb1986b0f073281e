"""Rows of a patient's compartment, or of everybody's, in the order in which their resources first came."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from careloom.store.search_plan import Term, joined, one_of, within
from careloom.store.search_rows import fetch
from careloom.store.sight import Sight
from careloom.store.subjects import SHARED


def rows_after(
    connection: Connection,
    sight: Sight,
    types: Collection[str],
    *,
    subjects: Sequence[int] | None = None,
    since: int = -1,
    between: tuple[int, int],
) -> list[int]:
    """Numbers of current rows, as far as SQL can tell what shows.

    types     names of resource types
    subjects  numbers of the data keys of one patient; None for everybody's, without what is about nobody
    since     microseconds since 1970: only what was updated later; -1 for everything
    between   the number of the row that they follow, and how many there are at most
    """
    if not types or (subjects is not None and not subjects):
        return []
    after, most = between
    about = Term(f"r.subject <> {SHARED}") if subjects is None else one_of("r.subject", subjects)
    terms = [
        Term("NOT r.deleted"), Term("r.rid > ?", (after,)), Term("r.last_updated > ?", (since,)), about,
        one_of("r.type", sorted(types)), *sight.limits(),
    ]  # fmt: skip
    sql = within("SELECT r.rid FROM resource r WHERE ", joined("AND", terms), " ORDER BY r.rid LIMIT ?")
    return [row[0] for row in fetch(connection, Term(sql.sql, (*sql.values, most)))]
