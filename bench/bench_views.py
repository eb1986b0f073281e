"""A view of laboratory results over Observations of Synthea: CPU time on one core, beside parsing the same bytes.

    CARELOOM_SUITES=... python bench/bench_views.py

The view has fifteen columns and a condition; once more without the condition, so that each resource makes a row. The
interpreter that the written function falls back on, and an expression of FHIRPath alone, stand beside it. At last the
same as a file of NDJSON, each Observation three times: by the function, and by expressions over columns.
"""

import gzip
import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from careloom.fhir.fhirpath import compile_fhirpath
from careloom.fhir.views import View, compile_view
from careloom.fhir.views_expressions import expressions
from careloom.fhir.views_interpret import interpreted
from careloom.services.view import definition_of
from careloom.services.view_columns import take
from careloom.services.view_ndjson import Lines
from careloom.services.view_scan import BATCH, Piece, piece_of
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


def by_function(view: View, file: Path) -> Iterator[Piece]:
    with file.open("rb") as held:
        resources = Lines(held, view.resource).resources()
        while (piece := piece_of(view, islice(resources, BATCH))).resources:
            yield piece


def by_expressions(view: View, file: Path) -> Iterator[Piece]:
    written = expressions(view.definition)
    if written is None:
        sys.exit("the view is more than plain paths")
    with file.open("rb") as held:
        yield from (piece for piece, _ in take(Lines(held, view.resource), file, view, written))


def files(lines: list[bytes]) -> None:
    """Measures a file of NDJSON by the function and by expressions."""
    with tempfile.TemporaryDirectory() as folder:
        (file := Path(folder) / "observations.ndjson").write_bytes(b"\n".join(lines * 3))
        for name in ("observation", "labs_wide"):
            view = compile_view(definition_of(name))
            rates = {}
            for way, rows in (("the function", by_function), ("expressions", by_expressions)):
                seconds = cpu_seconds(lambda rows=rows, view=view: sum(one.resources for one in rows(view, file)))
                rates[way] = 3 * len(lines) / seconds
                report(f"views: {name}, NDJSON to tables by {way}", rates[way], "resources/s")
            report(
                f"views: {name}, expressions beside the function", rates["expressions"] / rates["the function"], "ratio"
            )


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
    files(lines)


if __name__ == "__main__":
    main()
