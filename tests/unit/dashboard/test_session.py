"""What a person is shown the way to, by the scopes that the API told."""

from datetime import UTC, datetime

import pytest

from careloom.dashboard.places import PLACES
from careloom.dashboard.session import Person

ZONES = ("landing", "identified", "research", "synthetic")
LATER = datetime(2099, 1, 1, tzinfo=UTC)


def places_of(*scopes: str) -> set[str]:
    """Parts of the places that somebody with these scopes is shown."""
    person = Person("oda", ZONES, frozenset(scopes), LATER, "token")
    return {place.part for place in PLACES if place.may_see(person)}


@pytest.mark.parametrize("verbs", ["cruds", "rs", "read"])
def test_a_token_of_a_person_shows_what_a_token_of_a_program_shows(verbs: str) -> None:
    by_person, by_program = (places_of(f"{kind}/*.{verbs}", "careloom/monitor") for kind in ("user", "system"))
    assert by_person == by_program
    assert {"capacity", "explore", "cohorts", "patients"} <= by_person


def test_who_may_search_one_type_alone_is_not_led_to_what_needs_all() -> None:
    seen = places_of("user/Observation.s")
    assert not {"explore", "capacity", "patients"} & seen
    assert "patients" in places_of("user/Patient.s")
