"""Where a walk through a message stands: the patient, the visit and the order that the next segment belongs to."""

from collections.abc import Callable

from careloom.fhir.drafts import Resource
from careloom.hl7v2.parse import Segment
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_messages import MessageRule
from careloom.ingest.hl7v2_to_fhir_notes import Notes
from careloom.ingest.hl7v2_to_fhir_values import Element


class Context:
    """One walk through one message.

    holder     the resource that segments without an owner of their own (ROL, PRT) speak of
    order      the order whose details (TQ1, RXR, RXC, NTE) we are reading, None outside of orders
    waiting    TQ1, PRT and NTE that stood between an ORC and what it orders
    """

    def __init__(self, build: Build, rule: MessageRule, trigger: str) -> None:
        self.build = build
        self.rule = rule
        self.trigger = trigger
        self.notes = Notes(build)
        self.patient: Resource | None = None
        self.visit: Resource | None = None
        self.episode: Resource | None = None
        self.coverage: Resource | None = None
        self.insured: Resource | None = None
        self.account: Resource | None = None
        self.account_reference: Element | None = None
        self.procedure: Resource | None = None
        self.allergy: Resource | None = None
        self.holder: Resource | None = None
        self.order: Resource | None = None
        self.medication: Resource | None = None
        self.request: Element | None = None
        self.request_resource: Resource | None = None
        self.report: Resource | None = None
        self.specimen: Resource | None = None
        self.appointment: Resource | None = None
        self.scheduled: Resource | None = None
        self.problem: Resource | None = None
        self.plan: Resource | None = None
        self.orc: Segment | None = None
        self.group_orc: Segment | None = None
        self.told_orc: Segment | None = None
        self.end_results: Callable[[], None] = _nothing
        self.waiting: list[Segment] = []
        self.document: Segment | None = None
        self.contents: list[Segment] = []
        self.attached: list[Segment] = []
        self.flags: set[str] = set()
        self.sheets: dict[str, Element] = {}
        self.practitioner: Element | None = None

    def begin_patient(self) -> None:
        """Forgets what belonged to the patient before."""
        self.visit = self.episode = self.coverage = self.insured = self.account = self.account_reference = None
        self.procedure = self.allergy = self.problem = self.plan = None
        self.end_order()

    def begin_order(self, order: Resource, reference: Element, *, keeps: bool = False) -> None:
        """What follows (TQ1, RXR, RXC, NTE, PRT) belongs to this order; `keeps`: the request it answers stays known."""
        self.order = order
        if not keeps:
            self.request, self.request_resource = reference, order
        self.sheets = {}
        self.group_orc, self.orc = self.orc or self.group_orc, None
        self.speak_of(order)

    def end_order(self) -> None:
        """Forgets the order that was read: what follows belongs to the patient or to another order."""
        self.order = self.request = self.request_resource = self.report = self.specimen = self.medication = None
        self.flags.discard("orc")
        self.attached = []
        self.speak_of(None)

    def speak_of(self, resource: Resource | None) -> None:
        """From now on ROL, PRT and NTE belong to this resource."""
        self.holder = resource
        self.notes.to(resource)


Take = Callable[[Context, Segment], bool]
"""Takes one segment; False where it belongs to nothing here and stays in landing only."""


def _nothing() -> None:
    """Ends no results, for none are read."""
