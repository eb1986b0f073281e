"""Notes of template families and names that nobody who develops detectors has seen: docs/datasheets/frozen-notes.md.

    python -m tools.frozen_notes SUITES OUT [--patients 40] [--seed 2034]      writes OUT/notes.ndjson
    python -m tools.frozen_notes SUITES OUT --whole                           writes OUT/simulated/answers/notes.ndjson
    python -m tools.frozen_notes --hash                                       the SHA-256 of what is frozen

A line of notes.ndjson is that of ``answers/notes.ndjson`` with spans of the kind `phi` alone: other gold is not told.
With ``--whole`` it is, for `careloom evaluate nlp OUT`: read the numbers, not the file, nor a page of errors.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

from careloom.simulate.answers import NoteAnswer
from careloom.simulate.draw import Draw
from careloom.simulate.hospital import build_hospital
from careloom.simulate.narrative.family import Family, read_family
from careloom.simulate.notes import NotePlan, notes_of
from careloom.simulate.patients import simulate_patient
from tools.frozen_names import Names, collect
from tools.frozen_people import Surroundings, rename, renamed_hospital

ROOT = Path(__file__).parents[1]
FAMILIES = ROOT / "tests/frozen/families"
PATIENTS, SEED = 40, 2034
FROZEN = (
    "tests/frozen/families/community.toml",
    "tests/frozen/families/scribe.toml",
    "tools/frozen_names.py",
    "tools/frozen_people.py",
)
"""What decides the words of a frozen note, below the root of the repository."""


def frozen_families() -> tuple[Family, ...]:
    """The families, by their file names."""
    return tuple(read_family(file.read_text("utf-8")) for file in sorted(FAMILIES.glob("*.toml")))


@cache
def frozen_names(suites: Path) -> Names:
    """The names below `suites`, read once."""
    return collect(suites)


def frozen_hash() -> str:
    """SHA-256 over the names and bytes of the frozen files."""
    digest = hashlib.sha256()
    for path in FROZEN:
        digest.update(f"{path}\0".encode() + (ROOT / path).read_bytes() + b"\0")
    return digest.hexdigest()


def frozen_notes(
    suites: Path, patients: int = PATIENTS, seed: int = SEED, *, is_whole: bool = False
) -> Iterator[NoteAnswer]:
    """The notes of simulated patients in each family, under other names in each; with all gold where `is_whole`.

    The same arguments and data give the same notes.
    raises  FileNotFoundError where a data set of `frozen_names` is missing below `suites`
    """
    names, own = frozen_names(suites), frozen_families()
    hospital = build_hospital(seed)
    renamed = renamed_hospital(hospital, names, Draw(seed, "frozen", "hospital"))
    for number in range(1, patients + 1):
        history = simulate_patient(number, seed, hospital=hospital)
        for family in own:
            draw = Draw(seed, number, "frozen", family.name)
            rename(history.person, names, draw)
            plan = NotePlan(own_families=(family,), beside=Surroundings(history.person, names, draw))
            for note in notes_of(history, renamed, Draw(seed, number, "notes"), plan):
                phi = tuple(span for span in note.gold.spans if span.kind == "phi")
                yield note.gold if is_whole else replace(note.gold, spans=phi, relations=())


def write(notes: Iterator[NoteAnswer], out: Path) -> int:
    """Writes OUT/notes.ndjson; returns how many notes."""
    out.mkdir(parents=True, exist_ok=True)
    count = 0
    with (out / "notes.ndjson").open("w", encoding="utf-8") as lines:
        for note in notes:
            lines.write(json.dumps(asdict(note), ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the frozen notes.")
    parser.add_argument("suites", type=Path, nargs="?")
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--whole", action="store_true", help="with all gold, as careloom evaluate nlp reads it")
    parser.add_argument("--hash", action="store_true", help="print the SHA-256 of what is frozen")
    told = parser.parse_args()
    if told.hash:
        print(frozen_hash())
        return
    if told.suites is None or told.out is None:
        parser.error("SUITES and OUT are needed, or --hash")
    made = frozen_notes(told.suites, told.patients, told.seed, is_whole=told.whole)
    print(f"{write(made, told.out / 'simulated/answers' if told.whole else told.out)} notes")


if __name__ == "__main__":
    main()
