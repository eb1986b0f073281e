import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.fhir.narrative import is_narrative, narrative_problem

NS = 'xmlns="http://www.w3.org/1999/xhtml"'
GOOD = [
    "x",
    "<p>a</p>",
    "a<br/>b",
    '<a href="http://a.b">c</a>',
    '<table class="t"><tr><td colspan="2">x</td></tr></table>',
    "&lt;tag&gt; &#160;",
    '<img src="a.png" alt="b"/>',
    "<!-- note --> x",
]
BAD = [
    ("<script>x</script>", "fhir.invariant-txt-1"),
    ('<p onclick="x">y</p>', "fhir.invariant-txt-1"),
    ("<form>x</form>", "fhir.invariant-txt-1"),
    ('<object data="x"/>', "fhir.invariant-txt-1"),
    ("<p>x", "fhir.xhtml-invalid"),
    ("a & b", "fhir.xhtml-invalid"),
    ("&reg;", "fhir.xhtml-invalid"),
    ("<?php x ?>", "fhir.xhtml-invalid"),
    ("", "fhir.invariant-txt-2"),
]


@pytest.mark.parametrize("inner", GOOD)
def test_formatting_is_allowed(inner):
    assert narrative_problem(f"<div {NS}>{inner}</div>") == ""


@pytest.mark.parametrize(("inner", "code"), BAD)
def test_anything_else_is_refused(inner, code):
    assert narrative_problem(f"<div {NS}>{inner}</div>") == code


@pytest.mark.parametrize(
    "div",
    [
        "",
        "x",
        "<div>x</div>",
        f"<p {NS}>x</p>",
        None,
        5,
        f'<!DOCTYPE d [<!ENTITY a "b">]><div {NS}>&a;</div>',
        f"<div {NS}>x</div><div {NS}>y</div>",
    ],
)
def test_a_narrative_is_one_div_of_the_xhtml_namespace(div):
    assert not is_narrative(div)


def test_an_entity_bomb_is_refused_at_once():
    bomb = (
        '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">'
        + "".join(f'<!ENTITY b{i} "{f"&b{i - 1};" * 9 if i else "&a;"}">' for i in range(12))
        + "]>"
    )

    assert narrative_problem(f"{bomb}<div {NS}>&b11;</div>") == "fhir.xhtml-invalid"


def test_the_fast_accept_is_linear_in_time():
    assert not is_narrative(f"<div {NS}>" + "a<br/> " * 50_000 + "</dib>")


@given(st.text(max_size=40))
def test_any_text_gets_an_answer(text):
    assert isinstance(narrative_problem(f"<div {NS}>{text}</div>"), str)
