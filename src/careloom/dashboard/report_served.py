"""The address that hands over a page as PDF, made as the person who is signed in."""

import hashlib
from contextlib import suppress
from urllib.parse import urlsplit

from flask import Flask, Response, request

from careloom.client.careloom import Careloom
from careloom.client.reports import ZoneCounts
from careloom.dashboard import session, words
from careloom.dashboard.address import PREFIX, Address, local, read
from careloom.dashboard.calls import ApiOf, signed_in
from careloom.dashboard.gate import problem
from careloom.dashboard.routing import page_at
from careloom.errors import AccessError, CareloomError, InputError, NotFound, StateError

STATUSES = ((NotFound, 404), (InputError, 400), (AccessError, 403), (StateError, 409))
LONGEST = 2000
"""Characters of an address."""


def install(server: Flask, api_of: ApiOf) -> None:
    """Adds the address; the gate has let in whoever asks."""

    @server.get("/report.pdf")
    def report() -> Response:
        try:
            with signed_in(api_of) as api:
                return _answer(api, asked(request.args.get("at", "")))
        except CareloomError as error:
            status = next((status for kind, status in STATUSES if isinstance(error, kind)), 503)
            return problem(status, error.code, error.where, error.remedy)


def asked(at: str) -> Address:
    """The page that a report is asked of: ``/dashboard/quality?zone=research``, or without its first part.

    raises  InputError for what is no page of the dashboard
    """
    target = at if at.startswith("/") else f"{PREFIX}/{at}"
    if len(target) > LONGEST or local(target) != target:
        raise InputError(
            "the address that a report is asked of is no page of this dashboard",
            "Give the path and query of a page as ?at=, URL-encoded, such as at=quality%3Fzone%3Dresearch.",
        )
    url = urlsplit(target)
    return read(url.path, url.query)


def _answer(api: Careloom, address: Address) -> Response:
    from careloom.dashboard import report as writer  # noqa: PLC0415  reportlab takes a third of a second to load

    person, made_at = session.person(), session.now()
    page = page_at(api, person, address)
    made = writer.Made("/".join(address.parts), writer.filters_of(address), versions(api), person.name, made_at)
    written = writer.write(page, made)
    with suppress(AccessError):  # who may watch no zone has no register
        api.reports.register(_safe(address), written.digest, hashlib.sha256(written.pdf).hexdigest())
    named = f"careloom-{_safe(address)}-{made_at:%Y%m%d-%H%M%S}.pdf"
    return Response(
        written.pdf,
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{named}"', "Content-SHA256": written.digest},
    )


def _safe(address: Address) -> str:
    """The kind of a page: the first part of its address, which names nobody."""
    return address.parts[0] if address.parts else "overview"


def _version(zone: ZoneCounts) -> str:
    if zone.changed is None:
        return "empty"
    return f"{zone.changed:%Y-%m-%d %H:%M:%S.%f} UTC ({words.count_of(zone.total, 'resource')})"


def versions(api: Careloom) -> tuple[tuple[str, str], ...]:
    """Last change and size of each zone that this person may watch: what was erased shows in the size alone."""
    try:
        zones = api.overview().zones
    except AccessError:
        return ()
    return tuple((words.ZONES.get(each.zone, each.zone), _version(each)) for each in zones)
