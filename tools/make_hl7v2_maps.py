"""Compact concept maps for HL7 v2 conversion, from the tables of the HL7 v2-to-FHIR guide.

    python tools/make_hl7v2_maps.py SUITES/hl7v2_to_fhir_ig > src/careloom/ingest/maps/hl7v2_concepts.toml

source   HL7 v2-to-FHIR Implementation Guide, mappings/codesystems/*.csv (CC0-1.0)
output   one table per concept map that the converter uses: only rows with a code on both sides
"""

import csv
import sys
from collections import Counter
from pathlib import Path

USED = (
    "AddressType[Type] AddressType[Use] AdministrativeSex AdmissionType "
    "AllergenType[AllergyIntoleranceCategory] AllergySeverity[AllergyIntolerance.criticality] "
    "AllergySeverity[AllergyIntolerance.reaction.severity] AllergyType AmbulatoryStatus ContactRole "
    "DiagnosisType DiagnosticServiceSectionID DocumentConfidentialityStatus EncounterPriority "
    "Event[EncounterStatus] ExtendedPriorityCodes HospitalService IdentifierType InterpretationCodes "
    "MaritalStatus ModeOfArrivalCode NameType NatureOfAbnormalTesting "
    "ObservationResultStatusCodesInterpretation OrderControlCode[ServiceRequest.status] "
    "PatientClass[EncounterClass] PatientClass[EncounterStatus] ReadmissionIndicator Relationship "
    "Religion ResultStatus[Non-Queries] SpecimenCollectionMethod SpecimenCondition SpecimenType BodySite "
    "AdditivePreservative TelecommunicationEquipmentType TelecommunicationUseCode YesNoIndicator "
    "YesNoIndicator[AvailabilityStatus] "
    "AdministrationMethod AllowSubstitution AppointmentReasonCodes AppointmentTypeCodes BedStatus BodyParts "
    "CompletionStatus DegreeLicenseCertificate EventReason EventRelatedPeriod FillerStatusCodes[Appointment] "
    "LivingWillCode OrderType ProviderRole RepeatPattern RouteOfAdministration UniversalIDType "
).split()

SNOMED_CT = "http://snomed.info/sct"

HEADER = """\
# Concept maps of the HL7 v2-to-FHIR guide. Made by tools/make_hl7v2_maps.py: do not edit, see hl7v2_codes.toml.
#
# source   HL7 v2-to-FHIR Implementation Guide, mappings/codesystems (CC0-1.0)
# grammar  ["name"]           the guide's name of the map
#          table              HL7 v2 table of the source codes, four digits
#          system             code system of the targets
#          codes              v2 code = "target"  or  ["target", "display"]  or  ["target", "display", "other system"]
"""


def quoted(text: str) -> str:
    """A TOML basic string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def rows_of(path: Path) -> list[tuple[str, str, str, str, str]]:
    """(v2 code, v2 table, target code, display, target system) where both codes are there; the first one wins."""
    out: dict[str, tuple[str, str, str, str, str]] = {}
    with path.open(encoding="utf-8-sig", newline="") as handle:
        for row in list(csv.reader(handle))[2:]:
            cells = [" ".join(cell.split()) for cell in row] + [""] * 12
            code, table, target, system = cells[0], cells[2], cells[6], cells[9]
            display = "" if system == SNOMED_CT else cells[8] or cells[7]  # its descriptions are not ours to ship
            if not code or not target or not system.startswith("http") or " " in target or len(display) > 120:
                continue
            out.setdefault(code, (code, table, target, display, system))
    return sorted(out.values())


def table_text(name: str, rows: list[tuple[str, str, str, str, str]]) -> str:
    """One TOML table."""
    system = Counter(row[4] for row in rows).most_common(1)[0][0]
    table = Counter(row[1] for row in rows).most_common(1)[0][0].removeprefix("HL7")
    lines = [f"\n[{quoted(name)}]", f"table = {quoted(table)}", f"system = {quoted(system)}", f"[{quoted(name)}.codes]"]
    for code, _, target, display, other in rows:
        parts = [target, display]
        if other != system:
            parts.append(other)
        value = quoted(target) if parts == [target, ""] else "[" + ", ".join(quoted(part) for part in parts) + "]"
        lines.append(f"{quoted(code)} = {value}")
    return "\n".join(lines)


def main(guide: Path) -> None:
    """Print the compact maps."""
    print(HEADER, end="")
    for name in sorted(USED):
        path = guide / "mappings" / "codesystems" / f"HL7_Concept_Map__{name}_-_Sheet1.csv"
        rows = rows_of(path)
        if rows:
            print(table_text(name, rows))
        else:
            print(f"no rows in {name}", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
