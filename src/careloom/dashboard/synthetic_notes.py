"""Three notes of a release, with what its records say of the same encounters: only while the release is open."""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dash import html
from dash.development.base_component import Component

from careloom.client.careloom import Careloom
from careloom.dashboard import session, words
from careloom.dashboard.address import href
from careloom.dashboard.parts import Column, Content, Page, Table, as_of, card, head, note
from careloom.dashboard.synthetic_words import TITLE as ABOVE
from careloom.errors import Withheld

PART, TITLE = "notes", "Three notes"
SHOWN = 3
MOST_ROWS = 20_000
"""Resources of a release that is read for its notes; of a larger one the file is fetched."""
HELD = {
    "Condition": "Problem", "MedicationRequest": "Medication", "MedicationStatement": "Medication",
    "Procedure": "Procedure", "Observation": "Observation",
}  # fmt: skip
_FACTS = [Column("What", "tight"), Column("The record says")]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """A note: type, date, text, and what the record of its encounter holds as (kind, words), without repeats."""

    kind: str
    date: str
    text: str
    facts: tuple[tuple[str, str], ...]


def page(api: Careloom, sample: str) -> Page:
    """Its first three notes. raises NotFound where it was not let out; AccessError"""
    found = api.synthetic.released(sample)
    trail = ((ABOVE, href("synthetic")), ("Sample", href("synthetic", "samples", sample)))
    lead = "Of nobody, as they were let out, beside what the record of the same encounter says."
    content: list[Content] = [head(TITLE, lead=lead, aside=as_of(session.now()))]
    if found.state != "open":
        content.append(_closed(found.reason or "it was withdrawn"))
    elif found.kind not in ("notes", "patients"):
        content.append(note("This release holds no notes", "Its files stand in the list of releases."))
    elif found.rows > MOST_ROWS:
        content.append(note("This release is too large to be read here", "Fetch its file from the list of releases."))
    else:
        content += _notes(api, sample)
    return Page(TITLE, content, trail)


def _notes(api: Careloom, sample: str) -> list[Component]:
    try:
        found = first_notes(api.synthetic.data(sample))
    except Withheld as error:
        return [_closed(error.where)]
    if not found:
        return [note("There is no note in it", None)]
    return [_card(at, one) for at, one in enumerate(found, 1)]


def _closed(why: str) -> Component:
    return note("The release is closed: nothing of it is shown", f"Because {why}.", tone="warn", role="status")


def first_notes(content: bytes, most: int = SHOWN) -> list[Read]:
    """The first notes of a release as NDJSON of FHIR resources, in its order."""
    resources = [json.loads(line) for line in content.splitlines() if line.strip()]
    chosen = [one for one in resources if one["resourceType"] == "DocumentReference"][:most]
    held: dict[str, dict[tuple[str, str], None]] = {name: {} for one in chosen for name in _encounters(one)}
    for one in resources:
        near = held.get((one.get("encounter") or {}).get("reference", ""))
        if near is not None and one["resourceType"] in HELD and (said := _said(one)):
            near[HELD[one["resourceType"]], said] = None
    return [
        Read(
            str((one.get("type") or {}).get("text", "Note")), str(one.get("date", "")), "\n".join(_texts(one)),
            tuple(fact for name in _encounters(one) for fact in held[name]),
        )
        for one in chosen
    ]  # fmt: skip


def _encounters(one: Json) -> list[str]:
    return [each["reference"] for each in (one.get("context") or {}).get("encounter", []) if "reference" in each]


def _texts(one: Json) -> Iterator[str]:
    for each in one.get("content", []):
        try:
            yield base64.b64decode(each["attachment"]["data"]).decode()
        except (KeyError, ValueError, binascii.Error):
            continue


def _said(one: Json) -> str:
    concept = one.get("code") or one.get("medicationCodeableConcept") or {}
    coded = [each.get("display") or each.get("code", "") for each in concept.get("coding", [])]
    text = str(concept.get("text") or next(iter(coded), ""))
    quantity = one.get("valueQuantity") or {}
    return f"{text}: {quantity['value']:g} {quantity.get('unit', '')}".strip() if "value" in quantity else text


def _card(at: int, one: Read) -> Component:
    many = words.count_of(len(one.text.split()), "word")
    told = html.P(", ".join(part for part in (one.date[:10], many) if part), className="soft")
    labelled: dict[str, Any] = {"role": "group", "aria-label": f"Text of note {at}", "tabIndex": 0}  # it may scroll
    text = html.Div(one.text, className="pane", **labelled)
    if one.facts:
        facts: Component = Table(f"What the record of note {at} says", _FACTS, list(one.facts)).shown()
    else:
        facts = html.P("The release has no record of its encounter beside it.", className="hint")
    return card(f"{at}. {one.kind[:1].upper()}{one.kind[1:]}", [told, text, facts])
