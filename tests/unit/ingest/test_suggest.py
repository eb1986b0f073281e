"""Drafts of mappings from headers and values."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import InputError
from careloom.ingest.delimited import load_mapping
from careloom.ingest.suggest import Suggestion, suggest
from careloom.ingest.suggest_columns import guess_columns
from tests.journeys.hospital import CommandLine

LAB = """Fallnummer;Pat-Nr;Parameter;LOINC;Wert;Einheit;Abnahme;Befund
F1;P-7;Natrium;2951-2;"138,5";mmol/l;21.03.2024 07:15;ok
F1;P-7;Hämoglobin;718-7;"13,1";g/dl;21.03.2024 07:15;ok
F2;P-8;Kultur;600-7;negativ;;22.03.2024 09:00;ok
"""
PEOPLE = """MRN,Last Name,First Name,DOB,Sex,Zip,Phone,Shoe size
7,Quillfeather,Oda,04/05/1961,F,02139,555-0101,38
8,Sandpiper,Abel,12/25/1970,M,02140,555-0102,44
"""
VISITS = """hadm_id,subject_id,admittime,dischtime,patient class
1,7,2024-01-02 03:04:05,2024-01-05 10:00:00,Inpatient
2,8,2024-02-02 03:04:05,,Emergency
"""
DRUGS = """patient_id,drug,rxcui,start_date,sig
7,Metformin 500 MG Oral Tablet,861007,2024-01-02,one tablet twice daily
"""
AMBIGUOUS = """patient,icd10,diagnosis,date of diagnosis
7,E11.9,Type 2 diabetes,03/04/2024
8,I10,Hypertension,05/06/2024
"""
SHORT = """pid,lname,fname,dob,sex,ssn
7,Quillfeather,Oda,1961-04-05,F,999-00-0001
8,Sandpiper,Abel,1970-12-25,M,999-00-0002
"""


def drafted(text: str, file_name: str = "") -> Suggestion:
    delimiter = ";" if ";" in text.split("\n", maxsplit=1)[0] else ","
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    return suggest("mine", rows[0], rows[1:], file_name)


@pytest.mark.parametrize(
    ("text", "kind", "roles"),
    [
        (LAB, "observation", "encounter_id patient_id description code value unit time -"),
        (PEOPLE, "patient", "patient_id family_name given_name birth_date gender postal_code phone -"),
        (VISITS, "encounter", "encounter_id patient_id start end class"),
        (DRUGS, "medication", "patient_id description code start instructions"),
        (SHORT, "patient", "patient_id family_name given_name birth_date gender ssn"),
        (AMBIGUOUS, "condition", "patient_id code description start"),
    ],
)
def test_columns_are_recognised_by_name_and_values(text: str, kind: str, roles: str) -> None:
    made = drafted(text)
    assert (made.kind, [guess.role or "-" for guess in made.guesses]) == (kind, roles.split())
    assert load_mapping(made.text).name == "mine"


def test_what_only_a_person_knows_is_asked(tmp_path: Path) -> None:
    assert "time zone" in " ".join(drafted(VISITS).doubts)
    assert "day or the month" in " ".join(drafted(AMBIGUOUS).doubts)
    assert "day or the month" not in " ".join(drafted(PEOPLE).doubts)
    assert "# check" in drafted(AMBIGUOUS).text


@pytest.mark.parametrize("codes", [("U07.1", "U09.9"), ("QA0.0101", "QA0.8"), ("E119", "I10")])
def test_codes_of_every_chapter_are_recognised_by_their_form(codes: tuple[str, ...]) -> None:
    (code, _) = guess_columns(["diagnosis code", "patient"], [[one, "7"] for one in codes])
    assert (code.shape, code.system) == ("code", "icd10cm")


def test_a_draft_holds_nothing_of_a_row_but_units_and_known_values() -> None:
    for text in (LAB, PEOPLE, VISITS, DRUGS, AMBIGUOUS):
        made = drafted(text).text
        for line in text.split("\n")[1:]:
            for cell in line.replace('"', "").replace(";", ",").split(","):
                if len(cell) > 2 and cell.lower() not in ("mmol/l", "g/dl", "inpatient", "emergency", "138", "13"):
                    assert cell not in made, cell


@pytest.mark.parametrize("header", ["a,b,c", "code,value,unit", "patient,shoe size,colour"])
def test_a_header_that_tells_too_little_is_refused(header: str) -> None:
    with pytest.raises(InputError):
        drafted(f"{header}\n1,2,3\n")


@pytest.mark.parametrize(
    ("name", "text", "query", "found"),
    [
        ("labs.csv", LAB, "Observation?_summary=count", 3),
        ("people.csv", PEOPLE, "Patient?birthdate=1961-04-05&gender=female", 1),
        ("visits.csv", VISITS, "Encounter?status=finished", 1),
        ("drugs.csv", DRUGS, "MedicationRequest?code=http://www.nlm.nih.gov/research/umls/rxnorm|861007", 1),
        ("dx.csv", AMBIGUOUS, "Condition?code=http://hl7.org/fhir/sid/icd-10-cm|E11.9", 1),
    ],
)
def test_a_draft_reads_the_file_that_it_was_made_from(
    tmp_path: Path, name: str, text: str, query: str, found: int
) -> None:
    line = CommandLine(tmp_path)
    (tmp_path / name).write_text(text, "utf-8")
    made = line.json("mapping", "suggest", name, "--out", "draft.toml")
    assert made["usable"] == made["tried"] > 0, made["issues"]
    (entry,) = line.json("ingest", name, "--mapping", "draft.toml")["files"]
    assert (entry["format"], entry["quarantined"]) == ("csv", 0)
    page = line.json("search", query)
    assert page.get("total", len(page.get("entry", []))) == found


def test_the_command_prints_the_draft_and_never_overwrites_a_file(tmp_path: Path) -> None:
    line = CommandLine(tmp_path)
    (tmp_path / "people.csv").write_text(PEOPLE)
    load_mapping(line.run("mapping", "suggest", "people.csv", "--name", "ours").stdout)
    (tmp_path / "there.toml").write_text("mine")
    line.run("mapping", "suggest", "people.csv", "--out", "there.toml", expect=4)
    assert (tmp_path / "there.toml").read_text() == "mine"
    (tmp_path / "note.txt").write_text("Slept well.")
    line.run("mapping", "suggest", "note.txt", expect=2)


KINDS = {
    "allergies": "allergy", "conditions": "condition", "encounters": "encounter", "immunizations": "immunization",
    "medications": "medication", "observations": "observation", "patients": "patient", "procedures": "procedure",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(KINDS))
def test_the_files_of_another_simulator_are_drafted_and_read(suites: Path, tmp_path: Path, name: str) -> None:
    line = CommandLine(tmp_path)
    made = line.json("mapping", "suggest", suites / "synthea_csv" / f"{name}.csv")
    assert made["kind"] == KINDS[name]
    assert made["usable"] >= 0.95 * made["tried"], made["issues"]


@given(
    st.lists(st.text(max_size=12), min_size=1, max_size=8),
    st.lists(st.lists(st.text(max_size=12), max_size=9), max_size=5),
)
def test_any_header_and_rows_are_guessed_without_a_fault_and_no_role_is_given_twice(
    header: list[str], rows: list[list[str]]
) -> None:
    guesses = guess_columns(header, rows)
    roles = [guess.role for guess in guesses if guess.role]
    assert len(guesses) == len(header)
    assert len(roles) == len(set(roles))
