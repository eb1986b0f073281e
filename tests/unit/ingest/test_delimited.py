"""Delimited files by declared mapping: recognition, rows, refusals."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.errors import SetupError
from careloom.ingest.conversion import Conversion
from careloom.ingest.delimited import (
    MAPPING_OPTION,
    convert,
    find_file,
    load_mapping,
    packaged_mappings,
    patient_column,
    recognise,
)
from careloom.pipeline.record import FileContext, Record

OWN = """
name = "own"
[values.sex]
m = "male"
w = "female"
[file.people]
recognise = ["nr", "born"]
patient = "nr"
key = ["nr"]
[file.people.columns]
nr = "string"
born = { type = "date", required = true, formats = ["%d.%m.%Y"] }
died = { type = "date", not_before = "born" }
sex = "code"
name = "string"
[[file.people.resource]]
type = "Patient"
[file.people.resource.set]
"name[0].family" = "{name}"
gender = "{sex|sex}"
birthDate = "{born}"
deceasedDateTime = "{died}"
"""
HEADER = ("nr", "born", "died", "sex", "name")


def make(rows: bytes, header: tuple[str, ...] = HEADER, position: int = 1, **options: str) -> Conversion:
    context = FileContext("csv", "own/people", header, options={MAPPING_OPTION: OWN, **options})
    return convert(Record(position, rows, "line 2", context))


def test_each_row_makes_its_resource() -> None:
    made = make(b"1,01.02.1950,,m,Ada\n2,1960-03-04,2020-01-01,W,Bo")
    assert made.issues == []
    assert [draft.resource for draft in made.drafts] == [
        {
            "resourceType": "Patient",
            "id": "1",
            "name": [{"family": "Ada"}],
            "gender": "male",
            "birthDate": "1950-02-01",
        },
        {
            "resourceType": "Patient",
            "id": "2",
            "name": [{"family": "Bo"}],
            "gender": "female",
            "birthDate": "1960-03-04",
            "deceasedDateTime": "2020-01-01",
        },
    ]


BAD_ROWS = [
    (b"1,1950-02-30,,m,Ada", "delimited.bad-date", "line 1, column born"),
    (b"1,soon,,m,Ada", "delimited.bad-date", "line 1, column born"),
    (b"1,,,m,Ada", "delimited.missing-value", "line 1, column born"),
    (b",1950-01-01,,m,Ada", "delimited.missing-value", "line 1, column nr"),
    (b"1,1950-01-01,,x,Ada", "delimited.unknown-value", "line 1, column sex"),
    (b"1,1950-01-01,1949-12-31,m,Ada", "delimited.before-start", "line 1, column died"),
    (b"1,1950-01-01,,m", "delimited.wrong-cell-count", "line 1"),
    (b"1,1950-01-01,,m,Ada,more", "delimited.wrong-cell-count", "line 1"),
    (b'1,1950-01-01,,m,"Ada', "delimited.bad-row", "line 1"),
    (b"1,1950-01-01,,m,A\x00da", "delimited.control-character", "line 1"),
    (b"1,1950-01-01,,m,A\x07da", "delimited.control-character", "line 1"),
    (b"1,1950-01-01,,m,\xff", "delimited.encoding", ""),
    (b'1,1950-01-01,,m,"two\nlines"\n2,x,,m,Bo', "delimited.bad-date", "line 3, column born"),
    (b"1,1950-01-01,,m,Ada\n1,1950-01-02,,m,Ada", "delimited.key-not-unique", "line 2"),
]


@pytest.mark.parametrize(("rows", "code", "place"), BAD_ROWS)
def test_a_bad_row_refuses_the_record_and_says_where(rows: bytes, code: str, place: str) -> None:
    made = make(rows)
    assert made.drafts == []
    assert [(issue.code, issue.place) for issue in made.issues] == [(code, place)]
    assert made.refused


def test_a_cell_beyond_the_limit_of_the_reader_is_refused() -> None:
    made = make(b"1,1950-01-01,,m," + b"x" * 200_000)
    assert [issue.code for issue in made.issues] == ["delimited.bad-row"]


def test_one_row_with_two_bad_cells_names_both() -> None:
    made = make(b"1,never,nor,m,Ada")
    assert [issue.place for issue in made.issues] == ["line 1, column born", "line 1, column died"]


def test_issues_of_a_hopeless_record_stay_few() -> None:
    assert len(make(b"1,x,,m,Ada\n" * 5000).issues) < 30


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=30))
def test_no_message_holds_a_value(value: str) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([f"secret{value}", f"secret{value}", "", f"secret{value}", "x"])
    for issue in make(text.getvalue().encode()).issues:
        assert "secret" not in f"{issue.place}{issue.message}{issue.remedy}"


@given(st.binary(max_size=200))
def test_any_bytes_give_drafts_or_a_reason(raw: bytes) -> None:
    made = make(raw)
    assert made.refused == (made.drafts == [] and made.issues != [])


def test_identical_rows_are_one_resource() -> None:
    assert len(make(b"1,1950-01-01,,m,Ada\n1,1950-01-01,,m,Ada").drafts) == 1


def test_blank_lines_make_nothing() -> None:
    made = make(b"1,1950-01-01,,m,Ada\n\n\n")
    assert (len(made.drafts), made.issues) == (1, [])


def test_the_header_record_makes_nothing_and_lists_unknown_columns_once() -> None:
    header = (*HEADER, "shoe size")
    made = make(b"nr,born,died,sex,name,shoe size", header, position=0)
    assert made.drafts == []
    assert [(issue.code, issue.severity) for issue in made.issues] == [("delimited.unknown-column", "warning")]
    assert "shoe size" in made.issues[0].message
    assert make(b"1,1950-01-01,,m,Ada,43", header).issues == []


def test_a_first_record_that_is_no_header_is_read_as_rows() -> None:
    assert len(make(b"1,1950-01-01,,m,Ada\n2,1950-01-01,,m,Bo", position=0).drafts) == 2


def test_columns_may_come_in_any_order_and_case() -> None:
    made = make(b"Ada,m,1950-01-01,1", ("NAME", " Sex ", "Born", "\ufeffNr"))
    assert made.drafts[0].resource["name"] == [{"family": "Ada"}]


def test_a_file_without_a_needed_column_is_refused() -> None:
    assert [issue.code for issue in make(b"1,m", ("nr", "sex")).issues] == ["delimited.missing-column"]


def test_a_header_that_names_a_column_twice_is_refused() -> None:
    made = make(b"1,1950-01-01,1950-01-02", ("nr", "born", "BORN"))
    assert [issue.code for issue in made.issues] == ["delimited.duplicate-column"]


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({"delimiter": ";"}, "1;1950-01-01;;m;Ä".encode()),
        ({"delimiter": "\t", "encoding": "utf-16-le"}, "1\t1950-01-01\t\tm\tÄ".encode("utf-16-le")),
        ({"encoding": "cp1252"}, "1,1950-01-01,,m,Ä".encode("cp1252")),
        ({"quote": "'"}, "1,1950-01-01,,m,'Ä'".encode()),
        ({}, "1,1950-01-01,,m,Ä\r\n".encode()),
    ],
)
def test_dialects_are_honoured(options: dict[str, str], rows: bytes) -> None:
    assert make(rows, **options).drafts[0].resource["name"] == [{"family": "Ä"}]


def test_resources_of_two_rows_share_no_part() -> None:
    patients = "Id,BIRTHDATE,FIRST,LAST,RACE,ETHNICITY,GENDER"
    context = FileContext("csv", "synthea/patients", tuple(patients.split(",")))
    made = convert(Record(1, b"a,2000-01-01,A,B,white,hispanic,F\nb,2000-01-01,A,B,white,hispanic,F", "", context))
    one, other = (draft.resource for draft in made.drafts)
    assert (
        one["extension"][0]["extension"][0]["valueCoding"] is not other["extension"][0]["extension"][0]["valueCoding"]
    )


def test_an_unknown_mapping_is_the_operators_fault() -> None:
    with pytest.raises(SetupError):
        convert(Record(0, b"", "", FileContext("csv", "nobody/knows", ("a",))))


RECOGNISED = [
    ("START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION", "synthea/conditions"),
    ("\ufeffstart,stop,patient,encounter,code,description", "synthea/conditions"),
    ("DESCRIPTION,CODE,ENCOUNTER,PATIENT,STOP,START", "synthea/conditions"),
    ("START,STOP,PATIENT,ENCOUNTER,SYSTEM,CODE,DESCRIPTION,SITE", "synthea/conditions"),
    ("START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION,BASE_COST,REASONCODE,REASONDESCRIPTION", "synthea/procedures"),
    ("DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION,BASE_COST,REASONCODE,REASONDESCRIPTION", "synthea/procedures"),
    ("START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION,UDI", "synthea/devices"),
    ("DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION,BASE_COST", "synthea/immunizations"),
    ("DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION,VALUE,UNITS,TYPE", "synthea/observations"),
    ("a,b,c", None),
    ("", None),
    ("START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION," + ",".join(f"x{n}" for n in range(20)), None),
]


@pytest.mark.parametrize(("header", "expected"), RECOGNISED)
def test_a_file_is_recognised_by_its_header(header: str, expected: str | None) -> None:
    assert recognise(tuple(header.split(","))) == expected


def test_a_mapping_of_the_users_own_goes_first() -> None:
    assert recognise(HEADER) is None
    assert recognise(HEADER, OWN) == "own/people"
    assert patient_column("own/people", HEADER, OWN) == 0
    assert patient_column("synthea/payers", ("Id", "NAME")) is None


def test_what_a_mapping_declares_of_its_dialect_can_be_asked() -> None:
    own = OWN.replace('name = "own"', 'name = "own"\n[defaults]\ndelimiter = ";"')
    assert dict(find_file("own/people", own).dialect) == {"delimiter": ";"}
    assert dict(find_file("own/people", OWN).dialect) == {}


def test_every_packaged_file_is_recognised_by_its_own_columns() -> None:
    for mapping in packaged_mappings():
        for file in mapping.files.values():
            header = tuple(name for name, column in file.columns.items() if not column.names or not column.when)
            assert recognise((*header, *sorted(file.landing))) == f"{mapping.name}/{file.name}"


WRONG_MAPPINGS = [
    ("colour = 1", "unknown key"),
    ("name = 1", "not text"),
    ("[file.people]\nrecognise = 'nr'", "not a list"),
    ("nope", "not TOML"),
    ("", "missing"),
    ('name = "x"', "declares no file"),
]


@pytest.mark.parametrize(("text", "said"), WRONG_MAPPINGS)
def test_a_wrong_mapping_is_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        load_mapping(text if text.startswith(("name", "nope")) or not text else f'name = "own"\n{text}')


WRONG_LINES = [
    ('sex = "code"', 'sex = "colour"', "unknown type"),
    ('sex = "code"', 'sex = { type = "code", colour = 1 }', "unknown key 'colour'"),
    ('sex = "code"', 'sex = { type = "code", required = "yes" }', "neither true nor false"),
    ('sex = "code"', 'sex = "code"\nshoe = "decimal"', "nothing is made of the columns shoe"),
    ('sex = "code"', 'sex = { type = "code", not_before = "shoe" }', "does not declare"),
    ('"{sex|sex}"', '"{sex|colours}"', "no \\[values.colours\\]"),
    ('"{sex|sex}"', '"{shoe}"', "not declared"),
    ('"{sex|sex}"', '"{sex:colour}"', "unknown form"),
    ('"{sex|sex}"', '"{sex"', "lone brace"),
    ('"name[0].family"', '"name[].family"', "is no path"),
    ('"name[0].family"', '"birthDate.x"', "birthDate"),
    ('key = ["nr"]', "", "neither `key`"),
    ('key = ["nr"]', 'key = ["shoe"]', "does not declare"),
    ('recognise = ["nr", "born"]', "", "no `recognise`"),
    ('patient = "nr"', 'patient = "nr"\nlanding = ["sex"]', "in landing and declares"),
    ('patient = "nr"', 'patient = "nr"\ndelimiter = ";;"', "one character"),
    ('type = "date", not', 'type = "datetime", timezone = "Mars/Olympus", not', "unknown time zone"),
    ('type = "Patient"', 'type = "Patient"\nwhen = { born = { is = 1 } }', "not = "),
    ('sex = "code"', 'sex = { type = "code", system = "my own" }\nx = "code"', "x"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG_LINES)
def test_a_wrong_line_of_a_mapping_is_named(old: str, new: str, said: str) -> None:
    assert OWN.count(old) == 1
    with pytest.raises(SetupError, match=said):
        load_mapping(OWN.replace(old, new))


def test_the_mapping_of_these_tests_is_right() -> None:
    assert load_mapping(OWN).name == "own"
