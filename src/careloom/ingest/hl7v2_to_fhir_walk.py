"""The walk through a message: each segment goes to what takes it, in the order sent; else it stays in landing only."""

from careloom.fhir.drafts import Resource
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_events as events
from careloom.ingest import hl7v2_to_fhir_finance as finance
from careloom.ingest import hl7v2_to_fhir_immunization as immunization
from careloom.ingest import hl7v2_to_fhir_other as other
from careloom.ingest import hl7v2_to_fhir_pharmacy as pharmacy
from careloom.ingest import hl7v2_to_fhir_problem as problem
from careloom.ingest import hl7v2_to_fhir_schedule as schedule
from careloom.ingest.hl7v2_to_fhir_allergy import take_allergy, take_iar
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_context import Context, Take
from careloom.ingest.hl7v2_to_fhir_document import DOCUMENT_TYPES, add_document
from careloom.ingest.hl7v2_to_fhir_header import add_header, add_patient_update
from careloom.ingest.hl7v2_to_fhir_messages import MessageRule
from careloom.ingest.hl7v2_to_fhir_order import order_key, service_request
from careloom.ingest.hl7v2_to_fhir_patient import (
    add_demographics,
    add_importance,
    add_mother,
    add_next_of_kin,
    patient_resource,
    patient_source_id,
)
from careloom.ingest.hl7v2_to_fhir_results import Results
from careloom.ingest.hl7v2_to_fhir_roles import take_part
from careloom.ingest.hl7v2_to_fhir_timing import take_timing
from careloom.ingest.hl7v2_to_fhir_visit import (
    add_condition,
    add_episode,
    add_procedure,
    encounter,
    visit_source_id,
)

_HEADERS = frozenset(("MSH", "EVN", "SFT", "MSA", "DSC", "BHS", "BTS", "FHS", "FTS", "UAC", "ERR", "QAK", "QPD"))


def identified(build: Build, pid: Segment | None) -> bool:
    """Sets the patient of what follows; False with an issue that refuses where there is none."""
    if pid is None:
        remedy = "let the sender include PID"
        build.issue("hl7v2.segment-missing", "PID", "the message names no patient", "error", remedy)
        return False
    build.patient_id = patient_source_id(build, pid)
    if not build.patient_id:
        remedy = "let the sender fill PID-3 with the medical record number and its assigning authority"
        build.issue("hl7v2.patient-id-missing", "PID-3", "the message identifies no patient", "error", remedy)
        return False
    return True


def first_patient(build: Build) -> Segment | None:
    """The first PID that says something, else the first."""
    found = build.message.all("PID")
    named = [pid for pid in found if len(pid.text) > 4]
    return named[0] if named else (found[0] if found else None)


def keep(build: Build, name: str) -> None:
    """Says that a segment stays in landing only."""
    remedy = "nothing is lost: the message stays in landing and can be redriven once the segment is mapped"
    text = f"the segment {name} is not mapped here; it stays in landing"
    build.issue("hl7v2.segment-kept-in-landing", name, text, remedy=remedy)


class Walk:
    """One walk: the context, and the results that are being read."""

    def __init__(self, build: Build, rule: MessageRule, kind: str, trigger: str) -> None:
        self.kind = kind
        self.context = Context(build, rule, trigger)
        self.results = Results(self.context)

    def run(self) -> None:
        """Takes every segment; an issue that refuses ends the walk."""
        before = self.context.end_results
        self.context.end_results = self.results.end_order
        try:
            self._take_all()
        finally:  # else context and results hold each other, and the message, until the collector comes
            self.context.end_results = before

    def _take_all(self) -> None:
        build, context = self.context.build, self.context
        if not identified(build, first_patient(build)):
            return
        if self.kind == "MDM" and build.message.first("TXA") is None:
            remedy = "let the sender include TXA"
            build.issue("hl7v2.segment-missing", "TXA", "the message describes no document", "error", remedy)
            return
        for segment in build.message.segments:
            if segment.name in _HEADERS:
                continue
            if not self._take(segment):
                keep(build, segment.name)
            if build.is_refused:
                return
        self._flush()
        self.results.close()
        schedule.finish_appointment(context)
        if context.document is not None:
            add_document(build, context.document, context.contents, self.results.requests, context.trigger)
        add_header(build, self.kind, context.trigger)

    def _take(self, segment: Segment) -> bool:
        name, context = segment.name, self.context
        if context.orc is not None and name in ("TQ1", "PRT", "NTE"):
            context.waiting.append(segment)
            return True
        own = _OWN.get(name)
        if own is not None:
            return own(self, segment)
        take = _TAKES.get(name)
        if take is None:
            return False
        if name in _ENDS_OBSERVATION:
            self.results.end_observation()
        if name in _DETAILS:
            taken = take(context, segment)
            self._replay()
            return taken
        return take(context, segment)

    def _replay(self) -> None:
        """Hands on what stood between ORC and its detail, now that the order is there."""
        waiting, self.context.waiting = self.context.waiting, []
        for segment in waiting:
            if not self._take(segment):
                keep(self.context.build, segment.name)

    def _pid(self, pid: Segment) -> bool:
        context, build = self.context, self.context.build
        self._flush()
        self.results.close()
        if len(pid.text) <= 4:
            return True
        if not identified(build, pid):
            return True
        build.visit_id = ""
        context.begin_patient()
        context.patient = build.known("Patient", build.patient_id) or patient_resource(build, pid)
        build.main_draft(build.patient_id, context.patient)
        add_mother(build, pid)
        finance.account_of_patient(context, pid)
        add_patient_update(build, pid)
        context.speak_of(context.patient)
        return True

    def _pd1(self, pd1: Segment) -> bool:
        if self.context.patient is None:
            return False
        add_demographics(self.context.build, pd1, self.context.patient)
        return True

    def _nk1(self, nk1: Segment) -> bool:
        if self.context.patient is None:
            return False
        add_next_of_kin(self.context.build, nk1, self.context.patient)
        return True

    def _pv1(self, pv1: Segment) -> bool:
        context, build = self.context, self.context.build
        build.visit_id = visit_source_id(build, pv1)
        if not build.visit_id:
            return True
        visit = encounter(build, pv1, self._pv2_of(pv1), context.trigger if self.kind == "ADT" else "")
        build.main_draft(build.visit_id, visit)
        context.visit = visit
        if context.patient is not None:
            add_importance(build, pv1, context.patient)
        context.episode = add_episode(build, pv1, visit)
        context.speak_of(visit)
        return True

    def _pv2_of(self, pv1: Segment) -> Segment | None:
        segments = self.context.build.message.segments
        place = next(index for index, one in enumerate(segments) if one is pv1)
        for following in segments[place + 1 :]:
            if following.name == "PV2":
                return following
            if following.name in ("PV1", "PID"):
                return None
        return None

    def _pv2(self, pv2: Segment) -> bool:
        del pv2
        return self.context.visit is not None or self.context.build.visit_id == ""

    def _dg1(self, dg1: Segment) -> bool:
        context = self.context
        is_of_order = context.request_resource is not None and self.kind not in ("ADT", "BAR")
        visit = None if is_of_order else context.visit
        made = add_condition(context.build, dg1, visit, None if is_of_order else context.episode)
        order = context.request_resource if made is not None and is_of_order else None
        if made is not None and order is not None and order["resourceType"] in ("ServiceRequest", "MedicationRequest"):
            order.setdefault("reasonReference", []).append(made[0])
        return True

    def _pr1(self, pr1: Segment) -> bool:
        self.context.procedure = add_procedure(self.context.build, pr1)
        self.context.speak_of(self.context.procedure)
        return True

    def _orc(self, orc: Segment) -> bool:
        if self.kind == "OUL" and self.results.is_open and self.results.take_late_orc(orc):
            return True
        self._flush()
        self.results.end_order()
        self.context.orc = self.context.group_orc = orc
        return True

    def _obr(self, obr: Segment) -> bool:
        if self.context.orc is None:
            self.context.waiting = []
        self.results.take_obr(obr)
        self._replay()
        return True

    def _obx(self, obx: Segment) -> bool:
        context = self.context
        if self.kind == "MDM" and context.document is not None and obx.value(2).upper() in DOCUMENT_TYPES:
            self.results.end_observation()
            context.speak_of(None)
            context.contents.append(obx)
            return True
        if immunization.take_observation(context, obx):
            return True
        self.results.take_obx(obx)
        return True

    def _spm(self, spm: Segment) -> bool:
        self.results.take_spm(spm)
        return True

    def _rxa(self, rxa: Segment) -> bool:
        take = immunization.take_immunization if self.kind == "VXU" else pharmacy.take_administration
        taken = take(self.context, rxa)
        self._replay()
        return taken

    def _txa(self, txa: Segment) -> bool:
        context = self.context
        if self.kind == "MDM":
            self._flush()
            self.results.close()
        else:
            context.contents = list(context.attached)
        context.document = txa
        return True

    def _nte(self, nte: Segment) -> bool:
        return self.context.notes.take(nte)

    def _tq1(self, tq1: Segment) -> bool:
        order = self.context.order
        if order is None:
            return schedule.take_timing(self.context, tq1)
        return take_timing(self.context.build, tq1, order)

    def _flush(self) -> None:
        """An ORC that nothing followed: an order known by its numbers only."""
        context = self.context
        orc, context.orc = context.orc, None
        if orc is None:
            return
        build = context.build
        if orc.value(2) or orc.value(3):
            empty = Segment("OBR", orc.delimiters, orc.codec)
            request: Resource = service_request(build, orc, empty)
            reference = build.put(order_key(build, orc, empty, ""), request)
            self.results.requests.append(reference)
            context.order = context.request_resource = request
            context.request = reference
            context.speak_of(request)
            self._replay()
            context.end_order()
        context.waiting = []


_OWN = {
    "PID": Walk._pid,
    "PD1": Walk._pd1,
    "NK1": Walk._nk1,
    "PV1": Walk._pv1,
    "PV2": Walk._pv2,
    "DG1": Walk._dg1,
    "PR1": Walk._pr1,
    "ORC": Walk._orc,
    "OBR": Walk._obr,
    "OBX": Walk._obx,
    "SPM": Walk._spm,
    "RXA": Walk._rxa,
    "TXA": Walk._txa,
    "NTE": Walk._nte,
    "TQ1": Walk._tq1,
}
_DETAILS = frozenset(("RXO", "RXE", "RXD", "RXG", "ODS", "RQD"))
_ENDS_OBSERVATION = frozenset(("IN1", "GT1", "AL1", "IAM", "FT1", "PRB", "GOL", "PTH", "SCH"))
_TAKES: dict[str, Take] = {
    "AIG": schedule.take_aig,
    "AIL": schedule.take_ail,
    "AIP": schedule.take_aip,
    "AIS": schedule.take_ais,
    "AL1": take_allergy,
    "ACC": events.take_acc,
    "ARV": other.take_arv,
    "AUT": other.take_aut,
    "BLG": finance.take_blg,
    "CDO": pharmacy.take_cdo,
    "CON": events.take_con,
    "CTD": events.take_ctd,
    "CTI": other.take_cti,
    "DB1": other.take_db1,
    "FT1": finance.take_ft1,
    "GOL": problem.take_gol,
    "GT1": finance.take_gt1,
    "IAM": take_allergy,
    "IAR": take_iar,
    "IN1": finance.take_in1,
    "IN2": finance.take_in2,
    "INV": other.take_inv,
    "ODS": other.take_ods,
    "PDA": events.take_pda,
    "PRB": problem.take_prb,
    "PRD": other.take_prd,
    "PRT": take_part,
    "PTH": problem.take_pth,
    "RF1": other.take_rf1,
    "RGS": schedule.take_rgs,
    "ROL": take_part,
    "RQ1": other.take_rq1,
    "RQD": other.take_rqd,
    "RXC": pharmacy.take_rxc,
    "RXD": pharmacy.take_rxd,
    "RXE": pharmacy.take_rxe,
    "RXG": pharmacy.take_rxg,
    "RXO": pharmacy.take_rxo,
    "RXR": pharmacy.take_rxr,
    "SAC": other.take_sac,
    "SCH": schedule.take_sch,
    "VAR": problem.take_var,
}
