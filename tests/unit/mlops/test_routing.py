"""Who answers for a patient never depends on when or where it is asked, and a larger share keeps whom it had."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from careloom.mlops.routing import arms, place_of

KEY = b"k" * 32


def traffic(share: float, **more: Any) -> dict[str, Any]:
    return {"champion": 1, "challenger": 2, "shadow": 3, "share": share, **more}


def test_a_tenth_of_ten_thousand_patients_is_about_a_tenth() -> None:
    chosen = [arms(traffic(0.1), place_of(KEY, "m", f"p{each}")).arm for each in range(10_000)]
    assert abs(chosen.count("challenger") - 1000) < 3 * (10_000 * 0.1 * 0.9) ** 0.5


@given(st.text(max_size=40), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_keeps_the_patients_that_it_had(patient: str, one: float, other: float) -> None:
    place = place_of(KEY, "m", patient)
    assert place == place_of(KEY, "m", patient)
    small, large = sorted((one, other))
    if arms(traffic(small), place).arm == "challenger":
        assert arms(traffic(large), place).arm == "challenger"


def test_two_models_and_two_keys_choose_apart() -> None:
    patients = [f"p{each}" for each in range(2000)]
    chosen = {
        (key, model): {one for one in patients if place_of(key, model, one) < 0.5}
        for key, model in ((KEY, "m"), (KEY, "n"), (b"l" * 32, "m"))
    }
    (a, b, c) = chosen.values()
    for other in (b, c):
        assert 350 < len(a & other) < 650


def test_the_ends_are_all_and_nobody() -> None:
    for each in range(500):
        place = place_of(KEY, "m", str(each))
        assert arms(traffic(1.0), place).answers == 2
        assert arms(traffic(0.0), place).answers == 1
        assert arms(traffic(1.0, challenger=None), place).answers == 1
        assert arms(traffic(1.0), place).listens == 3
