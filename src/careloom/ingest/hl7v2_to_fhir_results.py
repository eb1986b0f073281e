"""ORU: reports, their orders, specimens and observations, in the order the message groups them.

Identity of an order: patient, filler number (OBR-3, else ORC-3) or placer number (OBR-2, else ORC-2), and the code of
OBR-4, numbered where these repeat; without a number: patient, OBR-4 and OBR-7; without these too: MSH-10 and position.
A specimen: SPM-2, else its order and SPM-1.
"""

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, unknown_concept
from careloom.ingest.hl7v2_to_fhir_codes import code_maps
from careloom.ingest.hl7v2_to_fhir_notes import Notes
from careloom.ingest.hl7v2_to_fhir_observation import (
    ATTACHED_TYPES,
    attachment,
    is_same_text,
    observation,
    observation_source_id,
)
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_values import Element


class Results:
    """Takes ORC, OBR, OBX, NTE and SPM one after the other.

    with_reports  False in messages whose OBR is an order only (MDM): no DiagnosticReport is made
    """

    def __init__(self, build: Build, *, with_reports: bool = True) -> None:
        self._build = build
        self._with_reports = with_reports
        self._orc: Segment | None = None
        self._obr: Segment | None = None
        self._report: Resource | None = None
        self._specimens: list[Element] = []
        self._results: list[Resource] = []
        self._specimen: Element | None = None
        self._last: tuple[Segment, list[Segment], Resource] | None = None
        self.requests: list[Element] = []
        self.notes = Notes(build)

    def close(self) -> None:
        """Ends the current order: the next observation belongs to none."""
        self._end_order()
        self._flush_orc()
        self._obr = None
        self._build.order = ""

    def take_orc(self, orc: Segment) -> None:
        """A common order segment: its order follows, or there is none."""
        self._end_order()
        self._flush_orc()
        self._orc, self._obr = orc, None

    def take_obr(self, obr: Segment) -> None:
        """An order: a ServiceRequest, in results a DiagnosticReport, and a Specimen where OBR describes one."""
        self._end_order()
        build, orc = self._build, self._orc
        self._obr = obr
        build.order = _order_key(build, orc, obr)
        request = _request(build, orc, obr)
        reference = build.put(build.order, request)
        self.requests.append(reference)
        self.notes.to(request)
        if self._with_reports:
            self._report = _report(build, orc, obr)
            self._report["basedOn"] = [reference]
            build.put(build.order, self._report)
        self._orc = None

    def take_obx(self, obx: Segment) -> None:
        """A result, or a further line of the text before it."""
        build = self._build
        if self._last is not None and is_same_text(self._last[0], obx):
            self._last[1].append(obx)
            return
        self.end_observation()
        if self._report is not None and obx.value(2).upper() in ATTACHED_TYPES and self._specimen is None:
            found = [attachment(build, obx.value(2).upper(), raw) for raw in obx.repetitions(5)]
            if any(found):
                self._report.setdefault("presentedForm", []).extend(one for one in found if one)
                return
        made: Resource = {}
        self._last = (obx, [], made)
        self.notes.to(made)

    def take_nte(self, nte: Segment) -> bool:
        """A note to what came before; False where nothing that holds notes did."""
        return self.notes.take(nte)

    def take_spm(self, spm: Segment) -> None:
        """A specimen of the current report."""
        self.end_observation()
        build = self._build
        out = _specimen(build, spm)
        reference = build.put(_specimen_key(build, spm), out)
        self._specimen = reference
        self._specimens.append(reference)
        self.notes.to(out)

    def end_observation(self) -> None:
        """Makes the Observation that is still open, now that all its lines are known."""
        if self._last is None:
            return
        first, lines, made = self._last
        self._last = None
        build = self._build
        notes = made.pop("note", None)
        made.update(observation(build, first, lines))
        if notes:
            made["note"] = notes
        if self._obr is not None:
            _inherit(build, self._obr, made)
        if self._specimen is not None:
            made["focus"] = [dict(self._specimen)]
        reference = build.put(observation_source_id(build, first, is_ordered=self._obr is not None), made)
        if self._report is not None and self._specimen is None:
            self._report.setdefault("result", []).append(reference)
            self._results.append(made)

    def _end_order(self) -> None:
        self.end_observation()
        if self._report is not None and self._obr is not None and not self._specimens:
            self._specimen_of_obr(self._obr)
        if self._report is not None and self._specimens:
            self._report["specimen"] = [dict(one) for one in self._specimens]
            for made in self._results if len(self._specimens) == 1 else ():
                made["specimen"] = dict(self._specimens[0])
        self._report = self._specimen = None
        self._specimens = []
        self._results = []
        self.notes.to(None)

    def _flush_orc(self) -> None:
        orc = self._orc
        if orc is None:
            return
        if orc.value(2) or orc.value(3):
            build = self._build
            request = _request(build, orc, Segment("OBR", orc.delimiters, orc.codec))
            self.requests.append(build.put(_order_key(build, orc, Segment("OBR", orc.delimiters, orc.codec)), request))
        self._orc = None

    def _specimen_of_obr(self, obr: Segment) -> None:
        if not any(obr.field(number) for number in (9, 10, 14, 15)):
            return
        build = self._build
        out: Resource = {"resourceType": "Specimen", "subject": build.patient}
        fill(plan("OBR[Specimen]"), obr, build, out)
        _specimen_source(build, obr, out)
        taken = build.date_time(obr.value(7), "OBR-7")
        if taken is not None:
            out.setdefault("collection", {})["collectedDateTime"] = taken
        if len(out) > 2:
            self._specimens.append(build.put(f"{build.order}|OBR", out))


def _order_key(build: Build, orc: Segment | None, obr: Segment) -> str:
    code = obr.value(4) or obr.value(4, 2)
    for letter, number in (("F", 3), ("P", 2)):
        for segment in (obr, orc):
            given = fields.entity(build.read, segment.field(number)) if segment is not None else None
            if given is not None and given.value:
                key = f"{letter}|{given.authority.key}|{given.value}|{code}"
                return build.once(f"{build.patient_id}|{key}")
    observed = build.moment(obr.value(7), "OBR-7")
    if code and observed is not None:
        return build.once(f"{build.patient_id}|{code}|{observed.date}T{observed.time}")
    return build.once(f"{build.patient_id}|message|{build.message_key}|{code}")


def _numbers(build: Build, orc: Segment | None, obr: Segment) -> list[Element]:
    out: list[Element] = []
    for number, kind in ((2, "PLAC"), (3, "FILL")):
        for segment in (obr, orc):
            given = fields.entity(build.read, segment.field(number)) if segment is not None else None
            found = values.entity_identifier(given, kind) if given is not None else None
            if found is not None:
                out.append(found)
                break
    return out


def _request(build: Build, orc: Segment | None, obr: Segment) -> Resource:
    out: Resource = {"resourceType": "ServiceRequest", "status": _request_status(orc)}
    out["intent"] = "reflex-order" if obr.value(11) == "G" else "order"
    numbers = _numbers(build, orc, obr)
    if numbers:
        out["identifier"] = numbers
    out["subject"] = build.patient
    if build.visit is not None:
        out["encounter"] = build.visit
    if orc is not None:
        fill(plan("ORC[ServiceRequest]"), orc, build, out)
        written = build.date_time(orc.value(9), "ORC-9") if orc.value(1) == "NW" else None
        if written is not None:
            out["authoredOn"] = written
    fill(plan("OBR[ServiceRequest]"), obr, build, out)
    if "requester" not in out and obr.field(16):
        named: Resource = {}
        fill(plan("OBR-16[ServiceRequest]"), obr, build, named)
        out.update(named)
    if "orderDetail" in out:
        out.setdefault("code", unknown_concept())  # FHIR invariant prr-1: details need a code
    return out


def _request_status(orc: Segment | None) -> str:
    if orc is None:
        return "unknown"
    maps = code_maps()
    by_status = maps["OrderStatus"].targets.get(orc.value(5))
    if by_status is not None:
        return by_status.code
    by_control = maps["OrderControlCode[ServiceRequest.status]"].targets.get(orc.value(1))
    return by_control.code if by_control is not None else "unknown"


def _report(build: Build, orc: Segment | None, obr: Segment) -> Resource:
    out: Resource = {"resourceType": "DiagnosticReport"}
    numbers = _numbers(build, orc, obr)
    if numbers:
        out["identifier"] = numbers
    target = code_maps()["ResultStatus[Non-Queries]"].targets.get(obr.value(25))
    if target is None and obr.value(25):
        build.issue("hl7v2.code-unknown", "OBR-25", "the result status is not in HL7 table 0123; unknown was put")
    out["status"] = target.code if target is not None else "unknown"
    fill(plan("OBR[DiagnosticReport]"), obr, build, out)
    out.setdefault("code", unknown_concept())
    out["subject"] = build.patient
    if build.visit is not None:
        out["encounter"] = build.visit
    if obr.value(8):
        period = values.period_of(build, obr.value(7), obr.value(8), "OBR-8")
        if period:
            out["effectivePeriod"] = period
    else:
        observed = build.date_time(obr.value(7), "OBR-7")
        if observed is not None:
            out["effectiveDateTime"] = observed
    return out


def _inherit(build: Build, obr: Segment, made: Resource) -> None:
    """What an observation has from its order: the category by OBR-24, the time of OBR-7 where it has none."""
    section = obr.value(24)
    kind = code_maps()["ObservationCategory"].targets.get(section)
    if kind is not None:
        made["category"] = [{"coding": [{"system": kind.system, "code": kind.code, "display": kind.display}]}]
    if "effectiveDateTime" not in made:
        observed = build.date_time(obr.value(7), "OBR-7")
        if observed is not None:
            made["effectiveDateTime"] = observed


def _specimen(build: Build, spm: Segment) -> Resource:
    out: Resource = {"resourceType": "Specimen"}
    parts = [fields.entity_part(build.read, part) for part in build.read.parts(spm.field(2))[:2]]
    for given, kind in zip(parts, ("PLAC", "FILL"), strict=False):
        found = values.entity_identifier(given, kind)
        if found is not None:
            out.setdefault("identifier", []).append(found)
    out["subject"] = build.patient
    fill(plan("SPM[Specimen]"), spm, build, out)
    start, end = build.read.values(spm.field(17), 2)
    collected: Element = out.setdefault("collection", {})
    if end:
        period = values.period_of(build, start, end, "SPM-17")
        if period:
            collected["collectedPeriod"] = period
    else:
        taken = build.date_time(start, "SPM-17")
        if taken is not None:
            collected["collectedDateTime"] = taken
    if not collected:
        del out["collection"]
    return out


def _specimen_key(build: Build, spm: Segment) -> str:
    parts = [fields.entity_part(build.read, part) for part in build.read.parts(spm.field(2))[:2]]
    for given in reversed(parts):
        if given.value:
            return f"{build.patient_id}|SPM|{given.authority.key}|{given.value}"
    return build.once(f"{build.order or build.patient_id}|SPM|{spm.value(1)}")


def _specimen_source(build: Build, obr: Segment, out: Resource) -> None:
    """OBR-15 (SPS): the specimen's type, body site and free text."""
    parts = build.read.parts(obr.field(15))
    maps = code_maps()
    kind = fields.coded_part(build.read, parts[0]) if parts[0] else None
    found = values.concept_of(kind, maps["SpecimenType"]) if kind is not None else None
    if found is not None:
        out["type"] = found
    text = build.read.text(parts[2]) if len(parts) > 2 else ""
    if text:
        out["note"] = [{"text": text}]
    site = fields.coded_part(build.read, parts[3]) if len(parts) > 3 and parts[3] else None
    where = values.concept_of(site, maps["BodySite"]) if site is not None else None
    if where is not None:
        out.setdefault("collection", {})["bodySite"] = where
