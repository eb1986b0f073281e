"""What senders write for a unit."""

import pytest

from careloom.terminology import ucum
from careloom.terminology.ucum_spellings import _spellings, read

CASES = [
    ("mg/dL", "mg/dL", None),
    ("10*3/uL", "10*3/uL", None),
    ("mmHg", "mm[Hg]", "rewritten"),
    ("mm Hg", "mm[Hg]", "rewritten"),
    ("MMHG", "mm[Hg]", "rewritten"),
    ("bpm", "{beats}/min", "rewritten"),
    ("mEq/L", "meq/L", "rewritten"),
    ("MEQ/L", "meq/L", "rewritten"),
    ("mmol/l", "mmol/l", None),
    ("mMol/L", "mmol/L", "rewritten"),
    ("deg C", "Cel", "rewritten"),
    ("\N{DEGREE SIGN}F", "[degF]", "rewritten"),
    ("x10E3/uL", "10*3/uL", "rewritten"),
    ("X10*3/uL", "10*3/uL", "rewritten"),
    ("10^9/L", "10^9/L", None),
    ("x10^9/L", "10*9/L", "rewritten"),
    ("10+3/ul", "10*3/ul", "rewritten"),
    ("10e6/uL", "10*6/uL", "rewritten"),
    ("cells/mcL", "{cells}/uL", "rewritten"),
    ("CELLS/MCL", "{cells}/uL", "rewritten"),
    ("THOUS/MCL", "10*3/uL", "rewritten"),
    ("M/uL", "10*6/uL", "rewritten"),
    ("mcg/kg/min", "ug/kg/min", "rewritten"),
    ("\N{MICRO SIGN}g/L", "ug/L", "rewritten"),
    ("kg/m\N{SUPERSCRIPT TWO}", "kg/m2", "rewritten"),
    ("kg/m^2", "kg/m2", "rewritten"),
    ("uIU/mL", "u[IU]/mL", "rewritten"),
    ("mg/24 hr", "mg/(24.h)", "rewritten"),
    ("mg/3ml", "mg/(3.ml)", "rewritten"),
    ("ml/min/1.73 m2", "mL/min/{1.73_m2}", "rewritten"),
    ("ng/mL FEU", "ng{FEU}/mL", "rewritten"),
    ("puff(s)", "{puff}", "rewritten"),
    ("lbs", "[lb_av]", "rewritten"),
    ("tera.l-1", "10*12/L", "rewritten"),
    ("K/uL", "10*3/uL", "unlikely"),
    ("K/MCL", "10*3/uL", "rewritten"),
    ("MG", "mg", "unlikely"),
    ("ML", "mL", "unlikely"),
    ("G/L", "g/L", "unlikely"),
    ("G/DL", "g/dL", "rewritten"),
    ("Mg/dL", "mg/dL", "unlikely"),
    ("A", "A", None),
    ("mL/min/1.73", "mL/min/{1.73_m2}", "unlikely"),
    ("mL/{1.73_m2}", "mL/{1.73_m2}", None),
    ("mL/2.5", None, "unknown"),
    ("ft", "[ft_i]", "unlikely"),
    ("units", None, "unknown"),
    ("X_10-3/uL", None, "unknown"),
    ("md/dL", None, "unknown"),
    ("n/a", None, "unknown"),
    ("", None, "unknown"),
    ("m" * 300, None, "unknown"),
]


@pytest.mark.parametrize(("text", "code", "outcome"), CASES)
def test_a_spelling_is_read_as_ucum_and_reported(text: str, code: str | None, outcome: str | None) -> None:
    reading = read(text, "OBX-6.1")
    assert reading.code == code
    assert (reading.issue.code if reading.issue else None) == (outcome and f"terminology.unit-{outcome}")
    assert reading.issue is None or (reading.issue.place == "OBX-6.1" and not reading.issue.refuses)


def test_every_declared_spelling_leads_to_ucum() -> None:
    spellings = _spellings()
    targets = [*spellings.meant.values(), *spellings.whole.values(), *spellings.part.values()]
    assert [code for code in targets if not ucum.is_valid(code)] == []
    assert all(ucum.is_valid(text) for text in spellings.meant), "what is no UCUM needs no entry there"
    assert [text for text in [*spellings.whole, *spellings.part] if text != text.lower()] == []


def test_every_declared_whole_spelling_is_reached() -> None:
    spellings = _spellings()
    unreached = [
        text for text, code in spellings.whole.items() if not ucum.is_valid(text) and read(text, "").code != code
    ]
    assert unreached == []


def test_a_rewritten_unit_needs_no_second_rewriting() -> None:
    for text, _, _ in CASES:
        once = read(text, "").code
        assert once is None or read(once, "").code == once
