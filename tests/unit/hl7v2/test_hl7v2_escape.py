import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.hl7v2.delimiters import STANDARD, Delimiters
from careloom.hl7v2.escape import escape, unescape

OTHER = Delimiters("#", "*", "!", "/", "%", "$")


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f"),
        (r"\H\bold\N\ plain", "bold plain"),
        (r"one\.br\two", "one\ntwo"),
        (r"one\.sp2\two\.sp\three", "one\n\ntwo\nthree"),
        (r"\.in+4\\.ti-2\text\.fi\ \.nf\x", "text x"),
        (r"a\.ce\b", "a\nb"),
        (r"a\.sk3\b", "a   b"),
        (r"\X41C3A9\z", "Aéz"),
        (r"a\X0D0A\b\X0D\c", "a\nb\nc"),
        (r"\X00\\X1B\ok", "ok"),
        (r"\XFF\ok", "\ufffdok"),
        (r"\P\ok", "#ok"),
        (r"\Zabc\ok", "ok"),
        (r"C:\temp\new", r"C:\temp\new"),
        (r"\X4\ \Q\ \\", r"\X4\ \Q\ \\"),
        ("plain", "plain"),
        ("\\", "\\"),
    ],
)
def test_escapes_are_read_as_the_standard_says(sent: str, meant: str) -> None:
    assert unescape(sent, STANDARD) == meant


def test_escapes_use_the_messages_own_delimiters() -> None:
    assert unescape("/F//S//T//R//E//P/", OTHER) == "#*%!/$"


def test_hexadecimal_is_read_in_the_messages_character_set() -> None:
    assert unescape(r"\XE9\ ", STANDARD, "iso8859_1") == "é "


def test_shifted_character_sets_are_read_as_iso_2022() -> None:
    assert unescape("\\M2442\\;3ED\\C2842\\x", STANDARD) == "山田x"


def test_without_an_escape_character_nothing_is_an_escape() -> None:
    assert unescape(r"\F\ ", Delimiters(escape="")) == r"\F\ "


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))), st.sampled_from([STANDARD, OTHER]))
def test_text_survives_escape_and_unescape(text: str, delimiters: Delimiters) -> None:
    sent = escape(text, delimiters)
    assert not set(sent) & {delimiters.field, delimiters.component, delimiters.repetition, delimiters.subcomponent}
    assert unescape(sent, delimiters) == text


@given(st.text(max_size=40))
def test_no_text_raises(text: str) -> None:
    unescape(text, STANDARD)
    unescape(f"\\X{text}\\\\M{text}\\", STANDARD)
