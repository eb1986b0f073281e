"""A coverage-guided fuzzer for HL7 v2: framing, grammar, conversion and validation of whatever bytes arrive.

    python tools/fuzz_hl7v2.py SUITES -runs=100000 -max_len=8192

Starts from the message files under SUITES and from the golden messages (a folder ``corpus`` beside it is not written);
what follows SUITES goes to libFuzzer. Every input must be accounted for as tests/hl7v2_mutants.py says: an
exception, an invalid resource or a lost record ends the run and leaves the input as ``crash-...``.
"""

import sys
import tempfile
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["careloom.hl7v2", "careloom.ingest"]):
    from tests.hl7v2_mutants import taken


def one_input(data: bytes) -> None:
    """One file of any bytes."""
    records, done, refused = taken(data)
    if records != done + refused:
        raise RuntimeError("a record was lost")


def seeds(suites: Path, folder: Path) -> None:
    """The messages to start from, a file each."""
    places = [*suites.glob("hl7v2_*/*.hl7"), *(ROOT / "tests" / "golden" / "hl7v2").glob("*/input.hl7")]
    for number, place in enumerate(sorted(places)):
        (folder / f"{number:04}").write_bytes(place.read_bytes())


def main() -> None:
    """Runs libFuzzer over a corpus in a folder of its own."""
    if len(sys.argv) < 2:
        raise SystemExit("python tools/fuzz_hl7v2.py SUITES [options of libFuzzer]")
    folder = Path(tempfile.mkdtemp(prefix="fuzz-hl7v2-"))
    seeds(Path(sys.argv[1]), folder)
    atheris.Setup([sys.argv[0], *sys.argv[2:], str(folder)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
