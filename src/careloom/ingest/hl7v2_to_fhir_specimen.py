"""SPM, and what OBR says of the specimen: as Specimen resources.

Identity: SPM-2, else the order (or the patient) and SPM-1; the specimen of an OBR is that of its order.
"""

from careloom.fhir.drafts import Resource
from careloom.hl7v2 import fields
from careloom.hl7v2.parse import Segment
from careloom.ingest import hl7v2_to_fhir_values as values
from careloom.ingest.hl7v2_to_fhir_build import Build, Reference
from careloom.ingest.hl7v2_to_fhir_codes import code_maps
from careloom.ingest.hl7v2_to_fhir_plans import fill, plan
from careloom.ingest.hl7v2_to_fhir_values import Element


def specimen_of_order(build: Build, obr: Segment) -> Reference | None:
    """The specimen that an OBR describes by its own fields; None where it describes none."""
    if not any(obr.one(number) for number in (9, 10, 14, 15)):
        return None
    out: Resource = {"resourceType": "Specimen", "subject": build.patient}
    fill(plan("OBR[Specimen]"), obr, build, out)
    _specimen_source(build, obr, out)
    taken = build.date_time(obr.value(7), "OBR-7")
    if taken is not None:
        out.setdefault("collection", {})["collectedDateTime"] = taken
    return build.put(f"{build.order}|OBR", out) if len(out) > 2 else None


def specimen(build: Build, spm: Segment) -> Resource:
    """The Specimen of an SPM."""
    out: Resource = {"resourceType": "Specimen"}
    parts = [fields.entity_part(build.read, part) for part in build.read.parts(spm.one(2))[:2]]
    for given, kind in zip(parts, ("PGN", "FGN"), strict=False):
        found = values.entity_identifier(given, kind)
        if found is not None:
            out.setdefault("identifier", []).append(found)
    out["subject"] = build.patient
    fill(plan("SPM[Specimen]"), spm, build, out)
    for raw in spm.repetitions(3):
        parent = _parent(build, raw)
        if parent is not None:
            out.setdefault("parent", []).append(parent)
    start, end = build.read.values(spm.one(17), 2)
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


def _parent(build: Build, raw: str) -> Reference | None:
    """SPM-3: the specimen that this one was made of, by its numbers."""
    parts = [fields.entity_part(build.read, part) for part in build.read.parts(raw)[:2]]
    numbers = [
        found
        for given, kind in zip(parts, ("PGN", "FGN"), strict=False)
        if (found := values.entity_identifier(given, kind))
    ]
    given = next((one for one in reversed(parts) if one.value), None)
    if not numbers or given is None:
        return None
    out: Resource = {"resourceType": "Specimen", "identifier": numbers, "subject": build.patient}
    return build.mention(f"{build.patient_id}|SPM|{given.authority.key}|{given.value}", out)


def specimen_key(build: Build, spm: Segment) -> str:
    """The identity of the specimen of an SPM."""
    parts = [fields.entity_part(build.read, part) for part in build.read.parts(spm.one(2))[:2]]
    for given in reversed(parts):
        if given.value:
            return f"{build.patient_id}|SPM|{given.authority.key}|{given.value}"
    return build.once(f"{build.order or build.patient_id}|SPM|{spm.value(1)}")


def _specimen_source(build: Build, obr: Segment, out: Resource) -> None:
    """OBR-15 (SPS): the specimen's type, body site and free text."""
    parts = build.read.parts(obr.one(15))
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
