"""Packs abbreviations of clinical notes with their meanings and how often each is meant.

    python tools/make_abbreviations.py SUITES [--check]

SUITES holds lists_abbreviations: inventories of abbreviations of clinic notes, discharge summaries and of 448
ambiguous ones (github.com/lisavirginia/clinical-abbreviations, CC BY 4.0). Writes
``src/careloom/nlp/abbreviations.zst``: lines ``abbreviation meaning share|meaning share``, separated by a tab, shares
in thousandths of all its occurrences. The list of Wikipedia in the same folder (CC BY-SA) is left out.
"""

import argparse
import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import zstandard

OUTPUT = Path(__file__).parents[1] / "src/careloom/nlp/abbreviations.zst"
SOURCES = ("vanderbilt_clinic_notes.txt", "vanderbilt_discharge_sums.txt", "sense_distribution_448.txt")
LONGEST = 60
"""Characters of a meaning: longer ones are sentences."""


def rows(folder: Path) -> Iterator[tuple[str, str, float]]:
    """(abbreviation, meaning, share of its occurrences) of every source."""
    for name in SOURCES:
        with (folder / name).open(encoding="utf-8", errors="replace", newline="") as file:
            for cells in csv.reader(file, delimiter="\t"):
                if len(cells) < 3 or cells[0] == "abbreviation":
                    continue
                short = re.sub(r"[^a-z0-9]", "", cells[0].lower())
                meaning = re.sub(r"\s*\([^)]*\)", "", cells[1].lower()).strip()
                try:
                    share = float(cells[-1])
                except ValueError:
                    continue
                if short and 2 < len(meaning) <= LONGEST and re.fullmatch(r"[a-z0-9 ,./'-]+", meaning):
                    yield short, meaning, share


def content(folder: Path) -> bytes:
    """The file."""
    shares: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for short, meaning, share in rows(folder):
        if re.sub(r"[^a-z0-9]", "", meaning) != short:
            shares[short][meaning].append(share)
    lines = []
    for short in sorted(shares):
        parts = {meaning: round(1000 * sum(found) / len(SOURCES)) for meaning, found in shares[short].items()}
        ordered = sorted(parts.items(), key=lambda item: (-item[1], item[0]))
        lines.append(f"{short}\t" + "|".join(f"{meaning} {max(share, 1)}" for meaning, share in ordered))
    return zstandard.ZstdCompressor(level=19).compress("\n".join(lines).encode())


def main() -> int:
    parser = argparse.ArgumentParser(description="Pack abbreviations of clinical notes.")
    parser.add_argument("suites", type=Path)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    made = content(asked.suites / "lists_abbreviations")
    if asked.check:
        return 0 if OUTPUT.read_bytes() == made else 1
    OUTPUT.write_bytes(made)
    print(f"{OUTPUT.name}: {len(made):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
