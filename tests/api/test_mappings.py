"""A mapping drafted over HTTP and by the SDK: what comes out, that no value of a patient does, that nothing stays."""

import io
import random
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from careloom.client.careloom import Careloom
from careloom.errors import AccessError, InputError
from careloom.ingest.delimited import load_mapping
from tests.api.kit import Installation
from tests.api.test_sdk import client_of

ROUTE = "/api/v1/mappings/suggest"
LAB = """Fallnummer;Pat-Nr;Parameter;LOINC;Wert;Einheit;Abnahme;Befund
F1;P-7;Natrium;2951-2;"138,5";mmol/l;21.03.2024 07:15;Quillfeather ok
F1;P-8;Hämoglobin;718-7;"13,1";g/dl;21.03.2024 07:15;ok
"""
PEOPLE = """MRN,Last Name,First Name,DOB,Sex,Zip,Phone,City
7,Quillfeather,Oda,04/05/1961,F,02139,555-0101,Lowell
8,Sandpiper,Abel,12/25/1970,M,02140,555-0102,Salem
"""
VALUES = ("Quillfeather", "Oda", "1961", "02139", "555-0101", "Lowell", "P-7", "F1", "138,5", "2024")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("mappings")) as made:
        yield made


@pytest.fixture(scope="module")
def api(made: Installation) -> Iterator[Careloom]:
    with client_of(made, roles=["data-engineer"], zones=["landing", "identified"]) as api:
        yield api


def test_a_draft_tells_what_each_column_was_taken_for_and_how_it_does(api: Careloom) -> None:
    draft = api.mappings.suggest(LAB.encode(), name="our_lab")
    assert load_mapping(draft.text).name == "our_lab"
    roles = {one.column: one.role for one in draft.columns}
    assert (draft.kind, roles["Pat-Nr"], roles["Befund"]) == ("observation", "patient_id", "")
    assert all(0 <= one.confidence <= 1 for one in draft.columns)
    assert (draft.tried, draft.usable) == (2, 2)
    assert any("time zone" in doubt for doubt in draft.doubts)


def test_a_file_a_form_and_parquet_are_taken_alike(made: Installation, api: Careloom, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE)
    of_file = api.mappings.suggest(tmp_path / "people.csv")
    frame = pl.read_csv(io.StringIO(PEOPLE), infer_schema=False)
    out = io.BytesIO()
    frame.write_parquet(out)
    assert [one.role for one in api.mappings.suggest(out.getvalue()).columns] == [one.role for one in of_file.columns]
    answer = made.client.post(ROUTE, headers=made.bearer(), data=PEOPLE, content_type="text/csv")
    assert answer.json["draft"]["kind"] == of_file.kind == "patient"


@pytest.mark.parametrize("text", [LAB, PEOPLE], ids=["lab", "people"])
def test_no_value_of_a_row_is_in_the_answer_or_in_the_chain_and_nothing_is_kept(made: Installation, text: str) -> None:
    answer = made.client.post(ROUTE, headers=made.bearer(), data=text.encode(), content_type="text/csv")
    told = answer.text + repr(made.events())
    assert answer.json["draft"]
    assert [value for value in VALUES if value in answer.text or (len(value) > 4 and value in told)] == []
    assert list((made.folder / "data" / "uploads").iterdir()) == []


HEADLESS = {
    "numbers first": "7,Quillfeather,Oda,04/05/1961\n8,Sandpiper,Abel,12/25/1970\n",
    "words alone": "patient,Quillfeather,Oda,F\npatient,Sandpiper,Abel,F\n",
    "said to be apart by a semicolon": "sep=;\nPatient;Quillfeather;04/05/1961;F\nPatient;Sandpiper;12/25/1970;M\n",
}


@pytest.mark.parametrize("text", HEADLESS.values(), ids=HEADLESS)
def test_a_first_line_that_is_a_row_is_never_told_back(made: Installation, api: Careloom, text: str) -> None:
    answer = made.client.post(ROUTE, headers=made.bearer(), data=text.encode(), content_type="text/csv")
    assert (answer.status_code, answer.json["draft"]) == (200, None)
    assert answer.json["reason"]
    assert [value for value in VALUES if value in answer.text] == []
    with pytest.raises(InputError):
        api.mappings.suggest(text.encode())


def test_a_file_of_one_endless_line_holds_no_table(api: Careloom) -> None:
    with pytest.raises(InputError, match="holds no table"):
        api.mappings.suggest(b"nothing".ljust(300_000))


def test_a_header_that_stands_in_the_file_twice_is_one(api: Careloom) -> None:
    assert api.mappings.suggest((LAB + LAB).encode()).kind == "observation"


def test_whatever_is_sent_there_is_an_answer(made: Installation) -> None:
    """Bytes, cut and shuffled tables, and headers that would break TOML: a draft or a reason, and no defect."""
    chance = random.Random(20261128)
    headers = made.bearer()
    bodies = [chance.randbytes(chance.randint(1, 3000)) for _ in range(15)]
    for text in (LAB, PEOPLE):
        raw = text.encode()
        for _ in range(20):
            cut = bytearray(raw[: chance.randint(1, len(raw))])
            for _ in range(chance.randint(0, 6)):
                cut[chance.randrange(len(cut))] = chance.choice(b'";,\n\r\t\x00\x7f\\{}|')
            bodies.append(bytes(cut))
    bodies += [
        b"sep=;\npatient\x7f;co\x01de\n1;2\n",
        b'patient"]\n,x\n1,2\n',
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"PAR1PAR1",
    ]
    for body in bodies:
        answer = made.client.post(ROUTE, headers=headers, data=body, content_type="text/csv")
        assert answer.status_code == 200, (answer.text, body)
        if answer.json["draft"]:
            load_mapping(answer.json["draft"]["text"])
        else:
            assert answer.json["reason"]


def test_an_upload_that_is_empty_or_holds_two_files_is_refused(made: Installation) -> None:
    assert made.client.post(ROUTE, headers=made.bearer(), data=b"", content_type="text/csv").status_code == 400
    two = {"file": [(io.BytesIO(b"a,b\n"), "a.csv"), (io.BytesIO(b"a,b\n"), "b.csv")]}
    answer = made.client.post(ROUTE, headers=made.bearer(), data=two, content_type="multipart/form-data")
    assert (answer.status_code, answer.json["code"]) == (400, "input")
    assert made.client.post(f"{ROUTE}?name=a%20b", headers=made.bearer(), data=LAB.encode()).status_code == 400
    assert list((made.folder / "data" / "uploads").iterdir()) == []


def test_who_may_not_ingest_gets_no_draft(made: Installation) -> None:
    with client_of(made, roles=["data-steward"], zones=["identified"]) as steward, pytest.raises(AccessError):
        steward.mappings.suggest(LAB.encode())
