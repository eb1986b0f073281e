"""The look over a batch tells what the look at each resource tells."""

import base64
import random

import orjson

from careloom.deid.leak_look import holding
from careloom.deid.leaks import has_number

NUMBERS = frozenset(
    {
        "81281208",
        "ab1234",
        "6175550142",
        "+6175550142",
        "16175550142",
        "jqszollosyexample",
        "mullerxde",
        "1234567",
        "00471199",
    }
)
WRITTEN = [
    "81281208", "812-81-208", "MRN 81281208.", "ab-1234", "AB.12/34", "(617) 555-0142", "617  555  0142", "1234567",
    "jq@szollosy.example", "müller@x.de", "x\n81281208", "note\t1234567", "a81281208", "812812081", "AB1234x", "http://x/AB-1234",
    "https://x.example/00471199.pdf", "00471199\u2028", "nothing here", "81281 208", "8128\n1208", "Szöllösy 81281208",
    "+446175550142", "4 (617) 555-0142", "1-617-555-0142",
]  # fmt: skip


def resource(rng: random.Random) -> dict[str, object]:
    said = [rng.choice(WRITTEN) if rng.random() < 0.4 else f"word {rng.random()}" for _ in range(3)]
    data = base64.b64encode(rng.choice(WRITTEN).encode()).decode() if rng.random() < 0.3 else "AA=="
    number = rng.randrange(10**8)
    return {"resourceType": "Basic", "id": said[0], "text": said[1:], "value": number, "content": [{"data": data}]}


def test_each_way_to_write_a_number_is_told_as_by_the_look_at_one() -> None:
    each = [{"text": said, "n": 1} for said in WRITTEN]
    expected = {at for at, one in enumerate(each) if has_number(one, NUMBERS)}
    assert holding(each, NUMBERS) == expected
    assert {0, 1, 3, 5, 8, 9, 10} <= expected
    assert 18 not in expected


def test_any_batch_is_told_as_by_the_look_at_each() -> None:
    rng = random.Random(20261128)
    for size in (0, 1, 2, 40, 300):
        batch = [resource(rng) if rng.random() < 0.9 else None for _ in range(size)]
        expected = {at for at, one in enumerate(batch) if one is not None and has_number(one, NUMBERS)}
        assert holding(batch, NUMBERS) == expected
        assert (
            holding(batch, NUMBERS, [one and orjson.dumps(one, option=orjson.OPT_SORT_KEYS) for one in batch])
            == expected
        )
        plain = [one and {key: value for key, value in one.items() if key != "content"} for one in batch]
        assert holding(plain, NUMBERS) == {at for at, one in enumerate(plain) if one and has_number(one, NUMBERS)}
    assert holding([{"text": "81281208"}], frozenset()) == frozenset()
