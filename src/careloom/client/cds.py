"""CDS Hooks: which services there are, what they say of a patient, and what became of their cards.

source  CDS Hooks 2.0 (https://cds-hooks.hl7.org)
"""

from collections.abc import Iterable, Mapping
from typing import Any

from careloom.client.address import segment
from careloom.client.payload import JsonBody
from careloom.client.session import Session
from careloom.client.transport import Ask

Json = dict[str, Any]


class Cds:
    """The CDS services of this platform; cards and services are JSON as CDS Hooks has it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/cds-services"

    def __repr__(self) -> str:
        return f"Cds({self._session.base})"

    def services(self) -> list[Json]:
        """What is there: ``id``, ``hook``, ``title``, ``description``, ``prefetch``. Scope: ``careloom/monitor``."""
        found: list[Json] = self._session.document(Ask(method="GET", url=self._base))["services"]
        return found

    def call(self, service_id: str, body: Mapping[str, Any]) -> list[Json]:
        """The cards of a service about a patient, none where it has nothing to say. Needs ``system/*.r``.

        body    ``hook``, ``hookInstance`` and ``context``; ``prefetch`` or ``fhirServer`` for who is not here
        raises  NotFound for the service; InputError for a body that is none; Precondition for a patient of whom nothing
                is known here, nor sent along; AccessError
        """
        found: list[Json] = self._session.document(self._ask(service_id, "", body))["cards"]
        return found

    def feedback(self, service_id: str, told: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
        """(answers that were kept, those about no card of here). Needs ``careloom/correct``.

        told    each with ``card``, ``outcome`` and ``outcomeTimestamp``
        raises  NotFound; InputError; AccessError
        """
        taken = self._session.document(self._ask(service_id, "/feedback", {"feedback": [dict(one) for one in told]}))
        return int(taken["answers"]), int(taken["unknown"])

    def _ask(self, service_id: str, path: str, body: Mapping[str, Any]) -> Ask:
        url = f"{self._base}/{segment(service_id, 'id')}{path}"
        return Ask(method="POST", url=url, body=JsonBody(dict(body)), is_repeatable=False)
