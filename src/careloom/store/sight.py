"""What of a zone a search, a read or a history may know of: conditions in SQL, and a look at content where they end.

A row's ``subject`` is the number of the key that seals it, and that is the number of the one patient in whose
compartment the resource is, of all patients who share it, or of nobody. So a compartment, and patients who withhold
everything, are conditions on that one column; only what a patient withholds in part has to be looked at.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from careloom.fhir.drafts import Resource
from careloom.store import bulk
from careloom.store.search_plan import Term, any_of, joined, one_of, within
from careloom.store.search_rows import fetch
from careloom.store.subjects import SHARED

_KEYS = (
    "SELECT s.subject FROM subject_key s WHERE ",
    "SELECT s.subject FROM subject_link s WHERE ",
)
"""A patient's own key, and those that the patient shares with others."""


def _every(_: Resource) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Sight:
    """What may be known of.

    only    number of the one patient's key: nothing else shows, but for `common`; None for everybody's
    common  types that show, too, where they are about nobody
    hidden  keyed pseudonyms of patients of whom nothing shows
    partly  keyed pseudonyms of patients of whom some shows, as `shows` says
    shows   whether a resource shows, by its content; asked of everything that SQL lets through where some is unsure
    """

    only: int | None = None
    common: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    partly: frozenset[str] = frozenset()
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
            found += _apart(self.hidden)
        return found

    def sure(self) -> list[Term]:
        """What a row must meet to show without a look at its content."""
        return [*self.limits(), *(_apart(self.partly) if self.partly else ())]

    def unsure(self) -> list[Term]:
        """What a row must meet to be looked at."""
        return [*self.limits(), _about(self.partly)]

    def withheld(self) -> list[Term]:
        """What a row meets that is left out because a patient withholds everything."""
        return [_about(self.hidden)]


EVERYTHING = Sight()


def _apart(pseudonyms: Collection[str]) -> list[Term]:
    """Rows about none of these patients, alone or with others."""
    return [within(f"r.subject NOT IN ({start}", one_of("s.pseudonym", sorted(pseudonyms)), ")") for start in _KEYS]


def _about(pseudonyms: Collection[str]) -> Term:
    """Rows about at least one of these patients."""
    terms = [within(f"r.subject IN ({start}", one_of("s.pseudonym", sorted(pseudonyms)), ")") for start in _KEYS]
    return any_of(terms)


def select_rows(connection: Connection, limits: Sequence[Term]) -> Sequence[tuple[int, int]]:
    """(row number, number of the key) of current resources that meet the conditions, by row number."""
    where = joined("AND", [Term("NOT r.deleted"), *limits])
    return fetch(connection, within("SELECT r.rid, r.subject FROM resource r WHERE ", where, " ORDER BY r.rid"))


def number_of(connection: Connection, pseudonym: str) -> int:
    """The number of a patient's own key; 0, which no row has, where there is none."""
    rows = bulk.fetch(connection, "SELECT subject FROM subject_key WHERE pseudonym = ?", (pseudonym,))
    return int(rows[0][0]) if rows else 0
