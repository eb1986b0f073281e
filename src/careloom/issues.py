"""What is wrong with one record, as data that travels with its batch."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with one record.

    code      stable, ``room.words-with-dashes``, e.g. ``fhir.required-missing``; tests and dashboards count by it
    severity  as OperationOutcome.issue.severity in FHIR R4; ``fatal`` and ``error`` refuse the record
    place     where in the record: a FHIRPath (``Patient.name[0].given``), an HL7 v2 path (``PID-3.1``),
              a line and column name; never a value
    message   what is wrong, in one sentence without any value of the record
    remedy    what the sender or the operator can do; empty where the message says it all
    """

    code: str
    severity: Severity
    place: str
    message: str
    remedy: str = ""

    @property
    def refuses(self) -> bool:
        """True when the record cannot be stored with this issue."""
        return self.severity in ("fatal", "error")
