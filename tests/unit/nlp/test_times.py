import json
import time
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

NOTED = "2024-03-15T14:00:00+00:00"
HEAD = "DOB 05/20/1960. Admitted 03/10/2024. He underwent appendectomy on 03/11/2024. Then seen "
ALONE = [
    ("03/04/2024", ("03/04/2024", "date", "2024-03-04")),
    ("3/4/24", ("3/4/24", "date", "2024-03-04")),
    ("13/04/2024", ("13/04/2024", "date", "2024-04-13")),
    ("2024-03-04", ("2024-03-04", "date", "2024-03-04")),
    ("2024/3/4", ("2024/3/4", "date", "2024-03-04")),
    ("04.03.2024", ("04.03.2024", "date", "2024-03-04")),
    ("4.13.2024", ("4.13.2024", "date", "2024-04-13")),
    ("04-Mar-2024", ("04-Mar-2024", "date", "2024-03-04")),
    ("04-MAR-24", ("04-MAR-24", "date", "2024-03-04")),
    ("March 4, 2024", ("March 4, 2024", "date", "2024-03-04")),
    ("March 4th, 2024", ("March 4th, 2024", "date", "2024-03-04")),
    ("Mar. 4, 2024", ("Mar. 4, 2024", "date", "2024-03-04")),
    ("4 March 2024", ("4 March 2024", "date", "2024-03-04")),
    ("4th of March 2024", ("4th of March 2024", "date", "2024-03-04")),
    ("4th March, 2024", ("4th March, 2024", "date", "2024-03-04")),
    ("the 4th of March", ("4th of March", "date", "2024-03-04")),
    ("March the 4th", ("March the 4th", "date", "2024-03-04")),
    ("Monday, March 4, 2024", ("Monday, March 4, 2024", "date", "2024-03-04")),
    ("Mon 3/4/2024", ("Mon 3/4/2024", "date", "2024-03-04")),
    ("Mar 2024", ("Mar 2024", "date", "2024-03")),
    ("March of 2024", ("March of 2024", "date", "2024-03")),
    ("03/2024", ("03/2024", "date", "2024-03")),
    ("2024-03", ("2024-03", "date", "2024-03")),
    ("early March 2024", ("early March 2024", "date", "2024-03")),
    ("late 2019", ("late 2019", "date", "2019")),
    ("mid-December", ("mid-December", "date", "2023-12")),
    ("end of May", ("end of May", "date", "2023-05")),
    ("beginning of August 2006", ("beginning of August 2006", "date", "2006-08")),
    ("in June", ("June", "date", "2023-06")),
    ("in May", ("May", "date", "2023-05")),
    ("in 2019", ("2019", "date", "2019")),
    ("since 2016", ("2016", "date", "2016")),
    ("the year of 2013", ("year of 2013", "date", "2013")),
    ("the 1990s", ("the 1990s", "date", "1990/1999")),
    ("her 50s", ("her 50s", "date", "")),
    ("2024 Mar 4", ("2024 Mar 4", "date", "2024-03-04")),
    ("2024-Mar-04", ("2024-Mar-04", "date", "2024-03-04")),
    ("Feb 29, 2024", ("Feb 29, 2024", "date", "2024-02-29")),
    ("29.02.2024", ("29.02.2024", "date", "2024-02-29")),
    ("12/31/99", ("12/31/99", "date", "1999-12-31")),
    ("1/2/34", ("1/2/34", "date", "2034-01-02")),
    ("1/2/35", ("1/2/35", "date", "1935-01-02")),
    ("December '21", ("December '21", "date", "2021-12")),
    ("Dec 25", ("Dec 25", "date", "2023-12-25")),
    ("on 3/8", ("3/8", "date", "2024-03-08")),
    ("since 2/1", ("2/1", "date", "2024-02-01")),
    ("from June to August 2023", ("June to August 2023", "duration", "2023-06/2023-08")),
    ("January and June 2002", ("January and June 2002", "date", "")),
    ("between April and June", ("between April and June", "date", "2023-04/2023-06")),
    ("Christmas 2020", ("Christmas 2020", "date", "2020-12-25")),
    ("last Thanksgiving", ("last Thanksgiving", "date", "2023-11-23")),
    ("last spring", ("last spring", "date", "2023-03/2023-05")),
    ("in the summer", ("the summer", "date", "2023-06/2023-08")),
    ("summer of 2019", ("summer of 2019", "date", "2019-06/2019-08")),
    ("winter of 2019", ("winter of 2019", "date", "2019-12/2020-02")),
    ("this fall", ("this fall", "date", "2024-09/2024-11")),
    ("last Tuesday", ("last Tuesday", "date", "2024-03-12")),
    ("on Monday", ("Monday", "date", "2024-03-11")),
    ("next Friday", ("next Friday", "date", "2024-03-22")),
    ("this Saturday", ("this Saturday", "date", "2024-03-16")),
    ("Sunday morning", ("Sunday morning", "date", "2024-03-10")),
    ("14:30", ("14:30", "time", "2024-03-14T14:30")),
    ("2:30 PM", ("2:30 PM", "time", "2024-03-14T14:30")),
    ("2:30 p.m.", ("2:30 p.m.", "time", "2024-03-14T14:30")),
    ("8 am", ("8 am", "time", "2024-03-15T08:00")),
    ("12 am", ("12 am", "time", "2024-03-15T00:00")),
    ("12 pm", ("12 pm", "time", "2024-03-15T12:00")),
    ("0830 hours", ("0830 hours", "time", "2024-03-15T08:30")),
    ("at 0830", ("0830", "time", "2024-03-15T08:30")),
    ("at 14.30", ("14.30", "time", "2024-03-14T14:30")),
    ("5.30 PM", ("5.30 PM", "time", "2024-03-14T17:30")),
    ("14:05 EST", ("14:05 EST", "time", "2024-03-14T14:05")),
    ("23:15", ("23:15", "time", "2024-03-14T23:15")),
    ("noon", ("noon", "time", "2024-03-15T12:00")),
    ("midnight", ("midnight", "time", "2024-03-15T00:00")),
    ("2024-03-04T10:15", ("2024-03-04T10:15", "date", "2024-03-04T10:15")),
    ("3/4/24 16:20", ("16:20", "time", "2024-03-04T16:20")),
    ("3 days ago", ("3 days ago", "relative", "2024-03-12")),
    ("three days ago", ("three days ago", "relative", "2024-03-12")),
    ("a week ago", ("a week ago", "relative", "2024-03-08")),
    ("two weeks ago", ("two weeks ago", "relative", "2024-03-01")),
    ("about two weeks ago", ("about two weeks ago", "relative", "2024-03-01")),
    ("3 months ago", ("3 months ago", "relative", "2023-12")),
    ("2 years ago", ("2 years ago", "relative", "2022")),
    ("two and a half years ago", ("two and a half years ago", "relative", "2021-09-15")),
    ("half a year ago", ("half a year ago", "relative", "2023-09-15")),
    ("2-3 weeks ago", ("2-3 weeks ago", "relative", "2024-02-23/2024-03-01")),
    ("several days ago", ("several days ago", "relative", "")),
    ("a few weeks ago", ("a few weeks ago", "relative", "")),
    ("a couple of days ago", ("a couple of days ago", "relative", "2024-03-13")),
    ("6 hours ago", ("6 hours ago", "relative", "2024-03-15T08:00")),
    ("30 min ago", ("30 min ago", "relative", "2024-03-15T13:30")),
    ("10 yrs ago", ("10 yrs ago", "relative", "2014")),
    ("4 mo ago", ("4 mo ago", "relative", "2023-11")),
    ("2 wks ago", ("2 wks ago", "relative", "2024-03-01")),
    ("5 d ago", ("5 d ago", "relative", "2024-03-10")),
    ("a decade ago", ("a decade ago", "relative", "2014")),
    ("2 yaers ago", ("2 yaers ago", "relative", "2022")),
    ("today", ("today", "relative", "2024-03-15")),
    ("yesterday", ("yesterday", "relative", "2024-03-14")),
    ("tomorrow", ("tomorrow", "relative", "2024-03-16")),
    ("tonight", ("tonight", "relative", "2024-03-15")),
    ("earlier today", ("earlier today", "relative", "2024-03-15")),
    ("yesterday evening", ("yesterday evening", "relative", "2024-03-14")),
    ("this morning", ("this morning", "relative", "2024-03-15")),
    ("last night", ("last night", "relative", "2024-03-14")),
    ("last week", ("last week", "relative", "2024-W10")),
    ("last month", ("last month", "relative", "2024-02")),
    ("last year", ("last year", "relative", "2023")),
    ("next month", ("next month", "relative", "2024-04")),
    ("this week", ("this week", "relative", "2024-W11")),
    ("this year", ("this year", "relative", "2024")),
    ("48 hours later", ("48 hours later", "relative", "")),
    ("for 3 days", ("3 days", "duration", "P3D")),
    ("for three weeks", ("three weeks", "duration", "P3W")),
    ("x 5 days", ("5 days", "duration", "P5D")),
    ("a week of fever for a week", ("a week", "duration", "P1W")),
    ("6-week course", ("6-week", "duration", "P6W")),
    ("3-5 days", ("3-5 days", "duration", "P3D")),
    ("two to three months", ("two to three months", "duration", "P2M")),
    ("one and a half months", ("one and a half months", "duration", "P1.5M")),
    ("2½ months", ("2½ months", "duration", "P2.5M")),
    ("more than 10 years", ("more than 10 years", "duration", "P10Y")),
    ("at least 3 months", ("at least 3 months", "duration", "P3M")),
    ("several years", ("several years", "duration", "")),
    ("for 45 minutes", ("45 minutes", "duration", "PT45M")),
    ("for 6 h", ("6 h", "duration", "PT6H")),
    ("5d", ("5d", "duration", "P5D")),
    ("12 hours", ("12 hours", "duration", "PT12H")),
    ("over the past 3 weeks", ("past 3 weeks", "duration", "P3W")),
    ("for the last two years", ("last two years", "duration", "P2Y")),
    ("lifelong", ("lifelong", "duration", "")),
    ("twenty-one days", ("twenty-one days", "duration", "P21D")),
    ("twenty five days", ("twenty five days", "duration", "P25D")),
    ("100 days", ("100 days", "duration", "P100D")),
    ("0.5 h", ("0.5 h", "duration", "PT0.5H")),
    ("10–12 hours", ("10–12 hours", "duration", "PT10H")),
    ("within the past two weeks", ("within the past two weeks", "relative", "2024-03-01/2024-03-15")),
    ("within 3 days", ("within 3 days", "relative", "")),
    ("at the age of 16", ("age of 16", "relative", "")),
    ("age 5 years", ("age 5 years", "relative", "")),
    ("since the age of 12", ("since the age of 12", "relative", "")),
    ("at 40 years of age", ("40 years of age", "relative", "")),
    ("POD 2", ("POD 2", "relative", "2024-03-15")),
    ("POD#3", ("POD#3", "relative", "2024-03-15")),
    ("postoperative day 4", ("postoperative day 4", "relative", "2024-03-15")),
    ("post-op day 1", ("post-op day 1", "relative", "2024-03-15")),
    ("hospital day 3", ("hospital day 3", "relative", "2024-03-15")),
    ("HD 2", ("HD 2", "relative", "2024-03-15")),
    ("third hospital day", ("third hospital day", "relative", "2024-03-15")),
    ("fifth postoperative day", ("fifth postoperative day", "relative", "2024-03-15")),
    ("1st POD", ("1st POD", "relative", "2024-03-15")),
    ("on admission", ("on admission", "relative", "")),
    ("at discharge", ("at discharge", "relative", "")),
    ("2 days prior to surgery", ("2 days prior", "relative", "")),
    ("3 weeks before admission", ("3 weeks before", "relative", "2024-02-23")),
    ("two months after surgery", ("two months after", "relative", "")),
    ("one year post surgery", ("one year post surgery", "relative", "")),
    ("day before surgery", ("day before", "relative", "")),
    ("the day of admission", ("day of admission", "relative", "")),
    ("the following morning", ("following morning", "relative", "")),
    ("the next day", ("next day", "relative", "")),
    ("the same day", ("same day", "relative", "")),
    ("that night", ("that night", "relative", "")),
    ("two days later", ("two days later", "relative", "")),
    ("3 months later", ("3 months later", "relative", "")),
    ("after 2 weeks", ("after 2 weeks", "relative", "")),
    ("first day of life", ("first day of life", "relative", "")),
    ("38 weeks of gestation", ("38 weeks of gestation", "relative", "")),
    ("day 5", ("day 5", "relative", "")),
    ("d 12", None),
]
"""An expression after ``Seen`` in a note of Friday, 15 March 2024: span, type and value of the last found."""
TOLD = [
    ("her 50s", ("her 50s", "date", "2010/2020")),
    ("14:30", ("14:30", "time", "2024-03-11T14:30")),
    ("2:30 PM", ("2:30 PM", "time", "2024-03-11T14:30")),
    ("2:30 p.m.", ("2:30 p.m.", "time", "2024-03-11T14:30")),
    ("8 am", ("8 am", "time", "2024-03-11T08:00")),
    ("12 am", ("12 am", "time", "2024-03-11T00:00")),
    ("12 pm", ("12 pm", "time", "2024-03-11T12:00")),
    ("0830 hours", ("0830 hours", "time", "2024-03-11T08:30")),
    ("at 0830", ("0830", "time", "2024-03-11T08:30")),
    ("at 14.30", ("14.30", "time", "2024-03-11T14:30")),
    ("5.30 PM", ("5.30 PM", "time", "2024-03-11T17:30")),
    ("14:05 EST", ("14:05 EST", "time", "2024-03-11T14:05")),
    ("23:15", ("23:15", "time", "2024-03-11T23:15")),
    ("noon", ("noon", "time", "2024-03-11T12:00")),
    ("midnight", ("midnight", "time", "2024-03-11T00:00")),
    ("within 3 days", ("within 3 days", "relative", "2024-03-11/2024-03-14")),
    ("at the age of 16", ("age of 16", "relative", "1976")),
    ("age 5 years", ("age 5 years", "relative", "1965")),
    ("since the age of 12", ("since the age of 12", "relative", "1972")),
    ("at 40 years of age", ("40 years of age", "relative", "2000")),
    ("POD 2", ("POD 2", "relative", "2024-03-13")),
    ("POD#3", ("POD#3", "relative", "2024-03-14")),
    ("post-op day 1", ("post-op day 1", "relative", "2024-03-12")),
    ("hospital day 3", ("hospital day 3", "relative", "2024-03-12")),
    ("HD 2", ("HD 2", "relative", "2024-03-11")),
    ("third hospital day", ("third hospital day", "relative", "2024-03-12")),
    ("fifth postoperative day", ("fifth postoperative day", "relative", "2024-03-16")),
    ("1st POD", ("1st POD", "relative", "2024-03-12")),
    ("on admission", ("on admission", "relative", "2024-03-10")),
    ("2 days prior to surgery", ("2 days prior", "relative", "2024-03-09")),
    ("3 weeks before admission", ("3 weeks before", "relative", "2024-02-18")),
    ("two months after surgery", ("two months after", "relative", "2024-05")),
    ("one year post surgery", ("one year post surgery", "relative", "2025")),
    ("day before surgery", ("day before", "relative", "2024-03-10")),
    ("the day of admission", ("day of admission", "relative", "2024-03-10")),
    ("the following morning", ("following morning", "relative", "2024-03-12")),
    ("the next day", ("next day", "relative", "2024-03-12")),
    ("the same day", ("same day", "relative", "2024-03-11")),
    ("that night", ("that night", "relative", "2024-03-11")),
    ("two days later", ("two days later", "relative", "2024-03-13")),
    ("3 months later", ("3 months later", "relative", "2024-06")),
    ("after 2 weeks", ("after 2 weeks", "relative", "2024-03-25")),
    ("first day of life", ("first day of life", "relative", "1960-05-20")),
]
"""The same after a head that dates birth, admission and surgery; those that the head does not change are left out."""
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
    text = piece * (40_000 // len(piece))
    begun = time.process_time()
    TIMES.times(Note("n", text, time=NOTED))
    assert time.process_time() - begun < 8


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
