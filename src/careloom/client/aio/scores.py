"""Risks by registered models: one patient, or everybody with whom to call first."""

from typing import Any

from careloom.client.aio.session import Session
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.scores import _BELOW
from careloom.client.scores_reports import CohortScore, Score
from careloom.client.transport import Ask


class Scores:
    """Scores, as the client's token allows."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Scores({self._session.base}{_BELOW})"

    async def patient(self, patient: str, model: str, **more: Any) -> Score:
        """The risk of a patient by ``NAME@ALIAS``.

        more    zone, as_of (ISO 8601 with a zone), now, encounter, gaps, write, trial
        raises  AccessError, NotFound, QueryError
        """
        return decode(Score, await self._post("patient", {"patient": patient, "model": model, **more}))

    async def cohort(self, model: str, capacity: int | None = None, **more: Any) -> CohortScore:
        """Everybody whom a model predicts for, and whom to call first under a capacity.

        more    zone, cohort, facts, as_of, costs (event, call, prevented), write, trial
        raises  AccessError, NotFound, QueryError
        """
        return decode(CohortScore, await self._post("cohort", {"model": model, "capacity": capacity, **more}))

    async def _post(self, where: str, body: dict[str, Any]) -> Any:
        url = f"{self._session.base}{_BELOW}{where}"
        return await self._session.document(Ask(method="POST", url=url, body=JsonBody(body), is_repeatable=False))
