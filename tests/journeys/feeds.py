"""A larger NDJSON and HL7 feed of simulated patients, made in a moment."""

import json
from pathlib import Path

from tests.journeys.two_patients import hl7_message


def observation(number: int) -> dict[str, object]:
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "vital-signs",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
        "subject": {"reference": f"Patient/p{number % 97}"},
        "effectiveDateTime": f"2024-{1 + number % 12:02}-{1 + number % 28:02}T07:08:09Z",
        "valueQuantity": {
            "value": 50 + number % 70,
            "unit": "/min",
            "system": "http://unitsofmeasure.org",
            "code": "/min",
        },
    }


def write_many(folder: Path, records: int) -> None:
    """An NDJSON file of that many records, some invalid, and a batch of HL7 messages a tenth as long."""
    folder.mkdir(parents=True)
    lines = [json.dumps({"resourceType": "Patient", "id": f"p{n}", "name": [{"family": f"F{n}"}]}) for n in range(97)]
    for number in range(records - 97):
        resource = observation(number)
        if number % 211 == 0:
            resource["status"] = "bogus"
        lines.append(json.dumps(resource))
    (folder / "export.ndjson").write_text("\n".join(lines) + "\n")
    messages = [hl7_message(who(n), f"C{n}") for n in range(records // 10)]
    (folder / "feed.hl7").write_bytes("\r".join(messages).encode() + b"\r")


def who(number: int) -> dict[str, str]:
    return {
        "mrn": f"M{number % 53}",
        "family": f"Family{number % 53}",
        "given": "Given",
        "birth": "1960-01-01",
        "street": "1 Street",
    }
