"""A version that answers rows on its own, without patients: held, followed when its alias moves, and counted.

with Serving(platform, who, "readmission-30d@champion") as one:
    one.scores(rows)
"""

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Any

from careloom.errors import CareloomError, InputError, SetupError
from careloom.logs import log
from careloom.mlops.counting import Counts
from careloom.services.access import Principal
from careloom.services.admission import admit, note
from careloom.services.models_watch import count
from careloom.services.platform import Platform
from careloom.services.score_models import Served, approved

OPERATION = "models-serve"
FOLLOW_SECONDS = 2.0
"""How long a version answers on after its alias moved; a rollback is felt after that at the latest."""
COUNT_SECONDS = 10.0


class Serving:
    """One model behind an alias or a number. Threads may share it; make it after processes are forked.

    raises  AccessError; NotFound, QueryError; IntegrityError where anything is not as it was signed; Conflict where it
            is retired or nobody approved it, and for a shadow; FormatError for files that are no risk model
    """

    def __init__(self, platform: Platform, who: Principal, version: str) -> None:
        admit(platform, who, "monitor", "identified", operation=OPERATION)
        self._platform, self._who, self._version = platform, who, version
        self._held: Served | None = approved(platform, version)
        note(platform, who, OPERATION, "identified", action="execute", detail={"version": self._held.label})
        self._lock, self._counts = Lock(), dict[int, Counts]()
        self._next_look = time.monotonic() + FOLLOW_SECONDS
        self._stopped = Event()
        self._counter = Thread(target=self._count_on, name="counts", daemon=True)
        self._counter.start()

    def __enter__(self) -> "Serving":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Tells the last counts, and stops."""
        self._stopped.set()
        self._counter.join()
        self._tell()

    @property
    def current(self) -> Served:
        """The version that answers now. raises SetupError where none may: it is retired, or its alias leads to none"""
        if time.monotonic() >= self._next_look:
            self._follow()
        held = self._held
        if held is None:
            raise SetupError(f"no version answers as {self._version}", "Promote one: careloom models promote.")
        return held

    def scores(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Served, list[float]]:
        """Who answered, and the calibrated probability of each row.

        Each row counts as one request, in its share of the time that all took.

        raises  SchemaMismatch, which names the row and the feature, never a value; SetupError as `current`
        """
        one, start = self.current, time.perf_counter()
        number = int(one.number)
        try:
            found = one.model.score_rows(rows)
        except InputError:  # whoever asks wrongly shall not take a version out
            with self._lock:
                self._counts.setdefault(number, Counts()).refused += 1
            raise
        except BaseException:
            with self._lock:
                counts = self._counts.setdefault(number, Counts())
                for _ in rows:
                    counts.failed()
            raise
        spent = 1e3 * (time.perf_counter() - start) / max(len(rows), 1)
        with self._lock:
            counts = self._counts.setdefault(number, Counts())
            for score in found:
                counts.answered(spent, float(score))
        return one, [float(score) for score in found]

    def _follow(self) -> None:
        """Looks where the alias leads now; where that may not answer, nobody does until something may.

        The version before answers on only while the store cannot be reached.
        """
        self._next_look = time.monotonic() + FOLLOW_SECONDS
        try:
            found = approved(self._platform, self._version)
        except SetupError as error:
            log(__name__, "the version could not be looked up; the one before answers on", level=logging.WARNING,
                error_code=error.code)  # fmt: skip
            return
        except CareloomError as error:
            log(__name__, "no version may answer", level=logging.ERROR, error_code=error.code)
            self._held = None
            return
        if self._held is None or found.digest != self._held.digest:
            self._held = found
            detail = {"version": found.label}
            note(self._platform, self._who, OPERATION, "identified", action="execute", detail=detail)

    def _count_on(self) -> None:
        while not self._stopped.wait(COUNT_SECONDS):
            self._tell()

    def _tell(self) -> None:
        """Sends what was counted to who watches versions."""
        with self._lock:
            told, self._counts = self._counts, {}
        if told:
            with suppress(
                CareloomError
            ):  # who may serve need not be who may count; the next ones are told all the same
                count(self._platform, self._who, self._version.partition("@")[0], told)
