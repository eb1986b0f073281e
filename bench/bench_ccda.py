"""C-CDA: whole documents to checked resources under keyed ids per second of one core, beside the XML parser alone."""

import gc
import gzip
import os
from pathlib import Path

from careloom.ingest.xml_read import read
from careloom.pipeline.batch import Batch
from careloom.pipeline.record import FileContext, Record
from careloom.services.ingest_pipeline import RECORD, IngestConfig, build
from measure import cpu_seconds, report

SETS = ("ccda_ms_fhir_converter", "ccda_sample_ccdas", "ccda_hl7_examples")
CONTEXT = FileContext("ccda")


def documents(suites: Path) -> list[bytes]:
    """The whole documents of the sets; examples that are sections or entries alone are left out."""
    out: list[bytes] = []
    for name in SETS:
        for place in sorted((suites / name).rglob("*.xml*")):
            raw = gzip.decompress(place.read_bytes()) if place.suffix == ".gz" else place.read_bytes()
            root, _ = read(raw)
            if root is not None and str(root.tag).endswith("}ClinicalDocument"):
                out.append(raw)
    return out


def main() -> None:
    """Runs on the C-CDA sets under CARELOOM_SUITES."""
    suites = os.environ.get("CARELOOM_SUITES")
    if not suites:
        raise SystemExit("Set CARELOOM_SUITES: the documents are those of other people's suites.")
    raws = documents(Path(suites))
    pipeline = build(IngestConfig(b"k" * 32, "bench"))
    records = [Record(0, raw, "", CONTEXT) for raw in raws]
    made = 0

    def parse_all() -> None:
        for raw in raws:
            read(raw)

    def ingest_all() -> None:
        nonlocal made
        made = len(pipeline.run(Batch.of(RECORD, records)).batch.items)

    gc.disable()  # as the runner's processes do
    parsed = len(raws) / cpu_seconds(parse_all, repeat=7)
    rate = len(raws) / cpu_seconds(ingest_all, repeat=7)
    report("ccda parse alone", parsed, "doc/s")
    report("ccda mean document", sum(map(len, raws)) / len(raws), "bytes")
    report("ccda parsed, converted, keyed, checked", rate, "doc/s", must=150, aim=400)
    report("ccda resources", rate * made / len(raws), "1/s")
    report("ccda share of the parser's rate", rate / parsed, "")


if __name__ == "__main__":
    main()
