"""NTE segments as annotations of the resource they follow; lines of one writer become one note."""

from careloom.fhir.drafts import Resource
from careloom.hl7v2.parse import NULL, Segment
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_parties import practitioner
from careloom.ingest.hl7v2_to_fhir_values import Element

# FHIR R4: the types that are made here and hold notes.
_NOTED = frozenset(
    "AllergyIntolerance CarePlan ChargeItem Condition Device Goal Immunization MedicationAdministration "
    "MedicationDispense MedicationRequest NutritionOrder Observation Procedure ServiceRequest Specimen".split()
)
_APPOINTMENT_NOTE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.note"


class Notes:
    """Collects the NTE segments that follow a resource."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._target: Resource | None = None
        self._signature: tuple[str, str] | None = None

    def to(self, target: Resource | None) -> None:
        """From now on notes belong to this resource, or to none."""
        self._target = target
        self._signature = None

    def take(self, nte: Segment) -> bool:
        """Adds a note; False where it belongs to nothing that holds notes."""
        target = self._target
        if target is None or target["resourceType"] not in (*_NOTED, "Appointment"):
            return False
        text = self._text(nte)
        if not text.strip():
            return True
        signature = (nte.field(5), nte.field(6))
        goes_on, self._signature = signature == self._signature, signature
        if target["resourceType"] == "Appointment":
            self._appoint(nte, target, text)
            return True
        held = target.get("note")
        if held and goes_on:
            held[-1]["text"] = f"{held[-1]['text']}\n{text}"
        else:
            target.setdefault("note", []).append(self._note(nte, text))
        return True

    def _appoint(self, nte: Segment, target: Resource, text: str) -> None:
        """NTE[Appointment-Comment]: R4 has a comment and no notes; the guide's extension tells who wrote it, when."""
        held = target.get("comment")
        target["comment"] = f"{held}\n{text}" if held else text
        note = self._note(nte, text)
        target.setdefault("extension", []).append({"url": _APPOINTMENT_NOTE, "valueAnnotation": note})

    def _note(self, nte: Segment, text: str) -> Element:
        note: Element = {}
        who = practitioner(self._build, nte.field(5), "NTE-5") if nte.value(5) else None
        if who is not None:
            note["authorReference"] = who
        when = self._build.date_time(nte.value(6), "NTE-6")
        if when is not None:
            note["time"] = when
        note["text"] = text
        return note

    def _text(self, nte: Segment) -> str:
        lines = [self._build.read.text(f".{raw}")[1:] for raw in nte.repetitions(3) if raw != NULL]
        return "\n".join(lines)
