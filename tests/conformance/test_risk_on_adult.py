"""The anonymization benchmark of ARX on the census income data: the same optimum, the same loss to the last bits.

Expected figures: arx-deidentifier/arx, TestAnonymizationKAnonymity (Apache-2.0), 30,162 records without missing values,
nine quasi-identifiers, non-uniform entropy, monotonic. The groups below are those of its hierarchies for this data.
Diversity and closeness: as pyCANON 1.3.6 (IFCA, Apache-2.0) computes them on the same records.
"""

import gzip
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from careloom.deid.risk_hierarchies import Hierarchy, grouped, whole_or_none
from careloom.deid.risk_lattice import generalizations
from careloom.deid.risk_reduce import Means, reduce_risk
from careloom.deid.risk_report import assess
from careloom.deid.targets import Targets

SPOUSE = {"spouse present": "Married-civ-spouse Married-AF-spouse"}
SPOUSE["spouse not present"] = "Divorced Never-married Separated Widowed Married-spouse-absent"
SCHOOL = {
    "Undergraduate": "Bachelors Some-college",
    "Graduate": "Masters Doctorate",
    "Professional Education": "Prof-school Assoc-acdm Assoc-voc",
    "High School": "7th-8th 9th 10th 11th 12th HS-grad",
    "Primary School": "Preschool 1st-4th 5th-6th",
}
EDUCATION = {
    "Higher education": " ".join(SCHOOL[each] for each in ("Undergraduate", "Graduate", "Professional Education")),
    "Secondary education": SCHOOL["High School"],
    "Primary education": SCHOOL["Primary School"],
}
CONTINENT = {
    "North America": "United-States Puerto-Rico Canada Outlying-US(Guam-USVI-etc) Cuba Honduras Jamaica Mexico Haiti "
    "Dominican-Republic Guatemala El-Salvador",
    "South America": "Ecuador Columbia Nicaragua Trinadad&Tobago Peru",
    "Asia": "Cambodia India Japan China Iran Philippines Vietnam Laos Taiwan Thailand Hong",
    "Europe": "Germany Greece Italy Poland Portugal Ireland France Hungary Scotland Yugoslavia Holand-Netherlands",
    "Europa": "England",
    "Africa": "South",
}
WORK = {
    "Non-Government": "Private Self-emp-not-inc Self-emp-inc",
    "Government": "Federal-gov Local-gov State-gov",
    "Unemployed": "Without-pay Never-worked",
}
OCCUPATION = {
    "Technical": "Tech-support Craft-repair Prof-specialty Machine-op-inspct",
    "Nontechnical": "Sales Exec-managerial Handlers-cleaners",
    "Other": "Other-service Adm-clerical Farming-fishing Transport-moving Priv-house-serv Protective-serv Armed-Forces",
}


def groups(*levels: dict[str, str]) -> Hierarchy:
    parents = [{value: group for group, values in level.items() for value in values.split()} for level in levels]
    return grouped({f"level {place}": parent for place, parent in enumerate(parents, 1)})


def five_year_groups_from_one(ages: pl.Series, width: int) -> pl.Series:
    return ((ages - 1) // width * width).cast(pl.String)


AGES = [partial(five_year_groups_from_one, width=width) for width in (5, 10, 20)]
ENDS = whole_or_none()
HIERARCHIES = {
    "sex": ENDS,
    "age": Hierarchy(("1", "5", "10", "20", "none"), (ENDS.steps[0], *AGES, ENDS.steps[1])),
    "race": ENDS,
    "marital_status": groups(SPOUSE),
    "education": groups(SCHOOL, EDUCATION),
    "native_country": groups(CONTINENT),
    "workclass": groups(WORK),
    "occupation": groups(OCCUPATION),
    "income": ENDS,
}
PUBLISHED = [
    (5, 0.04, 255559.85455731067, (1, 0, 1, 1, 3, 2, 2, 0, 1)),
    (100, 0.04, 379417.3460570988, (1, 1, 1, 1, 3, 2, 2, 1, 1)),
    (5, 0.0, 407289.5388925293, (1, 2, 1, 1, 3, 2, 2, 1, 1)),
    (100, 0.0, 453196.8932458743, (0, 4, 1, 1, 3, 2, 2, 1, 1)),
]


@pytest.fixture(scope="module")
def adults(suites: Path) -> pl.DataFrame:
    file = suites / "adult" / "data.csv.gz"
    if not file.exists():
        pytest.skip("the suites have no census income data")
    table = pl.read_csv(gzip.decompress(file.read_bytes()), null_values=["?"])
    return table.drop_nulls().head(30_162)


def test_the_published_nodes_lose_the_published_bits(adults: pl.DataFrame) -> None:
    assert adults.height == 30_162
    table = generalizations(adults, HIERARCHIES)
    found = [float((table.bits(node) * table.rows.sizes).sum()) for _, _, _, node in PUBLISHED]
    assert found == pytest.approx([bits for _, _, bits, _ in PUBLISHED], rel=1e-12)


@pytest.mark.parametrize(
    ("k", "suppressed", "bits", "node"),
    [pytest.param(*row, marks=() if row[:2] in {(100, 0.04), (5, 0.0)} else pytest.mark.long) for row in PUBLISHED],
)
def test_the_search_finds_the_published_optimum(
    adults: pl.DataFrame, k: int, suppressed: float, bits: float, node: tuple[int, ...]
) -> None:
    means = Means(suppressed_at_most=suppressed, count_suppressed=False)
    found = reduce_risk(adults, HIERARCHIES, Targets(k=k), means=means)
    expected = [HIERARCHIES[name].levels[level] for name, level in zip(HIERARCHIES, node, strict=True)]
    assert [level for _, level in found.levels] == expected
    assert found.report.k is not None
    assert found.report.k >= k
    assert found.checked < found.nodes / 10
    if suppressed == 0:
        assert found.loss.bits == pytest.approx(bits, rel=1e-12)


BY_PYCANON = [  # quasi-identifiers, sensitive column: k, distinct l, entropy l rounded down, t
    (["sex", "race"], "income", 87, 2, 1, 0.20294547375208355),
    (["sex", "race"], "occupation", 87, 10, 7, 0.3249624441807344),
    (["sex", "race"], "hours_per_week", 87, 21, 6, 0.046313803618905525),
    (["sex", "race", "workclass"], "income", 1, 1, 1, 0.7510775147536636),
    (["sex", "race", "workclass"], "hours_per_week", 1, 1, 1, 0.3616520965995096),
    (["sex", "age", "race", "marital_status"], "occupation", 1, 1, 1, 0.9952589350838804),
    (["sex", "age", "race", "marital_status"], "hours_per_week", 1, 1, 1, 0.5712739022896433),
]


@pytest.mark.parametrize("expected", BY_PYCANON, ids=lambda each: f"{each[1]} by {' '.join(each[0])}")
def test_diversity_and_closeness_are_those_of_pycanon(
    adults: pl.DataFrame, expected: tuple[list[str], str, int, int, int, float]
) -> None:
    quasi, sensitive, k, distinct, entropy, t = expected
    report = assess(adults, quasi, [sensitive])
    (found,) = report.sensitive
    assert (report.k, found.distinct_l, int(found.entropy_l or 0)) == (k, distinct, entropy)
    assert found.t == pytest.approx(t, rel=1e-12)
