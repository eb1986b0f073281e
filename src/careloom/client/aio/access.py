"""Emergencies in which the glass was broken, who saw a patient, and the accounting of disclosures."""

from urllib.parse import urlencode

from careloom.client.access import Disclosures, Emergency, PatientViews, _Emergencies
from careloom.client.address import segment
from careloom.client.aio.session import Session
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.transport import Ask


class Access:
    """The platform's break-glass and its record of access."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Access({self._session.base})"

    async def break_glass(self, patient: str, reason: str, *, minutes: int = 0) -> Emergency:
        """Opens one patient's record (``Patient/<id>``) for a while; 0 minutes: as long as the platform allows.

        raises  InputError; NotFound; AccessError
        """
        body = {"patient": patient, "reason": reason, "minutes": minutes}
        ask = Ask(method="POST", url=self._url("emergencies"), body=JsonBody(body), is_repeatable=False)
        return decode(Emergency, await self._session.document(ask))

    async def emergencies(self, *, waiting: bool = False) -> tuple[Emergency, ...]:
        """The newest hundred, or only those that nobody has acknowledged. raises AccessError."""
        asked = f"?{urlencode({'waiting': 'true'})}" if waiting else ""
        ask = Ask(method="GET", url=self._url(f"emergencies{asked}"))
        return decode(_Emergencies, await self._session.document(ask)).emergencies

    async def acknowledge(self, emergency: str) -> Emergency:
        """Says that a privacy officer has looked at it. raises NotFound; AccessError."""
        ask = Ask(
            method="POST",
            url=self._url(f"emergencies/{segment(emergency, 'id of an emergency')}/acknowledge"),
            body=JsonBody({}),
        )
        return decode(Emergency, await self._session.document(ask))

    async def patient_views(self, patient_id: str) -> PatientViews:
        """Who saw the patient in the last six years. raises InputError; AccessError."""
        ask = Ask(method="GET", url=self._url(f"audit/patients/{segment(patient_id, 'id of a patient')}/views"))
        return decode(PatientViews, await self._session.document(ask))

    async def disclosures(self, patient_id: str) -> Disclosures:
        """The accounting of disclosures of the last six years. raises InputError; AccessError."""
        ask = Ask(method="GET", url=self._url(f"audit/patients/{segment(patient_id, 'id of a patient')}/disclosures"))
        return decode(Disclosures, await self._session.document(ask))

    def _url(self, path: str) -> str:
        return f"{self._session.base}/api/v1/{path}"
