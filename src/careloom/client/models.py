"""Trained models: versions, who approves and answers, the way back, pipelines."""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.models_reports import (
    ListedModelVersion,
    ModelCardCounts,
    ModelEvaluation,
    ModelRun,
    ModelRunList,
    ModelVersion,
    ModelVersionList,
    ModelWatch,
    RolledBack,
    ShownModelVersion,
    VerifiedModelVersion,
)
from careloom.client.payload import JsonBody
from careloom.client.session import Session
from careloom.client.transport import Ask

_CARDS = {"json": "application/json", "html": "text/html", "xml": "application/xml"}


class Models:
    """The platform's registry of models, as the client's token allows."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1"

    def __repr__(self) -> str:
        return f"Models({self._session.base})"

    def versions(self, model: str = "") -> tuple[ListedModelVersion, ...]:
        """Versions of a model or of all, newest first. raises AccessError"""
        query = f"?{urlencode({'model': model})}" if model else ""
        return decode(ModelVersionList, self._session.whole(f"{self._base}/models{query}")).items

    def version(self, version: str) -> ShownModelVersion:
        """One version: ``NAME@3``, ``NAME@champion``, or ``NAME``, its champion. raises NotFound"""
        return decode(ShownModelVersion, self._get(_version(version)))

    def verify(self, version: str) -> VerifiedModelVersion:
        """Whether it is as it was signed. raises NotFound"""
        return decode(VerifiedModelVersion, self._get(f"{_version(version)}/verification"))

    def evaluation(self, version: str) -> ModelEvaluation:
        """How good it was when it was registered, with its whole report. raises NotFound; AccessError"""
        return decode(ModelEvaluation, self._get(f"{_version(version)}/evaluation"))

    def card(self, version: str, kind: Literal["json", "html", "xml"] = "json") -> bytes:
        """The model card of a version as a file: JSON, a page, or XML of CHAI. raises NotFound; AccessError"""
        url = f"{self._base}{_version(version)}/card?{urlencode({'format': kind})}"
        return self._session.content(Ask(method="GET", url=url, accept=_CARDS[kind]))

    def card_counts(self, version: str) -> ModelCardCounts:
        """How many attributes of its card are filled, and how; what keeps it back. raises NotFound; AccessError"""
        return decode(ModelCardCounts, self._get(f"{_version(version)}/card/counts"))

    def approve(self, version: str, reason: str = "", *, hold: bool = False) -> ModelVersion:
        """Says as a second person that it may answer. raises AccessError for who registered it; StateError by a gate

        hold  a run that waits for this deploys nothing: you say what the version becomes
        """
        return decode(ModelVersion, self._post(f"{_version(version)}/approve", {"reason": reason, "hold": hold}))

    def promote(self, version: str, reason: str = "") -> ModelVersion:
        """Makes it the champion. raises as `approve`"""
        return decode(ModelVersion, self._post(f"{_version(version)}/promote", {"reason": reason}))

    def retire(self, version: str, reason: str = "") -> ModelVersion:
        """Takes it out for good. raises Conflict for the champion"""
        return decode(ModelVersion, self._post(f"{_version(version)}/retire", {"reason": reason}))

    def shadow(self, version: str, *, end: bool = False) -> ModelVersion:
        """Lets it listen to every patient; `end` takes it out again."""
        return decode(ModelVersion, self._post(f"{_version(version)}/shadow", {"end": end}))

    def canary(self, version: str, share: float | None = None) -> ModelVersion:
        """Lets it answer for a share of patients; None: as the limits say."""
        return decode(ModelVersion, self._post(f"{_version(version)}/canary", {"share": share}))

    def roll_back(self, model: str, reason: str = "") -> RolledBack:
        """Takes back the newest step of a model. raises NotFound; StateError where nobody was before"""
        return decode(RolledBack, self._post(f"{_version(model)}/rollback", {"reason": reason}))

    def watch(self, model: str) -> ModelWatch:
        """What the limits say of everybody who answers."""
        return decode(ModelWatch, self._get(f"{_version(model)}/watch"))

    def runs(self) -> tuple[ModelRun, ...]:
        """Runs of pipelines, newest first."""
        return decode(ModelRunList, self._session.whole(f"{self._base}/model-runs")).items

    def run(self, pipeline: str) -> ModelRun:
        """Queues a pipeline that ships; see `shown_run`. raises AccessError; NotFound"""
        return decode(ModelRun, self._post("/model-runs", {"pipeline": pipeline}))

    def shown_run(self, run: str) -> ModelRun:
        """A run with what each step made. raises NotFound"""
        return decode(ModelRun, self._get(_run(run)))

    def resume(self, run: str) -> ModelRun:
        """Queues that a run goes on. raises NotFound; Conflict where it is over"""
        return decode(ModelRun, self._post(f"{_run(run)}/resume", {}))

    def _get(self, where: str) -> Any:
        return self._session.document(Ask(method="GET", url=f"{self._base}{where}"))

    def _post(self, where: str, body: Mapping[str, Any]) -> Any:
        ask = Ask(method="POST", url=f"{self._base}{where}", body=JsonBody(body), is_repeatable=False)
        return self._session.document(ask)


def _version(version: str) -> str:
    name, at, which = str(version).partition("@")
    told = segment(name, "name of a model")
    return f"/models/{told}@{segment(which, 'version of a model')}" if at else f"/models/{told}"


def _run(run: str) -> str:
    return f"/model-runs/{segment(run, 'id of a run')}"
