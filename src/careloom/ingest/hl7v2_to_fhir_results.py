"""Orders with results: reports, their orders, specimens and observations, in the order the message groups them.

An OBR is a report where the message rule says so (maps/hl7v2_messages.toml), and always an order. A specimen is known
by SPM-2, else by its order and SPM-1. In OUL R22 and R23 the specimen stands before the orders that were made of it.
"""

from careloom.fhir.drafts import Resource
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, unknown_concept
from careloom.ingest.hl7v2_to_fhir_codes import code_maps
from careloom.ingest.hl7v2_to_fhir_context import Context
from careloom.ingest.hl7v2_to_fhir_observation import (
    ATTACHED_TYPES,
    attachment,
    is_same_text,
    observation,
    observation_source_id,
)
from careloom.ingest.hl7v2_to_fhir_order import add_order_provenance, order_key, order_numbers, service_request
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_specimen import specimen, specimen_key, specimen_of_order
from careloom.ingest.hl7v2_to_fhir_values import Element

_STATUS_REASON = "http://hl7.org/fhir/StructureDefinition/event-statusReason"


class Results:
    """Takes OBR, OBX and SPM one after the other, for one walk."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._build = context.build
        self._obr: Segment | None = None
        self._report: Resource | None = None
        self._specimens: list[Element] = []
        self._results: list[Resource] = []
        self._specimen: Element | None = None
        self._leading: list[Element] = []
        self._last: tuple[Segment, list[Segment], Resource] | None = None
        self.requests: list[Element] = []

    @property
    def is_open(self) -> bool:
        """True between an OBR and the end of its group."""
        return self._obr is not None

    def close(self) -> None:
        """Ends the current order: the next observation belongs to none."""
        self.end_order()
        self._leading = []

    def take_obr(self, obr: Segment) -> None:
        """An order: a ServiceRequest, a DiagnosticReport for a report, and a Specimen where OBR describes one."""
        self.end_order()
        context, build = self._context, self._build
        orc, context.orc = context.orc, None
        self._obr = obr
        build.order = order_key(build, orc, obr, obr.value(4) or obr.value(4, 2), obr.value(7))
        request = service_request(build, orc, obr)
        reference = build.put(build.order, request)
        if orc is not None:
            add_order_provenance(build, orc, build.order, reference)
        self.requests.append(reference)
        context.order = context.request_resource = request
        context.request = reference
        context.speak_of(request)
        reports = context.rule.reports
        if reports == "always" or (reports == "stated" and obr.value(25)):
            self._report = _report(build, orc, obr)
            self._report["basedOn"] = [reference]
            build.put(build.order, self._report)
            context.report = self._report
        self._specimens = list(self._leading)

    def take_late_orc(self, orc: Segment) -> bool:
        """OUL: an ORC that follows its OBR adds its numbers and its state to the order."""
        request = self._context.order
        if self._obr is None or request is None or "orc" in self._context.flags:
            return False
        self._context.flags.add("orc")
        late = service_request(self._build, orc, self._obr)
        when = next((name for name in request if name.startswith("occurrence")), "occurrenceDateTime")
        for name, value in late.items():
            if name != "note" and (name == when or not name.startswith("occurrence")):
                request[name] = value
        numbers = order_numbers(self._build, orc, self._obr)
        if self._report is not None and numbers:
            self._report["identifier"] = numbers
        return True

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
                self._context.attached.append(obx)
                self._report.setdefault("presentedForm", []).extend(one for one in found if one)
                return
        made: Resource = {"resourceType": "Observation"}
        self._last = (obx, [], made)
        self._context.speak_of(made)

    def take_spm(self, spm: Segment) -> None:
        """A specimen of the current report or order, or of the orders that follow."""
        leads = self._obr is None or self._leading
        if leads:
            self.close()
        self.end_observation()
        build = self._build
        out = specimen(build, spm)
        reference = build.put(specimen_key(build, spm), out)
        self._specimen = reference
        self._specimens.append(reference)
        if leads:
            self._leading = [reference]
        self._context.specimen = out
        self._context.speak_of(out)

    def end_observation(self) -> None:
        """Makes the Observation that is still open, now that all its lines are known."""
        if self._last is None:
            return
        first, lines, made = self._last
        self._last = None
        build, context = self._build, self._context
        held = {name: made.pop(name) for name in ("note", "performer", "device") if name in made}
        observation(build, first, lines, made)
        for name, value in held.items():
            if name in made and isinstance(value, list):
                made[name] = [*made[name], *(one for one in value if one not in made[name])]
            else:
                made[name] = value
        if self._obr is not None:
            _inherit(build, self._obr, made)
        if self._specimen is not None and self._obr is not None:
            made["focus"] = [dict(self._specimen)]
        reference = build.put(observation_source_id(build, first, is_ordered=self._obr is not None), made)
        if self._report is not None and self._specimen is None:
            self._report.setdefault("result", []).append(reference)
            self._results.append(made)
        elif self._report is None and self._obr is not None and context.request_resource is not None:
            context.request_resource.setdefault("supportingInfo", []).append(reference)

    def end_order(self) -> None:
        """Ends the order that is open, with its last observation."""
        self.end_observation()
        if self._obr is not None and not self._specimens:
            made = specimen_of_order(self._build, self._obr)
            if made is not None:
                self._specimens.append(made)
        owner = self._report if self._report is not None else self._context.request_resource
        if owner is not None and self._obr is not None and self._specimens:
            owner["specimen"] = [dict(one) for one in self._specimens]
            for result in self._results if len(self._specimens) == 1 else ():
                result["specimen"] = dict(self._specimens[0])
        self._report = self._specimen = self._obr = None
        self._specimens = []
        self._results = []
        self._build.order = ""
        self._context.end_order()


def _report(build: Build, orc: Segment | None, obr: Segment) -> Resource:
    out: Resource = {"resourceType": "DiagnosticReport"}
    numbers = order_numbers(build, orc, obr)
    if numbers:
        out["identifier"] = numbers
    target = code_maps()["ResultStatus[Non-Queries]"].targets.get(obr.value(25))
    if target is None and obr.value(25):
        build.issue("hl7v2.code-unknown", "OBR-25", "the result status is not in HL7 table 0123; unknown was put")
    out["status"] = target.code if target is not None else "unknown"
    if orc is not None and orc.field(16):
        reason = values.concept(build, orc.field(16))
        if reason is not None:
            out["extension"] = [{"url": _STATUS_REASON, "valueCodeableConcept": reason}]
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
        made["category"] = [{"coding": [kind.coding()]}]
    if "effectiveDateTime" not in made:
        observed = build.date_time(obr.value(7), "OBR-7")
        if observed is not None:
            made["effectiveDateTime"] = observed
