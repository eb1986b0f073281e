"""Cohorts, features and training sets: who is predicted for, by what, and what models learn from."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.aio.session import Session
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.risk import _BELOW, _sets
from careloom.client.risk_reports import (
    CohortComparison,
    CohortCounts,
    CohortList,
    CohortWhy,
    CohortWhyList,
    FeatureList,
    MadeTrainingSet,
    RiskTrainingSet,
    ShippedCohort,
    ShownTrainingSet,
    TrainingSetList,
)
from careloom.client.transport import Ask


class Risk:
    """Cohorts of a zone, as the client's token allows. Your own definition goes in as text: TOML, or a task of ACES."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Risk({self._session.base}{_BELOW})"

    async def cohorts(self) -> tuple[ShippedCohort, ...]:
        """The definitions that ship. raises AccessError"""
        return decode(CohortList, await self._get("cohorts")).items

    async def features(self, of: str = "general") -> FeatureList:
        """The features of a set that ships, and which sets there are. raises NotFound"""
        return decode(FeatureList, await self._get(f"features?{urlencode({'set': of})}"))

    async def count(self, cohort: str = "", *, definition: str = "", **more: Any) -> CohortCounts:
        """A cohort rule by rule: by its name, or by a definition of your own.

        more    zone, facts, notes, limit
        raises  AccessError; NotFound, QueryError; FormatError for the definition
        """
        return decode(
            CohortCounts, await self._post("cohorts/count", {"cohort": cohort, "definition": definition, **more})
        )

    async def compare(self, one: Mapping[str, str], other: Mapping[str, str], **more: Any) -> CohortComparison:
        """Two cohorts of the same facts, small cells left out: each ``{"cohort": NAME}`` or ``{"definition": TEXT}``.

        more    zone, facts, notes
        raises  as `count`
        """
        body = {**one, **{f"other_{name}": value for name, value in other.items()}, **more}
        return decode(CohortComparison, await self._post("cohorts/compare", body))

    async def why(self, patient: str, cohort: str = "", *, definition: str = "", **more: Any) -> tuple[CohortWhy, ...]:
        """Why each moment of a patient is in a cohort or not.

        more    zone, facts, notes
        raises  as `count`; QueryError for a patient of whom nothing is known
        """
        body = {"patient": patient, "cohort": cohort, "definition": definition, **more}
        return decode(CohortWhyList, await self._post("cohorts/why", body)).items

    async def training_sets(self, zone: str) -> tuple[RiskTrainingSet, ...]:
        """The training sets of a zone's lake. raises AccessError"""
        return decode(TrainingSetList, await self._get(_sets(zone))).items

    async def training_set(self, zone: str, table: str) -> ShownTrainingSet:
        """One, by its table (``gold/training_...``), with its manifest. raises NotFound"""
        name = segment(str(table).rpartition("/")[2], "name of a training set")
        return decode(ShownTrainingSet, await self._get(f"{_sets(zone)}/{name}"))

    async def make_training_set(
        self, zone: str, cohort: str = "", *, definition: str = "", **more: Any
    ) -> MadeTrainingSet:
        """Makes one, pinned to a snapshot of facts.

        more    features, facts, split, cut, allow_leaks
        raises  AccessError; NotFound; QueryError for an empty cohort; StateError where the leakage guard finds fault
        """
        return decode(
            MadeTrainingSet, await self._post(_sets(zone), {"cohort": cohort, "definition": definition, **more})
        )

    async def _get(self, where: str) -> Any:
        return await self._session.document(Ask(method="GET", url=f"{self._session.base}{_BELOW}{where}"))

    async def _post(self, where: str, body: Mapping[str, Any]) -> Any:
        url = f"{self._session.base}{_BELOW}{where}"
        return await self._session.document(Ask(method="POST", url=url, body=JsonBody(body), is_repeatable=False))
