"""Notes with known relations, as the model of relations learns from them and is measured on.

    simulated   notes of the simulator by all its families (the project's own)
    case_reports  MACCROBAT2020 (CC BY 4.0): MODIFY between entities whose labels fit a type
    abstracts   BC5CDR (public domain): a chemical and a disease of one sentence are a drug and its adverse event where
                the abstract is said to tell so
    templates   tools/relation_templates.toml: sentences of our own

Each says which types it knows of: of the others nothing is learnt from it.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from careloom.nlp.corpora_notes import gold_notes
from careloom.nlp.evaluate_relations import Known, Link, of_note, place_of
from careloom.nlp.labels import RELATIONS
from careloom.nlp.relation_pairs import group_of
from careloom.text.note import AnnotatedNote, Annotation, Note, Span
from careloom.text.sentences import sentences
from tools.cdr_data import Abstract, cdr

_CASE_REPORT = {
    "Disease_disorder": "PROBLEM", "Sign_symptom": "SYMPTOM", "Medication": "MEDICATION", "Dosage": "DOSAGE",
    "Administration": "ROUTE", "Frequency": "FREQUENCY", "Duration": "DURATION", "Diagnostic_procedure": "TEST",
    "Lab_value": "TEST_VALUE", "Therapeutic_procedure": "PROCEDURE", "Biological_structure": "ANATOMY",
    "Severity": "SEVERITY", "Date": "DATE_TIME", "Time": "DATE_TIME", "Age": "AGE", "Sex": "SEX",
}  # fmt: skip
CASE_REPORT_TYPES = frozenset(
    "drug-dose drug-route drug-frequency drug-duration test-result problem-anatomy problem-severity "
    "procedure-anatomy".split()
)
TEMPLATES = Path(__file__).with_name("relation_templates.toml")
_MARK = re.compile(r"<([^|<>]+)\|([A-Z_]+)((?: [a-z0-9-]+)*)>")


def simulated(folder: Path, patients: int, seed: int) -> list[Known]:
    """The simulator's notes; made in `folder` unless they are there."""
    answers = folder / "answers/notes.ndjson"
    if not answers.exists():
        command = [sys.executable, "-m", "careloom.cli.main", "simulate", str(folder)]
        subprocess.run([*command, "--patients", str(patients), "--seed", str(seed)], check=True)
    return [of_note(one) for one in gold_notes(answers.read_bytes())]


def case_reports(suites: Path) -> list[Known]:
    """The documents of MACCROBAT's part that is developed on."""
    return [_case_report(file) for file in sorted((suites / "maccrobat2020").glob("*.txt"))]


def _case_report(file: Path) -> Known:
    text = file.read_text("utf-8")
    places: dict[str, Annotation] = {}
    events: dict[str, str] = {}
    pairs: list[tuple[str, str]] = []
    for line in file.with_suffix(".ann").read_text("utf-8").splitlines():
        parts = line.split("\t")
        if parts[0].startswith("T") and ";" not in parts[1]:
            kind, start, end = parts[1].split(" ")
            if kind in _CASE_REPORT:
                span = Span(int(start), int(end))
                places[parts[0]] = Annotation(span, _CASE_REPORT[kind], id=parts[0], text=parts[2])
        elif parts[0].startswith("E"):
            events[parts[0]] = parts[1].split()[0].partition(":")[2]
        elif parts[0].startswith("R") and parts[1].startswith("MODIFY"):
            _, one, other = parts[1].split()
            pairs.append((one.partition(":")[2], other.partition(":")[2]))
    links = set()
    for one, other in pairs:
        tail, head = places.get(events.get(one, one)), places.get(events.get(other, other))
        if tail is not None and head is not None:
            kind = typed(head.label, tail.label, CASE_REPORT_TYPES)
            if kind:
                links.add((kind, place_of(head), place_of(tail)))
    note = AnnotatedNote(Note(file.stem, text), (), tuple(sentences(text)), tuple(places.values()))
    return Known(note, frozenset(links), CASE_REPORT_TYPES, "case reports", file.stem)


def typed(head: str, tail: str, types: frozenset[str] | set[str]) -> str:
    """The first of `types` with such labels; empty where there is none."""
    for kind, labels in RELATIONS.items():
        if kind in types and labels == (group_of(head), group_of(tail)):
            return kind
    return ""


def abstracts(suites: Path) -> list[Known]:
    """The sentences of BC5CDR's train and devel parts that name both a chemical and a disease."""
    return [_abstract(number, one) for number, one in enumerate(cdr(suites)) if one.chemicals and one.diseases]


def _abstract(number: int, one: Abstract) -> Known:
    found = [Annotation(Span(a, b), "MEDICATION", id=f"C{at}") for at, (a, b, _) in enumerate(one.chemicals)]
    found += [Annotation(Span(a, b), "PROBLEM", id=f"D{at}") for at, (a, b, _) in enumerate(one.diseases)]
    links = {
        ("drug-adverse-event", (a, b), (c, d))
        for a, b, chemicals in one.chemicals
        for c, d, diseases in one.diseases
        if any((x, y) in one.related for x in chemicals.split("|") for y in diseases.split("|"))
    }
    note = AnnotatedNote(Note(f"cdr{number}", one.text), (), (Span(0, len(one.text)),), tuple(found))
    return Known(note, frozenset(links), frozenset({"drug-adverse-event"}), "abstracts", one.pmid)


def templates(file: Path = TEMPLATES) -> list[Known]:
    """Our own sentences."""
    rows: dict[str, Sequence[str]] = tomllib.loads(file.read_text("utf-8"))["sentences"]
    return [
        marked(f"{group}{number}", line, group) for group, lines in rows.items() for number, line in enumerate(lines)
    ]


def marked(name: str, line: str, family: str = "") -> Known:
    """A text with marks ``<words|LABEL name of other reason other>`` as a note with its relations.

    `name` stands for the annotation in other marks; ``of`` gives the type of the two labels, ``reason``, ``adverse``
    and ``reference`` those types; several may follow one another
    """
    text, last = "", 0
    found: list[Annotation] = []
    names: dict[str, Annotation] = {}
    wanted: list[tuple[str, str, Annotation]] = []
    for mark in _MARK.finditer(line):
        text += line[last : mark.start()]
        last = mark.end()
        one = Annotation(Span(len(text), len(text) + len(mark[1])), mark[2], id=f"T{len(found) + 1}", text=mark[1])
        text += mark[1]
        found.append(one)
        words = mark[3].split()
        if len(words) % 2:
            names[words.pop(0)] = one
        wanted += [(how, name, one) for how, name in zip(words[::2], words[1::2], strict=True)]
    text += line[last:]
    links = frozenset(_link(how, names[name], one) for how, name, one in wanted)
    note = AnnotatedNote(Note(name, text), (), tuple(sentences(text)), tuple(found))
    return Known(note, links, frozenset(RELATIONS), "templates", family)


def _link(how: str, head: Annotation, tail: Annotation) -> Link:
    named = {"reason": "drug-reason", "adverse": "drug-adverse-event", "reference": "test-reference"}
    kind = named[how] if how in named else typed(head.label, tail.label, set(RELATIONS))
    if not kind:
        raise ValueError(f"no relation of {head.label} and {tail.label}")
    return kind, place_of(head), place_of(tail)


def everything(suites: Path, folder: Path, patients: int, seed: int) -> Iterator[Known]:
    """All sources one after the other."""
    yield from simulated(folder, patients, seed)
    yield from case_reports(suites)
    yield from abstracts(suites)
    yield from templates()
