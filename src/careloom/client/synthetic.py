"""Synthetic data: fit a generator, draw and judge rows, ask the release gate; the privacy ledger."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.session import Session
from careloom.client.synthetic_reports import (
    CertificateWorth,
    LedgerAccount,
    LedgerAccountList,
    LedgerDetail,
    LedgerEntry,
    SampleBrief,
    SampleBriefList,
    SampleOverlays,
    SyntheticEngine,
    SyntheticEngineList,
    SyntheticModel,
    SyntheticModelList,
    SyntheticRelease,
    SyntheticReleaseList,
    SyntheticSample,
)
from careloom.client.transport import Ask
from careloom.errors import FormatError, StateError, Withheld

T = TypeVar("T")
_DATA = {"ndjson": "application/x-ndjson", "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
_TYPES = {"json": "application/json", "pdf": "application/pdf", "html": "text/html"}


class Synthetic:
    """Generators of the platform's research zone, what was drawn of them, and what was let out."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._base = f"{session.base}/api/v1/synthetic"

    def __repr__(self) -> str:
        return f"Synthetic({self._session.base})"

    def engines(self) -> tuple[SyntheticEngine, ...]:
        """The engines that the platform knows. raises AccessError"""
        return decode(SyntheticEngineList, self._get("/engines")).items

    def models(self) -> tuple[SyntheticModel, ...]:
        """Every model, newest first. raises AccessError"""
        return decode(SyntheticModelList, self._session.whole(f"{self._base}/models")).items

    def fit(self, table: str, metadata: str = "", *, epsilon: float | None = None, **more: Any) -> SyntheticModel:
        """Queues a fit; see `wait`. raises AccessError; InputError

        table     of the research zone's lake: ``silver/patients``, ``silver/patients@3``
        metadata  TOML; a private fit needs it
        epsilon   None: not private
        more      account, engine, delta, rows_per_patient, target, options, seed, name, control_share
        """
        asked = {"table": table, "metadata": metadata, "epsilon": epsilon, **more}
        return decode(SyntheticModel, self._post("/models", asked))

    def search(self, table: str, metadata: str = "", *, epsilon: float | None = None, **more: Any) -> SyntheticModel:
        """Queues a search of settings, whose best trial is the model; see `wait`. raises AccessError; InputError

        epsilon  of one trial; the model's is that of all trials and the choice together
        more     as `fit`, and trials, cpu_seconds, held_share, selection, space
        """
        asked = {"table": table, "metadata": metadata, "epsilon": epsilon, **more}
        return decode(SyntheticModel, self._post("/searches", asked))

    def model(self, model: str) -> SyntheticModel:
        """One model as it stands. raises NotFound"""
        return decode(SyntheticModel, self._get(f"/models/{_named(model)}"))

    def wait(self, model: str, *, timeout: float = 3600.0, poll: float = 1.0) -> SyntheticModel:
        """The model when it is fitted. raises StateError if it failed, was cancelled or is not fitted in time"""
        seen = self._until(lambda: self.model(model), lambda one: one.has_ended, timeout, poll)
        if seen.state != "fitted":
            raise StateError(f"{seen.id} {seen.state} ({seen.error or 'no code'})", "Mend the reason, then fit again.")
        return seen

    def sample(self, model: str, rows: int = 1000, **more: Any) -> SyntheticSample:
        """Queues rows to be drawn and judged; see `judged`. raises AccessError; NotFound; InputError

        more  values, balance, target, known, groups, small_cell, kinds
        """
        return decode(SyntheticSample, self._post(f"/models/{_named(model)}/samples", {"rows": rows, **more}))

    def fit_records(self, *, epsilon: float | None = None, **more: Any) -> SyntheticModel:
        """Queues a fit of whole records on the research zone's store; see `wait`. raises AccessError; InputError

        epsilon  None: not private; else words are taken from `public_patients` who are simulated
        more     account, delta, public_patients, options, seed, name, control_share
        """
        return decode(SyntheticModel, self._post("/records/models", {"epsilon": epsilon, **more}))

    def fit_notes(self, *, epsilon: float | None = None, **more: Any) -> SyntheticModel:
        """Queues a fit on the annotated notes of the research zone; see `wait`. raises AccessError; InputError

        more  as `fit_records`, and cpu_seconds
        """
        return decode(SyntheticModel, self._post("/notes/models", {"epsilon": epsilon, **more}))

    def sample_records(self, model: str, patients: int = 100, **more: Any) -> SyntheticSample:
        """Queues patients to be drawn and judged; see `judged`. raises AccessError; NotFound; InputError

        more  values, small_cell, kinds
        """
        asked = {"patients": patients, **more}
        return decode(SyntheticSample, self._post(f"/records/models/{_named(model)}/samples", asked))

    def sample_notes(self, model: str, notes: int = 100, *, records: str = "", **more: Any) -> SyntheticSample:
        """Queues notes to be written and judged; see `judged`. raises AccessError; NotFound; InputError

        records  a sample of whole records, each of whose encounters gets a note that tells it; empty: records grow
        more     kind, small_cell, kinds
        """
        asked = {"notes": notes, "records": records, **more}
        return decode(SyntheticSample, self._post(f"/notes/models/{_named(model)}/samples", asked))

    def samples(self) -> tuple[SampleBrief, ...]:
        """Every sample without its measures, newest first. raises AccessError"""
        return decode(SampleBriefList, self._session.whole(f"{self._base}/samples")).items

    def drawn(self, sample: str) -> SyntheticSample:
        """One sample as it stands. raises NotFound"""
        return decode(SyntheticSample, self._get(f"/samples/{_named(sample)}"))

    def overlays(self, sample: str) -> SampleOverlays:
        """Real and synthetic rows of a judged sample of a table in the same bins. raises NotFound; AccessError"""
        return decode(SampleOverlays, self._get(f"/samples/{_named(sample)}/overlays"))

    def judged(self, sample: str, *, timeout: float = 3600.0, poll: float = 1.0) -> SyntheticSample:
        """The sample when it was measured. raises StateError if that failed or is not done in time"""
        seen = self._until(lambda: self.drawn(sample), lambda one: one.is_judged, timeout, poll)
        if seen.error is not None or seen.state in ("failed", "cancelled"):
            raise StateError(f"{seen.id} {seen.state} ({seen.error or 'no code'})", "Mend the reason, then draw anew.")
        return seen

    def ask_release(self, sample: str, table: str, *, policy: str = "strict", reason: str = "") -> SyntheticSample:
        """Queues the question to the gate; see `drawn` for its answer, or `release`, which waits for it.

        raises  AccessError; NotFound; Conflict
        """
        asked = {"table": table, "policy": policy, "reason": reason}
        return decode(SyntheticSample, self._post(f"/samples/{_named(sample)}/release", asked))

    def release(
        self, sample: str, table: str, *, policy: str = "strict", reason: str = "", timeout: float = 3600.0,
        poll: float = 1.0,
    ) -> SyntheticRelease:  # fmt: skip
        """Asks the gate and waits for its answer: the release.

        raises  Withheld where the policy keeps the rows in; StateError where the gate could not be asked; AccessError
        """
        self.ask_release(sample, table, policy=policy, reason=reason)
        seen = self._until(lambda: self.drawn(sample), lambda one: one.is_answered, timeout, poll)
        if seen.state == "released":
            return self.released(sample)
        if seen.state == "refused" and seen.asked[0].error in (None, Withheld.code):
            failed = "; ".join(one.rule for one in seen.findings if not one.passed) or "somebody in them left"
            raise Withheld(f"the policy {policy} keeps the rows in: {failed}", "See the sample; fit and draw anew.")
        raise StateError(f"the gate could not be asked ({seen.asked[0].error or 'no code'})", "Mend the reason.")

    def releases(self) -> tuple[SyntheticRelease, ...]:
        """Every release, newest first; their rows are tables of ``api.lake("synthetic")``. raises AccessError"""
        return decode(SyntheticReleaseList, self._session.whole(f"{self._base}/releases")).items

    def released(self, release: str) -> SyntheticRelease:
        """One release as it stands. raises NotFound"""
        return decode(SyntheticRelease, self._get(f"/releases/{_named(release)}"))

    def withdraw(self, release: str) -> SyntheticRelease:
        """Takes a release back. raises AccessError; NotFound; Conflict"""
        return decode(SyntheticRelease, self._post(f"/releases/{_named(release)}/withdraw", None))

    def certificate(self, release: str, kind: Literal["json", "pdf", "html"] = "json") -> bytes:
        """The certificate of a release as a file. raises NotFound"""
        url = f"{self._base}/releases/{_named(release)}/certificate?{urlencode({'format': kind})}"
        return self._session.content(Ask(method="GET", url=url, accept=_TYPES[kind]))

    def verify(self, certificate: bytes | Mapping[str, Any]) -> CertificateWorth:
        """What a certificate is worth to the platform: its JSON as bytes, or what was read of it.

        raises  InputError for what is no certificate of a release; AccessError
        """
        body = JsonBody(_certificate(certificate))
        ask = Ask(method="POST", url=f"{self._base}/certificates/verify", body=body)
        return decode(CertificateWorth, self._session.document(ask))

    def data(self, release: str, kind: Literal["ndjson", "csv", "parquet"] = "ndjson", part: str = "") -> bytes:
        """A release as a file: FHIR NDJSON of records and notes, or one of their tables; rows of a table.

        part    of FHIR a resource type, empty for all; as CSV or Parquet ``patients``, ``encounters``, ..., ``notes``
        raises  Withheld where it is closed or was taken back; NotFound; AccessError
        """
        query = {"format": kind, **({"part": part} if part else {})}
        url = f"{self._base}/releases/{_named(release)}/data?{urlencode(query)}"
        return self._session.content(Ask(method="GET", url=url, accept=_DATA[kind]))

    def accounts(self) -> tuple[LedgerAccount, ...]:
        """The accounts of the privacy ledger, by name. raises AccessError"""
        return decode(LedgerAccountList, self._session.whole(f"{self._base}/ledger")).items

    def account(self, account: str) -> LedgerDetail:
        """One account with its rows. raises NotFound"""
        return decode(LedgerDetail, self._get(f"/ledger/account?{urlencode({'account': account})}"))

    def set_budget(self, account: str, epsilon: float, **more: Any) -> LedgerEntry:
        """Sets the budget of an account, as a privacy officer may. raises AccessError; InputError

        more  delta, rule, reason
        """
        body = JsonBody({"account": account, "epsilon": epsilon, **more})
        url = f"{self._base}/ledger/budget"
        return decode(LedgerEntry, self._session.document(Ask(method="PUT", url=url, body=body, is_repeatable=False)))

    def _until(self, look: Callable[[], T], is_over: Callable[[T], bool], timeout: float, poll: float) -> T:
        pace = self._session.wire.pace
        until = pace.now() + timeout
        while not is_over(seen := look()):
            left = until - pace.now()
            if left <= 0:
                raise StateError(f"it is not done after {timeout:g} seconds", "Wait for it again.")
            pace.sleep(min(poll, left))
        return seen

    def _get(self, path: str) -> object:
        return self._session.document(Ask(method="GET", url=f"{self._base}{path}"))

    def _post(self, path: str, body: Mapping[str, object] | None) -> object:
        sent = None if body is None else JsonBody(body)
        return self._session.document(Ask(method="POST", url=f"{self._base}{path}", body=sent, is_repeatable=False))


def _certificate(told: bytes | Mapping[str, Any]) -> dict[str, Any]:
    """A certificate as JSON. raises FormatError"""
    try:
        made = json.loads(told) if isinstance(told, bytes) else dict(told)
    except (ValueError, RecursionError):
        made = None
    if not isinstance(made, dict):
        raise FormatError("the file is no JSON of a certificate", "Give what api.synthetic.certificate gave.")
    return made


def _named(run_id: str) -> str:
    return segment(run_id, "id of a model, sample or release")
