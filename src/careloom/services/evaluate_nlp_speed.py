"""What reading costs: notes of 250 words per second of one core, the size of the model, memory and cold start."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import orjson

from careloom.errors import StateError
from careloom.nlp.assembly import reader
from careloom.nlp.corpora_notes import GoldNote
from careloom.nlp.entities import MODEL, Entities, PackagedTagger
from careloom.nlp.reader import About
from careloom.runtime import packaged
from careloom.services.annotate_formats import written
from careloom.services.evaluate_nlp_corpora import Material
from careloom.services.evaluate_nlp_reports import Measure, TaskReport, share
from careloom.terminology.packaged import PACKAGED

NOTES, WORDS = 120, 250
"""Notes that are read, and the words that count as one."""
_FIRST = "Denies chest pain. Takes aspirin 81 mg daily."
_COLD = f"""
import time
start = time.process_time()
from careloom.nlp.assembly import reader
from careloom.terminology.packaged import PACKAGED
reader(PACKAGED).read_text({_FIRST!r})
spent = time.process_time() - start
status = open("/proc/self/status").read()
print([spent, int(status.partition("VmHWM:")[2].split()[0])])
"""


def speed(given: Material) -> TaskReport | str:
    """Of the reader that ships, on simulated notes of which it has read none before. The kernel of Linux tells memory.

    raises  StateError where a new process cannot read a note, or there is no such kernel
    """
    notes = given.notes[:NOTES]
    if not notes:
        return "there are no simulated notes: careloom simulate DATA/simulated --feeds notes"
    whole = reader(PACKAGED)
    entities = Entities(PackagedTagger(packaged("nlp", MODEL)), "")
    whole.read_text(_FIRST, About())
    entities.find(_FIRST)
    units = [len(one.text.split()) / WORDS for one in notes]
    alone = _seconds(lambda one: entities.find(one.text), notes)
    facts = _seconds(lambda one: written(whole.read_text(one.text, About(time=one.time)), "fhir", whole.version), notes)
    of = f"{len(notes):,} notes, CPU time"
    cold, most = _cold()
    return TaskReport(
        (
            share("notes of 250 words a core-second, entities", zip(units, alone, strict=True), of),
            share("notes of 250 words a core-second, whole reader to FHIR", zip(units, facts, strict=True), of),
            Measure("model of entities, MB", len(packaged("nlp", MODEL)) / 1e6, "the archive that ships"),
            Measure("memory of one reader, MB", most, "a new process after its first note"),
            Measure("cold start, CPU seconds", cold, "a new process until its first note is read"),
        )
    )


def _seconds(read: Callable[[GoldNote], object], notes: Sequence[GoldNote]) -> list[float]:
    """CPU time of each."""
    found = []
    for one in notes:
        begun = time.process_time()
        read(one)
        found.append(time.process_time() - begun)
    return found


def _cold() -> tuple[float, float]:
    """CPU seconds to the first note, and megabytes then, of a new process."""
    made = subprocess.run([sys.executable, "-c", _COLD], check=False, capture_output=True)  # noqa: S603
    if made.returncode != 0:
        raise StateError("a new process cannot read a note", "Install Careloom again.")
    seconds, kilobytes = orjson.loads(made.stdout)
    return float(seconds), kilobytes / 1024
