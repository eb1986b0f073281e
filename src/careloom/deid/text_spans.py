"""What identifies in a text, where it stands, and the port behind which every detector stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from careloom.deid.text_known import Known
from careloom.text.note import Span

NAME, LOCATION, ORGANIZATION, DATE, AGE_OVER_89 = "NAME", "LOCATION", "ORGANIZATION", "DATE", "AGE_OVER_89"
PHONE, FAX, EMAIL, SSN, MRN, HEALTH_PLAN = "PHONE", "FAX", "EMAIL", "SSN", "MRN", "HEALTH_PLAN"
ACCOUNT, LICENSE, VEHICLE, DEVICE, URL, IP = "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "URL", "IP"
BIOMETRIC, OTHER_ID = "BIOMETRIC", "OTHER_ID"

LETTERS: Mapping[str, str] = MappingProxyType(
    {
        NAME: "A",
        LOCATION: "B",
        DATE: "C",
        AGE_OVER_89: "C",
        PHONE: "D",
        FAX: "E",
        EMAIL: "F",
        SSN: "G",
        MRN: "H",
        HEALTH_PLAN: "I",
        ACCOUNT: "J",
        LICENSE: "K",
        VEHICLE: "L",
        DEVICE: "M",
        URL: "N",
        IP: "O",
        BIOMETRIC: "P",
        OTHER_ID: "R",
        ORGANIZATION: "",
    }
)
"""Label -> its letter in 45 CFR 164.514(b)(2)(i); an organization is beyond the list, (Q) is a photograph: no text."""


@dataclass(frozen=True, slots=True)
class Found:
    """One place that identifies.

    span      code points of the text, half-open
    label     one of LETTERS
    detector  who found it: ``record``, ``patterns``, ``dates``, ``names``
    score     between 0 and 1: how sure the rule is; what the record knows is 1
    part      what it is more closely, or "": of a NAME ``patient``, ``relative``, ``clinician``; of a LOCATION
              ``street``, ``city``, ``zip``, ``country``; of a LICENSE ``npi``, ``dea``; of an IP ``mac``
    """

    span: Span
    label: str
    detector: str
    score: float
    part: str = ""

    def __post_init__(self) -> None:
        if self.label not in LETTERS:
            raise ValueError("a found place needs a label of LETTERS")


class Detector(Protocol):
    """Something that finds identifiers: rules, lists, the record, later a trained model or a service."""

    name: str

    def find(self, text: str, known: Known) -> Sequence[Found]:
        """The identifiers in `text`, in any order; they may overlap.

        text   the shadow of the text (`careloom.deid.text_shadow`): plain letters, digits, spaces and hyphens
        known  what the record knows about the patient
        """
        ...
