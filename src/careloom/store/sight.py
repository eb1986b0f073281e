"""What of a zone a search, a read or a history may know of: conditions in SQL, and a look at content where they end.

A row's ``subject`` is the number of the key that seals it, and that is the number of the one patient in whose
compartment the resource is, of all patients who share it, or of nobody. So a compartment, and patients who withhold
everything, are conditions on that one column; only what a patient withholds in part has to be looked at.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from careloom.fhir.drafts import Resource
from careloom.store import bulk
from careloom.store.search_plan import Term, any_of, joined, one_of, within
from careloom.store.search_rows import fetch
from careloom.store.subjects import SHARED


def _every(_: Resource) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Sight:
    """What may be known of.

    only    number of the one patient's key: nothing else shows, but for `common`; None for everybody's
    common  types that show, too, where they are about nobody
    hidden  numbers of keys of which nothing shows
    partly  numbers of keys of which some shows, as `shows` says
    shows   whether a resource shows, by its content; asked of everything that SQL lets through where some is unsure
    """

    only: int | None = None
    common: frozenset[str] = frozenset()
    hidden: tuple[int, ...] = ()
    partly: tuple[int, ...] = ()
    shows: Callable[[Resource], bool] = _every

    @property
    def is_whole(self) -> bool:
        """True when everything shows."""
        return self.only is None and not self.hidden and not self.partly

    @property
    def is_unsure(self) -> bool:
        """True when the content of some rows has to be looked at."""
        return bool(self.partly)

    def limits(self) -> list[Term]:
        """What a row ``r`` must meet to show, or to be looked at."""
        found = []
        if self.only is not None:
            own = [Term("r.subject = ?", (self.only,))]
            if self.common:
                own.append(within(f"r.subject = {SHARED} AND ", one_of("r.type", sorted(self.common))))
            found.append(any_of(own))
        if self.hidden:
            found.append(_apart(self.hidden))
        return found

    def sure(self) -> list[Term]:
        """What a row must meet to show without a look at its content."""
        return [*self.limits(), *([_apart(self.partly)] if self.partly else ())]

    def unsure(self) -> list[Term]:
        """What a row must meet to be looked at."""
        return [*self.limits(), one_of("r.subject", self.partly)]

    def withheld(self) -> list[Term]:
        """What a row meets that is left out because a patient withholds everything."""
        return [one_of("r.subject", self.hidden)]


EVERYTHING = Sight()


def _apart(numbers: Sequence[int]) -> Term:
    return within("NOT (", one_of("r.subject", numbers), ")")


def select_rows(connection: Connection, limits: Sequence[Term]) -> Sequence[tuple[int, int]]:
    """(row number, number of the key) of current resources that meet the conditions, by row number."""
    where = joined("AND", [Term("NOT r.deleted"), *limits])
    return fetch(connection, within("SELECT r.rid, r.subject FROM resource r WHERE ", where, " ORDER BY r.rid"))


def number_of(connection: Connection, pseudonym: str) -> int:
    """The number of a patient's own key; 0, which no row has, where there is none."""
    rows = bulk.fetch(connection, "SELECT subject FROM subject_key WHERE pseudonym = ?", (pseudonym,))
    return int(rows[0][0]) if rows else 0
