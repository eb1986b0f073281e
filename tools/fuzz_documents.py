"""Coverage-guided fuzzing of the conversion of clinical documents and of FHIR XML.

    python tools/fuzz_documents.py -runs=100000 [CORPUS]

Starts from the documents of tests/golden/ccda (and what CORPUS holds), breaks their bytes, tags and attributes, and
stops at the first exception or the first resource that is not valid. Exit code 0: none was found.
"""

import random
import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from careloom.fhir.validate import check  # noqa: E402 - behind the path
from careloom.pipeline.record import FileContext, Record  # noqa: E402
from tests.ccda_mutants import mutant  # noqa: E402

with atheris.instrument_imports(include=["careloom.ingest"]):
    from careloom.ingest import ccda, fhir_xml

MAX_BYTES = 60_000
CCDA, FHIR_XML = FileContext("ccda"), FileContext("fhir-xml")


class _InvalidError(Exception):
    """A resource that the validator refuses was made."""


def one_input(data: bytes) -> None:
    """Converts bytes as a document, or as FHIR XML where they say so."""
    is_fhir = b"http://hl7.org/fhir" in data[:400]
    context, convert = (FHIR_XML, fhir_xml.convert) if is_fhir else (CCDA, ccda.convert)
    found = convert(Record(0, data, "file", context))
    if found.refused == bool(found.drafts):
        raise _InvalidError("refused and made, or neither")
    if is_fhir:
        return
    if any(issue.code in ("ccda.document-broken", "ccda.entry-broken") for issue in found.issues):
        raise _InvalidError("a fault that nobody thought of")
    for draft in found.drafts:
        faults = [issue.code for issue in check(draft.resource) if issue.refuses]
        if faults:
            raise _InvalidError(f"{draft.resource['resourceType']}: {faults}")


def broken(data: bytes, max_size: int, seed: int) -> bytes:
    """The next input: a document broken as documents are, or by the fuzzer's own bytes."""
    rng = random.Random(seed)
    raw = mutant(data, rng) if data and rng.random() < 0.8 else atheris.Mutate(data, max_size)
    return raw[:max_size]


def main() -> None:
    """Runs the fuzzer; the golden documents come first."""
    seeds = [place.read_bytes() for place in sorted((ROOT / "tests" / "golden" / "ccda").glob("*/input.xml"))]
    for raw in seeds:
        one_input(raw)
    folder = ROOT / "out" / "fuzz_documents"
    folder.mkdir(parents=True, exist_ok=True)
    for number, raw in enumerate(seeds):
        (folder / f"golden-{number}.xml").write_bytes(raw)
    arguments = [sys.argv[0], f"-max_len={MAX_BYTES}", "-timeout=20", *sys.argv[1:], str(folder)]
    atheris.Setup(arguments, one_input, custom_mutator=broken)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
