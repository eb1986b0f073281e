"""What goes out beside the matches of a search: resources that they point to, or that point to them.

A type that the principal may not search is never included: where the search names it, it is refused; where it names
none, it is left out, which tells no more than the reference that the match shows anyway.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import orjson

from careloom.errors import NotFound, QueryError
from careloom.fhir.search_check import references
from careloom.fhir.search_query import Include, Query
from careloom.services.access import Principal
from careloom.services.admission import admit
from careloom.services.platform import Platform
from careloom.services.records import Disclosed, may_show, outgoing, outgoing_provenance
from careloom.services.sight import View
from careloom.store.rows import Stored
from careloom.store.search_links import Index, pointing
from careloom.store.zone_store import Zone, ZoneStore

MOST_INCLUDED = 5_000
"""Resources included on one page."""


def admit_included(platform: Platform, who: Principal, zone: Zone, query: Query) -> None:
    """Returns when the principal may search something of what each inclusion names. raises AccessError, audited."""
    for include in query.includes:
        if include.is_reverse or include.target:
            admit(platform, who, "search", zone, include.source if include.is_reverse else include.target)
            continue
        targets = [target for parameter in include.parameters for target in parameter.targets]
        is_open = any(not parameter.targets for parameter in include.parameters)
        if targets and not is_open and not any(who.may("search", zone, target) for target in targets):
            admit(platform, who, "search", zone, targets[0])


@dataclass(slots=True)
class Inclusions:
    """Gathers what one page includes, each resource once and none that matches.

    index  over an open connection
    view   what may be known of
    """

    who: Principal
    zone: Zone
    store: ZoneStore
    index: Index
    view: View
    seen: set[tuple[str, str]] = field(default_factory=set)

    def of(self, query: Query, matches: Sequence[Stored]) -> list[Disclosed]:
        """What goes out beside the matches, in rounds: what they include, then what that includes if it is iterated.

        raises  QueryError if it is too much
        """
        self.seen = {(one.type, one.id) for one in matches}
        found: list[Disclosed] = []
        includes, around = query.includes, list(matches)
        while around and includes:
            new = [one for include in includes for one in self._new(self._followed(include, around))]
            found += [outgoing(self.store, one) for one in new]
            found += [one for include in includes for one in self._provenances(include, around)]
            if len(found) > MOST_INCLUDED:
                raise _too_many()
            includes, around = tuple(one for one in query.includes if one.is_iterated), new
        return found

    def _followed(self, include: Include, around: Iterable[Stored]) -> Iterator[Stored]:
        if include.is_reverse:
            yield from self._backward(include, around)
        else:
            yield from self._forward(include, around)

    def _forward(self, include: Include, around: Iterable[Stored]) -> Iterator[Stored]:
        wanted: dict[str, dict[str, None]] = {}
        for one in around:
            if one.type == include.source:
                content = one.resource()
                for parameter in include.parameters:
                    for kind, name in references(content, parameter):
                        if include.target in ("", kind):
                            wanted.setdefault(kind, {})[name] = None
        for kind, names in wanted.items():
            if self.who.may("search", self.zone, kind):
                named = self.store.read_named(kind, names)
                yield from (named[name] for name in names if name in named and not named[name].deleted)

    def _backward(self, include: Include, around: Iterable[Stored]) -> Iterator[Stored]:
        targets = [(one.type, one.id) for one in around if include.target in ("", one.type)]
        for parameter in include.parameters:
            rids = pointing(self.index, parameter, targets, MOST_INCLUDED)
            if len(rids) > MOST_INCLUDED:
                raise _too_many()
            yield from self.store.read_many(rids)

    def _provenances(self, include: Include, around: Iterable[Stored]) -> Iterator[Disclosed]:
        """Provenances of source records, which are made when asked for: see `careloom.services.provenance`."""
        codes = [parameter.code for parameter in include.parameters]
        if not (include.is_reverse and include.source == "Provenance" and "target" in codes):
            return
        for one in around:
            if include.target not in ("", one.type):
                continue
            for record_id in self.store.records_of(one.type, one.id):
                if ("Provenance", record_id) not in self.seen:
                    self.seen.add(("Provenance", record_id))
                    with suppress(NotFound, ValueError):
                        made = outgoing_provenance(self.store, self.store.provenance(record_id))
                        if may_show(self.view, made.subjects):
                            yield made

    def _new(self, candidates: Iterable[Stored]) -> Iterator[Stored]:
        for one in candidates:
            if (one.type, one.id) not in self.seen:
                self.seen.add((one.type, one.id))
                if self.view.sight.is_whole or self.view.shows(orjson.loads(one.content)):
                    yield one


def _too_many() -> QueryError:
    return QueryError(f"a page of the search includes more than {MOST_INCLUDED} resources", "ask for a smaller _count")
