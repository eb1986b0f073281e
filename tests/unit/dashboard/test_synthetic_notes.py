"""Notes of a release are read with what the records of their own encounters say."""

import json
from base64 import b64encode
from typing import Any

from careloom.dashboard.synthetic_notes import Read, first_notes


def noted(number: int, encounter: str = "", **more: Any) -> dict[str, Any]:
    data = b64encode(f"ASSESSMENT: gout {number}".encode()).decode()
    context = {"context": {"encounter": [{"reference": encounter}]}} if encounter else {}
    return {
        "resourceType": "DocumentReference", "id": f"n{number}", "type": {"text": "Progress note"},
        "date": "2026-03-04T10:00:00Z", "content": [{"attachment": {"data": data}}], **context, **more,
    }  # fmt: skip


def lines(*resources: dict[str, Any]) -> bytes:
    return "\n".join(json.dumps(one) for one in resources).encode() + b"\n"


def test_facts_stand_with_the_note_of_their_encounter_and_once() -> None:
    gout = {"resourceType": "Condition", "encounter": {"reference": "Encounter/1"}, "code": {"text": "Gout"}}
    urate = {
        "resourceType": "Observation", "encounter": {"reference": "Encounter/1"},
        "code": {"coding": [{"code": "3084-1", "display": "Urate"}]}, "valueQuantity": {"value": 9.1, "unit": "mg/dL"},
    }  # fmt: skip
    other = {**gout, "encounter": {"reference": "Encounter/2"}, "code": {"text": "Asthma"}}
    found = first_notes(lines(gout, noted(1, "Encounter/1"), gout, urate, other, noted(2)))
    facts = (("Problem", "Gout"), ("Observation", "Urate: 9.1 mg/dL"))
    assert found == [
        Read("Progress note", "2026-03-04T10:00:00Z", "ASSESSMENT: gout 1", facts),
        Read("Progress note", "2026-03-04T10:00:00Z", "ASSESSMENT: gout 2", ()),
    ]


def test_three_notes_are_shown_and_a_text_that_does_not_read_is_left_out() -> None:
    broken = noted(0, content=[{"attachment": {"data": "%"}}, {"attachment": {}}])
    found = first_notes(lines(broken, *(noted(number) for number in range(1, 9))))
    assert [one.text for one in found] == ["", "ASSESSMENT: gout 1", "ASSESSMENT: gout 2"]
