"""A few thousand made resources with every kind of value that a search compares, always the same."""

import random
from typing import Any

UCUM = "http://unitsofmeasure.org"
SYSTEMS = ["http://loinc.org", "http://snomed.info/sct", ""]
CODES = ["a", "b", "c,d", "e|f"]
DAYS = [
    "2019",
    "2020",
    "2020-02",
    "2020-02-28",
    "2020-02-29",
    "2020-03-01",
    "2020-02-29T12:00:00Z",
    "2020-02-29T12:00:00.5Z",
]
TEXTS = ["Ada", "ADA  Lovelace", "Ädam", "Zoë", "X" * 40]
NUMBERS = [0, 1, 5, 5.4, 5.39, 5.395, 5.405, -3, 100, 1e6]
BIRTHS = ["1815-12-10", "1815-12", "1815", "1980-05-17", "1980-05-18", "1980-06", "2020-02-29"]


def some(chance: random.Random, make: Any, most: int = 2) -> list[Any]:
    return [make() for _ in range(chance.randint(0, most))]


def coding(chance: random.Random) -> dict[str, str]:
    system = chance.choice(SYSTEMS)
    return {"code": chance.choice(CODES)} | ({"system": system} if system else {})


def concept(chance: random.Random) -> dict[str, Any]:
    return {"coding": some(chance, lambda: coding(chance))}


def quantity(chance: random.Random) -> dict[str, Any]:
    unit = chance.choice([{}, {"unit": "mg"}, {"system": UCUM, "code": "mg"}, {"system": "other", "code": "mg"}])
    comparator = chance.choice([{}, {}, {}, {"comparator": chance.choice(["<", "<=", ">", ">="])}])
    return {"value": chance.choice(NUMBERS), **unit, **comparator}


def period(chance: random.Random) -> dict[str, str]:
    return {name: chance.choice(DAYS) for name in chance.choice([("start",), ("end",), ("start", "end"), ()])}


def observation(chance: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "Observation", "status": chance.choice(["final", "amended"])}
    made["code"] = concept(chance)
    made["category"] = some(chance, lambda: concept(chance))
    if chance.random() < 0.9:
        made["subject"] = {"reference": f"{chance.choice(['Patient', 'Group'])}/{chance.randrange(5)}"}
    if chance.random() < 0.3:
        made["subject"] = {"identifier": {"system": chance.choice(["mrn", ""]), "value": chance.choice("12")}}
    when = chance.choice(["effectiveDateTime", "effectivePeriod", "effectiveTiming", ""])
    if when == "effectiveDateTime":
        made[when] = chance.choice(DAYS)
    elif when == "effectivePeriod":
        made[when] = period(chance)
    elif when:
        made[when] = {"event": some(chance, lambda: chance.choice(DAYS))}
    value = chance.choice(["valueQuantity", "valueString", ""])
    if value:
        made[value] = quantity(chance) if value == "valueQuantity" else chance.choice(TEXTS)
    made["component"] = some(chance, lambda: {"code": concept(chance), "valueQuantity": quantity(chance)})
    if chance.random() < 0.2:
        made["meta"] = {"profile": [chance.choice(["http://p", "http://p|1"])], "tag": [coding(chance)]}
    return made


def patient(chance: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "Patient"}
    made["name"] = some(
        chance, lambda: {"family": chance.choice(TEXTS), "given": some(chance, lambda: chance.choice(TEXTS))}
    )
    made["telecom"] = some(chance, lambda: {"system": chance.choice(["phone", "email"]), "value": chance.choice(CODES)})
    made["identifier"] = some(chance, lambda: {"system": chance.choice(SYSTEMS), "value": chance.choice(CODES)})
    if chance.random() < 0.7:
        made["birthDate"] = chance.choice(BIRTHS)
    if chance.random() < 0.7:
        made["gender"] = chance.choice(["male", "female"])
    if chance.random() < 0.3:
        made["deceasedBoolean"] = chance.random() < 0.5
    return made


def risk(chance: random.Random) -> dict[str, Any]:
    probability = chance.choice(
        [{"probabilityDecimal": chance.choice(NUMBERS)}, {"probabilityRange": {"low": quantity(chance)}}]
    )
    return {"resourceType": "RiskAssessment", "prediction": [probability] * chance.randint(0, 1)}


def make_resources() -> list[dict[str, Any]]:
    chance = random.Random(20)
    makers = [observation] * 2000 + [patient] * 800 + [risk] * 200
    chance.shuffle(makers)
    return [{**make(chance), "id": f"id{chance.randrange(10**9)}x{rid}"} for rid, make in enumerate(makers, 1)]


RESOURCES = make_resources()
