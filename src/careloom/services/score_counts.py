"""What scoring a patient or a cohort adds to the counts of versions, in the step that keeps the answer anyway.

A version's time is that of its own work: features, score, factors. Reading the record and keeping the answer are the
store's, and the same for every version: a slow disk takes none out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter

import numpy as np
from numpy.typing import ArrayLike

from careloom.errors import (
    AccessError,
    CareloomError,
    Conflict,
    InputError,
    NotFound,
    QueryError,
    SetupError,
    StateError,
)
from careloom.mlops.counting import Counts
from careloom.services.access import Principal
from careloom.services.admission import event, note
from careloom.services.models_counts import add
from careloom.services.models_watch import settle_soon
from careloom.services.platform import Platform
from careloom.services.score_models import OPERATION
from careloom.store.predictions import Prediction
from careloom.store.transaction import Transaction
from careloom.store.zone_store import Zone

EVER = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODYS = (AccessError, Conflict, NotFound, QueryError, SetupError, MemoryError, OSError)
"""What goes wrong without a fault of the version: rights, a state that changed, a name, installation, machine."""


@dataclass(slots=True)
class Heard:
    """What was asked of versions in one request.

    model      empty: nothing is counted, for a trial and outside the identified zone
    is_routed  the traffic led the patient here
    since      when counts of the model began anew
    """

    model: str = ""
    is_routed: bool = False
    since: datetime = EVER
    counts: dict[int, Counts] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)

    def of(self, number: int) -> Counts:
        """The counts of one version."""
        return self.counts.setdefault(number, Counts())

    @contextmanager
    def opening(self, number: int) -> Iterator[None]:
        """Counts an error where the version cannot be opened; how long that takes is nobody's time."""
        try:
            yield
        except _NOBODYS:
            raise
        except Exception:
            self.of(number).failed()
            raise

    @contextmanager
    def asking(self, number: int, *, is_batch: bool = False) -> Iterator[None]:
        """Takes the time, and counts what goes wrong: refused where the input is not what the version takes."""
        began = perf_counter()
        try:
            yield
        except InputError as error:
            if not isinstance(error, _NOBODYS):
                self.of(number).refused += 1
            raise
        except _NOBODYS:
            raise
        except Exception:
            counts = self.of(number)
            counts.batch_failed() if is_batch else counts.failed()
            raise
        finally:
            self.seconds[number] = self.seconds.get(number, 0.0) + perf_counter() - began

    def answered(self, step: Transaction, said: Prediction, *, is_warm: bool) -> None:
        """Counts an answer that the step is about to log; a case's score counts once since counts began.

        is_warm  the version answered in this process before: the first time is that of loading
        """
        number = int(said.version)
        is_new = self.is_routed and not step.predictions.is_said(said, self.since)
        milliseconds = 1e3 * self.seconds.get(number, 0.0) if is_warm else None
        self.of(number).answered(milliseconds, said.score if is_new else None, is_routed=True)

    def part(self, number: int, rows: int, of: int) -> None:
        """Counts a part of a batch that the step logs; what was counted of the parts before is kept already."""
        self.counts = {}
        self.of(number).batch(rows, 1e3 * self.seconds.get(number, 0.0) / max(of, 1))

    def keep(self, platform: Platform, step: Transaction) -> None:
        """Adds what was counted to what is kept, within the step."""
        if self.model:
            add(step, self.model, self.counts, platform.runtime.now())


def require_probable(scores: ArrayLike) -> None:
    """Returns where every score is a probability. raises StateError: the version does what none may"""
    found = np.asarray(scores, dtype=np.float64)
    if not ((found >= 0) & (found <= 1)).all():
        raise StateError("what the version says is no probability", "Take it out: careloom models rollback NAME.")


def begun(told: str) -> datetime:
    """When the newest step of a traffic was taken, by its text; `EVER` for none."""
    return datetime.fromisoformat(told) if told else EVER


def heard_failing(platform: Platform, who: Principal, zone: Zone, heard: Heard, asked: str, error: Exception) -> None:
    """Audits that a score failed, and counts what a version did wrong, in one step; then looks at the limits.

    asked  the model, as it was named
    """
    code = error.code if isinstance(error, CareloomError) else "internal"
    detail = {"model": asked, "code": code}
    if not (heard.model and heard.counts):
        if isinstance(error, CareloomError):
            note(platform, who, OPERATION, zone, outcome="failed", detail=detail)
        return
    told = event(platform, who, OPERATION, zone, outcome="failed", detail=detail)
    with platform.store(zone).transaction(told) as step:
        heard.keep(platform, step)
    settle_soon(platform, heard.model)
