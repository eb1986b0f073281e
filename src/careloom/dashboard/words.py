"""Numbers, sizes, times and names as people read them."""

from datetime import UTC, date, datetime

NONE = "–"

STATES = {"waiting": "Waiting", "running": "Running", "done": "Done", "failed": "Failed", "cancelled": "Cancelled"}
ZONES = {"landing": "Landing", "identified": "Identified", "research": "Research", "synthetic": "Synthetic"}
FORMATS = {
    "fhir": "FHIR",
    "fhir-xml": "FHIR XML",
    "hl7v2": "HL7 v2",
    "ccda": "C-CDA",
    "csv": "CSV",
    "notes": "Notes",
    "": "Not read",
}


PURPOSES = {
    "TREAT": "Treatment", "ETREAT": "Emergency treatment", "BTG": "Broken glass", "CAREMGT": "Care management",
    "COC": "Coordination of care", "HPAYMT": "Payment", "HOPERAT": "Operations", "HQUALIMP": "Quality improvement",
    "HRESCH": "Research", "CLINTRCH": "Clinical trial research", "PATRQT": "Request of the patient",
    "PUBHLTH": "Public health", "HSYSADMIN": "System administration", "HLEGAL": "Legal",
}  # fmt: skip
"""source: HL7 Terminology, v3 PurposeOfUse, its commonest codes."""

SYSTEMS = {
    "http://snomed.info/sct": "SNOMED CT",
    "http://loinc.org": "LOINC",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://unitsofmeasure.org": "UCUM",
}


def system(uri: str) -> str:
    """What people call a code system; the end of its address where it is none of the common ones."""
    return SYSTEMS.get(uri, uri.rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1])


def purpose(code: str) -> str:
    """What people call a purpose of use; its code where it is none of the common ones."""
    return PURPOSES.get(code, code)


def small(value: float | None) -> str:
    """``0.00001``, never ``1e-05``; a dash for what is not known."""
    if value is None:
        return NONE
    return f"{value:.6g}" if value == 0 or abs(value) >= 0.0001 else f"{value:.18f}".rstrip("0")


def number(value: int | None) -> str:
    """``12,345``; a dash for what is not known."""
    return NONE if value is None else f"{value:,}"


def share(value: float | None) -> str:
    """``98.4 %``; never rounded up to 100 % nor down to 0 % when it is not."""
    if value is None:
        return NONE
    percent = value * 100
    if 99.95 <= percent < 100:
        return "> 99.9 %"
    if 0 < percent < 0.05:
        return "< 0.1 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.1f} %"


def size(value: int | None) -> str:
    """``6.8 MB``, in decimal units."""
    if value is None:
        return NONE
    amount, units = float(value), ["B", "kB", "MB", "GB", "TB", "PB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.0f} {units[0]}" if units[0] == "B" or amount >= 100 else f"{amount:.1f} {units[0]}"


def moment(value: datetime | None) -> str:
    """``22 Nov 2026, 02:06`` UTC."""
    return NONE if value is None else f"{value.astimezone(UTC):%-d %b %Y, %H:%M}"


def clock(value: datetime) -> str:
    """``02:06:41 UTC``."""
    return f"{value.astimezone(UTC):%H:%M:%S} UTC"


def day(value: date) -> str:
    """``22 Nov 2026``."""
    return f"{value:%-d %b %Y}"


def lasting(start: datetime | None, end: datetime | None) -> str:
    """``1 min 12 s`` between two moments; a dash while one is missing."""
    if start is None or end is None:
        return NONE
    seconds = max(0.0, (end - start).total_seconds())
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def seconds(value: float | None) -> str:
    """``12 ms``, ``3.4 s``, ``1 min 12 s``, ``2 h 5 min``; a dash for what is not known."""
    if value is None:
        return NONE
    if value < 0.9995:
        thousandths = value * 1000
        return "0 s" if value == 0 else f"{thousandths:.0f} ms" if thousandths >= 1 else "< 1 ms"
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    days, hours, minutes, rest = whole // 86400, whole % 86400 // 3600, whole % 3600 // 60, whole % 60
    if days:
        return f"{days:,} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def count_of(value: int, one: str, many: str = "") -> str:
    """``1 run``, ``3 runs``."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def format_name(name: str) -> str:
    """``HL7 v2`` of ``hl7v2``; what is not read is called what it was recognised as: ``Image``."""
    return FORMATS.get(name, name[:1].upper() + name[1:].replace("-", " "))


def spaced(name: str) -> str:
    """``MedicationRequest`` as ``Medication request``."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return words[:1].upper() + words[1:]
