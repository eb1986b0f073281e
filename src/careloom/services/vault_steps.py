"""One step about a request of the vault: found, refused, failed or made; whatever becomes of it is audited."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from careloom.audit import Action, Outcome
from careloom.errors import AccessError, CareloomError, Conflict, Erased, NotFound
from careloom.services.access import Principal
from careloom.services.admission import event, note
from careloom.services.platform import Platform
from careloom.services.vault_epochs import ZONE
from careloom.services.vault_states import standing
from careloom.store.rows import instant
from careloom.store.vault import Asked, Request

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody does with a request.

    operation  as the audit chain calls it
    request    as it was found
    subjects   keyed pseudonyms of the patients whom it is about
    """

    platform: Platform
    who: Principal
    operation: str
    request: Request
    subjects: tuple[str, ...]

    def note(self, outcome: Outcome = "success", code: str = "") -> None:
        """Writes an event that belongs to no change."""
        detail = detail_of(self.request) | ({"code": code} if code else {})
        note(
            self.platform, self._person(), self.operation, ZONE,
            action="read" if outcome == "success" else "execute", outcome=outcome, subjects=self.subjects,
            detail=detail,
        )  # fmt: skip

    def refuse(self, why: str) -> None:
        """Raises AccessError, after the refusal is durable in the audit chain."""
        self.note("refused", AccessError.code)
        raise AccessError(f"vault: {why}", "Let the person do it whose part it is.")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Notes that the step failed, if the block raises."""
        try:
            yield
        except CareloomError as error:
            self.note("failed", error.code)
            raise

    def change(self, after: Request, remark: str = "", *, action: Action = "update") -> None:
        """Writes the request and the event that tells of it. raises Conflict if it is not as it was found; Erased."""
        told = event(
            self.platform, self._person(), self.operation, ZONE,
            action=action, subjects=self.subjects, detail=detail_of(after),
        )  # fmt: skip
        with self.platform.store(ZONE).transaction(told) as step:
            now = step.vault.reader.find(self.request.request)
            if now.state == "erased":
                raise Erased("a patient of this request was erased", "Nothing of it is left.")
            if now != self.request:
                raise Conflict("somebody else changed this request just now", "Look at it again.")
            step.vault.keep(after, remark)

    def asked(self) -> Asked:
        """What is sealed of the request now; empty once a patient was erased."""
        try:
            with self.platform.store(ZONE).vault() as reader:
                return reader.asked(self.request)
        except Erased:
            return Asked((), "", "")

    def _person(self) -> Principal:
        return replace(self.who, purpose=self.request.purpose)


def found(platform: Platform, who: Principal, operation: str, request: str) -> Step:
    """The step about a request. raises NotFound, which is audited."""
    try:
        with platform.store(ZONE).vault() as reader:
            known = reader.find(request)
            return Step(platform, who, operation, known, reader.subjects(known))
    except NotFound:
        note(platform, who, operation, ZONE, outcome="failed", detail={"code": NotFound.code})
        raise


def detail_of(request: Request) -> Json:
    """What the audit chain tells of a request: nothing that is sealed."""
    return {
        "reidentification": request.request,
        "project": request.project,
        "epoch": request.epoch,
        "names": request.names,
        "state": request.state,
    }


def as_json(platform: Platform, request: Request, asked: Asked | None = None) -> Json:
    """A request; with the pseudonyms, the reason and the remark if they are given. What did not happen is None."""
    now, four_eyes = platform.runtime.now(), platform.settings.deidentify.four_eyes
    told = {
        "id": request.request,
        "project": request.project,
        "epoch": request.epoch,
        "actor": request.actor,
        "purpose": request.purpose,
        "count": request.names,
        "state": standing(request, now=now, four_eyes=four_eyes),
        "created": instant(request.created),
        "decider": request.decider,
        "decided": _told(request.decided),
        "expires": _told(request.expires),
        "reveals": request.reveals,
        "revealed": _told(request.revealed),
    }
    if asked is None:
        return told
    return told | {"names": list(asked.names), "reason": asked.reason, "remark": asked.remark}


def _told(moment: datetime | None) -> str | None:
    return None if moment is None else instant(moment)
