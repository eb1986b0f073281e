"""The segments that many HL7 v2 2.5.1 messages share: header, patient, visit, and the data types in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from careloom.hl7v2.delimiters import STANDARD
from careloom.hl7v2.escape import escape
from careloom.simulate.charts import Chart
from careloom.simulate.history import Address, Clinician, Code, Encounter, Site, Stay
from careloom.terminology.systems import (
    CDC_RACE,
    CPT,
    CVX,
    HCPCS,
    ICD_10_CM,
    ICD_10_PCS,
    LOINC,
    RXNORM,
    SNOMED_CT,
)

# HL7 table 0396, as terminology.systems reads it back
_SYSTEM_NAMES = {
    SNOMED_CT: "SCT",
    LOINC: "LN",
    RXNORM: "RXNORM",
    CVX: "CVX",
    ICD_10_CM: "I10C",
    ICD_10_PCS: "I10P",
    CPT: "C4",
    HCPCS: "HCPCS",
    CDC_RACE: "CDCREC",
}
_CLASSES = {"inpatient": "I", "emergency": "E", "ambulatory": "O", "virtual": "O"}
_DIGITS = str.maketrans("", "", "-T:")
_NPI = "&2.16.840.1.113883.4.6&ISO"
_SENDERS = {
    "ADT": "REGISTRATION",
    "ORM": "ORDERS",
    "ORU": "LAB",
    "MDM": "DOCUMENTS",
    "VXU": "VACCINES",
    "SIU": "SCHEDULING",
    "RDE": "PHARMACY",
    "RAS": "PHARMACY",
    "DFT": "BILLING",
}
_STRUCTURES = {
    "ADT^A04": "ADT_A01",
    "ADT^A08": "ADT_A01",
    "ADT^A11": "ADT_A09",
    "ADT^A13": "ADT_A01",
    "ADT^A28": "ADT_A05",
    "ADT^A31": "ADT_A05",
    "ADT^A40": "ADT_A39",
    "SIU^S13": "SIU_S12",
    "SIU^S14": "SIU_S12",
    "SIU^S15": "SIU_S12",
    "SIU^S26": "SIU_S12",
}
"""MSH-9.3 where it is another than the event's own (HL7 table 0354)."""


@dataclass(slots=True)
class Hl7v2Message:
    """One message before it is bytes.

    time      when it is sent: MSH-7
    event     ``ADT^A01``
    segments  without the header, each without its line end
    control   MSH-10, given when all messages of a chart stand in order
    """

    time: datetime
    event: str
    segments: list[str]
    control: str = ""


def text(value: str) -> str:
    """A value as it stands in a field."""
    return escape(value, STANDARD)


def row(name: str, values: Mapping[int, str]) -> str:
    """A segment from the raw text of its fields by number."""
    fields = [""] * (max(values) + 1)
    fields[0] = name
    for number, value in values.items():
        fields[number] = value
    return "|".join(fields).rstrip("|")


def stamp(time: datetime) -> str:
    """A point in time, TS with offset."""
    return f"{time.isoformat()[:19].translate(_DIGITS)}+0000"


def day(when: date) -> str:
    """A day, DT."""
    return when.isoformat()[:10].translate(_DIGITS)


@lru_cache(maxsize=8192)
def coded(code: Code, other: Code | None = None) -> str:
    """A CE or CWE: code, text, system, and the other code behind it."""
    first = f"{text(code.code)}^{text(code.display)}^{_SYSTEM_NAMES.get(code.system, text(code.system))}"
    if other is None or other == code:
        return first
    return f"{first}^{text(other.code)}^{text(other.display)}^{_SYSTEM_NAMES.get(other.system, text(other.system))}"


def coded_pair(codes: Sequence[Code], preferred: str = "") -> str:
    """The CE of a fact in several systems: the preferred one first, one other behind it."""
    first = next((code for code in codes if code.system == preferred), codes[0])
    return coded(first, next((code for code in codes if code != first), None))


@lru_cache(maxsize=4096)
def clinician(one: Clinician) -> str:
    """An XCN with the NPI."""
    return f"{one.npi}^{text(one.family)}^{text(one.given)}^^^Dr^^^{_NPI}^L^^^NPI"


@lru_cache(maxsize=256)
def authority(site: Site) -> str:
    """The assigning authority of a site's numbers, HD as subcomponents."""
    return f"{text(site.site_id.upper())}&{site.oid}&ISO"


def address(one: Address, kind: str = "H") -> str:
    """An XAD."""
    return f"{text(one.line)}^^{text(one.city)}^{one.state}^{one.postal_code}^USA^{kind}^^{text(one.county)}"


def phone(number: str, use: str = "PRN") -> str:
    """An XTN by area code and local number; empty for none."""
    digits = "".join(filter(str.isdigit, number))[-10:]
    return f"^{use}^PH^^1^{digits[:3]}^{digits[3:]}" if len(digits) == 10 else text(number)


def header(chart: Chart, message: Hl7v2Message) -> str:
    """MSH; MSH-18 names ISO 8859-1 at every third site where that holds all of the message, else UTF-8."""
    kind, _, trigger = message.event.partition("^")
    site = chart.site
    charset = "UNICODE UTF-8"
    if chart.style % 3 == 1 and _is_latin(message.segments):
        charset = "8859/1"
    structure = _STRUCTURES.get(message.event, f"{kind}_{trigger}")
    facility = f"{text(site.site_id.upper())}^{site.oid}^ISO"
    return (
        f"MSH|^~\\&|{_SENDERS[kind]}|{facility}|CARELOOM|RESEARCH|{stamp(message.time)}||{message.event}^{structure}"
        f"|{message.control}|P|2.5.1|||AL|NE|USA|{charset}"
    )


def codec_of(header_segment: str) -> str:
    """The codec that a header of ours names."""
    return "latin-1" if header_segment.endswith("|8859/1") else "utf-8"


def _is_latin(segments: Sequence[str]) -> bool:
    try:
        for one in segments:
            one.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def patient(chart: Chart, at: datetime) -> str:
    """PID as it was known at that time: the address of then, the death once it was told."""
    person = chart.person
    day_of = at.date()
    moves = sum(since <= day_of for since, _ in person.addresses)
    dead = person.death is not None and person.death <= at
    known = chart.made.get(("PID", moves, dead))
    if known is None:
        known = chart.made["PID", moves, dead] = _patient(chart, max(moves - 1, 0), is_dead=dead)
    return known


def _patient(chart: Chart, home: int, *, is_dead: bool) -> str:
    person = chart.person
    ids = f"{text(chart.number)}^^^{authority(chart.site)}^MR"
    if person.ssn:
        ids += f"~{person.ssn}^^^SSA^SS"
    contacts = phone(person.phone)
    if person.email:
        contacts += f"~^NET^Internet^{text(person.email)}"
    name = f"{text(person.family)}^{text(person.given)}^{text(person.middle)}^{text(person.suffix)}^^^L"
    values = {
        1: "1",
        3: ids,
        5: name,
        7: day(person.birth),
        8: "F" if person.sex == "female" else "M",
        10: coded(person.race),
        11: address(person.addresses[home][1]),
        13: contacts,
        15: f"{person.language.code}^{text(person.language.display)}^BCP47",
        16: f"{person.marital_status.code}^{text(person.marital_status.display)}^HL70002",
        19: person.ssn,
        22: coded(person.ethnicity),
    }
    if person.death is not None and is_dead:
        values |= {29: stamp(person.death), 30: "Y"}
    return row("PID", values)


def next_of_kin(chart: Chart) -> list[str]:
    """NK1, none where nobody is named."""
    given, family, relationship = chart.person.contact
    if not (given or family):
        return []
    return [f"NK1|1|{text(family)}^{text(given)}^^^^^L|{text(relationship)}^^HL70063"]


def bed(site: Site, stay: Stay | None) -> str:
    """A PL: unit, room, bed, facility; the site alone where there is no bed."""
    if stay is None:
        return f"CLINIC^^^{text(site.site_id.upper())}"
    return f"{text(stay.unit)}^{text(stay.room)}^{text(stay.bed)}^{text(site.site_id.upper())}"


def stay_at(encounter: Encounter, at: datetime) -> Stay | None:
    """Where the patient lies at that time; the last bed before it where there is none any more."""
    found = [stay for stay in encounter.stays if stay.start <= at]
    return found[-1] if found else (encounter.stays[0] if encounter.stays else None)


def visit(chart: Chart, encounter: Encounter, at: datetime, *, prior: Stay | None = None, ended: bool = False) -> str:
    """PV1 at that time; `ended` with the discharge."""
    who = clinician(chart.clinician(encounter.clinician_id))
    number = f"{chart.identifier('V', encounter.key)}^^^{authority(chart.site)}^VN"
    urgency = {"emergency": "E", "inpatient": "U"}.get(encounter.kind, "R")
    values = {
        1: "1",
        2: _CLASSES[encounter.kind],
        3: bed(chart.site, stay_at(encounter, at)),
        4: urgency,
        6: bed(chart.site, prior) if prior is not None else "",
        7: who,
        10: "MED",
        14: encounter.admit_source or "1",
        17: who,
        19: number,
    }
    if encounter.start <= at:
        values[44] = stamp(encounter.start)
    if ended and encounter.end is not None:
        values |= {36: encounter.disposition or "01", 45: stamp(encounter.end)}
    return row("PV1", values)


def no_visit() -> str:
    """PV1 of a message about a person and no visit: class N, not applicable."""
    return "PV1|1|N"
