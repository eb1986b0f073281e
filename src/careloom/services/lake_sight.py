"""Which rows of a table of the lake somebody may see now: a table remembers, consents and restrictions change.

A row is left out that is about a patient whose processing is restricted, or of whom consents in force withhold
everything from this principal and purpose. Where they withhold a part, the row's resource is asked, as it is now in the
zone's store; a row that does not name its resource is left out. Of the research zone whoever withholds everything from
research in the identified zone is left out at once, and a part by the next de-identification.
"""

from collections.abc import Callable, Collection, Iterable

import polars as pl

from careloom.errors import StateError
from careloom.services.access import Principal
from careloom.services.platform import Platform
from careloom.services.research_consent import withholding_research
from careloom.services.restrictions import hidden
from careloom.services.sight import Use, View, view_of
from careloom.services.vault_epochs import naming, unretired
from careloom.store.lake import TableState
from careloom.store.zone_store import Zone

RESOURCE = "resource_key"
Narrow = Callable[[pl.DataFrame], pl.DataFrame]


def needed_columns(state: TableState) -> tuple[str, ...]:
    """The columns by which rows are chosen, as far as the table has them."""
    return tuple(name for name in (state.facts.get("subject", ""), RESOURCE) if name in state.phi)


def sees_all(platform: Platform, who: Principal, zone: Zone, use: Use = "access") -> bool:
    """True where nothing of the zone's tables is kept from `who`: nobody is restricted, no consent withholds."""
    return _Rows(platform, who, zone, use).sees_all


def rows_seen(platform: Platform, who: Principal, zone: Zone, state: TableState, use: Use = "access") -> Narrow:
    """What leaves of a frame with the `needed_columns` of the table the rows that `who` may see, in their order.

    use     what is done with them, for consents that tell uses apart
    raises  StateError where somebody is hidden and the table does not say whom its rows are about
    """
    one = _Rows(platform, who, zone, use)
    if one.sees_all:
        return lambda frame: frame
    subject = state.facts.get("subject", "")
    if subject not in state.phi:
        raise StateError(f"table {state.path} does not say whom its rows are about", "Make it again by what makes it.")
    return lambda frame: one.narrowed(frame, subject)


class _Rows:
    def __init__(self, platform: Platform, who: Principal, zone: Zone, use: Use) -> None:
        self._store = platform.store(zone)
        self._view: View = view_of(platform, who, zone, use, "search")
        self._restricted = hidden(platform, who, zone)
        withheld = self._view.withheld
        self._wholly = set(withheld.wholly) if withheld else set()
        self._partly = withheld.in_part if withheld else frozenset()
        if zone == "research":
            self._wholly |= _renamed(platform, withholding_research(platform, who))

    @property
    def sees_all(self) -> bool:
        return not (self._wholly or self._partly or self._restricted.pseudonyms)

    def narrowed(self, frame: pl.DataFrame, subject: str) -> pl.DataFrame:
        told = {text: frozenset(text.split(",")) for text in frame[subject].unique().to_list() if text}
        closed = [text for text, ids in told.items() if self._is_closed(ids)]
        unsure = [text for text, ids in told.items() if not ids.isdisjoint(self._partly)]
        about = pl.col(subject).fill_null("")
        seen = frame.filter(~about.is_in(closed))
        if not unsure:
            return seen
        if RESOURCE not in frame.columns:
            return seen.filter(~about.is_in(unsure))
        asked = seen.filter(about.is_in(unsure))[RESOURCE].unique().to_list()
        return seen.filter(~about.is_in(unsure) | pl.col(RESOURCE).is_in(self._shown(asked)))

    def _is_closed(self, ids: Collection[str]) -> bool:
        return not self._wholly.isdisjoint(ids) or self._restricted.covers(map(self._store.pseudonym, ids))

    def _shown(self, keys: Iterable[str]) -> list[str]:
        """Those of the resources that are there now and may be seen."""
        names: dict[str, list[str]] = {}
        for key in keys:
            kind, _, name = key.partition("/")
            names.setdefault(kind, []).append(name)
        return [
            f"{kind}/{name}"
            for kind, some in names.items()
            for name, stored in self._store.read_named(kind, some).items()
            if not stored.deleted and self._view.shows(stored.resource())
        ]


def _renamed(platform: Platform, ids: Collection[str]) -> set[str]:
    """The names of these patients in the research zone, of every epoch that is not retired."""
    return (
        {naming(platform, epoch).rename("Patient", one) for epoch in unretired(platform) for one in ids}
        if ids
        else set()
    )
