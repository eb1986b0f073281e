"""Writes src/careloom/deid/lists/known.zst: rarer words, which name nobody.

    python -m tools.make_known_words SUITES [--dictionary /usr/share/dict/american-english-large]

sources  RxNorm, prescribable subset (term_rxnorm_prescribable; public domain): every word of its names;
         clinical abbreviations of two hospitals and of obstetrics (lists_abbreviations, L. Grossman Liu and others; the
         table from Wikipedia, under another licence, is left out);
         words that biomedical sentences (raw_text_biomed; CC BY) write in lower case;
         words in lower case of SCOWL, size large (Debian's package wamerican-large 2020.12.07)
"""

import argparse
import gzip
import json
import re
from pathlib import Path

import zstandard

from careloom.deid import name_lists as lists

TARGET = Path("src/careloom/deid/lists/known.zst")
ABBREVIATIONS = ("obgyn.txt", "vanderbilt_clinic_notes.txt", "vanderbilt_discharge_sums.txt")
_WORD = re.compile(r"[^\W\d_]{2,}")


def drugs(suites: Path) -> set[str]:
    """The words of all names of drugs, folded."""
    with gzip.open(suites / "term_rxnorm_prescribable/rxnorm.jsonl.gz", "rt", encoding="utf-8") as lines:
        return {lists.folded(word) for line in lines for word in _WORD.findall(json.loads(line)["name"])}


def abbreviations(suites: Path) -> set[str]:
    """Short forms of letters only, folded."""
    found = set()
    for name in ABBREVIATIONS:
        for line in (suites / "lists_abbreviations" / name).read_text("utf-8", errors="replace").splitlines():
            short = line.split("\t")[0].strip()
            if _WORD.fullmatch(short):
                found.add(lists.folded(short))
    return found


def prose(suites: Path) -> set[str]:
    """Words of four letters or more that biomedical prose writes in lower case."""
    with gzip.open(suites / "raw_text_biomed/sentences.txt.gz", "rt", encoding="utf-8") as lines:
        return {word for line in lines for word in re.findall(r"(?<![^\W_])[a-z]{4,}(?![^\W_])", line)}


def dictionary(file: Path) -> set[str]:
    """The words of a dictionary that it writes in lower case, without their possessives."""
    return {word for word in file.read_text("utf-8").split() if word.isalpha() and word.islower()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("suites", type=Path)
    parser.add_argument("--dictionary", type=Path, default=Path("/usr/share/dict/american-english-large"))
    told = parser.parse_args()
    suites = told.suites
    found = drugs(suites) | abbreviations(suites) | prose(suites) | dictionary(told.dictionary)
    kept = sorted(word for word in found if word.isascii() and word not in lists.words())
    TARGET.write_bytes(zstandard.ZstdCompressor(19).compress("\n".join(kept).encode()))
    print(f"{len(kept)} words, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
