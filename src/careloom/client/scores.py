"""Risks by registered models: one patient, or everybody with whom to call first."""

from typing import Any
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.scores_reports import CohortScore, Score, ScoreRun, ScoreRunBrief, ScoreRunList
from careloom.client.session import Session
from careloom.client.transport import Ask
from careloom.client.waiting import until_ended

_BELOW = "/api/v1/scores/"
_RUNS = "/api/v1/score-runs"


class Scores:
    """Scores, as the client's token allows."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Scores({self._session.base}{_BELOW})"

    def patient(self, patient: str, model: str, **more: Any) -> Score:
        """The risk of a patient by ``NAME@ALIAS``.

        more    zone, as_of (ISO 8601 with a zone), now, encounter, gaps, write, trial
        raises  AccessError, NotFound, QueryError
        """
        return decode(Score, self._post("patient", {"patient": patient, "model": model, **more}))

    def cohort(self, model: str, capacity: int | None = None, **more: Any) -> CohortScore:
        """Everybody whom a model predicts for, and whom to call first under a capacity.

        more    zone, cohort, facts, as_of, costs (event, call, prevented), write, trial
        raises  AccessError, NotFound, QueryError
        """
        return decode(CohortScore, self._post("cohort", {"model": model, "capacity": capacity, **more}))

    def queue(self, model: str, capacity: int | None = None, **more: Any) -> ScoreRun:
        """The same by the platform's worker; see `wait`.

        more    zone, cohort, facts, as_of, costs, write
        raises  AccessError, NotFound
        """
        return decode(ScoreRun, self._send(_RUNS, {"model": model, "capacity": capacity, **more}))

    def runs(self, state: str = "") -> tuple[ScoreRunBrief, ...]:
        """The scorings that you queued, newest first; of one state where it is named. raises AccessError"""
        query = f"?{urlencode({'state': state})}" if state else ""
        return decode(ScoreRunList, self._session.whole(f"{self._session.base}{_RUNS}{query}")).items

    def run(self, run_id: str) -> ScoreRun:
        """One that you queued, with its report once it is done. raises NotFound; AccessError"""
        return decode(ScoreRun, self._session.document(Ask(method="GET", url=self._run(run_id))))

    def cancel(self, run_id: str) -> ScoreRun:
        """Stops one that waits or runs; what it has logged stays. raises NotFound; Conflict if it has ended"""
        return decode(ScoreRun, self._send(f"{_RUNS}/{segment(run_id, 'id of a run')}/cancel", {}))

    def wait(self, run: ScoreRun | str, *, timeout: float = 3600.0, poll: float = 2.0) -> ScoreRun:
        """The run when it is done. raises StateError if it failed or takes longer"""
        run_id = run if isinstance(run, str) else run.id
        return until_ended(self._session.wire.pace, lambda: self.run(run_id), timeout=timeout, poll=poll)

    def _run(self, run_id: str) -> str:
        return f"{self._session.base}{_RUNS}/{segment(run_id, 'id of a run')}"

    def _post(self, where: str, body: dict[str, Any]) -> Any:
        return self._send(f"{_BELOW}{where}", body)

    def _send(self, path: str, body: dict[str, Any]) -> Any:
        url = f"{self._session.base}{path}"
        return self._session.document(Ask(method="POST", url=url, body=JsonBody(body), is_repeatable=False))
