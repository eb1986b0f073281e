"""The search for many identifiers in any bytes: what it finds, what it leaves, and what it says it has not read."""

import pytest

from careloom.deid.leak_search import TermSearch

PHONE, RECORD = b"6175550142", b"9876543210"
SEARCH = TermSearch([PHONE, RECORD], [PHONE])
WITH_A_COUNTRY = ["+1{}", "1{}", "001{}", "+44{}", "+353{}", "+1 {}", "1-{}", "call {}.", "tel:+1{}?x"]
LONGER = ["2{}", "21{}", "0001{}", "+1234{}", "{}1", "44{}"]


@pytest.mark.parametrize("written", WITH_A_COUNTRY)
@pytest.mark.parametrize("encoding", ["ascii", "utf-16-le", "utf-16-be"])
def test_a_telephone_number_is_found_behind_a_country_code(written: str, encoding: str) -> None:
    assert SEARCH.find(written.format(PHONE.decode()).encode(encoding)) == {PHONE}


@pytest.mark.parametrize("written", LONGER)
def test_a_part_of_a_longer_number_is_no_telephone_number(written: str) -> None:
    assert SEARCH.find(written.format(PHONE.decode()).encode()) == set()


@pytest.mark.parametrize("written", ["+1{}", "1{}", "001{}"])
def test_no_other_number_has_a_country_code(written: str) -> None:
    assert SEARCH.find(written.format(RECORD.decode()).encode()) == set()
