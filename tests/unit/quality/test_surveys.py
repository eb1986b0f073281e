"""What only shows when many resources are seen together."""

import random
from datetime import timedelta

import pytest

from careloom.quality.assessment import MOST_ROWS, Cell
from tests.unit.quality.hospital import TODAY, Resource, broken, look, observation

ABOUT = {"subject": {"reference": "Patient/p"}}


def feed(days: int, each: int, *, without: tuple[int, ...] = (), twice: tuple[int, ...] = ()) -> list[Resource]:
    """Observations of the last days; weekends bring half."""
    made: list[Resource] = []
    chance = random.Random(3)
    for back in range(days, 0, -1):
        day = TODAY - timedelta(days=back)
        count = 0 if back in without else (each if day.weekday() < 5 else each // 2) * (4 if back in twice else 1)
        for number in range(count):
            name = f"{back}-{number}"
            made.append(
                observation(name, "8867-4", chance.gauss(75, 8), "/min", f"{day}T10:00:{number:02}Z", about=ABOUT)
            )
    return made


def notes_of(rule: str, resources: list[Resource]) -> list[str]:
    return [note for cell in look(resources).cells if cell.rule == rule for note in cell.notes]


def test_a_steady_feed_has_no_gap_and_its_usual_volume() -> None:
    resources = feed(90, 12)
    assert notes_of("no-gaps", resources) == []
    assert notes_of("usual-volume", resources) == []


def test_a_silent_day_is_a_gap() -> None:
    (note,) = notes_of("no-gaps", feed(90, 12, without=(31,)))
    assert note.startswith(f"{TODAY - timedelta(days=31)}: none instead of about ")


def test_a_day_with_four_times_as_much_is_told() -> None:
    (note,) = notes_of("usual-volume", feed(90, 12, twice=(33,)))
    assert note.startswith(f"{TODAY - timedelta(days=33)}: 48 instead of about 12")


def test_a_thin_feed_is_not_judged() -> None:
    assert notes_of("no-gaps", feed(90, 2, without=(31,))) == []


@pytest.mark.parametrize(
    ("values", "is_told"),
    [
        ((80, 81, 79, 177), True),
        ((80, 81, 79, 36.3), True),
        ((80, 81, 79, 95), False),
        ((80, 177), False),
        ((80, 177, 120, 60), False),
        ((80, 79, 150, 165, 176), False),
    ],
)
def test_a_weight_in_another_unit_shows_in_the_patients_history(values: tuple[float, ...], is_told: bool) -> None:
    resources = [
        observation(f"o{at}", "29463-7", value, "kg", f"2026-05-0{at + 1}T10:00:00Z", about=ABOUT)
        for at, value in enumerate(values)
    ]
    last = f"o{len(values) - 1}"
    assert (last in broken(resources).get("unit-fits-history", set())) is is_told


def test_a_score_of_few_points_has_no_outliers_but_what_is_none_of_it() -> None:
    points = [*[1] * 60, *[0, 2, 3, 4, 5, 6] * 8, 600]
    resources = [
        observation(
            f"o{at}", "55757-9", value, "{score}", "2026-05-01", about={"subject": {"reference": f"Patient/{at}"}}
        )
        for at, value in enumerate(points)
    ]
    assert broken(resources).get("not-an-outlier", set()) == {f"o{len(points) - 1}"}


@pytest.mark.parametrize(("values", "is_told"), [((900,), True), ((1, 900, 1.1), True), ((880, 900, 890), False)])
def test_an_extreme_is_told_unless_it_lasts(values: tuple[float, ...], is_told: bool) -> None:
    resources = [
        observation(
            f"o{at}",
            "2160-0",
            1 + at % 5 / 10,
            "mg/dL",
            "2026-05-01",
            about={"subject": {"reference": f"Patient/{at}"}},
        )
        for at in range(60)
    ]
    resources += [
        observation(f"x{at}", "2160-0", value, "mg/dL", f"2026-05-0{at + 1}T10:00:00Z", about=ABOUT)
        for at, value in enumerate(values)
    ]
    told = broken(resources).get("not-an-outlier", set())
    assert told == ({f"x{at}" for at, value in enumerate(values) if value == 900} if is_told else set())


@pytest.mark.parametrize(
    ("code", "is_told"), [("U07.1", False), ("E11.9", False), ("QA0.0101", False), ("UU7.1", True)]
)
def test_codes_of_every_chapter_of_icd_10_cm_are_codes(code: str, is_told: bool) -> None:
    coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}
    resources: list[Resource] = [{"resourceType": "Condition", "id": "c", "code": {"coding": [coding]}, **ABOUT}]
    assert ("c" in broken(resources).get("codes-exist", set())) is is_told


def test_the_later_of_two_alike_is_the_duplicate_and_two_without_a_time_are_none() -> None:
    one = observation("a", "8867-4", 70, "/min", "2026-05-01T10:00:00Z", about=ABOUT)
    untimed = {name: value for name, value in one.items() if name != "effectiveDateTime"}
    resources = [
        one,
        one | {"id": "b"},
        one | {"id": "c", "identifier": [{"value": "9"}]},
        untimed,
        untimed | {"id": "e"},
    ]
    assert broken(resources)["no-duplicates"] == {"b", "c"}


def test_row_numbers_are_bounded_and_the_count_goes_on() -> None:
    cell = Cell("rule", "main", "Observation", "")
    for row in range(MOST_ROWS + 5):
        cell.fail(row)
    assert (cell.failed, len(cell.rows)) == (MOST_ROWS + 5, MOST_ROWS)


def test_sources_are_told_apart() -> None:
    cells = look(feed(3, 4), source="lab").cells
    assert {cell.source for cell in cells} == {"lab"}
