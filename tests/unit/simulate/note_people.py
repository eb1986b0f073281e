"""The people and places of the notes under test: a small hospital, one patient, five encounters."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from careloom.simulate.history import (
    Address,
    Clinician,
    Code,
    Encounter,
    Person,
    RecordNumber,
    Site,
    Stay,
)
from careloom.terminology.systems import ICD_10_CM, NUCC_TAXONOMY, SNOMED_CT, US_SSN

BEGIN = datetime(2023, 3, 5, 14, 20, tzinfo=UTC)


@dataclass(frozen=True)
class SmallHospital:
    sites: tuple[Site, ...]
    clinicians: tuple[Clinician, ...]


class Stream:
    """Chance from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * self._random.random()


def icd(code: str, display: str) -> Code:
    return Code(ICD_10_CM, code, display)


def sct(code: str, display: str) -> Code:
    return Code(SNOMED_CT, code, display)


HOME = Address("48 Elderberry Lane", "Framingham", "Middlesex County", "MA", "01701")
HOSPITAL = SmallHospital(
    (
        Site(
            "site-1",
            "Quillmere Hospital",
            "hospital",
            "2.16.840.1.113883.3.72.5.9.1",
            "9000000001",
            HOME,
            "508-555-0101",
        ),
        Site(
            "site-2",
            "Harrow Pond Health Center",
            "clinic",
            "2.16.840.1.113883.3.72.5.9.2",
            "9000000002",
            HOME,
            "508-555-0102",
        ),
    ),
    (
        Clinician(
            "d1",
            "9000000011",
            "Imogen",
            "Vasquez",
            Code(NUCC_TAXONOMY, "208M00000X", "Hospitalist Physician"),
            "site-1",
        ),
        Clinician("d2", "9000000012", "Barnaby", "Okafor", Code(NUCC_TAXONOMY, "207RC0000X", "Cardiologist"), "site-1"),
        Clinician(
            "d3", "9000000013", "Philippa", "Zielinski", Code(NUCC_TAXONOMY, "207Q00000X", "Family Physician"), "site-2"
        ),
    ),
)
_ROUTE = "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration"
ORAL = Code(_ROUTE, "PO", "Swallow, oral")
IV = Code(_ROUTE, "IVINJ", "Injection, intravenous")


def person(birth: date = date(1951, 7, 19), sex: str = "female") -> Person:
    return Person(
        "sim-0000042",
        "female" if sex == "female" else "male",
        "Rosalind",
        "Jane",
        "Pemberthy",
        "",
        birth,
        Code("urn:oid:2.16.840.1.113883.6.238", "2106-3", "White"),
        Code("urn:oid:2.16.840.1.113883.6.238", "2186-5", "Not Hispanic or Latino"),
        Code("urn:ietf:bcp:47", "en-US", "English"),
        Code("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "M", "Married"),
        _ssn(),
        "508-555-0147",
        "rosalind.pemberthy42@example.com",
        [(date(1951, 7, 19), HOME)],
        [RecordNumber("site-1", "48213377"), RecordNumber("site-2", "90715522")],
        ("Tobias", "Pemberthy", "SPO"),
    )


def _ssn() -> str:
    assert US_SSN
    return "-".join(("912", "34", "5678"))


def encounters() -> list[Encounter]:
    hospital = sct("183452005", "unplanned hospital stay")
    visit = sct("390906007", "follow-up visit")
    flare = icd("I50.23", "Acute on chronic systolic (congestive) heart failure")
    stays = [Stay("4 West Cardiology", "412", "B", BEGIN, BEGIN + timedelta(days=6))]
    return [
        Encounter(
            "E1",
            "ambulatory",
            BEGIN - timedelta(days=60),
            BEGIN - timedelta(days=60, minutes=-25),
            visit,
            "site-2",
            "d3",
        ),
        Encounter(
            "E2", "inpatient", BEGIN, BEGIN + timedelta(days=6), hospital, "site-1", "d1", [flare], stays, "7", "01"
        ),
        Encounter(
            "E3",
            "emergency",
            BEGIN + timedelta(days=40),
            BEGIN + timedelta(days=40, hours=5),
            sct("50849002", "emergency department visit"),
            "site-1",
            "d1",
            [icd("R07.9", "Chest pain, unspecified")],
        ),
        Encounter(
            "E4", "ambulatory", BEGIN + timedelta(days=50), BEGIN + timedelta(days=50, hours=1), visit, "site-1", "d2"
        ),
        Encounter(
            "E5", "virtual", BEGIN + timedelta(days=60), BEGIN + timedelta(days=60, minutes=9), visit, "site-2", "d3"
        ),
    ]
