"""Whether a code stands in the release in force: whole releases can say no, parts only yes or retired."""

from datetime import date

import pytest

from careloom.quality.listing import listing
from careloom.terminology.concepts import Release
from careloom.terminology.layered import Layered
from careloom.terminology.packaged import PACKAGED
from careloom.terminology.systems import ICD_10_CM, SNOMED_CT
from tests.unit.terminology.test_operations import WARDS, Wards

NEW, OLD = Release(WARDS, "2", "Wards", date(2026, 1, 1)), Release(WARDS, "1", "Wards", date(2025, 1, 1))
PART = Release(WARDS, "3", "Wards", date(2026, 6, 1), is_whole=False)
CASES = [
    ("in force", Wards(NEW), "W1", True),
    ("retired", Wards(NEW), "W2", False),
    ("never there", Wards(NEW), "W9", False),
    ("only in an older release", Wards(NEW, OLD, gone="W1"), "W1", False),
    ("in a part", Wards(PART), "W1", True),
    ("retired in a part", Wards(PART), "W2", False),
    ("not in a part", Wards(PART), "W9", None),
    ("only in a newer part", Wards(PART, NEW, gone=""), "W9", False),
]


@pytest.mark.parametrize(("wards", "code", "verdict"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_code_is_in_force_or_not_or_nobody_can_say(wards: Wards, code: str, verdict: bool | None) -> None:
    assert listing(Layered([wards, PACKAGED]))(WARDS, code) is verdict


def test_what_ships_says_no_of_icd10cm_alone() -> None:
    is_listed = listing(PACKAGED)
    assert [is_listed(ICD_10_CM, code) for code in ("E11.9", "E119", "E11.77")] == [True, True, False]
    assert is_listed(SNOMED_CT, "3") is None
    assert is_listed("urn:local", "E11.9") is None
