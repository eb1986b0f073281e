"""Patients' rights: all that is kept of one, rectification, rules, erasure with its certificate, retention."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlencode

from careloom.client.address import segment
from careloom.client.decoding import decode
from careloom.client.payload import JsonBody
from careloom.client.session import Session
from careloom.client.subject_reports import (
    Erasure,
    ErasurePreview,
    ErasureRun,
    KeptCertificate,
    KeptCertificates,
    NewSubjectRule,
    Rectification,
    RetentionPlan,
    SubjectRule,
    SubjectRules,
)
from careloom.client.transport import Ask
from careloom.client.waiting import until_ended

Change = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Zone = Literal["", "landing", "identified", "research", "synthetic"]


class Subjects:
    """What the platform gives patients that they are entitled to; a patient is ``Patient/<id>``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"Subjects({self._session.base})"

    def export(self, patient: str, *, source: str = "") -> bytes:
        """Everything that is kept of a patient: a zip with a signed inventory. It is the patient in plain.

        raises  NotFound; Erased; AccessError
        """
        body = JsonBody({"patient": patient, "source": source})
        return self._session.content(Ask(method="POST", url=self._url("/export"), accept="application/zip", body=body))

    def rectify(
        self, patient: str, fact: str, change: Change, reason: str, *, erase_old: bool = False, source: str = ""
    ) -> Rectification:
        """Mends a resource of a patient (``Type/id``).

        change     the whole resource as it should be; or a patch: a JSON Patch (a list), or Parameters
        erase_old  earlier versions go for good
        raises     Invalid, InputError; NotFound, Erased; Conflict; AccessError
        """
        is_patch = not isinstance(change, Mapping) or change.get("resourceType") == "Parameters"
        told: dict[str, object] = {"patient": patient, "fact": fact, "reason": reason, "source": source}
        told |= {"erase_old": erase_old, "patch" if is_patch else "resource": change}
        return decode(Rectification, self._session.document(self._post("/rectifications", told)))

    def restrict(self, patient: str, reason: str, *, source: str = "") -> NewSubjectRule:
        """Processing for care and privacy alone, from now on. raises NotFound; Conflict; AccessError"""
        return self._set({"kind": "restrict", "patient": patient, "reason": reason, "source": source})

    def object_to_research(self, patient: str, reason: str, *, source: str = "") -> NewSubjectRule:
        """Out of research, with the next run. raises NotFound; Conflict; AccessError"""
        return self._set({"kind": "object", "patient": patient, "reason": reason, "source": source})

    def hold(self, reason: str, *, patient: str = "", zone: Zone = "", source: str = "") -> NewSubjectRule:
        """A legal hold on a patient, or on a whole zone. raises NotFound; Conflict; AccessError"""
        return self._set({"kind": "hold", "patient": patient, "zone": zone, "reason": reason, "source": source})

    def rules(self, *, ended: bool = False) -> tuple[SubjectRule, ...]:
        """Holds, restrictions and objections, oldest first. raises AccessError"""
        url = self._url("/rules?" + urlencode({"ended": "true" if ended else "false"}))
        return decode(SubjectRules, self._session.whole(url)).items

    def end(self, rule: str) -> SubjectRule:
        """Ends a rule. raises NotFound; Conflict where it has ended; AccessError"""
        url = self._url(f"/rules/{segment(rule, 'name of a rule')}")
        return decode(SubjectRule, self._session.document(Ask(method="DELETE", url=url)))

    def erase(self, patient: str, *, search: bool = True, source: str = "") -> Erasure:
        """Erases a patient for good; may take minutes. `search`: every byte afterwards, for the certificate.

        raises  NotFound; StateError where a legal hold keeps the patient; AccessError
        """
        body = JsonBody({"patient": patient, "search": search, "source": source})
        return decode(Erasure, self._session.document(Ask(method="POST", url=self._url("/erasures"), body=body)))

    def preview_erasure(self, patient: str, *, source: str = "") -> ErasurePreview:
        """What would go if a patient was erased now; nothing is changed. raises NotFound; Erased; AccessError"""
        body = JsonBody({"patient": patient, "source": source})
        ask = Ask(method="POST", url=self._url("/erasures/preview"), body=body)
        return decode(ErasurePreview, self._session.document(ask))

    def queue_erasure(self, patient: str, *, search: bool = True, source: str = "") -> ErasureRun:
        """Queues what `erase` does; see `erasure_run` and `wait`.

        raises  NotFound; StateError where a legal hold keeps the patient; AccessError
        """
        told: dict[str, object] = {"patient": patient, "search": search, "source": source}
        return decode(ErasureRun, self._session.document(self._post("/erasure-runs", told)))

    def erasure_run(self, run_id: str) -> ErasureRun:
        """How far a queued erasure is. raises NotFound; AccessError"""
        url = self._url(f"/erasure-runs/{segment(run_id, 'id of an erasure')}")
        return decode(ErasureRun, self._session.document(Ask(method="GET", url=url)))

    def wait(self, run_id: str, *, timeout: float = 3600.0, poll: float = 1.0) -> ErasureRun:
        """The erasure when it is done. raises StateError if it failed, was cancelled or is not done in time"""
        return until_ended(self._session.wire.pace, lambda: self.erasure_run(run_id), timeout=timeout, poll=poll)

    def certificates(self) -> tuple[KeptCertificate, ...]:
        """Certificates of erasures, newest first, each checked now. raises AccessError"""
        return decode(KeptCertificates, self._session.whole(self._url("/erasures"))).items

    def certificate(self, name: str, *, form: Literal["json", "html"] = "json") -> bytes:
        """The certificate of an erasure, as it was signed. raises NotFound; AccessError"""
        url = self._url(f"/erasures/{segment(name, 'name of a certificate')}?form={form}")
        return self._session.content(Ask(method="GET", url=url, accept="application/json, text/html"))

    def retention(self) -> RetentionPlan:
        """What retention would remove now, by rule. raises AccessError"""
        return decode(RetentionPlan, self._session.document(Ask(method="GET", url=self._url("/retention"))))

    def _set(self, told: dict[str, object]) -> NewSubjectRule:
        return decode(NewSubjectRule, self._session.document(self._post("/rules", told)))

    def _post(self, path: str, body: dict[str, object]) -> Ask:
        return Ask(method="POST", url=self._url(path), body=JsonBody(body), is_repeatable=False)

    def _url(self, path: str) -> str:
        return f"{self._session.base}/api/v1/subjects{path}"
