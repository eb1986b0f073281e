"""What a cohort lacks because of its zone is told with its counts, and where a training has nothing to learn from."""

from typing import Any

import pytest

from careloom.deid.policy import SHIPPED
from careloom.errors import QueryError
from careloom.risk.cohorts_hints import said
from careloom.services.deidentify import deidentify
from careloom.services.risk_cohorts import CohortAsk, TrainingAsk, cohort, make_training_set
from careloom.services.risk_facts import make_facts
from careloom.services.train_risk import TrainAsk, train_risk
from tests.api.kit import Installation
from tests.store_kit import event, put

PATIENTS = 40
ADULTS = """
name = "adults"
title = "An adult goes home"
source = "a test"
[events.home]
kind = "discharge"
[index]
event = "home"
[[rules]]
name = "adult"
why = "grown up"
kind = "age"
min_years = 18
[outcome]
event = "home"
horizon_days = 30
[censoring]
follow_up = "patient"
"""


def _of(number: int) -> list[Any]:
    """A patient with a stay and a visit, missed or kept; no two were born in one year, of every tenth nobody knows."""
    name = f"p{number}"
    who = {"subject": {"reference": f"Patient/{name}"}}
    born = {} if number % 10 == 9 else {"birthDate": f"{1940 + number}-03-01"}
    return [
        put("Patient", name, (name,), gender="female", deceasedBoolean=number % 2 == 0, **born),
        put("Encounter", f"{name}e", (name,), status="finished", **who, period={"start": "2024-01-01T08:00:00Z",
            "end": "2024-01-08T08:00:00Z"}, **{"class": {"code": "IMP", "system":
            "http://terminology.hl7.org/CodeSystem/v3-ActCode"}}),
        put("Appointment", f"{name}a", (name,), status="noshow" if number % 4 == 0 else "fulfilled",
            start="2024-03-01T08:00:00Z", end="2024-03-01T08:30:00Z", created="2024-02-01T09:00:00Z",
            participant=[{"actor": {"reference": f"Patient/{name}"}, "status": "accepted"}]),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Installation(tmp_path_factory.mktemp("hints")) as one:
        with one.platform.store("identified").transaction(event(zone="identified")) as transaction:
            transaction.write([write for number in range(PATIENTS) for write in _of(number)])
        yield one


def counted(made: Installation, zone: str, name: str) -> Any:
    return cohort(made.platform, made.operator, zone, CohortAsk(name))


NO_SHOW = "no_show"


@pytest.mark.parametrize(
    ("policy", "adults", "births", "visits", "codes"),
    [
        ("first", 36, 4, 40, {"birth-unknown"}),
        ("limited-data-set", 36, 4, 40, {"birth-unknown"}),
        ("expert", 0, 40, 40, {"birth-unknown"}),
        ("safe-harbor", 36, 4, 0, {"birth-unknown", "years-only"}),
    ],
)
def test_a_cohort_says_what_the_policy_of_its_zone_withholds(
    made: Installation, policy: str, adults: int, births: int, visits: int, codes: set[str]
) -> None:
    deidentify(made.platform, made.operator, policy)
    told = counted(made, "research", ADULTS)
    assert told.counts["steps"][1]["rows"] == adults
    assert {one.code for one in told.hints} == codes
    (birth,) = [one for one in told.hints if one.code == "birth-unknown"]
    assert f"{births} of {PATIENTS} patients" in birth.message
    assert policy in birth.message
    assert "identified" in birth.remedy
    assert told.as_json()["hints"] == [one.as_json() for one in told.hints]
    missed = counted(made, "research", NO_SHOW)
    assert missed.counts["steps"][0]["rows"] == visits
    assert [one.code for one in missed.hints] == (["type-withheld", "years-only"] if not visits else [])
    if not visits:
        assert "Appointment" in missed.hints[0].message
        assert all(one in missed.hints[0].remedy for one in set(SHIPPED) - {"safe-harbor"})


def test_the_identified_zone_has_births_and_visits_and_blames_no_policy(made: Installation) -> None:
    (told,) = counted(made, "identified", ADULTS).hints
    assert (told.code, "policy" in told.message) == ("birth-unknown", False)
    assert counted(made, "identified", NO_SHOW).hints == ()
    assert [one.code for one in counted(made, "synthetic", NO_SHOW).hints] == ["no-index-event"]


@pytest.mark.parametrize(
    ("policy", "name", "cause"), [("expert", ADULTS, "40 of 40"), ("safe-harbor", NO_SHOW, "Appointment")]
)
def test_a_training_set_without_a_row_says_why(made: Installation, policy: str, name: str, cause: str) -> None:
    deidentify(made.platform, made.operator, policy)
    make_facts(made.platform, made.operator, "research")
    hints = counted(made, "research", name).hints
    with pytest.raises(QueryError) as refused:
        make_training_set(made.platform, made.operator, "research", TrainingAsk(name))
    assert cause in refused.value.where
    assert hints[0].message in refused.value.where
    assert hints[0].remedy in refused.value.remedy
    with pytest.raises(QueryError) as untrained:
        train_risk(made.platform, made.operator, TrainAsk("no-show", cohort=name))
    assert cause in untrained.value.where


def test_a_training_on_too_few_says_who_is_lacking(made: Installation) -> None:
    deidentify(made.platform, made.operator, "first")
    with pytest.raises(QueryError) as refused:
        train_risk(made.platform, made.operator, TrainAsk("no-show", cohort=ADULTS))
    assert "fewer than" in refused.value.where
    assert f"4 of {PATIENTS}" in refused.value.where


def test_without_a_hint_an_error_stays_as_it_is() -> None:
    assert said((), "no row", "Look.") == ("no row", "Look.")


def test_a_policy_of_ones_own_is_told_by_what_it_says(made: Installation) -> None:
    own = b'name = "own"\nversion = "1"\nextends = "first"\n[refuse]\nAppointment = "not for this project"\n'
    deidentify(made.platform, made.operator, own=own)
    assert [one.code for one in counted(made, "research", NO_SHOW).hints] == ["type-withheld"]
