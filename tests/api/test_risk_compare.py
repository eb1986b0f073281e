"""Two cohorts side by side over HTTP and by the SDK: sizes, overlap, who they are; small cells left out."""

from collections.abc import Iterator

import pytest

from careloom.client.careloom import Careloom
from careloom.errors import AccessError, NotFound, QueryError
from careloom.risk.cohorts_definition import shipped_text
from tests.api.kit import Installation
from tests.api.test_sdk import client_of
from tests.score_kit import COHORT, patient
from tests.store_kit import event

OLD, YOUNG, FEW = 30, 20, 4
OF_THE_OLD = shipped_text(COHORT).replace("min_years = 18", "min_years = 65")
OF_THE_AGED = shipped_text(COHORT).replace("min_years = 18", "min_years = 90")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """30 patients of 73 years, of whom all have heart failure; 20 of 43 without; 4 of 94 with."""
    with Installation(tmp_path_factory.mktemp("compare")) as one:
        people = [
            ("old", OLD, "1950-03-01", True),
            ("young", YOUNG, "1980-03-01", False),
            ("aged", FEW, "1929-03-01", True),
        ]
        with one.platform.store("identified").transaction(event()) as step:
            for name, count, born, failing in people:
                for number in range(count):
                    step.write(patient(f"{name}{number}", born=born, failing=failing))
        yield one


@pytest.fixture(scope="module")
def api(place: Installation) -> Iterator[Careloom]:
    with client_of(place) as api:
        yield api


def test_sizes_overlap_and_people_stand_side_by_side(api: Careloom) -> None:
    found = api.risk.compare({"cohort": COHORT}, {"definition": OF_THE_OLD}, zone="identified")
    assert [one.patients for one in found.cohorts] == [OLD + YOUNG + FEW, OLD + FEW]
    assert (found.overlap.both, found.overlap.only_one, found.overlap.only_other) == (OLD + FEW, YOUNG, 0)
    age, sex, conditions = found.distributions
    assert (sex.bins, sex.one, sex.other) == (("female", "Not recorded"), (54, 0), (34, 0))
    assert sex.difference == 0
    assert age.difference is not None
    assert age.difference > 0.3
    assert conditions.bins == ("I50.9",)
    assert (conditions.one, conditions.other) == ((34,), (34,))


def test_an_age_of_few_is_told_neither_by_itself_nor_by_the_rest(api: Careloom) -> None:
    found = api.risk.compare({"cohort": COHORT}, {"definition": OF_THE_OLD}, zone="identified")
    ages = dict(zip(found.distributions[0].bins, found.distributions[0].one, strict=True))
    assert ages["80 and more"] is None
    assert sum(one is None for one in ages.values()) > 1


def test_a_cohort_of_few_is_told_neither_by_its_size_nor_by_the_overlap(api: Careloom) -> None:
    found = api.risk.compare({"cohort": COHORT}, {"definition": OF_THE_AGED}, zone="identified")
    assert found.cohorts[1].patients is None
    assert found.overlap.both is None
    assert found.overlap.only_one is None or found.cohorts[0].patients is None
    assert set(found.distributions[0].other) <= {None, 0}
    assert {one.difference for one in found.distributions} == {None}


def test_a_comparison_names_nobody_and_is_in_the_audit_chain(place: Installation, api: Careloom) -> None:
    api.risk.compare({"cohort": COHORT}, {"definition": OF_THE_OLD}, zone="identified")
    (*_, told) = [one for one in place.events() if one["detail"].get("act") == "compare"]
    assert len(told["detail"]["digests"]) == 2
    assert told["subjects"] == []


def test_what_cannot_be_compared_is_refused(place: Installation, api: Careloom) -> None:
    with pytest.raises(QueryError):
        api.risk.compare({"cohort": COHORT}, {}, zone="identified")
    with pytest.raises(NotFound):
        api.risk.compare({"cohort": COHORT}, {"cohort": "no_such_cohort"}, zone="identified")
    with client_of(place, scopes="careloom/monitor") as other, pytest.raises(AccessError):
        other.risk.compare({"cohort": COHORT}, {"cohort": "no_show"}, zone="identified")
