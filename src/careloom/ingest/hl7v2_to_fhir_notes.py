"""NTE segments as annotations of the resource they follow; lines of one writer become one note."""

from careloom.fhir.drafts import Resource
from careloom.hl7v2.parse import NULL, Segment
from careloom.ingest.hl7v2_to_fhir_build import Build
from careloom.ingest.hl7v2_to_fhir_parties import practitioner
from careloom.ingest.hl7v2_to_fhir_values import Element


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
        if target is None:
            return False
        text = self._text(nte)
        signature = (nte.field(5), nte.field(6))
        held = target.get("note")
        if held and signature == self._signature:
            held[-1]["text"] = f"{held[-1]['text']}\n{text}"
            return True
        if not text.strip():
            return True
        self._signature = signature
        note: Element = {}
        who = practitioner(self._build, nte.field(5), "NTE-5") if nte.value(5) else None
        if who is not None:
            note["authorReference"] = who
        when = self._build.date_time(nte.value(6), "NTE-6")
        if when is not None:
            note["time"] = when
        note["text"] = text
        target.setdefault("note", []).append(note)
        return True

    def _text(self, nte: Segment) -> str:
        lines = [self._build.read.text(f".{raw}")[1:] for raw in nte.repetitions(3) if raw != NULL]
        return "\n".join(lines)
