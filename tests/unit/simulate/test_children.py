"""The bodies of children: published medians, a curve of one's own, and no jump into the adult."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest

from careloom.simulate.children import is_taken, reference_range, value_at
from careloom.simulate.draw import Draw
from careloom.simulate.history import History, Observation
from careloom.simulate.hospital import build_hospital
from careloom.simulate.life import Hooks, Life
from careloom.simulate.measures import measures, observe, set_point
from careloom.simulate.patients import simulate_patient

HOSPITAL = build_hospital(7)
YEAR = timedelta(days=365.25)
CHARTED = ("height", "weight", "bmi", "heart_rate", "respiratory_rate", "spo2", "systolic", "diastolic")


@cache
def people() -> list[History]:
    """Enough patients that some were born while they were seen."""
    return [simulate_patient(number, 7, hospital=HOSPITAL) for number in range(1, 401)]


def somebody(age: float, *, male: bool, deviation: float = 0.0) -> Life:
    """A healthy person of an age who deviates from the median by so many standard deviations in everything."""
    birth = datetime(2000, 1, 1, tzinfo=UTC)
    now = birth + age * YEAR
    hooks = Hooks(set_point, lambda *_: None, lambda *_: None)
    person = people()[0].person
    return Life(
        History(person), Draw(1), HOSPITAL, birth, datetime(2030, 1, 1, tzinfo=UTC), now, birth, float(male), hooks,
        levels=dict.fromkeys(measures(), deviation),
    )  # fmt: skip


def measured(history: History, name: str) -> list[tuple[float, Observation]]:
    """Age in years and observation of every time a measure was taken."""
    code = measures()[name].codes[0].code
    birth = datetime.combine(history.person.birth, datetime.min.time(), UTC)
    return [((one.time - birth) / YEAR, one) for one in history.observations if one.codes[0].code == code]


# CDC growth charts (Kuczmarski et al., 2002): medians of weight [kg] and of length or stature [cm]. From 14 years on
# weight is on its way to that of today's adults, who are heavier than the charts' youth of 1963 to 1994.
@pytest.mark.parametrize(
    ("months", "male", "weight", "height"),
    [
        (12.5, False, 9.67, 74.4),
        (12.5, True, 10.46, 76.1),
        (60.5, False, 18.02, 108.0),
        (60.5, True, 18.49, 109.2),
        (120.5, False, 33.06, 138.2),
        (120.5, True, 32.09, 138.8),
        (180.5, False, 52.14, 161.9),
        (180.5, True, 56.49, 170.1),
    ],
)
def test_the_median_child_has_the_weight_and_height_of_the_growth_charts(
    months: float, male: bool, weight: float, height: float
) -> None:
    child = somebody(months / 12.0, male=male)
    assert set_point(child, "height") == pytest.approx(height, rel=0.01)
    assert set_point(child, "weight") == pytest.approx(weight, rel=0.12 if months > 168 else 0.04)


# Fleming et al., Lancet 2011;377:1011; Flynn et al., Pediatrics 2017;140(3):e20171904, at median height.
@pytest.mark.parametrize(
    ("age", "male", "name", "median"),
    [
        (0.1, True, "heart_rate", 143),
        (2.0, False, "heart_rate", 113),
        (10.0, True, "heart_rate", 84),
        (0.1, False, "respiratory_rate", 43),
        (5.0, True, "respiratory_rate", 23),
        (3.0, True, "systolic", 90),
        (10.0, False, "systolic", 99),
        (10.0, True, "diastolic", 62),
    ],
)
def test_the_median_child_has_the_pulse_breath_and_pressure_of_its_age(
    age: float, male: bool, name: str, median: float
) -> None:
    assert set_point(somebody(age, male=male), name) == pytest.approx(median, abs=1.0)


@pytest.mark.parametrize("male", [False, True])
@pytest.mark.parametrize("deviation", [-2.8, -1.0, 0.0, 1.0, 2.8])
@pytest.mark.parametrize("name", CHARTED)
def test_at_eighteen_nothing_jumps(name: str, deviation: float, male: bool) -> None:
    before = set_point(somebody(18.0 - 1e-3, male=male, deviation=deviation), name)
    after = set_point(somebody(18.0 + 1e-6, male=male, deviation=deviation), name)
    assert before == pytest.approx(after, rel=1e-3)


@pytest.mark.parametrize("male", [False, True])
@pytest.mark.parametrize("deviation", [-2.0, -1.0, 0.0, 1.0, 2.0])
def test_a_child_grows_and_never_shrinks(deviation: float, male: bool) -> None:
    ages = [month / 12.0 for month in range(218)]
    heights = [set_point(somebody(age, male=male, deviation=deviation), "height") for age in ages]
    weights = [set_point(somebody(age, male=male, deviation=deviation), "weight") for age in ages]
    # adults' heights spread a little more than the charts': the shortest girls lose millimetres on the way there
    assert all(later > earlier - 0.02 for earlier, later in pairwise(heights))
    assert weights == sorted(weights)


def test_newborns_are_below_six_kilograms_and_have_no_vital_signs_of_adults() -> None:
    newborn = [
        (name, one.value)
        for history in people()
        for name in ("weight", "height", "heart_rate", "respiratory_rate")
        for age, one in measured(history, name)
        if age < 0.02 and isinstance(one.value, float)
    ]
    weights = [value for name, value in newborn if name == "weight"]
    assert len(weights) >= 10
    assert all(1.0 <= value <= 6.0 for value in weights)
    assert all(40.0 <= value <= 60.0 for name, value in newborn if name == "height")
    assert all(value >= 80.0 for name, value in newborn if name == "heart_rate")
    assert all(value >= 15.0 for name, value in newborn if name == "respiratory_rate")


@pytest.mark.parametrize("male", [False, True])
def test_the_heaviest_newborn_there_can_be_weighs_less_than_six_kilograms(male: bool) -> None:
    assert set_point(somebody(0.0, male=male, deviation=2.8), "weight") < 6.0


def test_what_has_no_figure_for_the_young_is_not_measured_in_them() -> None:
    taken = [
        (name, age)
        for history in people()
        for name, measure in measures().items()
        if measure.codes
        for age, _ in measured(history, name)
    ]
    assert any(age < 18.0 for _, age in taken)
    # a moment of slack: a stay that began a day before a birthday goes on
    assert all(is_taken(name, age + 0.05) for name, age in taken)


def test_what_is_not_measured_in_a_child_is_drawn_all_the_same() -> None:
    child, adult = somebody(10.0, male=True), somebody(40.0, male=True)
    assert observe(child, ["sodium", "potassium"]) == observe(adult, ["sodium", "potassium"])
    assert (len(child.history.observations), len(adult.history.observations)) == (0, 2)
    assert child.draw.uniform() == adult.draw.uniform()


def test_a_child_is_judged_by_the_range_of_its_age() -> None:
    assert reference_range("heart_rate", 0.1, 1.0) == (107.0, 181.0)
    assert reference_range("systolic", 10.0, 1.0) == (None, 116.0)
    assert reference_range("systolic", 13.0, 1.0) is None
    assert reference_range("heart_rate", 18.0, 1.0) is None
    infant = somebody(0.1, male=False)
    observe(infant, ["heart_rate", "respiratory_rate"])
    assert [one.interpretation for one in infant.history.observations] == ["N", "N"]


def test_a_measure_without_a_chart_is_the_adults() -> None:
    assert value_at("temperature", 5.0, 1.0, deviation=0.0, within=0.0) is None
    assert set_point(somebody(5.0, male=True), "temperature") == set_point(somebody(18.0, male=True), "temperature")


@pytest.mark.parametrize("age", [18.0, 19.0, 40.0, 90.0])
@pytest.mark.parametrize("name", ["height", "heart_rate", "respiratory_rate", "spo2", "systolic", "diastolic"])
def test_from_eighteen_on_the_set_point_is_what_measures_says_alone(name: str, age: float) -> None:
    measure = measures()[name]
    expected = measure.mean[1] + measure.between * 0.5 + measure.age * (age - 40.0)
    assert set_point(somebody(age, male=True, deviation=0.5), name) == pytest.approx(expected)


def test_adults_keep_the_ranges_of_adults() -> None:
    mature = next(one for one in people() if one.person.birth < date(1990, 1, 1) and measured(one, "weight"))
    assert {(one.low, one.high) for _, one in measured(mature, "heart_rate")} == {(60.0, 100.0)}
