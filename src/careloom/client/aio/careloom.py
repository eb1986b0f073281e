"""The platform from afar: sign in once, then read, search, upload and watch."""

from copy import copy
from pathlib import Path
from types import TracebackType
from urllib.parse import urlencode

import httpx

from careloom.client.address import base_address
from careloom.client.aio.access import Access
from careloom.client.aio.audit import Audit
from careloom.client.aio.cds import Cds
from careloom.client.aio.clients import Clients
from careloom.client.aio.credentials import Tokens
from careloom.client.aio.deidentifications import Deidentifications
from careloom.client.aio.explore import Explore
from careloom.client.aio.exports import Exports
from careloom.client.aio.fhir import FhirZone
from careloom.client.aio.forecasts import Forecasts
from careloom.client.aio.imports import Imports
from careloom.client.aio.ingestions import Ingestions
from careloom.client.aio.jobs import Jobs
from careloom.client.aio.lake import Lake
from careloom.client.aio.linkage import Linkage
from careloom.client.aio.made_reports import MadeReports
from careloom.client.aio.mappings import Mappings
from careloom.client.aio.models import Models
from careloom.client.aio.monitoring import Monitoring
from careloom.client.aio.nlp import Nlp
from careloom.client.aio.normalizations import Normalizations
from careloom.client.aio.quality import Quality
from careloom.client.aio.quarantine import Quarantine
from careloom.client.aio.records import Records
from careloom.client.aio.reidentifications import Reidentifications
from careloom.client.aio.research import Research
from careloom.client.aio.risk import Risk
from careloom.client.aio.scores import Scores
from careloom.client.aio.session import Session
from careloom.client.aio.signing_keys import SigningKeys
from careloom.client.aio.subjects import Subjects
from careloom.client.aio.synthetic import Synthetic
from careloom.client.aio.terminology import Terminology
from careloom.client.aio.transport import AsyncWire
from careloom.client.aio.users import Users
from careloom.client.aio.view_exports import ViewExports
from careloom.client.credentials import Credential, SignedIn, Token
from careloom.client.decoding import decode
from careloom.client.operations_reports import Costs, Deployment, Health, LogPage, Usage
from careloom.client.pace import Pace
from careloom.client.reports import Me, Overview
from careloom.client.transport import Ask
from careloom.errors import InputError


class AsyncCareloom:
    """A Careloom platform over HTTP; may be shared by tasks. It signs in when it is first asked something.

    base_url    the platform's public address; https, unless it is this machine
    credential  a `ClientSecret`, `PrivateKey` or `Bearer`, or None for the person whom ``careloom login`` signed in
    timeout     seconds to wait for a connection, and for each piece of an answer
    transport   any asynchronous transport of httpx in place of the network; it stays open
    ca          PEM file of the authorities to trust in place of the public ones
    pace        how often to ask again and how long to wait between

    ::

        async with AsyncCareloom("https://careloom.example.org", ClientSecret("warehouse", secret)) as api:
            patient = await api.fhir("research").read("Patient", patient_id)

    raises  InputError if the address would send a token in the clear
    """

    def __init__(
        self,
        base_url: str,
        credential: Credential | None = None,
        *,
        timeout: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
        ca: str | Path | None = None,
        pace: Pace | None = None,
    ) -> None:
        base = base_address(base_url, has_own_transport=transport is not None)
        self._wire = AsyncWire(base, transport=transport, timeout=timeout, ca=ca, pace=Pace() if pace is None else pace)
        self._credential = SignedIn() if credential is None else credential
        self._enter(Session(self._wire, Tokens(self._wire, self._credential)))

    def _enter(self, session: Session) -> None:
        self._session = session
        self.access = Access(self._session)
        self.audit = Audit(self._session)
        self.cds = Cds(self._session)
        self.clients = Clients(self._session)
        self.deidentifications = Deidentifications(self._session)
        self.ingestions = Ingestions(self._session)
        self.jobs = Jobs(self._session)
        self.linkage = Linkage(self._session)
        self.mappings = Mappings(self._session)
        self.models = Models(self._session)
        self.monitoring = Monitoring(self._session)
        self.scores = Scores(self._session)
        self.forecasts = Forecasts(self._session)
        self.nlp = Nlp(self._session)
        self.normalizations = Normalizations(self._session)
        self.quarantine = Quarantine(self._session)
        self.records = Records(self._session)
        self.quality = Quality(self._session)
        self.reidentifications = Reidentifications(self._session)
        self.reports = MadeReports(self._session)
        self.research = Research(self._session)
        self.risk = Risk(self._session)
        self.signing_keys = SigningKeys(self._session)
        self.subjects = Subjects(self._session)
        self.synthetic = Synthetic(self._session)
        self.terminology = Terminology(self._session)
        self.users = Users(self._session)

    def __repr__(self) -> str:
        return f"AsyncCareloom({self._wire.base!r}, {self._credential!r})"

    async def __aenter__(self) -> "AsyncCareloom":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections; the token stays good until it ends or `sign_out` is called."""
        await self._wire.close()

    def asking(self, *, purpose: str = "", emergency: str = "") -> "AsyncCareloom":
        """This client, saying with each request what it is for; both share connections and token.

        purpose    a code of HL7 v3 PurposeOfUse, such as ``TREAT``; empty for what the platform takes it for
        emergency  id of the emergency under which it reads: see `careloom.client.access.Access.break_glass`
        raises     InputError for what is no code and no id
        """
        told = {"X-Purpose-Of-Use": purpose, "X-Break-Glass": emergency}
        if not all(text.isascii() and text.isalnum() for text in told.values() if text):
            raise InputError("a purpose of use or an emergency is named wrongly", "Give a code, and the id as it came.")
        other = copy(self)
        headers = {name: text for name, text in told.items() if text}
        other._enter(Session(self._wire, self._session.tokens, headers))
        return other

    async def sign_in(self) -> Token:
        """A token that holds now, for whoever keeps it elsewhere; calls sign in by themselves.

        raises  Unauthenticated if the credential does not hold
        """
        return await self._session.tokens.current()

    async def sign_out(self) -> None:
        """Makes the platform refuse the token from now on, whoever holds it."""
        await self._session.tokens.revoke()

    async def me(self) -> Me:
        """Who the platform takes this client for, and what it may do."""
        return decode(Me, await self._session.document(Ask(method="GET", url=f"{self._wire.base}/api/v1/me")))

    async def overview(self) -> Overview:
        """The platform at a glance: zones, arrivals, refusals, quality, jobs."""
        return decode(
            Overview, await self._session.document(Ask(method="GET", url=f"{self._wire.base}/api/v1/overview"))
        )

    async def health(self) -> Health:
        """How everything is that the platform depends on. raises AccessError"""
        return decode(Health, await self._session.document(Ask(method="GET", url=f"{self._wire.base}/api/v1/health")))

    async def logs(self, *, cursor: str = "", **filters: str) -> LogPage:
        """A page of the platform's log, newest first. raises AccessError; QueryError

        filters  since, until (RFC 3339), level, component, code, request, limit
        """
        asked = urlencode({**filters, **({"cursor": cursor} if cursor else {})})
        return decode(
            LogPage, await self._session.document(Ask(method="GET", url=f"{self._wire.base}/api/v1/logs?{asked}"))
        )

    async def usage(self, *, since: str = "", until: str = "") -> Usage:
        """How the API was used in a time (RFC 3339), the last 24 hours if empty. raises AccessError; QueryError"""
        return decode(Usage, await self._of_time("usage", since, until))

    async def costs(self, *, since: str = "", until: str = "") -> Costs:
        """What jobs took that were queued in a time, as `usage` takes it. raises AccessError; QueryError"""
        return decode(Costs, await self._of_time("costs", since, until))

    async def deployment(self) -> Deployment:
        """What runs there: versions, and fingerprints without a value. raises AccessError"""
        url = f"{self._wire.base}/api/v1/deployment"
        return decode(Deployment, await self._session.document(Ask(method="GET", url=url)))

    async def evidence(self) -> bytes:
        """A zip of evidence of what runs there, with a signed manifest. raises AccessError"""
        url = f"{self._wire.base}/api/v1/deployment/evidence"
        return await self._session.content(Ask(method="GET", url=url, accept="application/zip"))

    async def _of_time(self, name: str, since: str, until: str) -> object:
        asked = urlencode({key: value for key, value in {"since": since, "until": until}.items() if value})
        return await self._session.document(Ask(method="GET", url=f"{self._wire.base}/api/v1/{name}?{asked}"))

    def fhir(self, zone: str) -> FhirZone:
        """The FHIR store of a zone: ``identified``, ``research`` or ``synthetic``. Asks nothing yet."""
        return FhirZone(self._session, zone)

    def exports(self, zone: str) -> Exports:
        """Bulk exports of a zone. Asks nothing yet."""
        return Exports(self._session, zone)

    def view_exports(self, zone: str) -> ViewExports:
        """Exports of views of a zone. Asks nothing yet."""
        return ViewExports(self._session, zone)

    def imports(self, zone: str = "identified") -> Imports:
        """Bulk imports into a zone. Asks nothing yet."""
        return Imports(self._session, zone)

    def explore(self, zone: str = "research") -> Explore:
        """Charts and rows of a zone. Asks nothing yet."""
        return Explore(self._session, zone)

    def lake(self, zone: str = "research") -> Lake:
        """The tables of a zone: ``research`` or ``synthetic``. Asks nothing yet."""
        return Lake(self._session, zone)
