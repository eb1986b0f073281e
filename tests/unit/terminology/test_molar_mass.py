"""From mass to amount and back, where the substance is known."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.terminology.molar_mass import _substances, convert_measured, named, substance
from careloom.terminology.ucum import UnitError

# JAMA Network journals, AMA Manual of Style, 11th edition, table 17.5-2: conventional unit x factor = SI unit
PUBLISHED = [
    ("acetaminophen", "ug/mL", 6.62, "umol/L"),
    ("aldosterone", "ng/dL", 0.02774, "nmol/L"),
    ("ammonia", "ug/dL", 0.587, "umol/L"),
    ("bilirubin", "mg/dL", 17.1, "umol/L"),
    ("calcium", "mg/dL", 0.2495, "mmol/L"),
    ("calcium", "meq/L", 0.5, "mmol/L"),
    ("cholesterol", "mg/dL", 0.02586, "mmol/L"),
    ("cortisol", "ug/dL", 27.59, "nmol/L"),
    ("creatinine", "mg/dL", 88.4, "umol/L"),
    ("digoxin", "ng/mL", 1.281, "nmol/L"),
    ("estradiol", "pg/mL", 3.671, "pmol/L"),
    ("ethanol", "mg/dL", 0.217, "mmol/L"),
    ("glucose", "mg/dL", 0.0555, "mmol/L"),
    ("iron", "ug/dL", 0.179, "umol/L"),
    ("lactate", "mg/dL", 0.111, "mmol/L"),
    ("lithium", "meq/L", 1.0, "mmol/L"),
    ("magnesium", "mg/dL", 0.4114, "mmol/L"),
    ("phosphate", "mg/dL", 0.323, "mmol/L"),
    ("urea nitrogen", "mg/dL", 0.357, "mmol/L"),
    ("urate", "mg/dL", 59.48, "umol/L"),
    ("triglyceride", "mg/dL", 0.0113, "mmol/L"),
    ("thyroxine", "ug/dL", 12.87, "nmol/L"),
    ("triiodothyronine", "ng/dL", 0.01536, "nmol/L"),
    ("testosterone", "ng/dL", 0.03467, "nmol/L"),
    ("progesterone", "ng/mL", 3.18, "nmol/L"),
    ("folate", "ng/mL", 2.266, "nmol/L"),
    ("cobalamin", "pg/mL", 0.7378, "pmol/L"),
    ("zinc", "ug/dL", 0.153, "umol/L"),
    ("copper", "ug/dL", 0.157, "umol/L"),
    ("lead", "ug/dL", 0.0483, "umol/L"),
    ("theophylline", "ug/mL", 5.55, "umol/L"),
    ("phenytoin", "ug/mL", 3.96, "umol/L"),
    ("carbamazepine", "ug/mL", 4.23, "umol/L"),
    ("valproate", "ug/mL", 6.93, "umol/L"),
    ("vancomycin", "ug/mL", 0.69, "umol/L"),
    ("salicylate", "mg/dL", 0.0724, "mmol/L"),
    ("calcidiol", "ng/mL", 2.496, "nmol/L"),
    ("hemoglobin", "g/dL", 0.6206, "mmol/L"),
]


@pytest.mark.parametrize(("name", "source", "factor", "target"), PUBLISHED)
def test_factors_agree_with_the_published_ones(name: str, source: str, factor: float, target: str) -> None:
    assert float(convert_measured(1, source, target, name)) == pytest.approx(factor, rel=0.006)


MEASURED = [
    (100, "mg/dL", "mmol/L", "glucose", "5.5507"),
    (5.5, "mmol/L", "mg/dL", "Glucose", "99.086"),
    (9.2, "mg/dL", "meq/L", "calcium", "4.5910"),
    (140, "meq/L", "mmol/L", "sodium", "140"),
    (30, "mg/g", "mg/mmol", "Albumin/Creatinine", "3.3936"),
    (1, "g/L", "mg/dL", "glucose", "100"),
]


@pytest.mark.parametrize(("value", "source", "target", "name", "expected"), MEASURED)
def test_a_measured_value_is_converted(value: float, source: str, target: str, name: str, expected: str) -> None:
    assert abs(convert_measured(value, source, target, name) - Decimal(expected)) < Decimal("0.001")


REFUSED = [
    ("mg/dL", "mmol/L", None),
    ("mg/dL", "mmol/L", "unobtainium"),
    ("mg/dL", "/L", "glucose"),
    ("mg/dL", "mmol", "glucose"),
    ("mg/dL", "meq/L", "glucose"),
    ("g2/L", "mmol/L", "glucose"),
    ("Cel", "mmol/L", "glucose"),
]


@pytest.mark.parametrize(("source", "target", "name"), REFUSED)
def test_what_the_substance_does_not_bridge_is_refused(source: str, target: str, name: str | None) -> None:
    with pytest.raises(UnitError):
        convert_measured(1, source, target, name)


def test_names_of_a_substance_lead_to_it() -> None:
    assert named("Bilirubin.total") == "bilirubin"
    assert named("no such thing") is None
    assert substance("no such thing") is None
    assert {entry.name for entry in _substances()[0].values()} >= {name for name, *_ in PUBLISHED}


@given(st.sampled_from(sorted(_substances()[0])), st.decimals("0.001", "100000", places=3))
def test_a_value_comes_back(name: str, value: Decimal) -> None:
    there = convert_measured(value, "mg/dL", "mmol/L", name)
    assert abs(convert_measured(there, "mmol/L", "mg/dL", name) - value) <= value * Decimal("1E-25")
