"""The reading of notes on one core: entities alone, the whole reader with facts as FHIR, memory and cold start.

Notes are those of the bundled hospital's simulator at seed 7, 250 words together counted as one; the reader has read
none of them before.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

from careloom.nlp.assembly import finders, reader
from careloom.nlp.entities import MODEL, Entities
from careloom.nlp.reader import About
from careloom.runtime import packaged
from careloom.services.annotate_formats import written
from careloom.services.simulate import SimulateAsk, simulate
from careloom.terminology.packaged import PACKAGED
from measure import report

PATIENTS, SEED, NOTES, WORDS = 12, 7, 120, 250
COLD = (
    "import time; start = time.process_time()\n"
    "from careloom.nlp.assembly import reader\n"
    "from careloom.terminology.packaged import PACKAGED\n"
    "reader(PACKAGED).read_text('Denies chest pain. Takes aspirin 81 mg daily.')\n"
    "print(time.process_time() - start)"
)


def notes(folder: Path) -> list[dict[str, str]]:
    """Simulated notes: text and time."""
    simulate(SimulateAsk(folder, PATIENTS, SEED, feeds=("notes",)))
    lines = (folder / "answers/notes.ndjson").read_bytes().splitlines()
    return [orjson.loads(line) for line in lines[:NOTES]]


def main() -> None:
    """Reads the notes once by each part, and once to FHIR."""
    with tempfile.TemporaryDirectory() as name:
        read = notes(Path(name) / "hospital")
    units = sum(len(one["text"].split()) for one in read) / WORDS
    entities = next(one for one in finders(PACKAGED) if isinstance(one, Entities))
    start = time.process_time()
    for one in read:
        entities.find(one["text"])
    taken = time.process_time() - start
    report("notes of 250 words, entities alone, per CPU second", units / taken, "1/s", must=30, aim=60)
    whole = reader(PACKAGED)
    whole.read_text(read[0]["text"], About())
    start = time.process_time()
    for one in read:
        written(whole.read_text(one["text"], About(time=one["time"])), "fhir", whole.version)
    taken = time.process_time() - start
    report("notes of 250 words, the whole reader to FHIR, per CPU second", units / taken, "1/s", must=10, aim=20)
    report("model of entities", len(packaged("nlp", MODEL)) / 1e6, "MB", must=25, aim=16, lower_is_better=True)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report("memory at the most, with two readers", most, "MB", must=500, aim=250, lower_is_better=True)
    cold = float(subprocess.run([sys.executable, "-c", COLD], check=True, capture_output=True, text=True).stdout)
    report("cold start, CPU seconds to the first note read", cold, "s", must=2, aim=1, lower_is_better=True)


if __name__ == "__main__":
    main()
