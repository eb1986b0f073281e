"""A report without a browser: a page as whoever holds a token sees it, as PDF."""

from datetime import datetime

from flask import Flask

from careloom.client.careloom import Careloom
from careloom.dashboard import report, session
from careloom.dashboard.report_served import asked, versions
from careloom.dashboard.routing import page_at
from careloom.runtime import Runtime


def made_of(api: Careloom, token: str, page: str, when: datetime) -> tuple[bytes, str]:
    """The PDF of a page and the hash of its content.

    page    the address below the dashboard's, with its query
    raises  what the API refuses; NotFound
    """
    address, me = asked(page), api.me()
    person = session.Person(me.name, me.zones, frozenset(me.scopes), me.expires, token)
    server = Flask("careloom.reports")
    session.install(server, b"no cookie is made", seconds=60, is_secure=True, runtime=Runtime(clock=lambda: when))
    with server.app_context():
        drawn = page_at(api, person, address)
    told = report.Made("/".join(address.parts), report.filters_of(address), versions(api), person.name, when)
    made = report.write(drawn, told)
    return made.pdf, made.digest
