"""From a fact that was read from a note back to the bytes of the note, also where the fact itself came in no record."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careloom.pipeline.registry import REGISTRY
from careloom.services.annotate import AnnotateAsk
from careloom.services.annotate_notes import annotate
from careloom.services.search import search
from careloom.services.verify import verify
from tests.api.kit import PATIENT, Installation
from tests.api.test_nlp import NOTE

Json = dict[str, Any]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    monkeypatch.setitem(REGISTRY, "reader.nlp", "tests.nlp_kit:simple_reader")
    with Installation(tmp_path) as installation:
        installation.ingest([PATIENT, NOTE])
        annotate(installation.platform, installation.operator, AnnotateAsk())
        yield installation


def fact(made: Installation) -> str:
    """A condition that was read from the note."""
    found = search(made.platform, made.operator, "identified", "Condition").found
    return f"Condition/{found[0].id}"


def changed(made: Installation, sql: str) -> None:
    with made.platform.store("identified")._engine.begin() as connection:
        connection.exec_driver_sql(sql)


def steps(made: Installation) -> tuple[bool, list[tuple[str, bool]]]:
    told = verify(made.platform, made.operator, "identified", fact(made))
    return told["verified"], [(one["step"], one["ok"]) for one in told["steps"]]


def test_a_fact_of_a_note_leads_through_the_note_to_its_bytes_where_it_came_in_no_record(made: Installation) -> None:
    assert steps(made)[0] is True
    changed(made, "UPDATE resource SET record = NULL WHERE type = 'Condition'")
    is_whole, told = steps(made)
    assert is_whole
    assert [name for name, _ in told][-3:] == ["note", "record", "manifest"]
    assert all(ok for _, ok in told)


def test_a_fact_of_a_note_does_not_hold_where_the_bytes_of_the_note_do_not(made: Installation) -> None:
    changed(made, "UPDATE resource SET record = NULL WHERE type = 'Condition'")
    changed(made, "UPDATE record SET body = x'00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'")
    is_whole, told = steps(made)
    assert not is_whole
    assert ("record", False) in told
