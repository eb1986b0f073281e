"""What the classifier of identifiers learns from: texts with gold spans, drawn anew for each epoch.

    templates   sentences of our own (tools/deid_templates), filled anew each time
    presidio    sentences of presidio-research (MIT) of the half of templates that nothing is reported on, or of all;
                names, places, numbers and organizations are drawn anew: no value of theirs is learnt
    simulated   notes of the simulator by all its families, the names of people and places drawn anew
    negatives   biomedical sentences (raw_text_biomed, CC BY) and case reports (maccrobat2020, CC BY 4.0)

Never: mtsamples, aci_bench and mts_dialog, which are measured on; tests/frozen; values of sources frozen for measuring.
"""

import gzip
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from careloom.deid.text_spans import LOCATION, NAME, ORGANIZATION
from careloom.text.training_torch import Gold
from tools import deid_fill_names as names
from tools import deid_fill_numbers as numbers
from tools import deid_fill_organizations as organizations
from tools import deid_fill_places as places
from tools import deid_fill_times as times
from tools.deid_fill import fill, templates
from tools.deid_fill_noise import noisy
from tools.text_deid_scores import is_reported

Row = tuple[str, list[Gold]]
_PRESIDIO = {
    "PERSON": "NAME", "STREET_ADDRESS": "LOCATION", "GPE": "LOCATION", "ZIP_CODE": "LOCATION",
    "ORGANIZATION": "ORGANIZATION", "CREDIT_CARD": "ACCOUNT", "IBAN_CODE": "ACCOUNT", "PHONE_NUMBER": "PHONE",
    "DATE_TIME": "DATE", "EMAIL_ADDRESS": "EMAIL", "IP_ADDRESS": "IP", "US_SSN": "SSN", "US_DRIVER_LICENSE": "LICENSE",
    "DOMAIN_NAME": "URL",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]{2,}")
_STAYS = frozenset(
    """st street ave avenue rd road lane ln dr drive blvd court ct apt suite box po north south east west hospital
    clinic center health medical regional ward unit building floor the of and md do rn np pa jr sr ii iii care county
    general emergency department family medicine""".split()
)


def from_templates(chance: random.Random, share: float = 1.0) -> Iterator[Row]:
    """Every template of ours once, filled, a share of them with noise."""
    for template in templates():
        if chance.random() < share:
            text, spans = fill(template.text, chance)
            yield noisy(text, spans, chance) if chance.random() < 0.8 else (text, spans)


def presidio_rows(suites: Path, half: str) -> list[tuple[str, list[Gold]]]:
    """The sentences of the half that is developed on, or ``all``, with spans by their labels."""
    rows = []
    with (suites / "phi_presidio_synth/synth_v2.jsonl").open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if half == "all" or not is_reported(row["template_id"]):
                spans = [(span["start"], span["end"], span["label"]) for span in row["spans"]]
                rows.append((row["text"], sorted(spans)))
    return rows


def from_presidio(rows: Sequence[tuple[str, list[Gold]]], chance: random.Random) -> Iterator[Row]:
    """Each sentence with values drawn anew."""
    for text, spans in rows:
        yield replaced(
            text, [(a, b, _PRESIDIO.get(label, ""), _drawn(label, text[a:b], chance)) for a, b, label in spans]
        )


def replaced(text: str, edits: Sequence[tuple[int, int, str, str]]) -> Row:
    """`text` with places (start, end, label, new words) written anew; those without a label give no span."""
    parts, gold, at, length = [], [], 0, 0
    for start, end, label, new in sorted(edits):
        if start < at:
            continue
        parts += [text[at:start], new]
        length += start - at
        if label:
            gold.append((length, length + len(new), label))
        length += len(new)
        at = end
    return "".join([*parts, text[at:]]), gold


def _is_time(old: str) -> bool:
    """True for a year alone and a time of day, which stay."""
    return re.fullmatch(r"\d{4}", old) is not None or re.search(r"\d:\d\d|o'clock|\d ?[ap]\.?m", old) is not None


def _label(theirs: str, old: str) -> str:
    return "" if theirs == "DATE_TIME" and _is_time(old) else _PRESIDIO.get(theirs, "")


def _drawn(label: str, old: str, chance: random.Random) -> str:
    new = _another(label, old, chance)
    if old.islower() or (chance.random() < 0.03 and label != "EMAIL_ADDRESS"):
        return new.lower()
    return new.upper() if old.isupper() and len(old) > 3 and any(letter.isalpha() for letter in old) else new


def _another(label: str, old: str, chance: random.Random) -> str:  # noqa: PLR0912 - one case a label
    match label:
        case "PERSON":
            return _person(old, chance)
        case "STREET_ADDRESS":
            return _street(old, chance)
        case "GPE":
            return (places.country if chance.random() < 0.4 else places.city)(chance)
        case "ZIP_CODE":
            return places.zip_code(chance)
        case "ORGANIZATION":
            makers = (organizations.org, organizations.brand, organizations.company, organizations.employer)
            return chance.choice(makers)(chance)
        case "CREDIT_CARD":
            return numbers.card(chance)
        case "IBAN_CODE":
            return numbers.iban(chance)
        case "PHONE_NUMBER":
            return numbers.phone(chance)
        case "DATE_TIME" if not _is_time(old):
            return times.any_date(chance) if any(sign.isdigit() for sign in old) else old
        case "EMAIL_ADDRESS":
            return numbers.email(chance, names.person(chance))
        case "IP_ADDRESS":
            return numbers.ip(chance)
        case "US_SSN":
            return numbers.ssn(chance)
        case "US_DRIVER_LICENSE":
            return numbers.licence(chance)
        case "DOMAIN_NAME":
            return (numbers.url if "/" in old else numbers.domain)(chance)
    return old


def _person(old: str, chance: random.Random) -> str:
    who, count = names.person(chance), len(old.split())
    if count == 1:
        return who.given if chance.random() < 0.6 else who.family
    if re.match(r"(?:Mr|Mrs|Ms|Dr|Prof|Miss)\b", old):
        return f"{old.split(maxsplit=1)[0]} {who.given} {who.family}"
    if count == 2:
        return f"{who.given} {who.family}"
    return names.full(chance, who)


def _street(old: str, chance: random.Random) -> str:
    if re.fullmatch(r"[\d ]+", old):
        return "".join(chance.choice("0123456789") if sign.isdigit() else sign for sign in old)
    if re.match(r"(?i)(?:apt|suite|unit)\b", old):
        return re.sub(r"\d", lambda _: chance.choice("0123456789"), old)
    if "\n" in old or len(old.split()) > 6:
        return (places.address_lines if "\n" in old else places.address_line)(chance)
    return (places.street if any(sign.isdigit() for sign in old) else places.street_name)(chance)


def simulated_rows(folder: Path, patients: int, seed: int) -> list[Row]:
    """The simulator's notes with the gold of identifiers; made in `folder` unless they are there."""
    answers = folder / "answers/notes.ndjson"
    if not answers.exists():
        command = [sys.executable, "-m", "careloom.cli.main", "simulate", str(folder)]
        subprocess.run([*command, "--patients", str(patients), "--seed", str(seed)], check=True)
    rows = []
    with answers.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            spans = [(one["start"], one["end"], one["label"]) for one in row["spans"] if one["kind"] == "phi"]
            rows.append((row["text"], sorted(spans)))
    return rows


def from_simulated(rows: Sequence[Row], chance: random.Random) -> Iterator[Row]:
    """Each note with other people in other places: one word of a name becomes the same other one in the whole note."""
    for text, spans in rows:
        yield replaced(text, list(_renamed(text, spans, chance)))


def _renamed(text: str, spans: Sequence[Gold], chance: random.Random) -> Iterator[tuple[int, int, str, str]]:
    others: dict[str, str] = {}
    for start, end, label in spans:
        old = text[start:end]
        if label in (NAME, LOCATION, ORGANIZATION):
            yield start, end, label, _WORD.sub(partial(_other, label=label, others=others, chance=chance), old)
        else:
            yield start, end, label, old


def _other(found: re.Match[str], label: str, others: dict[str, str], chance: random.Random) -> str:
    word = found[0]
    plain = word.lower()
    if plain in _STAYS or (len(word) == 2 and word.isupper()):
        return word
    if plain not in others:
        who = names.person(chance)
        drawn = {NAME: (who.given, who.family), LOCATION: (places.city(chance),)}.get(
            label, (who.family, places.city(chance))
        )
        others[plain] = chance.choice(drawn).split(maxsplit=1)[0]
    new = others[plain]
    return new.upper() if word.isupper() else new.lower() if word.islower() else new


def negatives(suites: Path, chance: random.Random, sentences: int) -> Iterator[Row]:
    """Biomedical prose without identifiers."""
    with gzip.open(suites / "raw_text_biomed/sentences.txt.gz", "rt", encoding="utf-8") as lines:
        kept = [line.strip() for line in lines if chance.random() < 0.2 and 30 < len(line) < 500]
    for line in chance.sample(kept, min(sentences, len(kept))):
        yield line, []
    for file in sorted((suites / "maccrobat2020").glob("*.txt")):
        yield file.read_text("utf-8")[:2500], []
