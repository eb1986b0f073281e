from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.hl7v2 import fields
from careloom.hl7v2.delimiters import STANDARD
from careloom.hl7v2.fields import Authority, Reader
from careloom.hl7v2.moments import Moment, moment, time_of_day

READ = Reader(STANDARD)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", Moment("2024")),
        ("202402", Moment("2024-02")),
        ("20240229", Moment("2024-02-29")),
        ("2024022913", Moment("2024-02-29", "13:00:00")),
        ("202402291305", Moment("2024-02-29", "13:05:00")),
        ("20240229130559", Moment("2024-02-29", "13:05:59")),
        ("20240229130559.1234-0500", Moment("2024-02-29", "13:05:59.1234", "-05:00")),
        ("20240229+0100", Moment("2024-02-29", "", "+01:00")),
        ("202402291305Z", Moment("2024-02-29", "13:05:00", "Z")),
        ("2024-02-29T13:05:59+01:00", Moment("2024-02-29", "13:05:59", "+01:00")),
        ("2024-02", Moment("2024-02")),
        ("20230229", None),
        ("20241301", None),
        ("20240100", None),
        ("00000101", None),
        ("2024010124", None),
        ("202401011260", None),
        ("20240101125960", None),
        ("20240101120000+1500", None),
        ("20240101120000+0199", None),
        ("something", None),
        ("", None),
        ("24", None),
        ("٢٠٢٤", None),
    ],
)
def test_moments_keep_the_precision_that_was_sent(text: str, expected: Moment | None) -> None:
    assert moment(text) == expected


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))  # noqa: DTZ001
def test_every_moment_is_read_back(when: datetime) -> None:
    found = moment(f"{when.year:04}{when:%m%d%H%M%S}")
    assert found == Moment(f"{when.year:04}-{when:%m-%d}", f"{when:%H:%M:%S}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0645", "06:45:00"),
        ("064501.5", "06:45:01.5"),
        ("06", "06:00:00"),
        ("25", ""),
        ("x", ""),
        ("06:45", "06:45:00"),
    ],
)
def test_times_of_day(text: str, expected: str) -> None:
    assert time_of_day(text) == expected


def test_identifier_has_its_authority_and_kind() -> None:
    found = fields.identifier(READ, "12^4^M11^H&1.2.3&ISO^MR^F^20200101^20210101")
    assert (found.value, found.authority, found.kind) == ("12", Authority("H", "1.2.3", "ISO"), "MR")
    assert (found.facility.key, found.start, found.end) == ("F", "20200101", "20210101")
    assert fields.identifier(READ, "12").authority == Authority()


def test_person_has_name_number_and_authority() -> None:
    found = fields.person(READ, "7^van Beethoven&van^Ludwig^A^III^Dr^PhD^^MPI&2.1&L^L^^^MR")
    assert (found.id, found.name.family, found.name.given, found.name.prefix) == ("7", "van Beethoven", "Ludwig", "Dr")
    assert (found.authority.key, found.kind) == ("MPI", "MR")


def test_a_named_person_stands_in_subcomponents() -> None:
    found = fields.named_person(READ, "7&Oak&Ann&B&&Dr^20240101")
    assert (found.id, found.name.family, found.name.given, found.name.prefix) == ("7", "Oak", "Ann", "Dr")


def test_a_forgotten_ampersand_is_text_where_nothing_is_nested() -> None:
    assert fields.organization(READ, "Sun & Moon^L").name == "Sun & Moon"
    assert fields.coded(READ, "A&B^Tom & Co^L").text == "Tom & Co"
    assert fields.name(READ, "Oster&van^Tom").family == "Oster"


def test_address_takes_street_parts_apart_and_old_validity() -> None:
    found = fields.address(READ, "12&High St^Flat 1^York^^YO1^GB^H^^&North^^^20200101&20210101")
    assert (found.street, found.other, found.city, found.county) == (("12", "High St"), "Flat 1", "York", "North")
    assert (found.start, found.end) == ("20200101", "20210101")


def test_place_goes_down_to_the_bed() -> None:
    found = fields.place(READ, "4N^412^B^NORTH&1.2&ISO^^N^MAIN^4^by the window")
    assert (found.point_of_care, found.room, found.bed, found.building, found.floor) == ("4N", "412", "B", "MAIN", "4")
    assert found.facility == Authority("NORTH", "1.2", "ISO")


def test_null_parts_read_as_empty() -> None:
    assert fields.coded(READ, '""^""^LN') == fields.Coded("", "", "LN")


@given(st.text(max_size=60))
def test_no_text_raises(raw: str) -> None:
    for take in (
        fields.identifier, fields.entity, fields.entity_part, fields.coded, fields.coded_part, fields.name,
        fields.person, fields.named_person, fields.organization, fields.address, fields.contact, fields.place,
        fields.authority,
    ):  # fmt: skip
        take(READ, raw)
    moment(raw)
    time_of_day(raw)
