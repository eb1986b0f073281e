"""Emergencies in which the glass was broken, who saw a patient, and the accounting of disclosures."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.session import Session
from careloom.client.transport import Ask


@dataclass(frozen=True, slots=True)
class Emergency:
    """One emergency: who opened whose record, why and until when; `acknowledged` is None until somebody looked."""

    id: str
    actor: str
    patient: str | None
    reason: str
    opened: datetime
    until: datetime
    acknowledged: datetime | None
    acknowledged_by: str | None


@dataclass(frozen=True, slots=True)
class PatientView:
    """One event about a patient; `emergency` is the one under which something withheld was shown."""

    time: datetime
    actor: str
    operation: str
    purpose: str
    outcome: str
    action: str
    type: str | None
    emergency: str | None
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class PatientViews:
    """Who saw a patient, newest first; `total` counted them when the first page was asked for.

    next  the cursor of the page after these, None on the last one
    """

    patient: str
    since: datetime
    until: datetime
    views: tuple[PatientView, ...]
    total: int
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What was disclosed to whom on a day, and what for; `seq` are the rows of the audit chain that prove it."""

    date: date
    recipient: str
    description: str
    purpose: str
    purpose_text: str
    count: int
    seq: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Disclosures:
    """The accounting of disclosures of one patient, by 45 CFR 164.528, oldest first.

    next  the cursor of the page after these, None on the last one
    """

    patient: str
    since: datetime
    until: datetime
    rule: str
    disclosures: tuple[Disclosure, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class EmergencyPage:
    """Some emergencies, newest first; `next` is the cursor of the page after them, None on the last one."""

    emergencies: tuple[Emergency, ...]
    next: str | None = None


class Access:
    """The platform's break-glass and its record of access."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Access({self._session.base})"

    def break_glass(self, patient: str, reason: str, *, minutes: int = 0) -> Emergency:
        """Opens one patient's record (``Patient/<id>``) for a while; 0 minutes: as long as the platform allows.

        raises  InputError; NotFound; AccessError
        """
        body = {"patient": patient, "reason": reason, "minutes": minutes}
        ask = Ask(method="POST", url=self._url("emergencies"), body=JsonBody(body), is_repeatable=False)
        return decode(Emergency, self._session.document(ask))

    def emergencies_page(self, *, waiting: bool = False, limit: int = 100, cursor: str = "") -> EmergencyPage:
        """Some emergencies; `cursor` is the `next` of the page before. raises QueryError; AccessError."""
        asked = {"limit": str(limit)} | ({"waiting": "true"} if waiting else {}) | _from(cursor)
        ask = Ask(method="GET", url=self._url(f"emergencies?{urlencode(asked)}"))
        return decode(EmergencyPage, self._session.document(ask))

    def emergencies(self, *, waiting: bool = False) -> tuple[Emergency, ...]:
        """All, newest first, or only those that nobody has acknowledged. raises AccessError."""
        page = self.emergencies_page(waiting=waiting, limit=1000)
        found = page.emergencies
        while page.next:
            page = self.emergencies_page(waiting=waiting, limit=1000, cursor=page.next)
            found += page.emergencies
        return found

    def acknowledge(self, emergency: str) -> Emergency:
        """Says that a privacy officer has looked at it. raises NotFound; AccessError."""
        ask = Ask(
            method="POST",
            url=self._url(f"emergencies/{segment(emergency, 'id of an emergency')}/acknowledge"),
            body=JsonBody({}),
        )
        return decode(Emergency, self._session.document(ask))

    def views_page(self, patient_id: str, *, limit: int = 1000, cursor: str = "") -> PatientViews:
        """Some of those who saw the patient; `cursor` is the `next` of the page before.

        raises  InputError; AccessError
        """
        ask = Ask(method="GET", url=self._about(patient_id, "views", limit, cursor))
        return decode(PatientViews, self._session.document(ask))

    def patient_views(self, patient_id: str) -> PatientViews:
        """All who saw the patient in the last six years. raises InputError; AccessError."""
        page = first = self.views_page(patient_id)
        found = first.views
        while page.next:
            page = self.views_page(patient_id, cursor=page.next)
            found += page.views
        return replace(first, views=found, next=None)

    def disclosures_page(self, patient_id: str, *, limit: int = 1000, cursor: str = "") -> Disclosures:
        """Some of the accounting of disclosures; `cursor` is the `next` of the page before.

        raises  InputError; AccessError
        """
        ask = Ask(method="GET", url=self._about(patient_id, "disclosures", limit, cursor))
        return decode(Disclosures, self._session.document(ask))

    def disclosures(self, patient_id: str) -> Disclosures:
        """The accounting of all disclosures of the last six years. raises InputError; AccessError."""
        page = first = self.disclosures_page(patient_id)
        found = first.disclosures
        while page.next:
            page = self.disclosures_page(patient_id, cursor=page.next)
            found += page.disclosures
        return replace(first, disclosures=found, next=None)

    def disclosures_file(self, patient_id: str, form: str = "html") -> bytes:
        """The accounting of all disclosures as a file: html, csv or json. raises InputError; AccessError."""
        asked = urlencode({"format": form})
        where = self._url(f"audit/patients/{segment(patient_id, 'id of a patient')}/disclosures?{asked}")
        return self._session.content(Ask(method="GET", url=where, accept="*/*"))

    def _about(self, patient_id: str, what: str, limit: int, cursor: str) -> str:
        asked = urlencode({"limit": str(limit)} | _from(cursor))
        return self._url(f"audit/patients/{segment(patient_id, 'id of a patient')}/{what}?{asked}")

    def _url(self, path: str) -> str:
        return f"{self._session.base}/api/v1/{path}"


def _from(cursor: str) -> dict[str, str]:
    return {"cursor": cursor} if cursor else {}
