from typing import Any

import pytest

from careloom.errors import InputError
from careloom.quality.paths import compiled

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"family": "A", "given": ["B", "C"]}, {"family": "D"}],
    "gender": "",
    "onset": {"start": "2026"},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("name.family", ["A", "D"]),
        ("name.given", ["B", "C"]),
        ("gender", []),
        ("missing", []),
        ("missing.deeper", []),
        ("missing|onset.start", ["2026"]),
        ("name.family|onset.start", ["A", "D"]),
        ("onset.start.deeper", []),
        (".", [PATIENT]),
    ],
)
def test_a_path_finds_its_values(path: str, expected: list[Any]) -> None:
    assert compiled(path)(PATIENT) == expected


@pytest.mark.parametrize("path", ["", "a..b", "name[0]", "a b", "a.", "where(x)"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(InputError):
        compiled(path)
