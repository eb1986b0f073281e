"""A view of laboratory results over Observations of Synthea: CPU time on one core, beside parsing the same bytes.

    CARELOOM_SUITES=... python bench/bench_views.py

The view has fifteen columns and a condition; once more without the condition, so that each resource makes a row. The
interpreter that the written function falls back on, and an expression of FHIRPath alone, stand beside it.
"""

import gzip
import os
import sys
from pathlib import Path
from typing import Any

import orjson

from careloom.fhir.fhirpath import compile_fhirpath
from careloom.fhir.views import View, compile_view
from careloom.fhir.views_interpret import interpreted
from measure import cpu_seconds, report

COLUMNS = {
    "id": ("id", "id"),
    "patient": ("subject.getReferenceKey(Patient)", "string"),
    "encounter": ("encounter.getReferenceKey(Encounter)", "string"),
    "status": ("status", "code"),
    "loinc": ("code.coding.where(system = %loinc).code.first()", "code"),
    "name": ("code.text", "string"),
    "time": ("effective.ofType(dateTime)", "dateTime"),
    "value": ("value.ofType(Quantity).value", "decimal"),
    "comparator": ("value.ofType(Quantity).comparator", "code"),
    "unit": ("value.ofType(Quantity).code", "code"),
    "value_code": ("value.ofType(CodeableConcept).coding.first().code", "code"),
    "value_text": ("value.ofType(string)", "string"),
    "interpretation": ("interpretation.coding.first().code", "code"),
    "low": ("referenceRange.first().low.value", "decimal"),
    "high": ("referenceRange.first().high.value", "decimal"),
}
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
LABS = {
    "resource": "Observation",
    "constant": [{"name": "categories", "valueUri": CATEGORIES}],
    "where": [{"path": "category.coding.where(system = %categories and code = 'laboratory').exists()"}],
    "select": [{"column": [{"name": name, "path": path, "type": kind} for name, (path, kind) in COLUMNS.items()]}],
}


def observations(suites: Path) -> list[bytes]:
    """The Observations of Synthea's bundles, references as a store keeps them."""
    found = []
    for path in sorted((suites / "synthea_bundles").rglob("*.json*")):
        raw = path.read_bytes()
        entries = orjson.loads(gzip.decompress(raw) if path.name.endswith(".gz") else raw).get("entry", [])
        held = [
            entry["resource"] for entry in entries if entry.get("resource", {}).get("resourceType") == "Observation"
        ]
        for one in held:
            for name, kind in (("subject", b"Patient/"), ("encounter", b"Encounter/")):
                said = one.get(name, {}).get("reference", "")
                one.setdefault(name, {})["reference"] = said.replace("urn:uuid:", kind.decode())
            found.append(orjson.dumps(one))
    return found


def rows(view: View, resources: list[Any]) -> int:
    return sum(len(view.rows(one)) for one in resources)


def parse(lines: list[bytes]) -> None:
    for line in lines:
        orjson.loads(line)


def main() -> None:
    """Measures rows from JSON, tables from bytes, the interpreter, one expression."""
    if "CARELOOM_SUITES" not in os.environ:
        sys.exit("CARELOOM_SUITES names no folder: nothing to view")
    lines = observations(Path(os.environ["CARELOOM_SUITES"]))
    parsed = [orjson.loads(line) for line in lines]
    count, view = len(lines), compile_view(LABS)
    print(f"{count:,} Observations, {sum(map(len, lines)) / count:,.0f} bytes each, {rows(view, parsed):,} rows")
    parsing = count / cpu_seconds(lambda: parse(lines))
    for name, one in (("labs", view), ("every Observation a row", compile_view({**LABS, "where": []}))):
        walking = count / cpu_seconds(lambda one=one: rows(one, parsed))
        tables = count / cpu_seconds(lambda one=one: one.table(orjson.loads(line) for line in lines))
        report(f"views: {name}, JSON to rows", walking, "resources/s", must=60_000, aim=200_000)
        report(f"views: {name}, bytes to a table", tables, "resources/s", must=60_000, aim=200_000)
        report("views: the same, beside parsing alone", tables / parsing, "ratio")
    part = parsed[:2000]
    slow = len(part) / cpu_seconds(lambda: [interpreted(view.definition, one) for one in part])
    report("views: labs, interpreted", slow, "resources/s")
    path = compile_fhirpath(COLUMNS["loinc"][0], "Observation")
    report(
        "FHIRPath: one path of four steps", len(part) / cpu_seconds(lambda: [path.evaluate(one) for one in part]), "/s"
    )
    report("orjson on the same bytes", parsing, "resources/s")


if __name__ == "__main__":
    main()
