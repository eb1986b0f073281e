import pytest
from hypothesis import given
from hypothesis import strategies as st

from careloom.client.address import base_address, linked, origin, segment
from careloom.errors import InputError, QueryError, SetupError

GOOD = [
    ("https://careloom.example.org", "https://careloom.example.org"),
    ("https://Careloom.Example.org:443/", "https://careloom.example.org"),
    ("https://example.org/careloom/", "https://example.org/careloom"),
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ("http://localhost:8080/", "http://localhost:8080"),
    ("http://[::1]:8080", "http://[::1]:8080"),
]
BAD = [
    "",
    "careloom.example.org",
    "ftp://careloom.example.org",
    "https://",
    "https://name:" + "word@careloom.example.org",
    "https://careloom.example.org/?zone=research",
    "https://careloom.example.org/#top",
    "https://careloom.example.org:port",
    "http://careloom.example.org",
    "http://10.0.0.7:8080",
    "http://localhost.example.org",
    "http://127.0.0.1.example.org",
    "http://0.0.0.0:8080",
]


@pytest.mark.parametrize(("text", "expected"), GOOD)
def test_an_encrypted_or_local_address_is_a_base(text: str, expected: str) -> None:
    assert base_address(text, has_own_transport=False) == expected


@pytest.mark.parametrize("text", BAD)
def test_what_would_send_a_token_in_the_clear_or_nowhere_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        base_address(text, has_own_transport=False)
    assert "word" not in str(caught.value).replace("passwords", "")


def test_a_transport_of_ones_own_may_serve_any_name() -> None:
    assert base_address("http://careloom.internal", has_own_transport=True) == "http://careloom.internal"


@pytest.mark.parametrize("text", ["Patient", "a-1.B_2", "x" * 128])
def test_a_name_is_one_part_of_a_path(text: str) -> None:
    assert segment(text, "id") == text


@pytest.mark.parametrize("text", ["", ".", "..", "a/b", "a?b", "a b", "a%2fb", "ä", "x" * 129, "a\n", None, 7])
def test_what_is_more_than_one_part_of_a_path_is_refused_and_not_repeated(text: object) -> None:
    with pytest.raises(QueryError) as caught:
        segment(text, "id")
    assert caught.value.where == "that is no id"


HOME = "https://example.org/careloom"
BELOW = "/fhir/research/"
FOLLOWED = [
    (f"{HOME}/fhir/research/Patient?_page=abc", f"{HOME}/fhir/research/Patient?_page=abc"),
    ("https://EXAMPLE.org:443/careloom/fhir/research/Patient?_page=a", f"{HOME}/fhir/research/Patient?_page=a"),
    ("/careloom/fhir/research/Patient?_page=abc", f"{HOME}/fhir/research/Patient?_page=abc"),
    ("fhir/research/Patient?_page=abc", f"{HOME}/fhir/research/Patient?_page=abc"),
]
NOT_FOLLOWED = [
    "https://evil.example.org/careloom/fhir/research/Patient?_page=abc",
    "https://example.org.evil.example/careloom/fhir/research/Patient",
    "https://example.org@evil.example/careloom/fhir/research/Patient",
    "https://name:" + "word@example.org/careloom/fhir/research/Patient",
    "http://example.org/careloom/fhir/research/Patient",
    "https://example.org:8443/careloom/fhir/research/Patient",
    "//evil.example.org/careloom/fhir/research/Patient",
    "https://example.org/elsewhere/fhir/research/Patient",
    f"{HOME}/fhir/identified/Patient",
    f"{HOME}/fhir/research/../identified/Patient",
    f"{HOME}/fhir/research/%2e%2e/identified/Patient",
    f"{HOME}/oauth2/token",
    "javascript:alert(1)",
    "https://[",
    "\\\\evil.example.org\\careloom\\fhir\\research\\Patient",
    "",
]


@pytest.mark.parametrize(("link", "expected"), FOLLOWED)
def test_a_link_below_what_was_asked_is_followed(link: str, expected: str) -> None:
    assert linked(HOME, link, BELOW) == expected


@pytest.mark.parametrize("link", NOT_FOLLOWED)
def test_a_link_that_leads_elsewhere_is_not_followed(link: str) -> None:
    with pytest.raises(SetupError):
        linked(HOME, link, BELOW)


@given(st.text(max_size=60), st.sampled_from(["", "https://", "//", "https://example.org", f"{HOME}/fhir/"]))
def test_whatever_a_link_holds_the_token_stays_at_home(rest: str, start: str) -> None:
    try:
        url = linked(HOME, start + rest, BELOW)
    except SetupError:
        return
    assert origin(url) == "https://example.org"
    assert url.startswith(HOME + BELOW)
