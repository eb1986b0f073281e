"""The timeline: which events a choice shows, and that all of them are drawn."""

from dataclasses import replace

import pytest

from careloom.dashboard.events import Event
from careloom.dashboard.timeline import PERIODS, _words, figure, lanes_of, shown, when, window


def event(lane: str, start: str, end: str = "", title: str = "x") -> Event:
    return Event(lane, "Condition", f"{lane}{start}", start, end, title, "", "", "", "")


EVENTS = [
    event("conditions", "2010-01-01", "2023-12-01"),
    event("vitals", "2015-06-01"),
    event("vitals", "2023-11-01T08:00:00Z"),
    event("vitals", ""),
    event("encounters", "2024-01-10T08:00:00Z", "2024-01-10T09:00:00Z"),
]
ALL = {"conditions", "vitals", "encounters"}


def test_without_a_window_everything_is_shown_also_what_has_no_date() -> None:
    assert window(EVENTS, "all", 0) is None
    assert shown(EVENTS, ALL, None) == EVENTS


CHOICES = [
    ("1y", 0, ["2010-01-01", "2023-11-01T08:00:00Z", "2024-01-10T08:00:00Z"]),
    ("90d", 0, ["2010-01-01", "2023-11-01T08:00:00Z", "2024-01-10T08:00:00Z"]),
    ("90d", 1, ["2010-01-01"]),
    ("10y", 0, ["2010-01-01", "2015-06-01", "2023-11-01T08:00:00Z", "2024-01-10T08:00:00Z"]),
    ("10y", 1, ["2010-01-01"]),
    ("10y", 2, []),
]


@pytest.mark.parametrize(("period", "back", "expected"), CHOICES)
def test_a_window_shows_what_touches_it(period: str, back: int, expected: list[str]) -> None:
    seen = shown(EVENTS, ALL, window(EVENTS, period, back))
    assert [each.start for each in seen] == expected


@pytest.mark.parametrize("period", [period for period in PERIODS if period != "all"])
def test_steps_back_meet_without_a_gap(period: str) -> None:
    last, before = window(EVENTS, period, 0), window(EVENTS, period, 1)
    assert last is not None
    assert before is not None
    assert before.end == last.start


def test_a_window_needs_a_date() -> None:
    assert window([event("vitals", "")], "1y", 0) is None


def test_only_chosen_lanes_are_shown() -> None:
    assert {each.lane for each in shown(EVENTS, {"vitals"}, None)} == {"vitals"}
    assert shown(EVENTS, set(), None) == []


def test_lanes_keep_their_order() -> None:
    assert [lane.name for lane in lanes_of(EVENTS)] == ["encounters", "conditions", "vitals"]


def test_every_event_with_a_date_is_a_mark_and_what_lasted_a_line() -> None:
    drawn = figure(EVENTS, None).to_plotly_json()["data"]
    marks = [trace for trace in drawn if trace["mode"] == "markers"]
    lines = [trace for trace in drawn if trace["mode"] == "lines"]
    assert sum(len(trace["x"]) for trace in marks) == 4
    assert [list(trace["x"]) for trace in lines if trace["x"]] == [
        ["2010-01-01T00:00:00+00:00", "2023-12-01T00:00:00+00:00", None]
    ]


def test_a_figure_without_events_is_empty() -> None:
    assert figure([], None).to_plotly_json()["data"] == []


def test_a_source_cannot_write_markup_into_a_figure() -> None:
    hostile = event("vitals", "2024", title='<a href="https://evil.example">& click</a>')
    text = figure([hostile], None).to_plotly_json()["data"][1]["text"][0]
    assert "<a" not in text
    assert "&lt;a href" in text


@pytest.mark.parametrize("part", ["title", "value", "status", "start", "end"])
def test_no_part_of_an_event_can_be_markup(part: str) -> None:
    hostile = replace(event("vitals", "2024-05-17", "2024-05-19"), **{part: "2024-05-18<i>y"})
    assert "<i>" not in _words(hostile)
    assert "2024-05-18&lt;i&gt;y" in _words(hostile)


def test_a_time_is_told_as_precisely_as_it_is_known() -> None:
    told = [when(each) for each in EVENTS]
    assert told == [
        "2010-01-01 to 2023-12-01",
        "2015-06-01",
        "2023-11-01 08:00",
        "no date",
        "2024-01-10 08:00 to 09:00",
    ]
