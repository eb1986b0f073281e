"""How well text is de-identified: other people's synthetic sentences, inserted identifiers, simulated notes, speed.

    python -m tools.measure_text_deid presidio SUITES [--half report|develop|all]
    python -m tools.measure_text_deid inserted SUITES
    python -m tools.measure_text_deid simulated FOLDER      (made by `careloom simulate FOLDER --patients 30 --seed 91`)
    python -m tools.measure_text_deid frozen SUITES
    python -m tools.measure_text_deid speed SUITES

Every command takes --detectors all|rules|classifier: all, as they ship, unless told.

presidio   sentences of presidio-research (synth_v2.jsonl), split by a hash of the template: rules were developed on one
           half, the other is reported. A year alone, an age, a nationality and a title identify nobody here
inserted   sentences with identifiers put into MTSamples and ACI-BENCH notes; names, streets and cities are those of
           presidio-research (FakeNameGenerator), a source that the lists were not made from. What is removed elsewhere
           is counted as wrongly removed where it is a word that biomedical sentences write in lower case
simulated  the simulator's notes and its gold, without and with what the record of the patient knows
frozen     notes of families and names that nobody develops on (docs/datasheets/frozen-notes.md), without the record:
           counts by label and family, never a text; nobody tunes on what it says
"""

import argparse
import gzip
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from careloom.deid.text import TextScrubber, rule_detectors
from careloom.deid.text_classifier import ClassifierDetector
from careloom.deid.text_known import known_from
from careloom.deid.text_spans import Found
from careloom.text.note import Span
from tools.frozen_notes import frozen_notes, write
from tools.text_deid_insert import Source, filled
from tools.text_deid_scores import Scores, is_reported, is_year, neighbours_joined, score

LABELS = {
    "PERSON": "NAME",
    "STREET_ADDRESS": "LOCATION",
    "GPE": "LOCATION",
    "ZIP_CODE": "LOCATION",
    "ORGANIZATION": "ORGANIZATION",
    "CREDIT_CARD": "ACCOUNT",
    "IBAN_CODE": "ACCOUNT",
    "PHONE_NUMBER": "PHONE",
    "DATE_TIME": "DATE",
    "EMAIL_ADDRESS": "EMAIL",
    "IP_ADDRESS": "IP",
    "US_SSN": "SSN",
    "US_DRIVER_LICENSE": "LICENSE",
    "DOMAIN_NAME": "URL",
}
LEAST_SEEN = 2


def presidio(suites: Path, half: str, scrubber: TextScrubber) -> tuple[Scores, Scores, Scores]:
    """Scores of presidio-research by our labels, by theirs (tokens alone), and with neighbours of one label joined."""
    ours, theirs = [], []
    for row in _rows(suites / "phi_presidio_synth/synth_v2.jsonl"):
        if half == "all" or is_reported(row["template_id"]) == (half == "report"):
            spans = [(span["start"], span["end"], span["label"]) for span in row["spans"]]
            ours.append((row["text"], [(start, end, LABELS.get(label, "")) for start, end, label in spans]))
            theirs.append((row["text"], [(a, b, label if label in LABELS else "") for a, b, label in spans]))

    def find_joined(text: str) -> list[Found]:
        places = [(one.span.start, one.span.end, one.label) for one in scrubber.find(text)]
        return [Found(Span(start, end), label, "", 1) for start, end, label in neighbours_joined(text, places)]

    joined = [(text, neighbours_joined(text, gold)) for text, gold in ours]
    return (
        score(ours, scrubber.find, is_year),
        score(theirs, scrubber.find, is_year),
        score(joined, find_joined, is_year),
    )


def inserted(suites: Path, scrubber: TextScrubber) -> tuple[Scores, float, Counter[str]]:
    """Scores of inserted identifiers, and clinical words wrongly removed: their share, and which."""
    source = _source(suites)
    texts = [filled(note, source, f"seed-{number}") for number, note in enumerate(_notes(suites))]
    scores = score(texts, scrubber.find)
    clinical = _clinical_words(suites)
    wrong = Counter({word: n for word, n in scores.removed_words.items() if word.lower() in clinical})
    return scores, wrong.total() / scores.tokens, wrong


def simulated(folder: Path, with_record: bool, scrubber: TextScrubber) -> Scores:
    """Scores of the simulator's notes."""
    records: dict[str, list[dict[str, object]]] = {}
    people = [
        resource
        for name in ("Patient", "Practitioner", "Organization")
        for file in sorted(folder.glob(f"feeds/*/bulk/{name}.ndjson"))
        for resource in _rows(file)
    ]
    numbers = {row["value"]: row["patient_id"] for row in _rows(folder / "answers/identities.ndjson")}
    staff = [resource for resource in people if resource["resourceType"] != "Patient"]
    for resource in people:
        for identifier in resource.get("identifier", []):
            if identifier.get("value") in numbers:
                records.setdefault(numbers[identifier["value"]], []).append(resource)
    total = Scores()
    for row in _rows(folder / "answers/notes.ndjson"):
        known = known_from([*records.get(row["patient_id"], []), *staff]) if with_record else known_from([])
        gold = [(span["start"], span["end"], span["label"]) for span in row["spans"] if span["kind"] == "phi"]
        one = score([(row["text"], gold)], lambda text, known=known: scrubber.find(text, known))
        total.texts += 1
        total.leaky += one.leaky
        total.removed += one.removed
        total.tokens += one.tokens
        for name in ("found", "missed", "same", "only_gold", "only_found", "removed_words"):
            getattr(total, name).update(getattr(one, name))
    return total


def frozen(suites: Path, scrubber: TextScrubber) -> dict[str, Scores]:
    """Scores of the frozen notes by their family; the notes are gone afterwards."""
    texts: dict[str, list[tuple[str, list[tuple[int, int, str]]]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        write(frozen_notes(suites), Path(folder))
        for row in _rows(Path(folder) / "notes.ndjson"):
            gold = [(span["start"], span["end"], span["label"]) for span in row["spans"]]
            texts.setdefault(row["family"], []).append((row["text"], gold))
    return {family: score(some, scrubber.find) for family, some in texts.items()}


def report_frozen(by_family: dict[str, Scores]) -> None:
    """Prints recall of tokens with its interval: in all, by family, by label."""
    found, missed = Counter[str](), Counter[str]()
    for scores in by_family.values():
        found += scores.found
        missed += scores.missed
    texts = sum(scores.texts for scores in by_family.values())
    leaky = sum(scores.leaky for scores in by_family.values())
    print(f"frozen notes, without the record: {texts} texts, {found.total() + missed.total()} identifying tokens")
    print(f"  texts with a token missed: {leaky} of {texts}")
    rows = [("all", Scores(found, missed)), *by_family.items()]
    rows += [
        (label, Scores(Counter({label: found[label]}), Counter({label: missed[label]})))
        for label in sorted(found | missed)
    ]
    for name, scores in rows:
        low, high = scores.interval()
        tokens = scores.found.total() + scores.missed.total()
        print(f"  {name:18} recall {scores.recall():.4f} ({low:.4f}-{high:.4f}) of {tokens:5}")


def speed(suites: Path, scrubber: TextScrubber) -> float:
    """Kilobytes a second of one core over MTSamples."""
    notes = list(_notes(suites))
    scrubber.find(notes[0])
    start = time.process_time()
    for note in notes:
        scrubber.find(note)
    return sum(len(note.encode()) for note in notes) / 1000 / (time.process_time() - start)


def _rows(file: Path) -> Iterator[dict]:  # type: ignore[type-arg]
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _notes(suites: Path) -> Iterator[str]:
    for row in _rows(suites / "mtsamples/notes.jsonl.gz"):
        yield row["text"]
    for name in ("train", "valid", "test1"):
        for row in _rows(suites / f"aci_bench/{name}.jsonl"):
            yield row["note"]


def _source(suites: Path) -> Source:
    people, streets, cities = set(), set(), set()
    for row in _rows(suites / "phi_presidio_synth/synth_v2.jsonl"):
        for span in row["spans"]:
            words = span["text"].split()
            if span["label"] == "PERSON" and len(words) == 2 and all(map(_is_name, words)):
                people.add((words[0], words[1]))
            if span["label"] == "GPE" and len(words) == 1 and span["text"].istitle():
                cities.add(span["text"])
            if span["label"] == "STREET_ADDRESS" and "\n" not in span["text"] and re.match(r"\d+ [A-Z]", span["text"]):
                streets.add(span["text"])
    return Source(sorted(people), sorted(streets), sorted(cities))


def _is_name(word: str) -> bool:
    return re.fullmatch(r"[^\W\d_]{2,}", word) is not None and not word.islower()


def _clinical_words(suites: Path) -> frozenset[str]:
    seen: Counter[str] = Counter()
    with gzip.open(suites / "raw_text_biomed/sentences.txt.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            seen.update(re.findall(r"\b[a-z]{3,}\b", line))
    return frozenset(word for word, n in seen.items() if n >= LEAST_SEEN)


def report(scores: Scores, what: str) -> None:
    low, high = scores.interval()
    print(f"{what}: {scores.texts} texts, {scores.found.total() + scores.missed.total()} identifying tokens")
    print(f"  token recall {scores.recall():.4f} ({low:.4f}-{high:.4f}), precision {scores.precision():.4f}")
    print(f"  texts with a token missed: {scores.leaky} of {scores.texts}; strict span F1 {scores.f1():.3f}")
    for label in sorted(set(scores.found) | set(scores.missed)):
        tokens = scores.found[label] + scores.missed[label]
        print(f"  {label:18} recall {scores.recall([label]):.4f} of {tokens:5}  F1 {scores.f1(label):.3f}")


def scrubber_of(detectors: str) -> TextScrubber:
    """The rules, the trained classifier, or both as they ship."""
    rules = [] if detectors == "classifier" else rule_detectors()
    return TextScrubber([*rules, *([] if detectors == "rules" else [ClassifierDetector()])])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("presidio", "inserted", "simulated", "frozen", "speed"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", choices=("report", "develop", "all"), default="report")
    parser.add_argument("--detectors", choices=("all", "rules", "classifier"), default="all")
    told = parser.parse_args()
    scrubber = scrubber_of(told.detectors)
    if told.what == "presidio":
        ours, theirs, joined = presidio(told.folder, told.half, scrubber)
        report(ours, f"presidio-research, {told.half} half")
        report(theirs, "the same by its own labels")
        report(joined, "the same, neighbours of one label joined on both sides")
    elif told.what == "inserted":
        scores, share, words = inserted(told.folder, scrubber)
        report(scores, "inserted identifiers")
        print(f"  clinical words wrongly removed: {share:.4%} of {scores.tokens} tokens: {words.most_common(40)}")
        print(f"  tokens removed outside, true dates and names of the notes among them: {scores.removed}")
    elif told.what == "simulated":
        for with_record in (False, True):
            report(
                simulated(told.folder, with_record, scrubber),
                f"simulated notes, {'with' if with_record else 'without'} the record",
            )
    elif told.what == "frozen":
        report_frozen(frozen(told.folder, scrubber))
    else:
        print(f"{speed(told.folder, scrubber):.0f} KB/s")


if __name__ == "__main__":
    main()
