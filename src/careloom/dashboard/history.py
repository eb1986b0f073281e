"""A patient's history through FHIR search, a bounded piece at a time."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from careloom.client.careloom import Careloom
from careloom.client.reports import Page
from careloom.dashboard.events import LANE_OF, Event, events_of
from careloom.dashboard.trends import Point, points_of
from careloom.errors import AccessError, Unauthenticated

AT_ONCE = 4
PAGE_RESOURCES = 500
EVENTS_AT_ONCE = 2000
"""One piece holds about this many events: as many as a browser draws without a pause."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some events of a patient.

    points     what was measured, as numbers
    following  resource type -> address of the page that comes next, for types that have one
    total      how many events there are in all, of the types asked for now
    refused    resource types that this person may not search
    """

    events: list[Event]
    points: list[Point]
    following: dict[str, str]
    total: int
    refused: list[str]


def begin(api: Careloom, zone: str, patient_id: str) -> Piece:
    """The first piece: the first page of every type, then whole types until the piece is full."""
    store = api.fhir(zone)
    query = {"patient": f"Patient/{patient_id}", "_total": "accurate"}

    def first_page(kind: str) -> Page | None:
        try:
            return store.search(kind, query, count=PAGE_RESOURCES)
        except Unauthenticated:
            raise
        except AccessError:
            return None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(zip(LANE_OF, pool.map(first_page, LANE_OF), strict=True))
    pages = {kind: page for kind, page in found.items() if page is not None}
    refused = [kind for kind, page in found.items() if page is None]
    events = [event for page in pages.values() for event in events_of(page.resources)]
    points = [point for page in pages.values() for point in points_of(page.resources)]
    following = {kind: page.next for kind, page in pages.items() if page.next}
    total = sum(page.total if page.total is not None else len(page.resources) for page in pages.values())
    rest = go_on(api, zone, following, room=EVENTS_AT_ONCE - len(events))
    return Piece(events + rest.events, points + rest.points, rest.following, total, refused)


def go_on(api: Careloom, zone: str, following: Mapping[str, str], *, room: int = EVENTS_AT_ONCE) -> Piece:
    """The next piece: pages of each type in turn while there is room."""
    store, left = api.fhir(zone), dict(following)
    events: list[Event] = []
    points: list[Point] = []
    while left and room > 0:
        for kind in list(left):
            page = store.follow(left[kind])
            events += events_of(page.resources)
            points += points_of(page.resources)
            room -= len(page.resources)
            if page.next:
                left[kind] = page.next
            else:
                del left[kind]
            if room <= 0:
                break
    return Piece(events, points, left, 0, [])
