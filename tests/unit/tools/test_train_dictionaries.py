"""The shipped dictionaries: made of simulated records only, and worth their bytes."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import zstandard

from careloom.runtime import packaged
from careloom.store.rows import canonical

TOOLS = Path(__file__).parents[3] / "tools"
NAMES = ("fhir", "hl7v2", "csv")


@pytest.fixture(scope="module")
def trainer() -> Iterator[object]:
    sys.path.insert(0, str(TOOLS))
    import train_dictionaries

    yield train_dictionaries
    sys.path.remove(str(TOOLS))


@pytest.mark.parametrize("name", NAMES)
def test_training_twice_gives_the_same_bytes(trainer: object, name: str) -> None:
    first = trainer.train(name, 25)  # type: ignore[attr-defined]
    assert first == trainer.train(name, 25)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "gain"), [("fhir", 2.0), ("hl7v2", 2.2), ("csv", 1.5)])
def test_a_dictionary_makes_unseen_records_much_smaller(trainer: object, name: str, gain: float) -> None:
    records = trainer.RECORDS[name](30)[-300:]  # type: ignore[attr-defined]
    dictionary = packaged("store", f"dictionaries/{name}.zdict")
    alone, _ = trainer.ratio(None, records)  # type: ignore[attr-defined]
    shared, _ = trainer.ratio(dictionary, records)  # type: ignore[attr-defined]
    assert shared > gain * alone


def test_records_of_other_software_shrink_more_than_twice_as_far(trainer: object, suites: Path) -> None:
    records = trainer.bundles(suites, every=10)  # type: ignore[attr-defined]
    dictionary = packaged("store", "dictionaries/fhir.zdict")
    assert trainer.ratio(None, records)[0] < 2.5  # type: ignore[attr-defined]
    stored = [canonical(orjson.loads(record)) for record in records]
    assert trainer.ratio(dictionary, records)[0] > 4.7  # type: ignore[attr-defined]
    assert trainer.ratio(dictionary, stored)[0] > 4.5  # type: ignore[attr-defined]


def test_dictionaries_have_numbers_of_their_own() -> None:
    numbers = {
        zstandard.ZstdCompressionDict(packaged("store", f"dictionaries/{name}.zdict")).dict_id() for name in NAMES
    }
    assert len(numbers) == 3
    assert min(numbers) >= 1 << 15


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_the_sample_hospital_or_of_a_simulator_stands_in_a_dictionary(trainer: object, name: str) -> None:
    from make_sample_hospital_people import _FEMALE, _LAST, _MALE

    text = packaged("store", f"dictionaries/{name}.zdict").decode("latin-1")
    found = {person for person in {*_MALE, *_FEMALE, *_LAST} if re.search(rf"\b{person}\b", text)}
    assert found <= {"Lake", "Park", "Hill", "King", "Young", "White", "Brown", "Green"}
    assert not re.search(r"\b[A-Z][a-z]+\d{2,3} [A-Z][a-z]+\d{2,3}\b", text)
