"""OIDs of the code systems of HL7 v3 with their URIs, for the conversion of C-CDA documents.

    python tools/make_ccda_systems.py SUITES/fhir_definitions > src/careloom/ingest/maps/ccda_systems.toml

source   FHIR R4 4.0.1, v3-codesystems.json (CC0-1.0): identifier and url of each CodeSystem
"""

import gzip
import json
import sys
from pathlib import Path

HEADER = """\
# Code systems of HL7 v3 by OID. Made by tools/make_ccda_systems.py: do not edit.
#
# source   FHIR R4 4.0.1, v3-codesystems.json (CC0-1.0)
# grammar  OID = URI of the code system in FHIR

"""


def main(folder: Path) -> None:
    """Prints the table."""
    bundle = json.loads(gzip.decompress((folder / "v3-codesystems.json.gz").read_bytes()))
    found = {
        identifier["value"].removeprefix("urn:oid:"): resource["url"]
        for resource in (entry["resource"] for entry in bundle["entry"])
        if resource["resourceType"] == "CodeSystem"
        for identifier in resource.get("identifier", [])
        if identifier["value"].startswith("urn:oid:")
    }
    rows = sorted(found.items(), key=lambda row: [int(part) for part in row[0].split(".")])
    sys.stdout.write(HEADER + "".join(f'"{oid}" = "{url}"\n' for oid, url in rows))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
