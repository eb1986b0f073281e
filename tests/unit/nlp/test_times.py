import json
import tomllib
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careloom import runtime
from careloom.nlp.times import Times
from careloom.nlp.times_calendar import bounds, days_in, duration, partial, step, year_of
from careloom.nlp.times_read import counted, three_numbers
from careloom.nlp.times_rules import rules
from careloom.nlp.times_tokens import small, tokenized
from careloom.text.note import AnnotatedNote, Annotation, Note, Section, Span
from tests.growth import refuse_worse_than_linear
from tests.unit.nlp.times_table import ALONE, TOLD

NOTED = "2024-03-15T14:00:00+00:00"
HEAD = "DOB 05/20/1960. Admitted 03/10/2024. He underwent appendectomy on 03/11/2024. Then seen "
TIMES = Times()


def found(text: str, note_time: str = NOTED, **options: bool) -> list[Annotation]:
    return (
        Times(**options).times(Note("n", text, time=note_time))
        if options
        else TIMES.times(Note("n", text, time=note_time))
    )


def last(text: str, after: int) -> tuple[str, str, str] | None:
    some = [one for one in found(text) if one.span.end > after]
    return (some[-1].text, some[-1].attributes["type"], some[-1].attributes.get("value", "")) if some else None


@pytest.mark.parametrize(("written", "expected"), ALONE)
def test_an_expression_has_its_span_type_and_value(written, expected):
    assert last("Seen " + written, 5) == expected


@pytest.mark.parametrize(("written", "expected"), TOLD)
def test_an_expression_is_counted_from_what_the_note_dates(written, expected):
    assert last(HEAD + written, len(HEAD)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a 52 year old man", "52-year-old", "67 y/o F", "aged 31 years", "every 6 hours", "q 6 h", "q6h",
        "twice a day", "3 times a week", "24-hour urine", "5 mg/day", "2000 mg", "strength 3/5", "murmur 2/6",
        "may improve", "Fig.3d",
        "phone 978-555-0157", "ID 72694738D", "BP 120/80", "decreased BS", "2 of 3 nodes", "1-0-1", "C5-C6", "T12",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_time_is_none(text):
    assert found(text) == []


def test_day_comes_first_where_told_so():
    assert found("03/04/2024", day_first=True)[0].attributes["value"] == "2024-04-03"
    assert found("03/14/2024", day_first=True)[0].attributes["value"] == "2024-03-14"


@pytest.mark.parametrize("text", ["02/30/2024", "Feb 30, 2024", "2023-02-29", "31.04.2024", "13/13/2024"])
def test_a_day_that_the_calendar_lacks_is_no_date(text):
    assert [one for one in found(text) if one.attributes.get("value", "").count("-") == 2] == []


def test_a_note_without_a_time_tells_absolute_values_only():
    values = [one.attributes.get("value") for one in found("3 days ago, on 03/04/2024, at 14:30 and for 2 weeks", "")]
    assert values == [None, "2024-03-04", "2024-03-04T14:30", "P2W"]


def test_two_digits_of_a_birth_year_are_never_after_the_note():
    assert found("DOB 03/04/25")[0].attributes["value"] == "1925-03-04"
    assert found("seen 03/04/25")[0].attributes["value"] == "2025-03-04"


@pytest.mark.parametrize(
    ("digits", "reference", "is_birth", "year"),
    [(24, 2024, False, 2024), (34, 2024, False, 2034), (35, 2024, False, 1935), (99, 2024, False, 1999),
(24, 2024, True, 2024),
     (25, 2024, True, 1925), (29, None, False, 2029), (30, None, False, 1930), (0, 1999, False, 2000)],
)  # fmt: skip
def test_the_rule_of_two_digits(digits, reference, is_birth, year):
    assert year_of(digits, reference, is_birth=is_birth) == year


def test_a_month_after_the_last_of_january_is_the_last_of_february():
    assert step(date(2024, 1, 31), 1, "M") == date(2024, 2, 29)
    assert step(date(2023, 1, 31), 1, "M") == date(2023, 2, 28)
    assert step(date(2024, 2, 29), 1, "Y") == date(2025, 2, 28)
    assert step(date(9999, 12, 31), 1, "D") is None
    assert step(date(1, 1, 1), -1, "Y") is None


def test_a_clock_change_moves_no_wall_clock():
    """Hours are counted on the wall: the night of 10 March 2024 has 23 of them in New York, and no value tells so."""
    assert found("12 hours ago", "2024-03-10T08:00:00-04:00")[0].attributes["value"] == "2024-03-09T20:00"


def test_three_weeks_may_be_three_weeks_and_some_days():
    one = found("3 weeks ago")[0].attributes
    assert (one["low"], one["value"], one["high"]) == ("2024-02-16", "2024-02-23", "2024-02-26")


def test_a_future_appointment_is_the_next_such_day():
    assert found("Follow up with Dr. Gray 4/20.")[0].attributes["value"] == "2024-04-20"
    assert found("Follow up on Monday.")[0].attributes["value"] == "2024-03-18"
    assert found("return in two weeks")[0].attributes == {
        "type": "duration",
        "value": "P2W",
        "anchor": "note",
        "offset": "P2W",
    }


def test_an_arrival_after_the_notes_own_clock_was_the_day_before():
    assert found("Arrival time: 21:41", "2021-10-07T02:58:00")[0].attributes["value"] == "2021-10-06T21:41"
    assert found("Filed: 10/07/2021 21:41", "2021-10-07T02:58:00")[-1].attributes["value"] == "2021-10-07T21:41"


def test_a_note_that_calls_itself_one_postoperative_day_tells_the_day_of_surgery():
    assert found("POD 2. Doing well.")[0].attributes["modifier"] == "inferred"
    assert "value" not in found("On POD 1 fever, on POD 3 none.")[0].attributes


def test_sections_of_what_is_to_come_look_ahead():
    note = Note("n", "PLAN: clinic on 4/20", time=NOTED)
    section = Section("plan", Span(0, 5), Span(5, 20))
    assert TIMES.times(note, [section])[0].attributes["value"] == "2024-04-20"
    assert TIMES.times(note, [section])[0].section == "plan"


def test_annotations_of_the_tagger_are_merged_by_the_rule():
    text = "seen two weeks ago, once in a while, aspirin"
    tagged = (
        Annotation(Span(9, 18), "DATE_TIME", "entities 1", 0.8),
        Annotation(Span(20, 35), "DATE_TIME", "entities 1", 0.6),
        Annotation(Span(37, 44), "MEDICATION", "entities 1", 0.9),
    )
    read = TIMES.read(AnnotatedNote(Note("n", text, time=NOTED), annotations=tagged))
    assert [(one.span.of(text), one.label, one.score) for one in read.annotations] == [
        ("two weeks ago", "DATE_TIME", 0.8), ("once in a while", "DATE_TIME", 0.6), ("aspirin", "MEDICATION", 0.9),
    ]  # fmt: skip
    assert read.annotations[0].attributes["value"] == "2024-03-01"
    assert read.annotations[1].attributes == {"type": "relative"}
    assert read.readers["times"] == TIMES.version
    assert TIMES.read(read) == read


@pytest.mark.parametrize(
    "text",
    ["", "   \n\n ", "😀 2 days ago 👩‍⚕️", "İ 3 days ago", "é 3 days ago", "|a|3 d|\t03/04/2024|\n" * 3, "\x00 5 d"],
)
def test_odd_texts_are_read_with_right_offsets(text):
    note = Note("n", text, time=NOTED)
    for one in TIMES.times(note):
        assert one.text == text[one.span.start : one.span.end]
        assert one.text.strip() == one.text


@pytest.mark.parametrize(
    "piece", ["1 2 3 4 ", "a few of the ", "03/04/2024 ", "two-and-a-half-", "1,", "ago ", "day before ", "12-"]
)
def test_long_lines_take_linear_time(piece):
    refuse_worse_than_linear(TIMES.times, lambda size: Note("n", piece * (size // len(piece)), time=NOTED), 5_000)


def test_every_rule_of_the_file_compiles_and_is_named_once():
    names = [rule.name for rule in rules()]
    assert len(names) == len(set(names))
    data = tomllib.loads(runtime.packaged("nlp", "times.toml").decode())
    lists = [word for some in data["words"].values() for word in some]
    assert len(lists) == len(set(lists))


@given(
    st.dates(date(1930, 1, 1), date(2029, 12, 31)),
    st.sampled_from(["%m/%d/%Y", "%Y-%m-%d", "%d-%b-%Y", "%B %d, %Y", "%d.%m.%Y", "%m/%d/%y"]),
)
def test_every_day_is_read_as_it_was_written(day, form):
    assert found(day.strftime(form), "")[0].attributes["value"] == day.isoformat()


@given(st.integers(1, 400), st.sampled_from(["days", "day", "d"]), st.dates(date(1950, 1, 1), date(2050, 1, 1)))
def test_days_ago_are_counted_from_the_note(count, unit, day):
    one = found(f"{count} {unit} ago", day.isoformat())[0]
    assert one.attributes["value"] == (day - timedelta(days=count)).isoformat()


@given(st.integers(0, 500), st.sampled_from("SmHDWMY"))
def test_a_duration_is_written_and_read_back(count, unit):
    lengths = {"S": 1 / 86400, "m": 1 / 1440, "H": 1 / 24, "D": 1, "W": 7, "M": 30.436875, "Y": 365.2425}
    assert days_in(duration(count, unit)) == pytest.approx(count * lengths[unit])


@given(st.dates(), st.sampled_from("DMY"))
def test_a_partial_date_bounds_its_day(day, unit):
    both = bounds(partial(day, unit))
    assert both is not None
    assert both[0] <= day <= both[1]


@settings(max_examples=60)
@given(st.text(alphabet="0123456789/-.: daywekmonthgPM\né’½–", max_size=60))
def test_any_text_is_read_without_an_error_and_in_order(text):
    spans = [one.span for one in TIMES.times(Note("n", text, time=NOTED))]
    assert spans == sorted(spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


def test_attributes_are_plain_text():
    json.dumps([dict(one.attributes) for one in found(HEAD)])
    assert small("İx") in {"İx", "i̇x"[:0] + "İx"}
    assert counted([]).low == 1
    assert three_numbers("3", day_first=False) is None
    assert tokenized("5d")[1].kind == "LETTER_UNIT"
