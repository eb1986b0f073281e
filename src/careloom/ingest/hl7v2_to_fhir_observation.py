"""OBX as an Observation: the value by its type, range, interpretation, status, performers, notes.

Identity of an observation: OBX-21 where it is sent; else patient, order (or visit), code and system of OBX-3, OBX-4,
and a number where these repeat within the order. OBX-1 is left out on purpose: a correction may send one line alone.
Outside of an order OBX-14, else the message, takes the order's place.
"""

import binascii
import re
from collections.abc import Callable

from pybase64 import b64decode, b64encode_as_string

from careloom.fhir.drafts import Resource
from careloom.fhir.primitives import is_uri
from careloom.hl7v2 import fields
from careloom.hl7v2.moments import time_of_day
from careloom.hl7v2.parse import NULL, Segment
from careloom.ingest import hl7v2_to_fhir_parties as parties
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, unknown_concept
from careloom.ingest.hl7v2_to_fhir_codes import V2_TABLE, code_maps
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_values import Element

TEXT_TYPES = frozenset(("TX", "FT"))
ATTACHED_TYPES = frozenset(("ED", "RP"))
MAX_STRING = 1_000_000
"""FHIR R4: a string SHOULD NOT exceed 1 MB; longer text becomes an attachment."""

_ATTACHMENT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.valueAttachment"
_ALTERNATE = "http://hl7.org/fhir/StructureDefinition/alternate-codes"
_RANGE = re.compile(r"\s*([+-]?\d*\.?\d+)\s*-\s*([+-]?\d*\.?\d+)\s*", re.ASCII)
_BOUND = re.compile(r"\s*(<=?|>=?)\s*([+-]?\d*\.?\d+)\s*", re.ASCII)
_MAJOR_TYPES = {
    "AP": "application",
    "AU": "audio",
    "IM": "image",
    "TX": "text",
    "FT": "text",
    "TEXT": "text",
    "MULTIPART": "multipart",
}
_MIME = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]*")
_BASE64_SPACE = re.compile(r"\s+")
Valued = Callable[[Build, Segment, str], Element]


def observation(build: Build, obx: Segment, lines: list[Segment], out: Resource) -> None:
    """Fills the Observation of an OBX; `lines` are the OBX of the same text that follow it."""
    out["status"] = _status(build, obx)
    if obx.value(11) == "X":
        system = f"{V2_TABLE}0085"
        original = {"coding": [{"system": system, "code": "X"}]}
        out["_status"] = {"extension": [{"url": _ALTERNATE, "valueCodeableConcept": original}]}
    code = values.concept(build, obx.field(3)) if obx.value(3) or obx.value(3, 2) else None
    out["code"] = code if code is not None else unknown_concept()
    if code is None:
        build.issue("hl7v2.observation-code-missing", "OBX-3", "an observation names no code; unknown was put")
    out["subject"] = build.patient
    if build.visit is not None:
        out["encounter"] = build.visit
    effective = build.date_time(obx.value(14), "OBX-14")
    if effective is not None:
        out["effectiveDateTime"] = effective
    _put_value(build, obx, lines, out)
    fill(plan("OBX[Observation]"), obx, build, out)
    _performing(build, obx, out)
    _reference_range(build, obx, out)


def _performing(build: Build, obx: Segment, out: Resource) -> None:
    """OBX-18 as the device; OBX-23 to OBX-25 as the organization, with its director as a role where one is named."""
    for raw in obx.repetitions(18):
        made = parties.device(build, fields.entity(build.read, raw))
        if made is not None:
            out.setdefault("device", made)
    organization = None
    if obx.field(23):
        value = fields.organization(build.read, obx.repetitions(23)[0])
        organization = parties.organization_of(build, value, "OBX-23", obx.field(24))
    director = parties.practitioner(build, obx.field(25), "OBX-25") if obx.field(25) else None
    if director is not None:
        role = {"coding": [{"system": f"{V2_TABLE}0912", "code": "MDIR", "display": "Medical Director"}]}
        organization = parties.role(build, role, director, organization=organization)
    if organization is not None:
        out.setdefault("performer", []).append(organization)


def observation_source_id(build: Build, obx: Segment, *, is_ordered: bool) -> str:
    """The identity of an observation, numbered where it repeats within the order; `is_ordered` under an OBR."""
    given = fields.entity(build.read, obx.field(21))
    if given.value:
        return build.once(f"{build.patient_id}|OBX|{given.authority.key}|{given.value}")
    code = fields.coded(build.read, obx.field(3))
    what = f"{code.system}|{code.code}" if code.code else code.text.casefold()
    loose = f"{build.patient_id}|{build.visit_id}|{obx.value(14) or build.message_key}"
    return build.once(f"{build.order if is_ordered else loose}|OBX|{what}|{obx.field(4)}")


def is_same_text(first: Segment, following: Segment) -> bool:
    """True when a line of text goes on in the next OBX: both text, same code, same sub-identifier."""
    return (
        first.value(2) in TEXT_TYPES
        and following.value(2) in TEXT_TYPES
        and first.field(3) == following.field(3)
        and first.field(4) == following.field(4)
        and not following.value(21)
    )


def text_of(build: Build, lines: list[Segment]) -> str:
    """The text of OBX segments, a line for each segment and repetition."""
    out: list[str] = []
    for line in lines:
        raw = line.field(5)
        if raw == NULL:
            continue
        mark = build.message.delimiters.repetition
        parts = raw.split(mark) if mark else [raw]
        out.extend(plain_text(build, part) for part in parts)
    return "\n".join(out).strip("\n")


def plain_text(build: Build, raw: str) -> str:
    """Text of a TX, FT or ST value; its end is cut, its indent stays."""
    return build.read.text(f".{raw}")[1:] if raw != NULL else ""


def _status(build: Build, obx: Segment) -> str:
    sent = obx.value(11)
    target = code_maps()["ObservationResultStatusCodesInterpretation"].targets.get(sent.upper())
    if target is not None:
        return target.code
    if sent:
        build.issue("hl7v2.code-unknown", "OBX-11", "the result status is not in HL7 table 0085; unknown was put")
    return "unknown"


def _put_value(build: Build, obx: Segment, lines: list[Segment], out: Resource) -> None:
    kind = obx.value(2).upper()
    raw = obx.field(5)
    if raw in ("", NULL):
        if raw == NULL or obx.value(11) in ("X", "N"):
            out["dataAbsentReason"] = _absent_reason("not-asked" if obx.value(11) == "N" else "unknown")
        return
    repetitions = obx.repetitions(5)
    if kind in TEXT_TYPES or kind in ("ST", ""):
        _put_text(build, text_of(build, [obx, *lines]), out)
        return
    if kind == "NA":
        repetitions = [raw]
    made = [found for part in repetitions if (found := value_of(build, obx, kind, part))]
    if len(made) == 1:
        out.update(made[0])
    elif made:
        out["component"] = [{"code": dict(out["code"]), **found} for found in made]


def _absent_reason(code: str) -> Element:
    system = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
    return {"coding": [{"system": system, "code": code}]}


def _put_text(build: Build, text: str, out: Resource) -> None:
    del build
    if not text.strip():
        return
    if len(text) <= MAX_STRING:
        out["valueString"] = text
        return
    data = b64encode_as_string(text.encode())
    attachment = {"contentType": "text/plain; charset=utf-8", "data": data}
    out.setdefault("extension", []).append({"url": _ATTACHMENT, "valueAttachment": attachment})


def value_of(build: Build, obx: Segment, kind: str, raw: str) -> Element:
    """value[x] (or the attachment extension) of one repetition of OBX-5; empty where it says nothing."""
    make = _VALUES.get(kind)
    if make is not None:
        return make(build, obx, raw)
    if kind not in _SPOKEN:
        build.issue("hl7v2.value-type-unknown", "OBX-2", "the value type is not known; the value was kept as text")
    words = " ".join(text for part in build.read.parts(raw) for text in build.read.leaves(part) if text)
    return {"valueString": words} if words else {}


def _number_value(build: Build, obx: Segment, raw: str) -> Element:
    text = build.read.text(raw)
    found = values.compared(text)
    if found is None:
        if text:
            build.issue("hl7v2.value-type-mismatch", "OBX-5", "the value is no number as OBX-2 says; kept as text")
        return {"valueString": text} if text else {}
    return {"valueQuantity": values.quantity(found[1], values.unit_of(build, obx.field(6)), found[0])}


def _structured_value(build: Build, obx: Segment, raw: str) -> Element:
    comparator, first, separator, second = build.read.values(raw, 4)
    low, high = values.number(first), values.number(second)
    unit = values.unit_of(build, obx.field(6))
    if separator in (":", "/") and low is not None and high is not None and comparator in ("", "=", *_COMPARATORS):
        top = values.quantity(low, unit, comparator if comparator in _COMPARATORS else "")
        return {"valueRatio": {"numerator": top, "denominator": values.quantity(high, {})}}
    if separator == "-" and low is not None and high is not None and low <= high and comparator in ("", "="):
        return {"valueRange": {"low": values.quantity(low, unit), "high": values.quantity(high, unit)}}
    if not separator and not second and low is not None and comparator in ("", "=", *_COMPARATORS):
        return {"valueQuantity": values.quantity(low, unit, comparator if comparator in _COMPARATORS else "")}
    words = " ".join(part for part in (comparator, first, separator, second, unit.get("unit", "")) if part)
    return {"valueString": words} if words else {}


_COMPARATORS = ("<", "<=", ">=", ">")


def _concept_value(build: Build, obx: Segment, raw: str) -> Element:
    del obx
    found = values.concept(build, raw)
    return {"valueCodeableConcept": found} if found is not None else {}


def _time_value(build: Build, obx: Segment, raw: str) -> Element:
    del obx
    text = build.read.values(raw, 1)[0]
    found = build.date_time(text, "OBX-5")
    if found is not None:
        return {"valueDateTime": found}
    return {"valueString": text} if text else {}


def _clock_value(build: Build, obx: Segment, raw: str) -> Element:
    del obx
    text = build.read.text(raw)
    found = time_of_day(text)
    if found:
        return {"valueTime": found}
    return {"valueString": text} if text else {}


def _period_value(build: Build, obx: Segment, raw: str) -> Element:
    del obx
    start, end = build.read.values(raw, 2)
    period = values.period_of(build, start, end, "OBX-5")
    return {"valuePeriod": period} if period else {}


def _range_value(build: Build, obx: Segment, raw: str) -> Element:
    first, second = build.read.values(raw, 2)
    low, high = values.number(first), values.number(second)
    unit = values.unit_of(build, obx.field(6))
    out: Element = {}
    if low is not None:
        out["low"] = values.quantity(low, unit)
    if high is not None and (low is None or low <= high):
        out["high"] = values.quantity(high, unit)
    return {"valueRange": out} if out else {}


def _array_value(build: Build, obx: Segment, raw: str) -> Element:
    # FHIR SampledData needs a period that NA does not have: the numbers are kept as text, a line for each repetition.
    del obx
    text = build.read.text(raw.replace(build.message.delimiters.repetition or "~", "\n"))
    return {"valueString": text} if text else {}


def _attached_value(build: Build, obx: Segment, raw: str) -> Element:
    found = attachment(build, obx.value(2), raw)
    return {"extension": [{"url": _ATTACHMENT, "valueAttachment": found}]} if found else {}


_VALUES: dict[str, Valued] = {
    "NM": _number_value,
    "SN": _structured_value,
    **dict.fromkeys(("CE", "CWE", "CNE", "CF", "IS", "ID"), _concept_value),
    **dict.fromkeys(("DT", "TS", "DTM"), _time_value),
    "TM": _clock_value,
    "DR": _period_value,
    "NR": _range_value,
    "NA": _array_value,
    **dict.fromkeys(("ED", "RP"), _attached_value),
}
# Types that FHIR has no value[x] for: their parts are kept as words (guide: not mapped).
_SPOKEN = frozenset("AD CK CN CP CX DLN EI FN HD JCC MA MO PL PN PPN SAD SI SPS TN VR VID XAD XCN XON XPN XTN".split())


def attachment(build: Build, kind: str, raw: str) -> Element:
    """ED or RP to Attachment: the content type where it can be told, the data as base64, or the address."""
    parts = [build.read.text(part) for part in build.read.parts(raw)] + [""] * 5
    out: Element = {}
    if kind == "RP":
        mime = _mime(parts[2], parts[3])
        address = _BASE64_SPACE.sub("%20", parts[0])
        if not address:
            return {}
        if mime:
            out["contentType"] = mime
        if is_uri(address):
            out["url"] = address
        else:
            out["title"] = parts[0]
            build.issue("hl7v2.attachment-invalid", "OBX-5", "the address is no URI; it was kept as a title")
        return out
    mime = _mime(parts[1], parts[2])
    if mime:
        out["contentType"] = mime
    data = _data(build, parts[3], parts[4])
    if data:
        out.setdefault("contentType", "application/octet-stream")  # FHIR invariant att-1: data needs a type
        out["data"] = data
    return out


def _mime(major: str, minor: str) -> str:
    if major.upper() == "PDF" or minor.upper() == "PDF":
        return "application/pdf"
    if "/" in minor or "/" in major:
        whole = (minor if "/" in minor else major).lower()
    else:
        whole = f"{_MAJOR_TYPES.get(major.upper(), major)}/{minor or 'plain'}".lower()
    return whole if _MIME.fullmatch(whole) else ""


def _data(build: Build, encoding: str, text: str) -> str:
    if not text:
        return ""
    if encoding.upper() == "A":
        return b64encode_as_string(text.encode())
    bare = _BASE64_SPACE.sub("", text)
    try:
        if encoding.upper() == "HEX":
            return b64encode_as_string(bytes.fromhex(bare))
        return b64encode_as_string(b64decode(bare, validate=True))
    except (binascii.Error, ValueError):
        build.issue("hl7v2.attachment-invalid", "OBX-5", "the data is not encoded as it says; it was left out")
        return ""


def _reference_range(build: Build, obx: Segment, out: Resource) -> None:
    text = " ".join(part for part in map(build.read.text, build.read.parts(obx.field(7))) if part)
    if not text:
        return
    entry: Element = {}
    if "valueQuantity" in out or "component" in out:
        unit = values.unit_of(build, obx.field(6))
        between, bound = _RANGE.fullmatch(text), _BOUND.fullmatch(text)
        if between is not None:
            low, high = values.number(between[1]), values.number(between[2])
            if low is not None and high is not None and low <= high:
                entry["low"], entry["high"] = values.quantity(low, unit), values.quantity(high, unit)
        elif bound is not None:
            limit = values.number(bound[2])
            if limit is not None:
                entry["high" if bound[1][0] == "<" else "low"] = values.quantity(limit, unit)
    entry["text"] = text
    for one in out.get("component", (out,)):
        one["referenceRange"] = [dict(entry)]
