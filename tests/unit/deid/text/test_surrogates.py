import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.deid.surrogates import Draw, Surrogates
from careloom.deid.text import TextScrubber
from careloom.deid.text_known import NOBODY, Known, KnownName
from careloom.deid.text_record import squeezed
from careloom.deid.text_spans import LETTERS, Found
from careloom.text.note import Span
from tests.deid_marks import RECORD, SCRUBBER

KEY = bytes(range(32))
ONE = Surrogates(Draw(KEY, "patient-1"), RECORD, 40)


def written(label: str, text: str, part: str = "", of: Surrogates = ONE) -> str:
    return of.write(Found(Span(0, len(text)), label, "test", 1.0, part), text)


LAYOUTS = [
    ("PHONE", "(508) 555-0123", r"\([2-9]\d\d\) 555-01\d\d"),
    ("PHONE", "508.222.0123 x12", r"[2-9]\d\d\.555\.01\d\d x\d\d"),
    ("PHONE", "222-0123", r"555-01\d\d"),
    ("FAX", "+41 62 585 51 90", r"\+\d\d \d\d \d\d\d \d\d \d\d"),
    ("SSN", "123-45-6789", r"9\d\d-\d\d-\d{4}"),
    ("EMAIL", "john.q.szollosy7@mail.com", r"[a-z]+\.[a-z]\.[a-z]+\d@example\.com"),
    ("URL", "https://www.hospital.de/a/b1.pdf", r"https://www\.example\.(?:com|org|net)/[a-z]/[a-z]\d\.pdf"),
    ("IP", "10.104.232.58", r"(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}"),
    ("IP", "00:1B:44:11:3A:B7", r"00:00:5E:00:53:[0-9A-F]{2}"),
    ("MRN", "AB-12 345", r"[A-Z]{2}-\d\d \d{3}"),
    ("DEVICE", "LR-8662441", r"[A-Z]{2}-\d{7}"),
    ("AGE_OVER_89", "93", r"90\+"),
    ("DATE", "April 4th", r"May 14th"),
    ("DATE", "Thanksgiving 2021", r"January 4, 2022"),
    ("DATE", "unreadable", r"\[DATE\]"),
    ("ORGANIZATION", "ST. MARY HOSPITAL", r"ST\. [A-Z]+ HOSPITAL"),
    ("NAME", "SZOLLOSY, JOHN Q", r"[A-Z]+, [A-Z]+ [A-Z]"),
    ("NAME", "van den Berg", r"van den [A-Z][a-z]+"),
    ("NAME", "O'Neill", r"O'[A-Z][a-z]+"),
    ("NAME", "Smith-Jones", r"[A-Z][a-z]+-[A-Z][a-z]+"),
    ("NAME", "J o h n", r"[A-Z](?: [a-z])+"),
]


@pytest.mark.parametrize(("label", "text", "pattern"), LAYOUTS)
def test_a_surrogate_has_the_form_of_what_it_replaces(label: str, text: str, pattern: str) -> None:
    assert re.fullmatch(pattern, written(label, text))


def test_a_street_keeps_its_kind_and_a_city_becomes_a_city() -> None:
    assert re.fullmatch(r"\d\d [A-Z][a-z]+ Street, Apt \d", written("LOCATION", "12 Main Street, Apt 4", "street"))
    assert written("LOCATION", "WORCESTER", "city").isupper()


def test_one_person_has_one_name_however_it_is_written() -> None:
    given, family = written("NAME", "John Szöllösy").split()
    assert written("NAME", "SZOLLOSY, JOHN") == f"{family.upper()}, {given.upper()}"
    assert written("NAME", "J. Szöllösy") == f"{given[0]}. {family}"
    assert written("NAME", "szöllösy") == family.lower()
    assert squeezed(written("NAME", "J o h n")) == given.lower()


def test_gender_stays_where_it_is_known() -> None:
    from careloom.deid.name_lists import FEMALE, MALE, folded, names, pools

    assert written("NAME", "John") in pools()["male"]
    assert written("NAME", "May") in pools()["female"]
    known = Known((KnownName(("Kim",), "Lee", gender="male"),))
    kim = written("NAME", "Kim", of=Surrogates(Draw(KEY, "p"), known, 5))
    assert names()[folded(kim)] & MALE
    assert names()[folded(written("NAME", "Mary"))] & FEMALE


def test_other_patients_and_other_keys_have_other_surrogates() -> None:
    texts = ["Szöllösy", "Kowalska", "Okonkwo", "Brzezinski", "Haverkamp"]
    same = [written("NAME", text) for text in texts]
    other_patient = [written("NAME", text, of=Surrogates(Draw(KEY, "patient-2"), RECORD, 40)) for text in texts]
    other_key = [written("NAME", text, of=Surrogates(Draw(KEY[::-1], "patient-1"), RECORD, 40)) for text in texts]
    assert same != other_patient
    assert same != other_key


def test_a_zip_code_keeps_three_digits_only_where_enough_people_live() -> None:
    kept = Surrogates(Draw(KEY, "p"), NOBODY, 5, small_zip3=frozenset({"036"}))
    assert written("LOCATION", "01602-1234", "zip", kept).startswith("016")
    assert written("LOCATION", "03601", "zip", kept).startswith("000")
    assert written("LOCATION", "01602", "zip") != "01602"


@pytest.mark.parametrize(("key", "days"), [(b"short", 3), (bytes(65), 3), (KEY, 0)])
def test_a_weak_key_or_no_shift_is_refused(key: bytes, days: int) -> None:
    with pytest.raises(ValueError, match=r"key|day"):
        Surrogates(Draw(key, "p"), NOBODY, days)


@given(
    st.sampled_from(sorted(set(LETTERS) - {"DATE", "AGE_OVER_89"})),
    st.text("abcXYZ019 .-éЖ", min_size=1, max_size=24),
    st.integers(),
)
def test_a_surrogate_is_never_what_it_replaces(label: str, text: str, patient: int) -> None:
    of = Surrogates(Draw(KEY, str(patient)), RECORD, 40)
    if squeezed(text):
        assert squeezed(written(label, text, of=of)) != squeezed(text) or label == "NAME"


@given(st.integers())
def test_a_surrogate_is_nothing_that_the_record_knows(patient: int) -> None:
    of = Surrogates(Draw(KEY, str(patient)), RECORD, 40)
    known = {"john", "quentin", "szollosy", "may", "hunter", "ludmila", "parkinson"}
    assert not known & set(re.findall("[a-z]+", written("NAME", "John Szöllösy and May Kowalska", of=of).lower()))
    assert "0101" not in written("PHONE", "508-555-0199", of=of) or "508" not in written("PHONE", "508-555-0199", of=of)


NOTE = """SZOLLOSY, JOHN Q  MRN 81281208 DOB 04/03/1961
Mr. J. Szollosy, 93 years old, lives at 992 Union Street Apt 28. Call (508) 555-0101.
His daughter May Hunter (may.hunter@mail.example) came on Monday, April 4th 2022; Parkinson's disease stays unknown.
"""


def test_a_note_reads_on_as_a_note_without_anything_known() -> None:
    scrubbed = SCRUBBER.scrub(NOTE, ONE)
    for word in ("szollosy", "john", "81281208", "union", "hunter", "555-0101 ", "04/03/1961", "93"):
        assert word not in scrubbed.text.lower()
    assert "Saturday, May 14th 2022" in scrubbed.text
    assert "DOB 05/13/1961" in scrubbed.text
    assert scrubbed.counts["NAME"] >= 3


def test_tags_and_asterisks_stand_for_surrogates_when_asked() -> None:
    text = "Mr. Szollosy\nMRN 81281208"
    assert SCRUBBER.scrub(text, ONE, "tag").text == "Mr. [NAME]\nMRN [MRN]"
    assert SCRUBBER.scrub(text, ONE, "mask").text == "Mr. ********\nMRN ********"


def test_many_threads_share_one_scrubber() -> None:
    scrubber = TextScrubber()
    results: dict[int, str] = {}

    def work(number: int) -> None:
        of = Surrogates(Draw(KEY, f"p{number % 2}"), RECORD, 40)
        results[number] = scrubber.scrub(NOTE, of).text

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results.values())) == 2
    assert results[0] == SCRUBBER.scrub(NOTE, Surrogates(Draw(KEY, "p0"), RECORD, 40)).text
