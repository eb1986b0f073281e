"""Lists which elements of each FHIR R4 resource a search may be asked to leave out.

    python tools/make_search_elements.py DEFINITIONS [--check]

DEFINITIONS is a folder with ``StructureDefinition-base.ndjson.gz`` (FHIR R4 4.0.1, HL7, CC0). Writes
``src/careloom/fhir/search/elements-r4.json``; ``--check`` only compares. Per type: ``names`` (top-level elements,
``value[x]`` as its JSON names), ``needed`` (those with a minimum above 0) and ``summary`` (dotted paths flagged so).
"""

import argparse
import gzip
import json
import sys
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).parents[1] / "src/careloom/fhir/search/elements-r4.json"


def json_names(element: dict[str, Any]) -> list[str]:
    """The paths below its resource under which an element stands in JSON."""
    path = element["path"].partition(".")[2]
    if not path.endswith("[x]"):
        return [path]
    kinds = [kind["code"] for kind in element["type"]]
    return [path.removesuffix("[x]") + kind[0].upper() + kind[1:] for kind in kinds]


def of_type(definition: dict[str, Any]) -> dict[str, Any]:
    """The row of one resource type."""
    row: dict[str, Any] = {"names": {}, "needed": [], "summary": []}
    for element in definition["snapshot"]["element"][1:]:
        names = json_names(element)
        if "." not in element["path"].partition(".")[2]:
            row["names"][element["path"].partition(".")[2].removesuffix("[x]")] = names
            row["needed"] += names if element["min"] else []
        row["summary"] += names if element.get("isSummary") else []
    return row


def render(folder: Path) -> str:
    """The table as JSON, a type a line."""
    rows = {}
    with gzip.open(folder / "StructureDefinition-base.ndjson.gz", "rt") as lines:
        for line in lines:
            definition = json.loads(line)
            if definition["kind"] == "resource" and not definition.get("abstract"):
                rows[definition["type"]] = of_type(definition)
    body = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(row, separators=(',', ':'))}" for name, row in sorted(rows.items())
    )
    return f"{{\n{body}\n}}\n"


def main() -> int:
    """Writes or checks the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("definitions", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    text = render(arguments.definitions)
    if arguments.check:
        return 0 if OUTPUT.read_text() == text else 1
    OUTPUT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
